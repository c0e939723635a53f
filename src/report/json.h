/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_JSON_H
#define KMODLAB_REPORT_JSON_H
/*
 * Trials for programs: one JSON object, written as the trials come, so that thousands need no memory. The
 * fields are described in kmodlab(1); they are only ever added to.
 */
#include "trial/trial.h"

#include <stdbool.h>
#include <stdio.h>

struct json {
	FILE *out;
	size_t n;
	size_t counts[VERDICTS];
	/* For json_end: these are the trials of one shard (from 1) of so many; 0: all. */
	unsigned shard, shards;
};

void json_begin(struct json *j, FILE *out);
void json_trial(struct json *j, const struct trial *t);
/* Writes the counts and ends the object; `interrupted` says that trials are missing. 0, or -EIO when `out`
 * could not be written. */
int json_end(struct json *j, bool interrupted);

/* What was found in a saved log, as one object of its own. 0, or -EIO when it could not be written. */
int json_log(
	FILE *out, const char *path, enum target_os os, size_t boots, const struct findings *f);

#endif
