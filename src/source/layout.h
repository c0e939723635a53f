/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SOURCE_LAYOUT_H
#define KMODLAB_SOURCE_LAYOUT_H
/*
 * A module's sections and symbols, and how the two kernels lay the sections out in memory: FreeBSD's
 * sys/kern/link_elf_obj.c puts all that it loads into one piece, in the file's order; Linux's
 * kernel/module/main.c (layout_sections) has one piece for the code that stays, one for what only init needs, and
 * others for data. The bytes are foreign.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum piece {
	PIECE_NONE, /* not code, or not loaded */
	PIECE_CODE,
	PIECE_INIT,
};

struct layout_section {
	char *name;
	const unsigned char *bytes; /* in the file; NULL for none */
	uint64_t size;
	bool code;
	uint64_t in_freebsd; /* its offset in FreeBSD's piece; UINT64_MAX: not loaded */
	enum piece piece;    /* Linux's, and its offset in that */
	uint64_t in_piece;
};

struct layout_symbol {
	const char *name; /* in the file */
	size_t section;
	uint64_t value, size;
};

/* A place at which the code calls a function of the kernel's: the instruction ends at `end`. */
struct layout_call {
	size_t section;
	uint64_t end;
	const char *name; /* what is called; in the file */
	bool tail;	  /* by a jump: it never returns there */
};

struct layout {
	bool freebsd;
	struct layout_section *sections; /* [0] is the null section */
	size_t nsections;
	struct layout_symbol *symbols; /* those in code, by section and value */
	size_t nsymbols;
	struct layout_symbol *pointed; /* functions that data points to */
	size_t npointed;
	struct layout_call *calls;
	size_t ncalls;
};

/* Reads a relocatable x86-64 ELF file, whose bytes have to stay. False if it is none. */
bool layout_read(const void *bytes, size_t len, struct layout *out);
void layout_free(struct layout *l);
/* The symbol that has the place: the last one at or before it in its section. NULL: none. */
const struct layout_symbol *layout_symbol_at(
	const struct layout *l, size_t section, uint64_t offset);
/* The function `name`, of those with that name one that is at least `offset` long. NULL: none. */
const struct layout_symbol *layout_function(
	const struct layout *l, const char *name, uint64_t offset);
/* Whether one of the file's calls into the kernel returns to there. */
bool layout_returns_to(const struct layout *l, size_t section, uint64_t offset);
/* Whether data points to it: an event handler, an operation in a table. */
bool layout_is_pointed_to(const struct layout *l, const struct layout_symbol *function);

#endif
