/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_GATHER_H
#define KMODLAB_REPORT_GATHER_H
/*
 * The findings of many trials, each told once: the same thing found of a module on several targets, or of
 * several modules (what differs is their name alone), is one finding with a list of where it was found.
 */
#include "report/terminal.h"
#include "trial/trial.h"

struct gather;

/* `rows` are the modules' names for people, `columns` the targets'; both stay the caller's. */
struct gather *gather_new(const char *const *rows, const char *const *columns, size_t ncolumns);
void gather_free(struct gather *g);
/* From now on the notes of trials that pass are only counted; gather_show says how many. */
void gather_count_notes(struct gather *g);

/* Adds what was found in the trial in that cell, which includes why it was an error of ours, skipped or
 * tried twice. Cells are to come row by row. */
void gather_add(struct gather *g, size_t row, size_t column, const struct trial *t);

/* Writes them, in the order in which each was found first. */
void gather_show(const struct gather *g, struct terminal *term);

#endif
