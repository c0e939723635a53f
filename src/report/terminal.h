/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_TERMINAL_H
#define KMODLAB_REPORT_TERMINAL_H
/* Trials for a person at a terminal, stage by stage as they go. */
#include "trial/trial.h"

#include <stdbool.h>
#include <stdio.h>

struct terminal {
	FILE *out;
	bool colour;  /* escape sequences for colour */
	bool live;    /* a line that says what is going on, overwritten by its outcome */
	bool console; /* show the console of every machine, not only of those that died */
	size_t shown; /* log records shown already */
	bool began;
};

/* For `out`: colour and live lines on a terminal only, no colour with NO_COLOR set (no-color.org) or
 * TERM=dumb. */
void terminal_setup(struct terminal *term, FILE *out);
/* To be given to trial_run as `watch`, with a struct terminal as `arg`. */
void terminal_watch(void *arg, const struct trial *t, enum stage stage, const struct step *done);
/* The findings and the verdict, when the trial is over. */
void terminal_finish(struct terminal *term, const struct trial *t);
/* One line over several trials. */
void terminal_summary(struct terminal *term, const struct trial *trials, size_t n);

#endif
