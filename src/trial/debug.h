/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_DEBUG_H
#define KMODLAB_TRIAL_DEBUG_H
/*
 * A trial that stops at the first instruction of the module's own (Linux: its init; FreeBSD: its event handler or its first
 * SYSINIT function), and hands the machine to gdb. When somebody lets it go on, it takes the rest of a trial's way:
 * the exercise, the unload.
 */
#include "trial/trial.h"

struct debug_options {
	const char *module;   /* which of several; NULL: the one that is loaded last */
	char *const *gdb;     /* arguments for gdb, NULL-terminated */
	unsigned gdb_version; /* debug_gdb's */
	bool quiet;	      /* what the machine's console says is not shown */
};

/* Runs the trial; `t` is filled as by trial_run. Its timeouts do not count. True with gdb's wait status when there was a
 * gdb; false when it did not come to that: the trial says why. To be called by the thread that has the terminal. */
bool debug_run(
	const struct trial_options *o, const struct debug_options *d, struct trial *t, int *status);

/* Which gdb there is: the first number of its version (0: it does not tell). 0, or -errno with the sentence set (-ENOENT: none). */
int debug_gdb(unsigned *version, struct error *err);

#endif
