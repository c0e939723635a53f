/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SHELL_SESSION_H
#define KMODLAB_SHELL_SESSION_H
/*
 * A shell in a machine, and somebody who uses it: a person at a terminal, or a script. What the guest's shell writes goes
 * out as it came, as over any line to another machine; what the kernel logs is made harmless first.
 */
#include "trial/trial.h"

#define SHELL_LEAVE 0x1d /* Ctrl-] */

struct session_options {
	struct trial_options
		trial;	  /* target, limits of time, machine; `path` is the first one or NULL */
	bool interactive; /* standard input is a terminal; otherwise commands come from there */
	bool quiet_log;	  /* the kernel's log is not shown */
};

/* A file to lay down in /module. */
struct session_file {
	char *name, *bytes;
	size_t len;
};

struct session_files {
	struct session_file *items;
	size_t n;
};

/* How it ended. */
enum session_end {
	SESSION_SHELL, /* the shell has ended; `status` is its exit status, or 128 and a signal */
	SESSION_LEFT,  /* the user has left */
	SESSION_ENDED, /* the machine ended itself; t->run has what it said */
	SESSION_NONSENSE, /* … or its words make no sense any more */
};

/* Starts a machine, lays the files, the shell of t->tests and `get` down in it, and connects the shell with standard
 * input and output until one of them ends. t->run gets the log and, after an end that is not the shell's, the
 * console. `ready` (may be NULL) is called when the shell is about to start.
 * 0 with `end` and `status` set, or -errno with the sentence set. The terminal is then as it was. */
int session_run(struct trial *t, const struct session_options *o, const struct session_files *files,
	void (*ready)(const struct trial *t, const struct session_files *files),
	enum session_end *end, int *status, struct error *err);

#endif
