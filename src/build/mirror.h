/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_MIRROR_H
#define KMODLAB_BUILD_MIRROR_H
/*
 * A module's source, copied to where its build may write. One mirror per source directory and
 * target, kept between runs with the objects in it, so that make has only what changed to do.
 *
 * <cache>/build/<target>/<name>-<hash of the path>/
 *	src/		the copy, with the build's products among it
 *	manifest	what was copied, and what it looked like in the user's directory
 *	records/	what the build system recorded of how it made them; goes when src/ does
 *	dirty		there while something is at work in src/: found there later, src/ is not trusted
 *	lock, and whatever else the build keeps (stamp, log)
 */
#include "base/buf.h"
#include "base/error.h"
#include "build/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define MIRROR_RECORDS "records"

struct mirror {
	char *dir;  /* the user's directory */
	char *base; /* of the mirror */
	char *src;
	int lock;
};

/* Finds the mirror's place and takes its lock, waiting at most `timeout_ms`. 0 or -errno. */
int mirror_open(struct mirror *m, const char *dir, const char *target_name, int timeout_ms,
	struct error *err);
/* Gives the lock back. Safe on a zeroed one whose lock is -1. */
void mirror_close(struct mirror *m);

/* What the last mirror_sync copied. Nothing in `out` if there is no trusting the mirror. */
void mirror_last(const struct mirror *m, struct manifest *out);
/* Makes the copy of what `now` lists and leaves the mirror marked dirty. With `afresh`, or when a
 * file has vanished from the user's directory (make would go on using its object), it starts from
 * nothing. 0 or -errno with the sentence set. */
int mirror_sync(struct mirror *m, const struct manifest *last, struct manifest *now, bool afresh,
	struct error *err);
/* The build has ended by itself: what is in the mirror can be trusted. */
void mirror_settle(const struct mirror *m);

/* "<base>/<name>". Caller frees. */
char *mirror_file(const struct mirror *m, const char *name);
/* Reads the file `path` below `src`, following no link out of it: what a build leaves behind is
 * hostile. `st` (when not NULL) says what it was. 0 or -errno, no sentence. */
int mirror_read(const char *src, const char *path, size_t max, struct buf *out, struct stat *st);
/* Removes the file `path` below `src`, if it is there, following no link. */
void mirror_remove(const char *src, const char *path);

#endif
