/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_NEW_NEW_H
#define KMODLAB_NEW_NEW_H
/*
 * A new module's directory: templates, which are files in src/new that the program has in it (templates.S lists them),
 * with the module's name and its author's filled in.
 */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

#include <stdbool.h>

/* One file of a new directory; as templates.S lays it out. */
struct new_template {
	const char *kind;   /* of module: "hello", or "any" */
	const char *system; /* "linux", "freebsd", or "any" */
	const char *name;   /* its path in the directory, or in that of the system */
	const char *text;   /* both may have placeholders: see new_expand */
	size_t len;
};

struct new_license {
	const char *word;   /* "bsd", as one asks for it */
	const char *module; /* what MODULE_LICENSE() is given */
	const char *spdx;   /* what stands on top of the files */
};

struct new_request {
	const char *dir;    /* to be made; its last part is what the module is called */
	const char *kind;   /* NULL: hello */
	bool is_for[2];	    /* by enum target_os; one of them at least */
	const char *author; /* may stand in a C string; see new_author_refused */
	const struct new_license *license;
};

/* Longest name of a module, for both systems: what Linux has room for, MODULE_NAME_LEN in linux/module.h less the final NUL
 * (64 - 8 - 1), is more than FreeBSD's file names in a struct module_stat of old have (MAXMODNAMEV1V2 in sys/module.h). */
#define NEW_NAME_MAX 31

/* The kinds, and the licences by their words: NULL-terminated. Static. */
const char *const *new_kinds(void);
const char *const *new_licenses(void);
/* The licence called so, or NULL. */
const struct new_license *new_license(const char *word);

/* What the module in the directory `dir` is called: its last part, with '_' for '-'. -EINVAL, with the sentence that says
 * what is wrong with it: it is to be a name in C, and none that is something else. Caller frees *name. */
int new_name(const char *dir, char **name, struct error *err);
/* Whether that cannot stand in a C string and in a line of its own. */
bool new_author_refused(const char *author);

/* Appends `text` (its `len` bytes) with the placeholders filled in: @NAME@ (the directory's name), @MODULE@ (the
 * module's), @UPPER@ (that in capital letters), @KIND@, @AUTHOR@, @LICENSE@, @SPDX@, @SYSTEMS@. What only looks like one stays. */
void new_expand(const struct new_request *q, const char *text, size_t len, struct buf *out);

/* Makes the directory and everything in it; with two systems, those files that are a system's in a directory called after it.
 * What was made is appended to `made`, by its path below the directory. 0, or -errno with the sentence: -EEXIST, and nothing
 * is touched, when there is something of that name; -EINVAL as new_name. After another failure nothing is left of it. */
int new_make(const struct new_request *q, struct strv *made, struct error *err);

#endif
