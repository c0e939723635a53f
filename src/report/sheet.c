/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/sheet.h"

#include "trial/expect.h"

#include <string.h>

enum outcome sheet_outcome(const struct trial *t, bool check)
{
	switch (t->verdict) {
	case VERDICT_INFRASTRUCTURE:
		return OUTCOME_ERROR;
	case VERDICT_SKIPPED:
		return OUTCOME_SKIPPED;
	default:
		if (check && t->expected)
			return t->unexpected ? OUTCOME_FAILED : OUTCOME_PASSED;
		return t->verdict == VERDICT_PASS ? OUTCOME_PASSED : OUTCOME_FAILED;
	}
}

void sheet_set(struct sheet *s, size_t i, const struct trial *t)
{
	struct sheet_trial *one = &s->trials[i];

	one->verdict = trial_verdict_name(t);
	one->took_us = t->took_us;
	one->errors = findings_count(&t->findings, SEVERITY_ERROR);
	one->warnings = findings_count(&t->findings, SEVERITY_WARNING);
	for (size_t k = 0; k < t->nsteps; k++)
		if (t->steps[k].stage < STAGES)
			one->stage_us[t->steps[k].stage] += t->steps[k].took_us;
	one->outcome = sheet_outcome(t, s->check);
}

void sheet_count(const struct sheet *s, size_t counts[OUTCOMES])
{
	for (size_t i = 0; i < OUTCOMES; i++)
		counts[i] = 0;
	for (size_t i = 0; i < s->n; i++)
		counts[s->trials[i].outcome]++;
}

char *sheet_unexpected(const struct trial *t, bool check)
{
	AUTO_FREE char *wanted = NULL;

	if (!check || !t->expected || !t->unexpected)
		return NULL;
	wanted = expect_text(t->expected, t->source);
	return xasprintf("not as expected: %s, and not %s", t->unexpected, wanted);
}

const char *sheet_file(const struct sheet *s, const char *file)
{
	size_t len = s->cwd ? strlen(s->cwd) : 0;

	return len && !strncmp(file, s->cwd, len) && file[len] == '/' ? file + len + 1 : file;
}
