/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module left behind. Only a module that came back from its exit (or from an init that failed) has had
 * the chance to put things in order.
 */
#include "judge/judge.h"

#include <string.h>

static bool was_put_in_order(const struct run *r)
{
	size_t loaded = 0, ours = 0;

	for (size_t i = 0; i < r->ncalls; i++) {
		const struct call *c = &r->calls[i];

		if (!c->returned || c->signal)
			return false;
		ours += !c->supporting;
		if (c->supporting || c->error)
			continue;
		if (c->kind == CALL_LOAD)
			loaded++;
		if (c->kind == CALL_UNLOAD && loaded)
			loaded--;
	}
	/* Without one of ours, there was no baseline either. */
	return ours && !loaded;
}

bool judge_is_of_survey(const struct run *r, size_t first, size_t last)
{
	bool deadly = false;

	for (size_t i = 0; i < r->left.n; i++)
		deadly = deadly || r->left.items[i].kind == PROTO_DEADLY;
	if (!deadly || !r->log[first].after || r->log[first].call + 1 != r->ncalls)
		return false;
	/* The agent is the machine's init. */
	for (size_t i = first; i <= last && i < r->nlog; i++)
		if (strstr(r->log[i].text, " Comm: init "))
			return true;
	return false;
}

void judge_left(const struct run *r, struct findings *out)
{
	if (r->end != RUN_DONE || !r->surveyed || !was_put_in_order(r) ||
		findings_worst(out) >= CLASS_HANG)
		return;
	judge_leaks(r, out);
	judge_leftovers(r, out);
}
