/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/ktap.h"

#include "report/markup.h"
#include "report/sheet.h"
#include "report/told.h"

#include <string.h>

/* On one line; without '#' in a name, since that begins a directive. */
static void say(FILE *out, const char *text, bool name)
{
	AUTO_BUF struct buf plain = {0};

	markup_plain(&plain, text);
	for (size_t i = 0; i < plain.len; i++) {
		char c = plain.data[i];

		fputc(c == '\n' ? ' ' : c == '#' && name ? '_' : c, out);
	}
}

/* Every line behind "# ", so that none is taken for a result. */
static void diagnose(FILE *out, const char *margin, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *one = xstrndup(text, len);

		fprintf(out, "%s# ", margin);
		say(out, one, false);
		fputc('\n', out);
		text += len + (text[len] == '\n');
	}
}

void ktap_begin(struct ktap *k, FILE *out, size_t planned, bool check)
{
	*k = (struct ktap){.out = out, .planned = planned, .check = check};
	fprintf(out, "KTAP version 1\n1..%zu\n", planned);
}

/* A failed subtest below a test that passes would count as failed for those who count: a crash that was expected. */
static bool all_went_well(const struct trial *t)
{
	for (size_t i = 0; i < t->nsteps; i++)
		if (!t->steps[i].ok)
			return false;
	return true;
}

static void stages(FILE *out, const struct trial *t)
{
	fprintf(out, "  KTAP version 1\n  1..%zu\n", t->nsteps);
	for (size_t i = 0; i < t->nsteps; i++) {
		const struct step *s = &t->steps[i];

		fprintf(out, "  %s %zu %s", s->ok ? "ok" : "not ok", i + 1, stage_name(s->stage));
		if (s->what && *s->what) {
			fputc(' ', out);
			say(out, s->what, true);
		}
		fprintf(out, "\n");
	}
}

static void result(struct ktap *k, const char *label, const char *target, bool ok)
{
	fprintf(k->out, "%s %zu ", ok ? "ok" : "not ok", ++k->n);
	say(k->out, label, true);
	fputs(" on ", k->out);
	say(k->out, target, true);
}

void ktap_trial(struct ktap *k, const char *label, const char *target, const struct trial *t)
{
	enum outcome outcome = sheet_outcome(t, k->check);
	AUTO_FREE char *unexpected = sheet_unexpected(t, k->check);
	AUTO_BUF struct buf text = {0};
	bool failed = outcome == OUTCOME_FAILED;

	if (t->nsteps && (outcome != OUTCOME_PASSED || all_went_well(t)))
		stages(k->out, t);
	told_story(&text, t);
	told_findings(&text, t);
	if (unexpected)
		buf_addf(&text, "%s\n", unexpected);
	if (text.len)
		diagnose(k->out, "", text.data);
	result(k, label, target, outcome == OUTCOME_PASSED || outcome == OUTCOME_SKIPPED);
	if (outcome == OUTCOME_SKIPPED || outcome == OUTCOME_ERROR) {
		fputs(outcome == OUTCOME_SKIPPED ? " # SKIP " : " # ERROR ", k->out);
		say(k->out, t->error.text, false);
	} else if (failed && !unexpected && t->class == CLASS_HANG) {
		fputs(" # TIMEOUT", k->out);
	}
	fputc('\n', k->out);
	fflush(k->out);
}

void ktap_end(struct ktap *k, bool interrupted)
{
	if (interrupted)
		fprintf(k->out, "# interrupted: %zu of %zu trials were run\n", k->n, k->planned);
	fflush(k->out);
}
