/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_SYSTEM_H
#define KMODLAB_BUILD_SYSTEM_H
/*
 * How one operating system's modules are built: what build.c asks of kbuild.c (Linux) and of
 * bsdmake.c (FreeBSD). A third system is one more file and a line in build_system_for.
 */
#include "base/buf.h"
#include "base/error.h"
#include "build/replay.h"
#include "build/sandbox.h"
#include "target/target.h"

enum recipe {
	RECIPE_NONE,   /* not the source of such a module */
	RECIPE_DIRECT, /* the kernel's build system is called on the directory */
	RECIPE_OWN,    /* the directory's own make is run */
};

struct recipes {
	enum recipe first;
	enum recipe second; /* to be tried when the first makes no module; or RECIPE_NONE */
};

struct build_system {
	/* What to do about a build that ended well and made nothing. */
	const char *no_module;
	/* Reads the makefiles in `dir`. With first == RECIPE_NONE, `why` (when not NULL) says what was
	 * looked for. */
	struct recipes (*recognise)(const char *dir, struct error *why);
	/* Adds lines that change when the same source would be built into something else. */
	void (*identity)(const struct target *t, struct buf *to);
	/* Mounts compiler and kernel sources. `base` is a directory of ours that lasts as long as the
	 * mirror does. 0 or -errno with the sentence set. */
	int (*mount)(
		struct sandbox *s, const struct target *t, const char *base, struct error *err);
	/* Adds the command to the sandbox's arguments. */
	void (*command)(struct sandbox *s, enum recipe recipe, const char *dir,
		const struct target *target);
	/* Whether the build that printed `log` lacked a file that the makefile in `dir` names: the other
	 * recipe might make it first. */
	bool (*makes_missing)(const char *dir, const char *log);
	/* Removes from the copy in `src` what would be taken for the products of the build to come, and
	 * from what is beside it in `base` what is recorded of them. */
	void (*forget)(const char *base, const char *src, enum recipe recipe);
	/* Whether a build must begin from nothing though only what the manifests say has changed; NULL:
	 * never. */
	bool (*starts_over)(const struct manifest *last, const struct manifest *now);
	/* Adds the paths, below `src`, of the modules that the build made. `inside` is what the build
	 * called the directory. */
	void (*products)(
		const char *src, const char *inside, enum recipe recipe, struct strv *paths);
	/* It compares dates by the second: what changes in the second that the last build ended in would
	 * be taken for older than what that made. */
	bool sees_seconds;
	enum recipe replayed; /* builds of which recipe can be replayed */
	/* Adds a command that writes what the build system exports to its commands, NUL-terminated each,
	 * to "exports" in the source directory, which is an empty one. NULL: nobody needs that. */
	void (*ask)(struct sandbox *s, const struct target *target);
	/* Writes the script that does again what the last build, of that recipe, did with the files that
	 * have changed. False if only the build system itself can know what is to be done. */
	bool (*replay)(struct replay *replay);
	/* The log of the last build with what a replay said in its place. `inside` is the module's
	 * directory as the build saw it. Caller frees. */
	char *(*merge_log)(const char *last, const char *fresh, const char *inside);
};

extern const struct build_system kbuild_system, bsdmake_system;

/* The one for modules of `os`. Static. */
const struct build_system *build_system_for(enum target_os os);

#endif
