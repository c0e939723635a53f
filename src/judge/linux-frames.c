/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose stacks a Linux report shows, and the frames on them: each begins with words of its own, and some are told
 * twice.
 */
#include "judge/linux-report.h"

#include <string.h>

/* A stack that is told again elsewhere. */
#define STACK_TWICE ((enum report_stack) - 1)

/* Whose stack begins with this line; false: none does. */
static bool new_stack(const char *line, enum report_stack *out)
{
	static const struct {
		const char *words;
		enum report_stack stack;
	} heads[] = {{"Allocated by task", STACK_ALLOCATED}, {"allocated by task", STACK_ALLOCATED},
		{"Allocated in ", STACK_ALLOCATED}, {"Freed by task", STACK_FREED},
		{"freed by task", STACK_FREED}, {"Freed in ", STACK_FREED},
		{"Last potentially related work creation", STACK_OTHER},
		{"Second to last potentially related", STACK_OTHER}, {"-> #0 ", STACK_TWICE},
		{"-> #", STACK_OTHER}, {"other info that might help", STACK_OTHER},
		{"NMI backtrace for cpu ", STACK_OTHER}};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (starts(line, heads[i].words)) {
			*out = heads[i].stack;
			return true;
		}
	if (strstr(line, "state was registered at:") || strstr(line, "irq-safe at:") ||
		strstr(line, "irq-unsafe at:") || strstr(line, "-safe at:")) {
		*out = STACK_OTHER;
		return true;
	}
	return false;
}

/* The instruction that it happened at: "RIP: 0010:i+0x5/0x1000 [mod]" or "pc : …"; NULL: no such line. */
static const char *pointer(const char *line)
{
	const char *at = starts(line, "RIP: 0010:") ? line + 10
		: starts(line, "pc : ")		    ? line + 5
		: starts(line, "epc : ")	    ? line + 6
						    : NULL;

	while (at && starts(at, "[<")) {
		at += strcspn(at, "]");
		at += *at == ']';
		at += strspn(at, " ");
	}
	return at;
}

/* "…, at: second+0x21/0x46 [twoorders]", "lock (m) at:": where a lock was taken. */
static void take_lock(struct report *out, const char *line)
{
	const char *at = after(line, ", at: ");

	if (at)
		frame_take(out, STACK_LOCK, at, false);
}

void linux_frames(const struct reading *r, const struct kind *k)
{
	bool past = k->shape == SHAPE_PAST, here_over = false, pointed = false, traced = false;
	enum report_stack stack = strstr(r->text, "possible circular") ? STACK_OTHER : STACK_HERE;
	struct report *out = r->out;
	bool race = starts(r->text, "BUG: KCSAN");
	size_t accesses = 0;

	for (size_t i = r->begin; i < r->end; i++) {
		const char *line = r->w->lines[i].text;
		const char *at = pointer(line);

		if (at && !pointed && !here_over)
			pointed = frame_take(out, STACK_HERE, at, true);
		if (at)
			continue;
		if (new_stack(line, &stack)) {
			if (strstr(line, "located in") == NULL && starts(line, "Allocated in "))
				frame_take(out, stack, line + strlen("Allocated in "), false);
			else if (starts(line, "Freed in "))
				frame_take(out, stack, line + strlen("Freed in "), false);
			else if (starts(line, "NMI backtrace") && !traced)
				stack = STACK_HERE;
			continue;
		}
		if (race && strstr(line, " bytes by "))
			stack = accesses++ ? STACK_OTHER : STACK_HERE;
		if (race && starts(line, "Reported by"))
			break;
		if (past && strstr(line, "backtrace"))
			stack = STACK_ALLOCATED;
		if (starts(line, "Call Trace:") || starts(line, "Call trace:")) {
			stack = k->shape == SHAPE_STALL && traced ? STACK_OTHER : STACK_HERE;
			traced = true;
			continue;
		}
		if (traced && (starts(line, " </TASK>") || starts(line, "---[ end")))
			here_over = true;
		if (traced && starts(line, "---[ end") && k->shape != SHAPE_STALL)
			break;
		if (here_over && starts(line, "Kernel panic"))
			break;
		take_lock(out, line);
		if ((here_over && stack == STACK_HERE) || stack == STACK_TWICE)
			continue;
		frame_take(out, stack, line, false);
	}
}
