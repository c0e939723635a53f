/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_EXECUTOR_H
#define KMODLAB_SPREAD_EXECUTOR_H
/*
 * Who brings tasks to machines: one interface, a file for each (slurm.c, parallel.c). An executor starts
 * `PROGRAM __task FOLDER NUMBER` somewhere, and tells which tasks have ended and how. Whether there is a result it does not know:
 * that is seen in the folder.
 */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One task, as the executors have it. */
struct task {
	size_t number; /* from 1 */
	/* It was handed to the machines and is not known to have ended. */
	bool out;
	bool running; /* a machine has it */
	bool whole;   /* it has ended, and says that its results are there */
	char *state;  /* how it ended, or why it waits: "NODE_FAIL", "exit status 255"; or NULL */
	char *node;   /* the machine that has or had it; or NULL */
	uint64_t job; /* Slurm: of which job array it is */
	unsigned unseen; /* Slurm: so many looks in a row did not see it */
};

/* What is to be run, and with what. Strings are the caller's. */
struct crew {
	const char *folder;
	const char *program;	   /* of ours, absolute */
	unsigned cpus;		   /* that a task needs */
	const struct strv *sbatch; /* more options for sbatch */
	const char *logins;	   /* parallel: a file of them, or a list */
	struct task *tasks;
	size_t n;
	void *own; /* the executor's */
};

struct executor {
	const char *name;  /* "slurm": what the user types */
	const char *title; /* "Slurm" */
	unsigned tries;	   /* how often a task is handed over before it is given up */

	/* Makes sure that the programs are here. 0, or -errno with the sentence set. */
	int (*begin)(struct crew *c, struct error *err);
	/* Hands over those tasks, of which none is out; they are then. 0, or -errno with the sentence set, and none is. */
	int (*submit)(struct crew *c, const size_t *tasks, size_t n, struct error *err);
	/* Brings state, node, running and out of all that are out up to date. 0, or -errno with the sentence set when that
	 * cannot be known now, which may pass. parallel tells only when it has ended. */
	int (*look)(struct crew *c, struct error *err);
	/* "Slurm job 17". Caller frees. */
	char *(*what)(const struct crew *c);
	/* Ends all that are out, and waits a while for that; false when something may still run. */
	bool (*cancel)(struct crew *c);
	/* Frees what it has. */
	void (*end)(struct crew *c);
};

extern const struct executor executor_slurm, executor_parallel;

/* How long sacct may take, in milliseconds: by itself it waits most of a minute for a database that does not answer, and
 * so would everybody here. */
extern int slurm_accounts_ms;

/* The one of this name, or NULL. */
const struct executor *executor_find(const char *name);

/* Says of the task how it ended, or why it waits. */
void task_says(struct task *t, const char *state, const char *node);
/* "1-3,7": the numbers of those tasks, which are in order. Caller frees. */
char *tasks_list(const struct crew *c, const size_t *tasks, size_t n);

#endif
