/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_DOWNLOAD_H
#define KMODLAB_TARGET_DOWNLOAD_H
/* Fetching by http:, https: and file: URLs. */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

#include <stdbool.h>

/* One file to fetch. */
struct download {
	const char *url;
	const char *what;	      /* said to `progress` */
	unsigned long long max;	      /* bytes; a larger file is -EFBIG */
	target_progress_fn *progress; /* may be NULL */
	void *arg;
};

/* Fetches into the file `path`, and goes on where it ends if it exists: `*resumed` then says whether
 * something of what was there has been kept. A connection that breaks is made again as long as it
 * brings something. What has come so far stays in the file on errors. 0, or -errno with the sentence
 * set: -ENOENT the other side does not have it, -ENETUNREACH there is no other side, -EINTR. */
int download_file(const struct download *d, const char *path, bool *resumed, struct error *err);
/* Fetches into memory. */
int download_text(const struct download *d, struct buf *out, struct error *err);
/* Whether `url` is of a kind that can be fetched. */
bool download_can(const char *url);

#endif
