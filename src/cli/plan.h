/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_PLAN_H
#define KMODLAB_CLI_PLAN_H
/*
 * Which trials a `kmodlab run` comes to: its modules by its targets. A row is a module, a column a target;
 * where the module has nothing for the target's system there is no trial.
 */
#include "check/shelf.h"
#include "target/target.h"
#include "trial/config.h"
#include "trial/expect.h"

#include <stdbool.h>
#include <stddef.h>

/* What was asked for on the command line. */
struct plan_request {
	char *const *paths; /* directories and .ko files */
	size_t npaths;
	const struct strv *targets; /* as typed; none: the oldest for each system */
	char *const *params;	    /* NULL-terminated, or NULL */
	bool require;		    /* a system without a target is an error */
	const char *command;	    /* "run", for what is said when something is missing */
	const char *shard;	    /* "I/N", as typed; NULL: all trials */
	bool expect; /* a module that does not say what is to be found of it is an error */
};

/* One trial to come. */
struct planned {
	size_t row, column;
	const struct expected *expected; /* the row's, for the column's target; or NULL */
	const struct config *config;	 /* the row's, for the column's system; or NULL */
	struct strv
		params; /* of that and of the command line; `v` is NULL where there is no such file */
	char *why;	/* it is skipped for this reason, though there is a target; or NULL */
};

struct plan_row {
	char *path;  /* the module's directory or file */
	char *name;  /* what its trials are called */
	char *label; /* its name; or, where others are called the same, as much of its path as tells
			them apart. No control characters */
	bool is_for[2];		   /* by enum target_os */
	bool found;		   /* below a directory that was named */
	bool swept;		   /* a file below such a directory */
	struct config *configs[2]; /* its kmodlab.ini, by enum target_os; NULL: it has none */
	struct expect *expect;	   /* what is to be found of it; NULL: it does not say */
};

struct plan_column {
	enum target_os os;
	const struct target
		*target; /* NULL: there is none for the system, its trials are skipped */
};

struct plan {
	struct planned *items; /* row by row */
	size_t n;
	struct plan_row *rows;
	size_t nrows;
	struct plan_column *columns;
	size_t ncolumns;
	struct shelf *given; /* the finished modules among the rows, other shards' included */
	struct strv files;   /* where they are */
	bool expects;	     /* some row says what is to be found of it */
	/* What was asked for is shared out: this is the share-th (from 1) of so many. 0: all of it. */
	unsigned shard, shards;
	size_t whole; /* trials of all shards */
};

/* Makes it, and refuses what can be seen to be wrong before anything is begun. EXIT_PASSED, or another
 * exit status after telling the user why. `p` is to be freed in both cases; it keeps pointers into
 * `all`. */
int plan_make(struct plan *p, const struct plan_request *q, const struct targets *all);
void plan_free(struct plan *p);

/* "I/N", with I from 1 to N, and N of at most PLAN_SHARDS_MAX; false for anything else. */
#define PLAN_SHARDS_MAX 10000
bool plan_take_shard(const char *text, unsigned *shard, unsigned *shards);

/* Keeps every `shards`-th trial, from the `shard`-th (from 1) on, in the order of the plan: the command line's, modules
 * first, then targets. The shards have no trial in common, and together all; they do not depend on the machine.
 * Modules of which none is left are not in the plan any more. */
void plan_take_share(struct plan *p, unsigned shard, unsigned shards);

/* Whether it has more than one module, or more than one target for a system: too much to tell trial by
 * trial. */
bool plan_is_table(const struct plan *p);

/* The command that adds a target for the system. Static. */
const char *plan_add_command(enum target_os os);
/* Why the trials of a system without a target are skipped, a sentence with that command. Caller frees. */
char *plan_why_skipped(enum target_os os);
/* The exit status when what was typed is no target to use: a name that is not there is EXIT_USAGE, a target that is not
 * whole (or that there are none at all) EXIT_INFRASTRUCTURE. */
int plan_target_status(const struct targets *all, const char *typed);

#endif
