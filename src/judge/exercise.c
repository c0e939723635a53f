/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module's own test says of it. */
#include "judge/judge.h"

#include "judge/report.h"
#include "judge/system.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LAST_LINES 12

/* The last lines of what it printed. Caller frees; NULL if it printed nothing. */
static char *last_lines(const char *output)
{
	const char *from;

	if (!output || !*output)
		return NULL;
	from = output + strlen(output);
	for (int lines = 0; from > output; from--)
		if (from[-1] == '\n' && *from && ++lines == LAST_LINES)
			break;
	return xstrdup(from);
}

bool judge_killed(const struct run *r, size_t call)
{
	struct report p;

	for (size_t from = 0; judge_system(r->os)->find_report(r->log, r->nlog, from, &p);) {
		const struct record *at = &r->log[p.first];
		bool fatal = p.fatal && at->call == call && !at->after;

		from = p.last + 1;
		report_free(&p);
		if (fatal)
			return true;
	}
	/* What is not there cannot be read; a program that is killed outright is rare. */
	return r->dropped && r->calls[call].error == PROTO_BY_SIGNAL + SIGKILL;
}

char *judge_again(const struct run *r, size_t call, char *advice)
{
	const char *again = call < r->ncalls ? r->calls[call].again : NULL;
	char *both;

	if (!again)
		return advice;
	both = xasprintf("%s%sTo see it again: %s", advice ? advice : "", advice ? " " : "", again);
	free(advice);
	return both;
}

void judge_timeout(const struct run *r, size_t call, bool runs, struct findings *out)
{
	const struct call *c = &r->calls[call];
	struct finding *f = finding_add(out, "test-timeout", SEVERITY_ERROR, CLASS_TEST,
		xasprintf("%s of %s did not end within %g s", c->what, c->ko->name,
			(double)c->took_us / 1e6),
		xasprintf(
			"It %s, and nobody is in the module's code. A test is to end by itself: give its "
			"loops and waits a limit, or give it longer with --exercise-timeout.",
			runs ? "runs in circles" : "waits"));

	f->excerpt = last_lines(c->output);
}

void judge_exercise(const struct run *r, size_t call, struct findings *out)
{
	const struct call *c = &r->calls[call];
	int signal = c->error - PROTO_BY_SIGNAL;
	struct finding *f;

	/* A program that never began is no verdict on the module; the shell says 127 of one that it has not. */
	if (!c->error)
		return;
	if (c->error > PROTO_BY_SIGNAL)
		f = finding_add(out, "test-signal", SEVERITY_ERROR, CLASS_TEST,
			xasprintf("%s of %s was killed by signal %d", c->what, c->ko->name, signal),
			xstrdup(signal == SIGKILL
					? "The kernel's log tells of no crash: it killed itself, or another "
					  "program did, or the machine ran out of memory (--memory gives it "
					  "more)."
					: "That is the program's own mistake, unless the module gave it what it "
					  "did not expect: see its last lines."));
	else
		f = finding_add(out, "test-failed", SEVERITY_ERROR, CLASS_TEST,
			xasprintf("%s of %s ended with status %d", c->what, c->ko->name, c->error),
			xstrdup("See its last lines, and what the module logged meanwhile."));
	f->excerpt = last_lines(c->output);
}
