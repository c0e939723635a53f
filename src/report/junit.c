/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JUnit's XML as its common readers take it (Jenkins' junit plugin and its junit-10.xsd, GitLab's unit test reports): a
 * testsuite for each target, a testcase for each module. A test case has at most one failure, error or skipped,
 * since most readers look at the first alone: that of the finding that leads, with all of them in its text.
 */
#include "report/markup.h"
#include "report/sheet.h"
#include "report/told.h"

#include <time.h>

static void element(struct buf *out, const char *name, const char *text)
{
	if (!*text)
		return;
	buf_addf(out, "      <%s>", name);
	markup_add(out, text);
	buf_addf(out, "</%s>\n", name);
}

static void opening(struct buf *out, const char *name, const char *type, const char *message)
{
	buf_addf(out, "      <%s type=\"", name);
	markup_value(out, type);
	buf_adds(out, "\" message=\"");
	markup_value(out, message);
	buf_adds(out, "\"");
}

static void outcome(struct buf *out, const struct sheet *s, const struct trial *t)
{
	const struct finding *lead = findings_leading(&t->findings);
	AUTO_FREE char *unexpected = sheet_unexpected(t, s->check);
	AUTO_BUF struct buf text = {0};

	switch (sheet_outcome(t, s->check)) {
	case OUTCOME_SKIPPED:
		buf_adds(out, "      <skipped message=\"");
		markup_value(out, t->error.text);
		buf_adds(out, "\"/>\n");
		return;
	case OUTCOME_ERROR:
		opening(out, "error", "infrastructure", t->error.text);
		buf_adds(out, "/>\n");
		return;
	case OUTCOME_FAILED:
		opening(out, "failure",
			unexpected     ? "expect"
				: lead ? lead->rule
				       : trial_verdict_name(t),
			unexpected     ? unexpected
				: lead ? lead->message
				       : trial_verdict_name(t));
		buf_adds(out, ">");
		told_findings(&text, t);
		markup_addn(out, text.data, text.len);
		buf_adds(out, "</failure>\n");
		return;
	default:
		return;
	}
}

static void junit_trial(struct buf *out, const struct sheet *s, size_t i, const struct trial *t)
{
	const struct sheet_trial *one = &s->trials[i];
	const struct finding *lead = findings_leading(&t->findings);
	AUTO_BUF struct buf text = {0};

	buf_adds(out, "    <testcase name=\"");
	markup_value(out, s->rows[one->row]);
	buf_adds(out, "\" classname=\"");
	markup_value(out, s->columns[one->column].name);
	buf_addf(out, "\" time=\"%.3f\"", (double)t->took_us / 1e6);
	if (lead && lead->file) {
		buf_adds(out, " file=\"");
		markup_value(out, sheet_file(s, lead->file));
		buf_adds(out, "\"");
		if (lead->line)
			buf_addf(out, " line=\"%u\"", lead->line);
	}
	buf_adds(out, ">\n");
	outcome(out, s, t);
	/* What was found of one that passes has no element of its own. */
	if (sheet_outcome(t, s->check) != OUTCOME_FAILED)
		told_findings(&text, t);
	told_story(&text, t);
	if (text.len)
		element(out, "system-out", text.data);
	text.len = 0;
	if (t->run.console && *t->run.console && t->run.end != RUN_DONE)
		told_text(&text, t->run.console);
	if (text.len)
		element(out, "system-err", text.data);
	buf_adds(out, "    </testcase>\n");
}

/* The attributes that suite and suites have: counts and time. */
static void counts(struct buf *out, const size_t counts[OUTCOMES], int64_t took_us)
{
	size_t tests = 0;

	for (size_t i = 0; i < OUTCOME_NOT_RUN; i++)
		tests += counts[i];
	buf_addf(out,
		" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
		tests, counts[OUTCOME_FAILED], counts[OUTCOME_ERROR], counts[OUTCOME_SKIPPED],
		(double)took_us / 1e6);
}

static void property(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "      <property name=\"%s\" value=\"", name);
	markup_value(out, value);
	buf_adds(out, "\"/>\n");
}

static void suite_begin(struct buf *out, const struct sheet *s, size_t column, const char *when)
{
	const struct sheet_column *c = &s->columns[column];
	size_t n[OUTCOMES] = {0};
	int64_t took_us = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].column != column)
			continue;
		n[s->trials[i].outcome]++;
		took_us += s->trials[i].took_us;
	}
	buf_adds(out, "  <testsuite name=\"");
	markup_value(out, c->name);
	buf_addf(out, "\" id=\"%zu\" package=\"kmodlab\" hostname=\"localhost\" timestamp=\"%s\"",
		column, when);
	counts(out, n, took_us);
	buf_adds(out, ">\n    <properties>\n");
	property(out, "kmodlab", KMODLAB_VERSION);
	property(out, "command", s->command);
	if (c->target) {
		property(out, "os", target_os_name(c->target->os));
		property(out, "release", c->target->release);
		property(out, "arch", c->target->arch);
	}
	if (n[OUTCOME_NOT_RUN]) {
		AUTO_FREE char *missing = xasprintf("%zu trials", n[OUTCOME_NOT_RUN]);

		property(out, "interrupted-before", missing);
	}
	buf_adds(out, "    </properties>\n");
}

static void junit_file(FILE *out, const struct sheet *s, const struct parts *parts)
{
	time_t began = (time_t)s->began;
	struct tm tm;
	char when[32] = "";
	size_t n[OUTCOMES];
	AUTO_BUF struct buf text = {0};

	/* ISO 8601 without a zone is what the schema has; it is UTC. */
	if (gmtime_r(&began, &tm))
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	sheet_count(s, n);
	buf_adds(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kmodlab\"");
	counts(&text, n, s->took_us);
	buf_adds(&text, ">\n");
	for (size_t c = 0; c < s->ncolumns; c++) {
		suite_begin(&text, s, c, when);
		fwrite(text.data, 1, text.len, out);
		text.len = 0;
		for (size_t i = 0; i < s->n; i++)
			if (s->trials[i].column == c)
				parts_copy(parts, i, out);
		buf_adds(&text, "  </testsuite>\n");
	}
	buf_adds(&text, "</testsuites>\n");
	fwrite(text.data, 1, text.len, out);
}

const struct format junit_format = {junit_trial, junit_file};
