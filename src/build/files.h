/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_FILES_H
#define KMODLAB_BUILD_FILES_H
/* What the build systems share: reading makefiles, and the files that a build leaves behind. */
#include "base/buf.h"
#include "target/target.h"

#include <stdbool.h>

/* Reads the file `name` in `dir`; false if there is none or it is no makefile's size. */
bool makefile_read(const char *dir, const char *name, struct buf *text);
/* Whether `text` has `word`, not counting comments. */
bool makefile_mentions(const struct buf *text, const char *word);

/* A directory just below `dir` that `is_source` says yes to; NULL if there is none. `depth` is handed
 * on. Caller frees. */
char *files_source_below(const char *dir, bool (*is_source)(const char *dir, int depth), int depth);

typedef void file_found_fn(void *arg, const char *src, const char *path);

/* Calls `found` for each regular file below `src` with this name (with `is_end`, this end of a name).
 * No link is followed; paths are below `src`. */
void files_walk(const char *src, const char *name, bool is_end, file_found_fn *found, void *arg);
/* Removes those. */
void files_remove(const char *src, const char *name, bool is_end);
/* Adds all .ko files below `src`, sorted; of several of one name (a build that copies its module about)
 * the outermost counts. */
void files_modules(const char *src, struct strv *paths);
/* At most this many modules come out of one directory. */
#define FILES_MOST_MODULES 1000

/* Adds a line with size and date of the file `path`; nothing if there is none. */
void files_identity(struct buf *to, const char *path);

#endif
