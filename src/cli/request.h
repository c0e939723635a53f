/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_REQUEST_H
#define KMODLAB_CLI_REQUEST_H
/* What the command line of `kmodlab run` asks for. */
#include "base/buf.h"
#include "cli/reports.h"
#include "spread/executor.h"
#include "trial/trial.h"

#include <stdbool.h>
#include <stddef.h>

struct request {
	struct trial_options trial;
	struct strv targets, silence, typed;
	unsigned jobs;
	struct wanted reports;
	bool console, require, verbose, expect;
	const char *shard;		 /* as typed, or NULL */
	const struct executor *executor; /* NULL: this machine */
	const char *shared, *logins;	 /* as typed, or NULL */
	struct strv sbatch;		 /* a word each */
	size_t chunk;
	unsigned jobs_typed; /* 0: not */
	struct strv carried; /* options that a trial on another machine needs, too: "--cycles=3" */
	struct ahead *ahead; /* machines that are ready; or NULL */
	char **paths;
	size_t npaths;
};

/* Sets what holds when nothing is said, and cuts off the module's parameters, which stand behind "--". */
void request_begin(struct request *q, int *argc, char **argv);
/* Takes the options; paths begin at `optind` then. EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
int request_take(struct request *q, int argc, char **argv);
void request_end(struct request *q);

#endif
