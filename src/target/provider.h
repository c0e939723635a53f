/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_PROVIDER_H
#define KMODLAB_TARGET_PROVIDER_H
/* The providers of targets, and what they and their tests share. */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

extern const struct target_provider target_debian;
extern const struct target_provider target_freebsd;
extern const struct target_provider target_tree;
extern const struct target_provider target_host;
extern const struct target_provider target_ssh;

/* The release that the x86 kernel image `path` says it is ("6.1.0-38-cloud-amd64"). Caller frees;
 * NULL if it is no such image or cannot be read. */
char *image_release(const char *path);

/* The kernel `release` installed on the machine whose / is the directory `root`, into `t` (its
 * release, kernel, root, build and modules). 0 or -errno with the sentence set. */
int host_find(const char *root, const char *release, struct target *t, struct error *err);

/* What can be done about a Debian archive that is not as it should be: bits of a set. */
enum debian_remedy {
	DEBIAN_NO_REMEDY = 0,
	DEBIAN_OLD_INDEX = 1,	/* take a package index that is past its date */
	DEBIAN_NO_SECURITY = 2, /* leave out the suite's security archive */
};

/* Reads in mmdebstrap's output `log` why adding `what` ("debian:SUITE/FLAVOUR") failed; `status` as
 * of waitpid(2), `tried` the remedies it was run with, `directory` what it was to fill. Returns a
 * remedy not tried yet, if there is one for it; else the sentence is set, and in `*code` the errno
 * value that goes with it. */
enum debian_remedy debian_diagnose(const char *what, const char *log, int status, unsigned tried,
	const char *directory, int *code, struct error *err);
/* The bytes that apt means by "132 MB" or "9417 kB"; 0 if it is not a size. */
unsigned long long debian_bytes(const char *text);

#endif
