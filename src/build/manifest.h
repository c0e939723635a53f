/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_MANIFEST_H
#define KMODLAB_BUILD_MANIFEST_H
/* What a source directory consists of, and what it looked like when it was last copied. */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source_kind { SOURCE_DIR = 'd', SOURCE_FILE = 'f', SOURCE_LINK = 'l' };

struct source_entry {
	char *path; /* below the source directory */
	enum source_kind kind;
	unsigned mode; /* permission bits */
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
	int64_t copied_ns; /* the mtime its copy was given */
	char *link;	   /* SOURCE_LINK: what it points to; else NULL */
};

/* Sorted by path, so that a directory comes before what is in it. Owns its entries. */
struct manifest {
	struct source_entry *items;
	size_t n;
};

/* Lists what of `dir` belongs into a mirror: everything but version control, editors' leavings and
 * what Kbuild or bmake made there (objects of who knows which kernel). -EFBIG for what no module's source
 * is as large as; -EINTR; else -errno of what could not be read. Sentence set. */
int manifest_scan(const char *dir, struct manifest *out, struct error *err);
void manifest_free(struct manifest *m);
/* Whether the user's directory looked the same both times. */
bool manifest_same(const struct manifest *a, const struct manifest *b);

bool manifest_entry_same(const struct source_entry *a, const struct source_entry *b);
/* The entry for `path`, or NULL. */
const struct source_entry *manifest_find(const struct manifest *m, const char *path);

/* Its form on disk, and back; false if the bytes are not a whole manifest of `dir`. */
void manifest_print(const struct manifest *m, const char *dir, struct buf *out);
bool manifest_parse(const char *bytes, size_t len, const char *dir, struct manifest *out);

#endif
