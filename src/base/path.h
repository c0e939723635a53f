/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_PATH_H
#define KMODLAB_BASE_PATH_H
/* Files and directories: where ours live (XDG Base Directory Specification 0.8), reading whole
 * files within a limit, writing so that a reader sees the old or the new file and nothing between. */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* $XDG_DATA_HOME/kmodlab or ~/.local/share/kmodlab: registered targets. Caller frees. */
char *path_data_dir(void);
/* $XDG_CACHE_HOME/kmodlab or ~/.cache/kmodlab: what can be made again. Caller frees. */
char *path_cache_dir(void);

/* mkdir -p, mode 0777 less umask. 0 or -errno with the sentence set. */
int path_make_dirs(const char *path, struct error *err);
/* Removes a file or a whole tree, without following links; what is not there is no error.
 * 0 or the first -errno met. Directories made unwritable by their owner are removed too. */
int path_remove_tree(const char *path);
/* Reads at most `max` bytes; a longer file is -EFBIG. 0 or -errno, no sentence. */
int path_read(const char *path, size_t max, struct buf *out);
/* Writes beside `path`, then renames. 0 or -errno with the sentence set. */
int path_write(const char *path, const void *bytes, size_t len, struct error *err);

bool path_is_dir(const char *path);
bool path_is_file(const char *path);
/* Bytes free for an ordinary user on the file system of `path` or of its nearest existing parent. */
uint64_t path_free_bytes(const char *path);
/* The last component of `path`, without trailing slashes. Caller frees. */
char *path_base(const char *path);
/* A name that is one safe file name: '/' and ':' and other odd characters become '-'. Caller frees. */
char *path_flatten(const char *name);
/* The file `program` on $PATH, or NULL. Caller frees. */
char *path_program(const char *program);

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

#endif
