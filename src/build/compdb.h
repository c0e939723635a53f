/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_COMPDB_H
#define KMODLAB_BUILD_COMPDB_H
/*
 * A compilation database: how each source of a module was compiled, in the form that clangd and other
 * tools read (https://clang.llvm.org/docs/JSONCompilationDatabase.html). The commands are those that
 * Kbuild and bmake recorded, with the paths of this machine in place of the sandbox's, and without what
 * clang does not know.
 */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>

struct compdb_entry {
	char *directory; /* where the command is run */
	char *file;	 /* absolute */
	struct strv argv;
};

struct compdb {
	struct compdb_entry *items;
	size_t n;
};

/* What is known of the module beside its commands. */
struct compdb_build {
	bool ok;   /* it builds */
	char *why; /* else the first thing that was wrong with it */
};

/* Builds the module in `dir` (absolute, real path) for `target` and adds an entry for each .c file that
 * lies in `dir`, for FreeBSD also in the kernel's own sources. A module that does not build has its entries too, as far as
 * it can be found out how its files would be compiled. A file that `db` has already gets the new command.
 * 0, or -errno as build_module, with the sentence set. `build` is to be freed in both cases. */
int compdb_collect(const char *dir, const struct target *target, int timeout_ms, struct compdb *db,
	struct compdb_build *build, struct error *err);
void compdb_build_free(struct compdb_build *b);

/* The whole as JSON text. */
void compdb_print(const struct compdb *db, struct buf *out);
void compdb_free(struct compdb *db);

/* ---- its parts, for tests ---- */

/* A directory of the sandbox, and what it is on this machine. */
struct compdb_mount {
	const char *inside, *outside;
};

/* Where on this machine that is which a build calls by some name. */
struct compdb_places {
	const char *inside; /* the source directory, as the build sees it */
	const char *dir;    /* the user's */
	const char *mirror; /* the copy of it that was built, with what the build made */
	const char *links; /* a directory for links that lead nowhere outside the sandbox; made when
			       there are any. NULL: no such links are made */
	const char *root;  /* the target's tree; "/" is this machine */
	struct compdb_mount mounts[4]; /* the first that fits counts; ends where inside is NULL */
};

/* The words of the first command in a line for the shell. False if it is not closed. */
bool compdb_words(const char *line, struct strv *words);
/* The source among the words of a compiler's call: the last one that ends in ".c"; or NULL. */
const char *compdb_source(const struct strv *words);
/* The file or directory on this machine that a command run in `cwd` calls `path`: of the source directory
 * the user's own if there is such a thing, else what the build made. Caller frees. */
char *compdb_path(const struct compdb_places *p, const char *cwd, const char *path);
/* Adds clang's arguments for a call of a compiler with these words, run in `cwd`, but for the source. */
void compdb_options(const struct compdb_places *p, const char *cwd, const struct strv *words,
	struct strv *argv);

#endif
