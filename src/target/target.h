/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_TARGET_H
#define KMODLAB_TARGET_TARGET_H
/*
 * A target: a kernel to test against, with the build tree and the compiler that belong to it.
 * The registry is a directory of readable INI files, one per target; a provider knows how to
 * make one kind of target (`debian:bookworm`, `freebsd:14.0`, `tree:DIR`, `host`).
 */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum target_os { TARGET_LINUX, TARGET_FREEBSD };

/* All strings are owned, absolute paths are the host's unless said otherwise, none is NULL
 * but where said. */
struct target {
	char *name; /* "debian:bookworm/cloud": what the user types */
	enum target_os os;
	char *arch;    /* "x86_64" */
	char *release; /* "6.1.0-38-cloud-amd64", as uname -r in it says */
	char *kernel;  /* the image QEMU boots; of a lent machine, whatever of it is here: a file */
	char *ssh; /* where the machine is that somebody lends us (base/ssh.h); NULL: QEMU makes one */
	char *root;    /* the tree whose /usr and /etc hold the compiler; "/" is this machine */
	char *build;   /* the kernel's build tree, as a path inside `root` */
	char *modules; /* the kernel's own modules, or NULL */
	char *symbols; /* names of every symbol of the running kernel, sorted, a line each; or NULL */
	char *added;   /* when, ISO 8601, UTC: "2026-11-22T13:05:00Z" */
	char *append; /* for the kernel's command line, beside kmodlab's own; or NULL (Linux) */
	char *options; /* of its configuration that its headers look at, with blanks between: "INVARIANTS
			* MAXCPU=64"; or NULL: those that all kernels have (FreeBSD) */
	unsigned
		memory_mib; /* the least that a machine of its needs; 0: nothing out of the ordinary */
	char *note;	    /* what was out of the ordinary in making it, one sentence; or NULL */
};

/* Owns its targets. */
struct targets {
	struct target *items;
	size_t n;
};

/* Shows how far a long step has come. `total` 0: not known. Units are bytes. */
typedef void target_progress_fn(
	void *arg, const char *what, unsigned long long done, unsigned long long total);

/* Where what a target is made of comes from, when not from where its provider takes it by itself. Not
 * owned; at most one of the first two is set. */
struct target_source {
	const char *sets;   /* a folder that holds the files, or NULL */
	const char *mirror; /* the URL of a mirror of the provider's site, or NULL */
	const char *kernel; /* another kernel of the same source: a file, or NULL */
	const char *tree;   /* the build tree of a lent machine's kernel: a directory, or NULL */
};

/* One kind of target. */
struct target_provider {
	const char *prefix; /* "debian": what stands before the first ':' (or is the whole name) */
	const char *syntax; /* "debian:SUITE[/FLAVOUR]", for help */
	const char *sentence;
	bool takes_source; /* whether make() can be told where to take things from */
	bool lends;	   /* its machines are real ones, which a module may crash */
	/* Brings `spec` (what stands after "prefix:", may be empty) to its full form, refusing what
	 * is not one: "bookworm" to "bookworm/cloud". The result is the caller's; NULL on error. */
	char *(*normalise)(const char *spec, struct error *err);
	/* As target_check_source; NULL: anything goes. */
	int (*check_source)(
		const char *spec, const struct target_source *source, struct error *err);
	/* Bytes of disk that an add of the normalised `spec` needs at its fullest; 0: next to
	 * nothing. */
	unsigned long long (*needs)(const char *spec);
	/* Makes the target. What is to be kept on disk goes into the directory `staging` (it exists and
	 * is empty), which will be renamed to `final`: the paths put into `t` must be those below
	 * `final`. `t` comes with name, OS (Linux) and architecture set; symbols and added are not
	 * the provider's, but it may write the file `symbols` in `staging`. `source` may be NULL.
	 * 0 or -errno with the sentence set. */
	int (*make)(const char *spec, const struct target_source *source, const char *staging,
		const char *final, struct target *t, target_progress_fn *progress, void *arg,
		struct error *err);
};

/* NULL-terminated. */
extern const struct target_provider *const target_providers[];

/* A target being added: made in a scratch directory, then kept or thrown away. */
struct target_addition;

/* The full name for what the user typed: "debian:bookworm" to "debian:bookworm/cloud". Caller
 * frees; NULL with the sentence set for an unknown provider (naming the nearest) or a bad spec. */
char *target_full_name(const char *typed, struct error *err);
/* Whether the target `name` is a real machine. Nothing chooses such a one by itself. */
bool target_is_real(const char *name);
/* The target that is taken for a system when none is named: the one that was added first and is not real. NULL:
 * there is none. */
const struct target *target_default(const struct targets *all, enum target_os os);
/* One safe file name for the full name `name`; different names have different ones, which
 * path_flatten alone does not promise for the paths in tree:DIR. Caller frees. */
char *target_flat_name(const char *name);

/* 0 if the target `name` (a full name) can be made with `source`, -EINVAL with the sentence set if what it
 * says is not for that one, or something is missing. */
int target_check_source(const char *name, const struct target_source *source, struct error *err);
/* Makes the target `name` (a full name) in a scratch directory, of what is found at `source` (NULL:
 * where its provider looks by itself). Refuses (-EEXIST) one that is registered already and (-ENOSPC) a disk that is too full; waits for another process that is
 * adding the same one. `progress` may be NULL. On 0, `*out` is to be given to target_add_keep or
 * target_add_drop. */
int target_add_begin(const char *name, const struct target_source *source,
	target_progress_fn *progress, void *arg, struct target_addition **out, struct error *err);
/* The new target, with paths that hold before it is kept (in the scratch directory). Its `symbols`
 * names a file that the caller may write before target_add_keep; one not written becomes NULL. */
const struct target *target_add_staged(const struct target_addition *a);
/* Moves it into place and registers it, atomically; frees `a` whatever comes of it. */
int target_add_keep(struct target_addition *a, struct error *err);
/* Throws it away, and frees `a`. NULL is fine. */
void target_add_drop(struct target_addition *a);

/* All registered targets, oldest first. A file that cannot be read as a target is an error naming
 * it. 0 or -errno. */
int targets_load(struct targets *all, struct error *err);
void targets_free(struct targets *all);
/* The registered target for what the user typed, or NULL with the sentence set (naming the command
 * that would add it, and the nearest registered name). Belongs to `all`. */
const struct target *target_look_up(
	const struct targets *all, const char *typed, struct error *err);
/* The same for somebody who wants to use it: also NULL if its kernel or build tree is gone. */
const struct target *target_find(const struct targets *all, const char *typed, struct error *err);
/* Targets that were chosen, in the order of their first mention. */
struct target_choice {
	const struct target *target; /* belongs to the struct targets */
	bool by_pattern; /* it was only ever meant by a pattern, not called by its name */
};
struct target_choices {
	struct target_choice *items; /* to be freed */
	size_t n;
};
/* Adds what the user typed: the name of one, as for target_find, or a pattern as the shell has them,
 * with * ? [ ("debian:*"; a * goes over slashes), or "all". Those that a pattern means come in the
 * registry's order; none is added twice. 0, or -errno with the sentence set: -ENOENT when nothing is
 * meant, -ENODEV when that is because there are no targets at all, -EIO when what is meant is not whole. */
int target_choose(
	const struct targets *all, const char *typed, struct target_choices *to, struct error *err);
/* Removes the files and the registration, damaged or not; -ENOENT if there is none. */
int target_remove(const char *name, struct error *err);
/* The file that describes the target. Caller frees. */
char *target_file(const char *name);
/* Bytes on disk of what was made for it: a few MB (the symbols) for tree and host. */
unsigned long long target_disk_bytes(const char *name);

void target_free(struct target *t);
const char *target_os_name(enum target_os os); /* "Linux", "FreeBSD" */

/* The word among `words` (NULL-terminated) that is nearest to `typed` by edit distance, if near
 * enough to be a slip of the finger; else NULL. */
const char *nearest_word(const char *typed, const char *const *words);

#endif
