/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_WALK_H
#define KMODLAB_BASE_WALK_H
#include <stdbool.h>

/* Calls `found` with the path (below `dir` as it was given) of each regular file below `dir`, and of
 * each link to one, whose name `wanted` says yes to, until `found` returns false. Links to directories
 * are not followed; no file is looked at where the directory itself tells its kind. The order is
 * the file system's. A directory that cannot be read counts as empty. */
void walk_files(const char *dir, bool (*wanted)(const char *name),
	bool (*found)(void *arg, const char *path), void *arg);

#endif
