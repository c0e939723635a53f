/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_SHELF_H
#define KMODLAB_CHECK_SHELF_H
/*
 * A shelf: many module files, to be asked for by name. It knows them by their file names, and reads one
 * only when it is asked for what stands inside. Filled by one thread, it may then be asked by several.
 */
#include "target/target.h"

#include <stdbool.h>

struct shelf;

/* An empty one; to be freed with shelf_free (NULL is fine). */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *s);

/* Whether a file of that name is a module: "x.ko", "x.ko.xz", "x.ko.gz", "x.ko.zst". */
bool shelf_takes(const char *file_name);
/* Puts the file `path`, a module for `os`, on it. */
void shelf_add(struct shelf *s, const char *path, enum target_os os);

/* The file of the module `name` ("snd_hda_intel", however the file spells it), or NULL. Of several, the
 * one whose path has most directories in common with `near` (may be NULL), then the first by path.
 * The string is the shelf's. */
const char *shelf_find(struct shelf *s, enum target_os os, const char *name, const char *near);

/* The first file by path that declares the FreeBSD module `name` (ko_declares), or that has the symbol
 * `symbol` for others; NULL if none does. Answers are kept: the same question again costs nothing. The
 * string is the shelf's. */
const char *shelf_declaring(struct shelf *s, enum target_os os, const char *name);
/* The first Linux module by path that has the alias `alias` (MODULE_ALIAS, as it stands there, without
 * wildcards). Reads them all, which takes seconds if they are compressed. */
const char *shelf_aliased(struct shelf *s, const char *alias);
const char *shelf_exporting(struct shelf *s, enum target_os os, const char *symbol);

#endif
