/* SPDX-License-Identifier: BSD-2-Clause */
/* The structure of a report: what the parsers of both systems build it with. */
#include "judge/report.h"

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
