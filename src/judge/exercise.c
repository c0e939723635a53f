/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module's own test says of it. */
#include "judge/judge.h"

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

void judge_exercise(const struct run *r, size_t call, struct findings *out)
{
	const struct call *c = &r->calls[call];
	struct finding *f;

	/* A program that never began is no verdict on the module; the shell says 127 of one that it has not. */
	if (!c->error)
		return;
	if (c->error > PROTO_BY_SIGNAL)
		f = finding_add(out, "test-signal", SEVERITY_ERROR, CLASS_TEST,
			xasprintf("%s of %s was killed by signal %d", c->what, c->ko->name,
				c->error - PROTO_BY_SIGNAL),
			xstrdup("That is the program's own mistake, unless the module gave it what it did not "
				"expect: see its last lines."));
	else
		f = finding_add(out, "test-failed", SEVERITY_ERROR, CLASS_TEST,
			xasprintf("%s of %s ended with status %d", c->what, c->ko->name, c->error),
			xstrdup("See its last lines, and what the module logged meanwhile."));
	f->excerpt = last_lines(c->output);
}
