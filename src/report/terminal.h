/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_TERMINAL_H
#define KMODLAB_REPORT_TERMINAL_H
/* A trial for a person at a terminal, stage by stage as it goes. */
#include "trial/trial.h"

#include <stdbool.h>
#include <stdio.h>

/* For terminal_paint; two may be joined: BOLD ";" RED. */
#define RED	"31"
#define GREEN	"32"
#define YELLOW	"33"
#define MAGENTA "35"
#define BOLD	"1"
#define DIM	"2"

struct terminal {
	FILE *out;
	bool colour;	/* escape sequences for colour */
	bool live;	/* a line that says what is going on, overwritten by its outcome */
	bool stack;	/* show how much stack each function takes */
	bool console;	/* show the console of every machine, not only of those that died */
	size_t excerpt; /* more lines of an excerpt than this are shown by its beginning and end */
	char cwd[4096];
	/* Of the trial that is being shown: */
	bool began, noted;
	size_t steps; /* of its steps, so many were shown */
	size_t shown; /* of its log, so many records were */
};

/* For `out`: colour and live lines on a terminal only, no colour with NO_COLOR set (no-color.org) or
 * TERM=dumb. */
void terminal_setup(struct terminal *term, FILE *out);
/* Colour, but no live lines, from now on also where `out` is none: somebody shows what is written on a terminal. */
void terminal_colour_anyway(void);
/* Writes `text`, in colour where there is colour ("" for none). */
void terminal_paint(struct terminal *term, const char *code, const char *text);
/* To be given to trial_run as `watch`, with a struct terminal as `arg`. What it was not called for is made
 * up for in the next call, and in terminal_finish. */
void terminal_watch(void *arg, const struct trial *t, enum stage stage, const struct step *done);
/* The findings and the verdict, when the trial is over. */
void terminal_finish(struct terminal *term, const struct trial *t);
/* One finding: its place, sentence, rule, excerpt and advice. */
void terminal_finding(struct terminal *term, const struct finding *f);
/* One line over several trials. */
void terminal_summary(struct terminal *term, const size_t counts[VERDICTS], int64_t took_us);

#endif
