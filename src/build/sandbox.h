/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_SANDBOX_H
#define KMODLAB_BUILD_SANDBOX_H
/*
 * Where a module's Makefile runs: bubblewrap, with the compiler's own /usr and /etc read-only, a copy
 * of the source writable, no network, no other process and nothing else of this machine.
 * To be put together in this order: begin, what the system's build needs, the source, the command.
 */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

struct sandbox {
	struct strv argv; /* bwrap and its arguments; the command is to be added */
	char *inside; /* the source directory, as a path in there: the user's own, if it may be */
	char *build;  /* the kernel's build tree, as a path in there */
};

/* 0; -ENOENT no bubblewrap, sentence set. */
int sandbox_begin(struct sandbox *s, struct error *err);
/* The target's own system, and its kernel's build tree. 0; -EINVAL the target has none. Sentence set. */
int sandbox_add_linux(struct sandbox *s, const struct target *target, struct error *err);
/* This machine's system. */
void sandbox_add_machine(struct sandbox *s);
/* The source directory `dir`, of which `mirror` is the writable copy; the build starts in there. */
void sandbox_add_source(
	struct sandbox *s, const char *dir, const char *mirror, const struct target *target);
/* One more variable for what runs in there. */
void sandbox_setenv(struct sandbox *s, const char *name, const char *value);
void sandbox_free(struct sandbox *s);

/* Where in the sandbox the source directory `dir` is seen: `dir` itself, or SANDBOX_ELSEWHERE when
 * make could not live with its name or it lies where the target's own files are. */
#define SANDBOX_ELSEWHERE "/module"
const char *sandbox_path_for(const char *dir, const struct target *target);

/* Sets the sentence for a sandbox that did not come up, from the first line it printed
 * ("bwrap: …"), and returns -errno. */
int sandbox_failed(const char *line, const struct target *target, struct error *err);

#endif
