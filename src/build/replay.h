/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_REPLAY_H
#define KMODLAB_BUILD_REPLAY_H
/*
 * Building again without make, where nothing but the content of sources has changed since it last ran:
 * the commands that it recorded then are run, those that it would run now. Most of what make takes is
 * for finding out that all else is as it was, and that is known already.
 */
#include "base/buf.h"
#include "build/manifest.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>

struct replay {
	/* What there is. */
	const char *src;     /* the mirror, with what the last build left */
	const char *records; /* the directory of what the build system recorded beside the mirror */
	const char *inside,
		*build; /* the source directory and the kernel's, as the build sees them */
	const struct target *target;
	const struct manifest *now; /* what the user's directory consists of */
	const struct strv *changed; /* the files that have a new content, below src */
	const char *exports;	    /* what make exports to the commands; NUL-terminated each */
	size_t exports_len;
	/* What comes of it. */
	struct buf script; /* for /bin/sh */
	struct strv
		made; /* files below src, to be removed if the script does not come to its end */
};

/* The log of a build that made part of what is in `last` again, and said `fresh`: what was said about
 * everything else is kept. `inside` is the module's directory, where the commands ran if the paths in
 * the log are relative. This is for Kbuild's logs. Caller frees. */
char *replay_log(const char *last, const char *fresh, const char *inside);

/* Whether the lines in the log name files relative to where the commands ran. */
bool replay_log_is_relative(const char *log);

/* Adds calls of the functions <prefix>0 to <prefix>N-1, as many at once as there are processors, and what
 * shows what they print in their order. */
void replay_calls(struct buf *to, char prefix, size_t n);

/* `text` as one word for the shell. */
void replay_quote(struct buf *to, const char *text);

#endif
