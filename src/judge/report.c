/* SPDX-License-Identifier: BSD-2-Clause */
/* The structure of a report: what the parsers of both systems build it with. */
#include "judge/report.h"

#include "judge/judge.h"

#include <string.h>

struct report_frame *report_frame(struct report *r, enum report_stack stack)
{
	struct report_frame *f;

	if (r->nframes >= REPORT_FRAMES)
		return NULL;
	f = ARRAY_ADD(r->frames, r->nframes);
	f->stack = stack;
	return f;
}

void report_free(struct report *r)
{
	for (size_t i = 0; i < r->nframes; i++) {
		free(r->frames[i].function);
		free(r->frames[i].module);
	}
	free(r->frames);
	free(r->title);
	free(r->advice);
	free(r->about);
	free(r->file);
	*r = (struct report){0};
}

/* What a crash comes to of which only title and place are known. */
static int from_crash(struct crash *c, struct report *out)
{
	*out = (struct report){.rule = c->fatal ? "crash" : "kernel-warning",
		.severity = c->fatal ? SEVERITY_ERROR : SEVERITY_WARNING,
		.class = c->fatal ? CLASS_CRASH : CLASS_PASS,
		.fatal = c->fatal,
		.first = c->first,
		.last = c->last};
	out->title = c->place ? xasprintf("%s, in %s", c->title, c->place) : xstrdup(c->title);
	crash_free(c);
	return 1;
}

int report_find_freebsd(const struct record *log, size_t n, size_t from, struct report *out)
{
	struct crash c;

	return crash_find_freebsd(log, n, from, &c) ? from_crash(&c, out) : 0;
}

void crash_free(struct crash *c)
{
	free(c->title);
	free(c->place);
	*c = (struct crash){0};
}
