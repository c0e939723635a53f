/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_OBJECT_H
#define KMODLAB_CHECK_OBJECT_H
/*
 * A relocatable ELF file (elf(5), the System V ABI and its x86-64 supplement), as all checks of its code and
 * data look at it: sections, symbols, and the relocations of each section by place. Nothing is copied that can
 * be pointed to, so the bytes have to stay; they are foreign, and any bytes at all are read without a
 * fault: what lies outside the file, or refers to what is not there, is left out.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No such section, no such symbol. */
#define OBJECT_NONE UINT32_MAX

struct object_symbol {
	const char *name; /* "" if it has none; of a section's own symbol, the section's */
	uint64_t value, size;
	uint32_t section;   /* OBJECT_NONE: undefined, or absolute */
	unsigned char type; /* STT_FUNC, … */
	unsigned char bind; /* STB_GLOBAL, … */
	bool undefined;	    /* it is to come from elsewhere */
};

struct object_relocation {
	uint64_t offset; /* in its section, always within it */
	int64_t addend;
	uint32_t symbol; /* always a symbol's index */
	uint32_t type;	 /* R_X86_64_PLT32, … */
};

struct object_section {
	const char *name; /* "" if it has none */
	const unsigned char
		*bytes; /* `size` of them; NULL for one that takes no room in the file */
	uint64_t size;	/* bytes */
	uint64_t flags; /* SHF_EXECINSTR, … */
	uint32_t type;	/* SHT_PROGBITS, … */
	const struct object_relocation *relocations; /* by offset */
	size_t nrelocations;
};

struct object {
	unsigned machine; /* EM_X86_64, EM_AARCH64 */
	bool freebsd;
	struct object_section *sections; /* [0] is the null section, as in the file */
	uint32_t nsections;
	struct object_symbol *symbols; /* by their numbers in the file, [0] the null symbol */
	uint32_t nsymbols;
	struct object_relocation *relocations; /* all of them */
};

/* Reads one. False if it is no relocatable little-endian 64-bit ELF file, or its section table lies outside
 * it; `out` is empty then, else to be freed with object_free. */
bool object_read(const void *bytes, size_t len, struct object *out);
void object_free(struct object *o);

/* The first section of that name, or OBJECT_NONE. */
uint32_t object_section(const struct object *o, const char *name);
/* Whether it holds code that the kernel would load. */
bool object_is_code(const struct object *o, uint32_t section);
/* The first of a section's relocations at or behind `offset`: an index, nrelocations if there is none. */
size_t object_relocation_at(const struct object_section *s, uint64_t offset);

#endif
