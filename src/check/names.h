/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_NAMES_H
#define KMODLAB_CHECK_NAMES_H
/* Lists of symbols, a line each: looking one up, and guessing which one was meant. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct text {
	const char *p;
	size_t len;
};

/* The file's bytes, which stay for the life of the program and are read as they are needed; empty if there are none
 * (or `path` is NULL). For files that are replaced, never written to: those of targets. */
struct text names_file(const char *path);
/* Whether it is one file, and nobody has written to it between. */
bool names_same_file(const struct stat *a, const struct stat *b);

/* Takes the next line off `*rest`; false at the end. */
bool text_line(struct text *rest, struct text *line);

/* Whether the sorted list `names`, one a line, has `name`. */
bool names_have(struct text names, const char *name);

/* The name in `list` nearest to `wanted`, if near enough to be what was meant and not the same; else
 * NULL. `name_of` takes the name out of a line, false for a line that is not to be guessed. Caller
 * frees. */
char *names_nearest(
	struct text list, bool (*name_of)(struct text line, struct text *name), const char *wanted);

#endif
