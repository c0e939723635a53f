/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_SECTION_H
#define KMODLAB_CHECK_SECTION_H
/* Sections of an ELF file that may be anything, for those that read one (check/ko.c, check/kld.c). */
#include "base/buf.h"

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's own KSYM_NAME_LEN; a longer name is in no symbol table that a kernel would take. */
#define SYMBOL_NAME_MAX 512

/* Bytes of the file. */
struct span {
	const unsigned char *bytes;
	size_t len;
};

/* The NUL-terminated string at `at`; NULL if there is none, or it is longer than `max`. */
const char *span_string(struct span s, uint64_t at, size_t max);

/* A section's bytes as they stand in the file; false if they do not lie in it. */
bool section_bytes(Elf_Scn *section, struct span *out);
/* The first section of that name, or NULL. */
Elf_Scn *section_find(Elf *elf, const char *name);

/* Calls `take` for each named symbol of the file's symbol table (a file without one has the dynamic
 * one read). */
void symbols_each(
	Elf *elf, void (*take)(void *arg, const Elf64_Sym *sym, const char *name), void *arg);

/* A copy of the text with control bytes replaced: it ends up on terminals. Caller frees. */
char *printable(const char *text, size_t len);
void add_printable(struct strv *to, const char *text, size_t len);

#endif
