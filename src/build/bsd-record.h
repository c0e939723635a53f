/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_BSD_RECORD_H
#define KMODLAB_BUILD_BSD_RECORD_H
/*
 * FreeBSD's record of how it made a file: the script that make handed to the shell, which -dn leaves
 * behind, and the compiler's .depend file. Of the scripts those are understood that kmod.mk and the
 * suffix rules write for a module whose own makefile has no rules; one of any other kind, and make is
 * asked again. What make prints is no record: lines of jobs that run side by side are cut in pieces.
 */
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define BSD_SOURCES  "/freebsd/src"
#define BSD_PROGRAMS "/freebsd/bin"
#define BSD_RECORDS  "/freebsd/records"
#define BSD_PATH     BSD_PROGRAMS ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

enum bsd_shape {
	BSD_UNKNOWN,
	BSD_NOTHING,   /* a target without commands */
	BSD_COMPILE,   /* one object from one source */
	BSD_LINK,      /* a module from all its objects, symbols trimmed */
	BSD_DEBUG,     /* NAME.ko.debug from NAME.ko.full */
	BSD_STRIP,     /* NAME.ko from both */
	BSD_INTERFACE, /* NAME_if.h or NAME_if.c from NAME_if.m */
	BSD_KERNELS,   /* made from the kernel's sources alone: options, links to headers */
};

struct bsd_script {
	enum bsd_shape shape;
	char *output; /* COMPILE, LINK, DEBUG, STRIP, INTERFACE; else NULL */
	char *source; /* COMPILE, INTERFACE; of DEBUG and STRIP the whole module; else NULL */
	struct strv objects; /* LINK */
};

/* What a script of `len` bytes does; all in `out` is the caller's, also for BSD_UNKNOWN. */
void bsd_script_parse(const char *bytes, size_t len, struct bsd_script *out);
void bsd_script_free(struct bsd_script *s);

/* Adds what `object` was made from, as the text of its .depend file has it. False for text that is not
 * about that object alone or has names that need quoting. */
bool bsd_depend_parse(const char *text, const char *object, struct strv *deps);

/* Whether a makefile does nothing but set variables and include bsd.kmod.mk: no rules, no shell. */
bool bsd_makefile_is_closed(const char *text);

/* For struct build_system: the log of a build with the targets in `fresh` made again. */
char *bsd_merge_log(const char *last, const char *fresh, const char *inside);

struct replay;
bool bsdmake_replay(struct replay *replay);
/* Before make runs: removes the records in `dir` of what it will make in any case, and keeps each of
 * the others once. */
void bsd_records_prune(const char *dir);

#endif
