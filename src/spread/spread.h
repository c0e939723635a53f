/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_SPREAD_H
#define KMODLAB_SPREAD_SPREAD_H
/*
 * Many trials on many machines: what trial/many.h does with threads, done with an executor and a folder that all machines
 * share. Results are handed over in the order of the list, as many_run does. Trials whose task ended without a result
 * are run again; if that does not help, they are an error of ours.
 */
#include "spread/executor.h"
#include "spread/folder.h"
#include "trial/many.h"

struct spread_options {
	const struct executor *executor;
	const char *shared; /* the directory in which the folder is made; NULL: the cache */
	const struct strv *sbatch;
	const char *logins;
	size_t chunk;  /* trials in a task; 0: as many as makes sense */
	unsigned jobs; /* trials at a time in a task; 0: as is usual for the executor */
	/* What all trials have in common. Version, cwd, environment, trials, jobs and chunk are set here. */
	struct description description;
	bool drawing; /* somebody draws on the terminal while this runs */
};

struct spread;

/* Describes the trials of `o` that have a target and hands them to the machines. All that is given stays the caller's and has to
 * live as long. 0, or -errno with the sentence set. */
int spread_open(struct spread **out, const struct spread_options *s, const struct many_options *o,
	struct error *err);
/* Calls over, ended, done and tick of `o`, which are to be there by now, all on this thread, until every trial has come; when a signal
 * came, the tasks are ended, and what was finished by then is handed over. */
void spread_gather(struct spread *s);
/* Ends what still runs, removes the folder, and tells what was put off. NULL is fine. */
void spread_close(struct spread *s);

/* How many trials one task is to have. */
size_t spread_chunk(size_t trials, size_t machines);

#endif
