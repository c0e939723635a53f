/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_KBUILD_LIVE_H
#define KMODLAB_BUILD_KBUILD_LIVE_H
/* What Kbuild's records say of the modules that it last made: which objects they consist of, and which
 * files those were made from. */
#include "build/record.h"
#include "build/replay.h"

#include <stdbool.h>

/* One compiled file. */
struct object {
	char *path; /* below the source directory */
	struct record record;
	struct compile call;
	bool is_stale; /* something that it was made from has changed */
};

struct linked {
	char *stem;	     /* of the module: its path without ".ko" */
	struct strv parts;   /* its objects */
	bool is_composite;   /* they are linked into STEM.o first, as `whole` says */
	bool is_stale;	     /* one of them is */
	struct record whole; /* STEM.o, when is_composite */
	struct object mod;   /* STEM.mod.o */
	struct record final; /* STEM.ko */
};

struct live {
	char *cwd; /* where the commands were run */
	struct object *objects;
	size_t nobjects;
	struct linked *modules;
	size_t nmodules;
	struct record modpost;
	struct strv orders; /* every modules.order, the innermost first */
};

/* Reads the records. False, with `out` empty, if there is anything in them that is not understood, that
 * was generated during the build, or that has changed without being a source; and if the makefiles may
 * look at more than themselves. */
bool kbuild_live_read(const struct replay *r, struct live *out);
void kbuild_live_free(struct live *l);

/* Whether makefiles with this text give the same commands as long as they themselves are the same. */
bool kbuild_makefile_is_closed(const char *text);

/* "a/b.o" to "a/.b.o.cmd". Caller frees. */
char *kbuild_record_of(const char *path);

#endif
