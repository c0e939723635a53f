/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_SHEET_H
#define KMODLAB_REPORT_SHEET_H
/*
 * What a report over all the trials needs to know of each when it is written, and no more: modules by targets, and
 * what each trial came to. The rest of a trial was written down when it was over (report/files.h).
 */
#include "trial/trial.h"

#include <stdbool.h>
#include <stdio.h>

#define STAGES (STAGE_UNLOAD + 1)

/* What a trial counts as. */
enum outcome {
	OUTCOME_PASSED,
	OUTCOME_FAILED,
	OUTCOME_ERROR,	 /* ours */
	OUTCOME_SKIPPED, /* no target for its system, or its file says so */
	OUTCOME_NOT_RUN, /* interrupted before */
};
#define OUTCOMES (OUTCOME_NOT_RUN + 1)

struct sheet_trial {
	size_t row, column;
	enum outcome outcome; /* OUTCOME_NOT_RUN until it is over */
	const char *verdict;  /* "pass", "crash", …; static */
	size_t errors, warnings;
	int64_t took_us, stage_us[STAGES];
};

struct sheet_column {
	const char *name;
	const struct target *target; /* or NULL */
};

struct sheet {
	const char *command;	  /* "run" */
	const char *const *rows;  /* what the modules are called */
	const char *const *paths; /* and where each is, as the user gave it */
	size_t nrows;
	const struct sheet_column *columns;
	size_t ncolumns;
	struct sheet_trial *trials; /* in the order of the plan, row by row */
	size_t n;
	bool check; /* a trial passes when it found what it was expected to */
	bool interrupted;
	int64_t took_us;
	const char
		*cwd;  /* where kmodlab was started: files below it are named from there; or NULL */
	int64_t began; /* seconds since the epoch */
};

/* What the trial counts as, with or without `check`. */
enum outcome sheet_outcome(const struct trial *t, bool check);
/* Fills in what trial `i` came to. */
void sheet_set(struct sheet *s, size_t i, const struct trial *t);
/* How many have which outcome. */
void sheet_count(const struct sheet *s, size_t counts[OUTCOMES]);
/* With `check`: why the trial is not as expected, as a sentence; else NULL. Caller frees. */
char *sheet_unexpected(const struct trial *t, bool check);

/* `file` as the user would name it. */
const char *sheet_file(const struct sheet *s, const char *file);

/* What was written of each trial when it was over. */
struct parts;
/* Copies that of the trial `i` to `out`; nothing for one that was not run. */
void parts_copy(const struct parts *p, size_t i, FILE *out);

/* A format: what is written of a trial when it is over (on any thread), and the file around it. */
struct format {
	void (*trial)(struct buf *out, const struct sheet *s, size_t i, const struct trial *t);
	void (*file)(FILE *out, const struct sheet *s, const struct parts *parts);
};
extern const struct format junit_format, html_format;

#endif
