/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_FREEBSD_H
#define KMODLAB_TARGET_FREEBSD_H
/* The steps in which a FreeBSD release becomes a target: its distribution sets are found or fetched,
 * unpacked, and the kernel among them is read. */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

#include <stdbool.h>

/* A SHA-256 sum in hexadecimal, NUL included. */
#define SHA256_TEXT 65

/* The sum that the MANIFEST `text` (of `len` bytes, with a NUL behind) states for `file`. 0; -ENOENT
 * if it does not name that file; -EINVAL if what it says of it is no sum, or it says two things. */
int freebsd_manifest_sum(const char *text, size_t len, const char *file, char sum[SHA256_TEXT]);

/* A release's distribution sets, on this machine. */
struct freebsd_sets {
	char *kernel, *src; /* kernel.txz and src.txz */
	char *base; /* base.txz, of which programs for the machine are made; NULL: not there */
	char *note; /* what is to be known of them, a sentence; or NULL */
};

/* Where the sets of `version` are kept, or are to be put by hand. Caller frees. */
char *freebsd_sets_directory(const char *version);
/* Whether both sets of `version` ("14.0") lie in the cache; if they are whole is not asked. */
bool freebsd_sets_cached(const char *version);
/* Finds the sets of `version`: in the folder that `source` names, or in the cache, or by fetching
 * them into the cache; checked against their MANIFEST. A base.txz is taken where there is one, fetched
 * with the others, and not asked for where they are there without it. 0 with `*sets` to be freed, or -errno with the
 * sentence set. */
int freebsd_sets_find(const char *version, const struct target_source *source,
	struct freebsd_sets *sets, target_progress_fn *progress, void *arg, struct error *err);
void freebsd_sets_free(struct freebsd_sets *sets);

/* Which members of a set are unpacked: those in the folders `wanted`, but not those in the folders
 * `unwanted` below them ("usr/src/sys"; both NULL-terminated). */
struct freebsd_choice {
	const char *const *wanted, *const *unwanted;
};

/* Unpacks the members of the set `archive` that `choice` names into the directory `root`; `what` is
 * said to `progress`. Nothing is written outside `root`. 0 or -errno with the sentence set. */
int freebsd_unpack(const char *archive, const char *root, const struct freebsd_choice *choice,
	const char *what, target_progress_fn *progress, void *arg, struct error *err);

/* What a kernel's file says of itself. */
struct freebsd_kernel {
	char *release;	    /* "14.0-RELEASE", as uname -r in it says */
	unsigned osreldate; /* its __FreeBSD_version (1400097); 0: it does not say */
	struct buf symbols; /* the names of all its symbols, sorted, a line each */
	struct buf
		config; /* its configuration ("options\tINVARIANTS" and the like, a line each), as it
			     * keeps it with INCLUDE_CONFIG_FILE; empty: it does not */
};

/* Reads the kernel's `bytes`, called `path` in errors. -EINVAL with the sentence set for what is not
 * a whole FreeBSD kernel for x86-64; `k` is to be freed in both cases. */
int freebsd_kernel_read(const void *bytes, size_t len, const char *path, struct freebsd_kernel *k,
	struct error *err);
void freebsd_kernel_free(struct freebsd_kernel *k);

/* The options in `config` that `known` (the sources' sys/conf/options) says all files of a kernel are
 * compiled with: "INVARIANTS MAXCPU=64", into `out`; nothing if there are none. Both are texts with a NUL
 * behind. What is not a plain name or number is left out. */
void freebsd_options(const char *config, const char *known, struct buf *out);

#endif
