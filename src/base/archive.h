/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_ARCHIVE_H
#define KMODLAB_BASE_ARCHIVE_H
/* What libarchive is used for in more than one room. */
#include "base/buf.h"
#include "base/error.h"

/* Reads the file `path`, decompressing it when it is compressed (gzip, xz, zstd, …: by its content,
 * not its name). At most `max` bytes come out, more is -EFBIG; -EINVAL for damaged data.
 * 0 or -errno with the sentence set. */
int archive_read_plain(const char *path, size_t max, struct buf *out, struct error *err);

/* Reads the first `len` bytes of what that would read into `bytes`, unpacking no more than it takes;
 * returns how many there are (0 for a file that cannot be read or is damaged). */
size_t archive_read_head(const char *path, void *bytes, size_t len);

#endif
