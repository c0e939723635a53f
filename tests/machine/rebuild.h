/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_REBUILD_H
#define KMODLAB_TESTS_REBUILD_H
/* What the tests of building again share: builds without a machine, compared with builds from nothing. */
#include "lab.h"

#include "build/build.h"

/* Setup and teardown of a group. */
int load_targets(void **state);
int unload_targets(void **state);
const struct target *target_of(const char *name);

/* A directory with these files: name, content, and so on up to NULL. Caller frees. */
char *source(const char *name, ...) __attribute__((sentinel));

/* Builds `dir`; the test fails if that could not be tried. build_free() is the caller's. */
struct build built(const char *dir, const char *target);
/* The same with nothing to go by, in a cache of its own. */
struct build from_nothing(const char *dir, const char *target);
/* Builds it for the first time, which must go well. */
void build_first(const char *dir, const char *target);
const struct module_file *find(const struct build *b, const char *name);
void assert_same_modules(const struct build *a, const struct build *b);
/* Builds it; whether make was run must be as expected, and the modules as a build from nothing has them. */
void expect(const char *dir, const char *target, bool replayed);
/* The promise for one shape: after `file` has got this content, there is a replay, and nothing that a
 * build from nothing would make differently; and again after it is as it was. */
void edit_replays(const char *target, const char *dir, const char *file, const char *content);
/* The findings, a line for each. Caller frees. */
char *findings_text(const struct build *b);

#endif
