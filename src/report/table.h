/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_TABLE_H
#define KMODLAB_REPORT_TABLE_H
/*
 * Many trials for a person: modules down, targets across. Rows are written in their order, each when it and
 * all before it are complete, so that what is written does not depend on which trial took how long.
 * On a terminal the rows that are being filled stand below and are drawn again and again.
 */
#include "trial/trial.h"

#include <stdbool.h>
#include <stdio.h>

struct table;

struct table_options {
	FILE *out;
	bool live;		 /* a terminal: lines may be drawn again */
	bool colour;		 /* escape sequences for colour */
	const char *const *rows; /* what the rows are called; they stay the caller's */
	size_t nrows;
	const char *const *columns; /* names of targets */
	size_t ncolumns;
	/* The size of the terminal in characters; 0: asked of the terminal at every drawing. What is not
	 * one has no limits. */
	unsigned width, height;
};

/* Writes the heading. To be freed with table_free. */
struct table *table_new(const struct table_options *o);
void table_free(struct table *t);

/* There will be a trial in this cell; to be said of all before the first of the functions below. */
void table_expect(struct table *t, size_t row, size_t column);
/* The trial in this cell has begun a stage. */
void table_stage(struct table *t, size_t row, size_t column, enum stage stage);
/* The trial in this cell is over. */
void table_set(struct table *t, size_t row, size_t column, const struct trial *trial);
/* Draws what is in progress, if anything is new, and its clock. */
void table_tick(struct table *t);
/* Removes what is in progress; writes the rows that are complete, also those behind one that is not, which
 * an interrupt may leave. */
void table_end(struct table *t);

#endif
