/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_KBUILD_H
#define KMODLAB_BUILD_KBUILD_H
/* How a Linux module's directory is built, and which .ko files came of it. */
#include "base/buf.h"
#include "base/error.h"
#include "build/build.h"
#include "build/sandbox.h"

enum kbuild_recipe {
	KBUILD_NONE,   /* not the source of a Linux module */
	KBUILD_DIRECT, /* Kbuild is called on the directory */
	KBUILD_OWN,    /* its own `make` is run, which calls Kbuild by itself */
};

struct kbuild_plan {
	enum kbuild_recipe first;
	enum kbuild_recipe second; /* to be tried when the first makes no module; or NONE */
};

/* Reads the Makefile and Kbuild file in `dir`. With first == KBUILD_NONE, `why` (when not NULL)
 * says what was looked for. */
struct kbuild_plan kbuild_recognise(const char *dir, struct error *why);

/* Adds the make command to the sandbox's arguments. */
void kbuild_command(
	struct sandbox *s, enum kbuild_recipe recipe, const char *dir, const struct target *target);

/* Whether the build that printed `log` lacked a file that the Makefile in `dir` names: its own make
 * might have made it first. */
bool kbuild_makes_missing(const char *dir, const char *log);

/* Removes from the copy in `src` what would be taken for the products of the build to come. */
void kbuild_forget(const char *src, enum kbuild_recipe recipe);
/* Adds the paths, below `src`, of the modules that the build made. `inside` is what the build
 * called the directory. */
void kbuild_products(
	const char *src, const char *inside, enum kbuild_recipe recipe, struct strv *paths);

#endif
