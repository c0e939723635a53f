/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rows.h"

#include "base/path.h"
#include "trial/expect.h"

#include <string.h>

/* "infrastructure" is the longest word, but no verdict on a module. */
#define VERDICT_WIDTH 7

static void put_padded(struct rows *r, const char *code, const char *text, int width)
{
	terminal_paint(r->term, code, text);
	fprintf(r->term->out, "%*s", (int)strlen(text) < width ? width - (int)strlen(text) : 0, "");
}

void rows_begin(struct rows *r)
{
	put_padded(r, BOLD, "module", r->label_width + 2);
	put_padded(r, BOLD, "target", r->target_width + 2);
	put_padded(r, BOLD, "verdict", VERDICT_WIDTH + 2);
	terminal_paint(r->term, BOLD, "found");
	fputc('\n', r->term->out);
	fflush(r->term->out);
}

/* "armed_timer.c:20 leftover-timer" */
static char *place_and_rule(const struct finding *f)
{
	AUTO_FREE char *base = f->file ? path_base(f->file) : NULL;

	if (!base)
		return xstrdup(f->rule);
	if (!f->line)
		return xasprintf("%s %s", base, f->rule);
	return xasprintf("%s:%u %s", base, f->line, f->rule);
}

static void put_found(struct rows *r, const struct trial *t)
{
	const struct finding *f = findings_leading(&t->findings);
	AUTO_FREE char *text = f ? place_and_rule(f) : NULL;

	if (t->verdict > VERDICT_FAIL)
		fputs(t->error.text, r->term->out);
	else
		fputs(text ? text : "nothing", r->term->out);
	if (!r->check || !t->expected || t->verdict > VERDICT_FAIL)
		return;
	if (!t->unexpected) {
		terminal_paint(r->term, GREEN, "  as expected");
	} else {
		AUTO_FREE char *wanted = expect_text(t->expected, t->source);
		AUTO_FREE char *said = xasprintf("  NOT AS EXPECTED: %s", wanted);

		terminal_paint(r->term, BOLD ";" RED, said);
	}
}

void rows_add(struct rows *r, const char *label, const char *target, const struct trial *t)
{
	static const char *const codes[VERDICTS] = {GREEN, RED, BOLD ";" MAGENTA, YELLOW};
	const char *verdict =
		t->verdict == VERDICT_INFRASTRUCTURE ? "ERROR" : trial_verdict_name(t);

	rows_end(r);
	/* A module's name stands in its first row. */
	put_padded(r, "", r->last && !strcmp(r->last, label) ? "" : label, r->label_width + 2);
	r->last = label;
	put_padded(r, "", target, r->target_width + 2);
	put_padded(r, codes[t->verdict], verdict, VERDICT_WIDTH + 2);
	put_found(r, t);
	fputc('\n', r->term->out);
	fflush(r->term->out);
}

void rows_progress(struct rows *r, size_t done, size_t total)
{
	AUTO_FREE char *text = xasprintf("%zu of %zu …", done, total);

	if (!r->term->live)
		return;
	rows_end(r);
	terminal_paint(r->term, DIM, text);
	fflush(r->term->out);
}

void rows_end(struct rows *r)
{
	if (r->term->live)
		fputs("\r\033[K", r->term->out);
}
