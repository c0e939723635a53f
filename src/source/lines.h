/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SOURCE_LINES_H
#define KMODLAB_SOURCE_LINES_H
/*
 * The debug information (DWARF 2 to 5) of one relocatable ELF file, read through libdw. Such a file's
 * sections have no addresses yet, so each gets a made-up one of its own: section i lies at i << 32.
 * The bytes are foreign.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_place {
	char *function; /* the innermost one of the user's own source; NULL if not known */
	char *inlined; /* the kernel's own inline function in which it is, as list_del(); or NULL */
	char *file;    /* or NULL */
	unsigned line; /* 0: not known */
};

struct lines;

/* NULL if there is no debug information in it that could be read. The bytes are not needed afterwards. */
struct lines *lines_open(const void *bytes, size_t len);
/* What the machine code at `offset` of the section `name` was made from. False if that is not known.
 * Fills `out` (free with line_place_free). */
bool lines_find(struct lines *l, const char *name, uint64_t offset, struct line_place *out);
/* The path of the one source file of the module's own that is `file`, or ends with it. NULL: none, or several. Caller
 * frees. */
char *lines_source(struct lines *l, const char *file);
void line_place_free(struct line_place *p);
/* NULL is fine. */
void lines_close(struct lines *l);

#endif
