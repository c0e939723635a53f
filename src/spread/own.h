/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_OWN_H
#define KMODLAB_SPREAD_OWN_H
/* What spread.c and open.c share. */
#include "base/scratch.h"
#include "spread/spread.h"

enum place {
	AWAITED, /* its task is to bring it */
	ARRIVED, /* its result's file is there */
	HERE,	 /* `trial` is there */
	OVER,	 /* it was handed over */
};

/* One of the list. */
struct slot {
	enum place place;
	struct trial *trial;
};

/* What becomes of a task, beside what the executor knows. */
struct fate {
	size_t first, n; /* trials of the description */
	size_t left;	 /* results that are not there */
	unsigned tries;
	int64_t ended_us; /* when it was seen to have ended; 0: it was not */
};

struct spread {
	struct spread_options o;
	const struct many_options *many;
	struct scratch folder;
	char *program;
	struct description d; /* what it holds that the caller's has, too, is the caller's */
	size_t *items;	      /* by the description's trials: which of the list it is */
	struct slot *slots;   /* by the list */
	struct crew crew;
	struct fate *fates;
	size_t arrived, handed;
	size_t described; /* of those that were handed over, so many are in the description */
	int64_t began_us, looked_us, answered_us, told_us, ticked_us;
	size_t told;  /* trials that had arrived when that was told last */
	bool showing; /* a line of progress is on the terminal */
	bool waiting; /* it was told that nothing runs yet */
	struct strv notes;
	bool leaves; /* what was begun may still run */
};

/* A line on standard error; when somebody draws on the terminal, at the end. */
void spread_note(struct spread *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands over those tasks, of which none is out. 0, or -errno with the sentence set; it was a try in both cases. */
int spread_submit(struct spread *s, const size_t *which, size_t n, struct error *err);

#endif
