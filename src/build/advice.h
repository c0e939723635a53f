/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_ADVICE_H
#define KMODLAB_BUILD_ADVICE_H
/*
 * What to do about what a build said, and where in the source it is when the build did not say.
 * Each returns a sentence or a path that is the caller's to free, or NULL when there is nothing to
 * say that is sure to be true. `target` may be NULL.
 */
#include "target/target.h"

/* For a compiler's message ("fatal error: " and the like not included). */
char *advice_for_compiler(const char *message, const char *dir, const struct target *target);
char *advice_for_linker(const char *message);
char *advice_for_modpost(const char *message);
/* For make's own ("*** " not included). */
char *advice_for_make(const char *message, const char *dir, const struct target *target);
/* The same for bmake's own words, and for a header that FreeBSD's kernel does not have. */
char *advice_for_bmake(const char *message, const char *dir);
char *advice_for_freebsd_header(const char *name);
/* How to import a symbol namespace, in the form that the target's kernel wants. */
char *advice_for_namespace(const char *namespace, const struct target *target);

/* The file below `dir` that uses the identifier `word`, and the line: where it is used if possible,
 * else where it is declared. */
char *source_of_word(const char *dir, const char *word, unsigned *line);
/* The file that the module's name stands for: "<dir>/<module>.c", if there is one. */
char *source_of_module(const char *dir, const char *module);

/* The makefile in `dir` that names `object` ("one.o"), and the line. */
char *source_of_object(const char *dir, const char *object, unsigned *line);

#endif
