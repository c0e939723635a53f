/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_ROWS_H
#define KMODLAB_REPORT_ROWS_H
/*
 * Many trials for a person, a row for each: the module, the target, what it came to, and the finding that leads
 * with its place in the source. For modules of which it is known what is to be found.
 */
#include "report/terminal.h"

#include <stdbool.h>

struct rows {
	struct terminal *term;	       /* where to; the caller's */
	int label_width, target_width; /* characters */
	bool check;		       /* say what was expected where something else was found */
	const char *last;	       /* the label of the row before; the caller's */
};

/* Writes the heading. */
void rows_begin(struct rows *r);
/* Writes one row. `label` is to live until the next call. */
void rows_add(struct rows *r, const char *label, const char *target, const struct trial *t);
/* On a terminal, says how far it is, in a line that the next call overwrites. */
void rows_progress(struct rows *r, size_t done, size_t total);
/* Removes that line; nothing more is to come. */
void rows_end(struct rows *r);

#endif
