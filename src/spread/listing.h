/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_LISTING_H
#define KMODLAB_SPREAD_LISTING_H
/*
 * What Slurm's programs and GNU parallel say of their jobs, line by line. sacct and squeue are asked for the same
 * fields, with '|' between them: "17_3|NODE_FAIL|n1|0:0", "17_[4-7,9%2]|PENDING||Resources".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTING_WORD 64

struct listed {
	uint64_t job;
	const char *tasks; /* "3", "4-7,9"; within the line */
	size_t ntasks;	   /* bytes */
	char state
		[LISTING_WORD]; /* "CANCELLED", without what stands behind it; printable, as all of these */
	char node[LISTING_WORD]; /* or "" */
	char more[LISTING_WORD]; /* an exit code, or a reason; or "" */
};

/* False for a line that is none of an array's tasks. */
bool listing_take(const char *line, struct listed *out);
/* Whether the task is one of those. */
bool listing_has(const struct listed *l, size_t task);
/* Whether nothing more comes of a task in this state. */
bool listing_is_final(const char *state);

/* One line of parallel's job log. */
struct logged {
	size_t place; /* from 1: among the arguments */
	char host[LISTING_WORD];
	int status, signal;
};
/* False for a line that is none (the heading, half a line). */
bool joblog_take(const char *line, struct logged *out);

#endif
