/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_MANY_H
#define KMODLAB_TRIAL_MANY_H
/*
 * Many trials, some at a time. Worker threads take them in the order of the list; what comes of them is
 * handed to the caller in that order too, whatever took how long.
 *
 * A worker stays alive until every machine and every other child that any worker started is gone: the
 * kernel kills a child when the thread that started it ends (base/proc.h). That is why many_run has a
 * moment, `closing`, in which machines kept for later trials are to be closed.
 */
#include "trial/trial.h"

#include <stdbool.h>
#include <stddef.h>

/* One trial to come. */
struct many_item {
	const char *path;
	const struct target *target; /* NULL: it is skipped, with `why` as the reason */
	enum target_os os;
	const char *why;
	const struct expected
		*expected;	     /* what is to be found, and options of its own; may be NULL */
	const struct config *config; /* its kmodlab.ini; may be NULL */
	char *const *params;	     /* its own instead of those that all have; NULL: it has none */
};

struct many_options {
	/* What all have in common; path, target, next_target, watch and arg are set for each. */
	struct trial_options trial;
	unsigned jobs; /* trials at a time, at least 1 */
	const struct many_item *items;
	size_t n;
	/* Machines that were started before (many_prepare), which are many_run's to close; NULL: none were. */
	struct ahead *ahead;

	/* All of these may be NULL but `done`; all get `arg`. But for `watch` and `over` they are called
	 * on the thread that called many_run. */

	/* The trial `i` has begun a stage; calls may be left out when stages are short. In any order. */
	void (*stage)(void *arg, size_t i, enum stage stage);
	/* The trial `i` has ended; it may be looked at during the call. In any order of `i`. */
	void (*ended)(void *arg, size_t i, const struct trial *t);
	/* The same, but in the order of the list, once all before it were handed over, and with the
	 * trial's whole contents. It is freed afterwards. Not called for one that was interrupted. */
	void (*done)(void *arg, size_t i, struct trial *t);
	/* Every 100 ms at least. */
	void (*tick)(void *arg);
	/* No more trials will be run, no worker has ended yet. */
	void (*closing)(void *arg);

	/* On the worker's thread: what a trial is doing, as struct trial_options has it. */
	void (*watch)(void *arg, size_t i, const struct trial *t, enum stage stage,
		const struct step *done);
	/* On the worker's thread: the trial is over. What the caller does not need of it is best dropped
	 * here (trial_strip), since trials that end early wait for those before them. */
	void (*over)(void *arg, size_t i, struct trial *t);
	void *arg;
};

/* What the trial `i` is run with, but for `ahead`, `watch` and `arg`. */
struct trial_options many_trial(const struct many_options *o, size_t i);

/* Starts a machine for each of the first trials, one for each job, into `o->ahead` (machine/ahead.h). The thread
 * that calls it is to outlive them. */
void many_prepare(const struct many_options *o);

/* Runs them. When a signal came (interrupt_pending), those that run are ended, no other is begun, and what
 * was finished by then is handed over. 0, or -errno with the sentence set when no worker could be started. */
int many_run(const struct many_options *o, struct error *err);

#endif
