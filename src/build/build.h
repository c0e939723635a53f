/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_BUILD_H
#define KMODLAB_BUILD_BUILD_H
/*
 * Building a module with its own Makefile, untouched, in a sandbox. The source directory is
 * mirrored into the cache, one mirror per directory and target; make runs there and sees the
 * mirror under the user's own path, so that diagnostics and debug information name the user's
 * files while the user's directory stays as it was.
 */
#include "base/finding.h"
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdint.h>

/* A finished .ko in memory. */
struct module_file {
	char *name;  /* file name without ".ko": "hello" */
	char *path;  /* where it was read from */
	char *debug; /* the file that has its line tables, if those are beside it; or NULL */
	char *bytes;
	size_t len;
	bool optional; /* another one asks for it by name, and may do without */
};

struct module_files {
	struct module_file *items;
	size_t n;
};

struct build {
	bool rebuilt;  /* false: nothing had changed since the last build */
	bool replayed; /* rebuilt, by the commands of the last build and without make */
	bool ok;       /* modules hold what was built */
	int64_t took_us;
	int64_t cpu_us;		     /* CPU time of the build's processes */
	struct module_files modules; /* in no particular order */
	struct findings findings;    /* compiler's and modpost's, the user's own paths */
	char *log;		     /* everything make printed */
};

/* Builds the module in `dir` (absolute, real path) for `target`. A module that does not build is
 * not an error: 0 with ok=false and findings that say why; what was complained about on the way to
 * a module that was built are warnings. -errno with the sentence set when the build could not be
 * tried: -EINVAL `dir` is no module's source or the target has no build tree, -ENOENT no
 * bubblewrap, -EPERM no user namespaces, -ENOSPC disk full, -ENOMEM, -EFBIG `dir` is far too large,
 * -EINTR, -ETIMEDOUT after `timeout_ms`; `out` is empty then. */
int build_module(const char *dir, const struct target *target, int timeout_ms, struct build *out,
	struct error *err);
/* Whether `dir` looks like the source of a module for `os`: for Linux a Kbuild file, or a Makefile that
 * says obj-m; for FreeBSD a Makefile that includes bsd.kmod.mk. On false, `why` (when not NULL) gets a
 * sentence saying what was looked for. */
bool build_is_source(const char *dir, enum target_os os, struct error *why);

void build_free(struct build *b);
void module_files_free(struct module_files *m);

/* Makes findings of what make printed (gcc's, clang's, ld's, modpost's and make's own words):
 * errors, then warnings, each once, at most 100 and then a note that counts the rest. `inside` is
 * the directory's path as make saw it, `dir` the user's; `target` (may be NULL) tells why a symbol
 * is not to be had. A finding's file is below `dir`, or as the compiler gave it.
 *
 * Rules: compiler-error, compiler-warning, linker-error, linker-warning, objtool; of modpost
 * symbol-unknown, license-missing, license-gpl, namespace-import, and modpost for all else;
 * make-error, make-warning; build-failed where nothing was recognised; more-findings. */
void build_diagnose(const char *log, const char *inside, const char *dir,
	const struct target *target, struct findings *out);

#endif
