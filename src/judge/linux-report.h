/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_LINUX_REPORT_H
#define KMODLAB_JUDGE_LINUX_REPORT_H
/*
 * The kinds of reports that a Linux kernel makes, in families, a file for each. A kind is known by the line that
 * names it; what else belongs to a report depends on its shape.
 */
#include "judge/linux-text.h"

/* What stands around the line that names a report. */
enum shape {
	SHAPE_DEATH, /* registers and a call trace, until "---[ end trace"; what comes of it follows */
	SHAPE_WARN,  /* the same of a WARN: its line comes before or after the one that names it */
	SHAPE_TRACE, /* anything, and then a call trace */
	SHAPE_RULED, /* between two lines of '=' */
	SHAPE_STALL, /* a call trace for each of several processors or tasks */
	SHAPE_LOCKS, /* a list of locks that are held, and no trace */
	SHAPE_PAST,  /* a trace without a heading, indented */
	SHAPE_LINE,  /* this line alone */
};

/* A report being read: its lines, of which the one at `at` names it and `end` is the first that is not its. */
struct reading {
	const struct window *w;
	const char *text; /* of the line at `at`, from where the kind's words stand */
	size_t begin, at, end;
	struct report *out;
};

struct kind {
	const char *words; /* with which the line begins; "*…": they may stand anywhere in it */
	const char *also;  /* and that has these in it too; or NULL */
	enum shape shape;
	const char *rule;
	enum class class; /* PASS: a warning */
	const char *title;
	/* Fills in title, rule, advice, … where the line does not say it all; or NULL. The frames are read. */
	void (*read)(struct reading *r);
};

/* Each ends with one without words. The order in which they are looked at: the first that fits counts. */
extern const struct kind linux_fault_kinds[];
extern const struct kind linux_memory_kinds[];
extern const struct kind linux_lock_kinds[];
extern const struct kind linux_stall_kinds[];
extern const struct kind linux_warn_kinds[];

/* Adds the frames of all the stacks in it. */
void linux_frames(const struct reading *r, const struct kind *k);
/* Sets what the report is called; the title becomes its. */
void report_title(struct report *r, char *title);
/* Makes it one that the kernel did not survive, or whoever was at it. */
void report_fatal(struct report *r);
/* The innermost frame where it happened that is no guess and no part of how the kernel reports; or NULL. */
const struct report_frame *report_innermost(const struct report *r);

#endif
