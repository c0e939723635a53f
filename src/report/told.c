/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/told.h"

#include "judge/kmsg.h"

#include <string.h>

const char *told_label(const struct record *r)
{
	if (r->origin == ORIGIN_TAINT)
		return "taint";
	if (r->origin == ORIGIN_KERNEL)
		return "kernel";
	if (r->level == LEVEL_UNKNOWN)
		return "console";
	if (r->level >= LEVEL_NONE)
		return "printf";
	return kmsg_level_name(r->level);
}

const char *told_step(const struct trial *t, const struct step *s)
{
	if (s->stage == STAGE_BUILD && s->ok && !t->rebuilt)
		return "unchanged";
	if (s->stage == STAGE_BUILD && s->ok && t->replayed)
		return "replayed";
	if (s->stage == STAGE_CHECK && !s->ok)
		return t->nstacks ? "" : "refused";
	return s->ok ? "" : "failed";
}

void told_text(struct buf *out, const char *text)
{
	size_t len = strlen(text), half = TOLD_TEXT / 2;

	if (len <= TOLD_TEXT) {
		buf_add(out, text, len);
		return;
	}
	buf_add(out, text, half);
	buf_addf(out, "\n... %zu bytes left out (--json has them) ...\n", len - 2 * half);
	buf_add(out, text + len - half, half);
}

/* Each line of `text` behind `margin`, and a newline after the last. */
static void lines(struct buf *out, const char *margin, const char *text)
{
	AUTO_BUF struct buf some = {0};

	told_text(&some, text);
	for (const char *p = some.len ? some.data : ""; *p;) {
		size_t len = strcspn(p, "\n");

		buf_addf(out, "%s%.*s\n", margin, (int)len, p);
		p += len + (p[len] == '\n');
	}
}

void told_finding(struct buf *out, const struct finding *f)
{
	buf_addf(out, "%s: ", severity_name(f->severity));
	if (f->file) {
		buf_adds(out, f->file);
		if (f->line)
			buf_addf(out, ":%u", f->line);
		if (f->column)
			buf_addf(out, ":%u", f->column);
		buf_adds(out, ": ");
	}
	buf_addf(out, "%s [%s]\n", f->message, f->rule);
	if (f->trace)
		lines(out, "    ", f->trace);
	if (f->excerpt)
		lines(out, "    | ", f->excerpt);
	if (f->advice)
		lines(out, "    -> ", f->advice);
}

void told_findings(struct buf *out, const struct trial *t)
{
	for (size_t i = 0; i < t->findings.n; i++)
		if (!t->findings.items[i].silenced)
			told_finding(out, &t->findings.items[i]);
}

/* The records from `*shown` on that belong to calls up to `call`. */
static void log_of(struct buf *out, const struct trial *t, size_t *shown, size_t call)
{
	const struct run *run = &t->run;

	for (; *shown < run->nlog && run->log[*shown].call <= call; ++*shown) {
		const struct record *r = &run->log[*shown];
		bool many = run->nlog > TOLD_FIRST + TOLD_LAST;

		if (many && *shown == TOLD_FIRST)
			buf_addf(out, "... %zu lines left out (--json has them) ...\n",
				run->nlog - TOLD_FIRST - TOLD_LAST);
		if (many && *shown >= TOLD_FIRST && *shown < run->nlog - TOLD_LAST)
			continue;
		buf_addf(out, "[%12.6f] %-7s %s\n", (double)r->usec / 1e6, told_label(r), r->text);
	}
}

void told_story(struct buf *out, const struct trial *t)
{
	size_t shown = 0;

	if (t->retried)
		buf_addf(out, "retried in another machine: %s\n", t->retried);
	if (t->asked)
		buf_addf(out, "again with what it asks the kernel for: %s\n", t->asked);
	for (size_t i = 0; i < t->nsteps; i++) {
		const struct step *s = &t->steps[i];
		const char *how = told_step(t, s);

		buf_addf(out, "== %s %.3f s%s%s%s%s\n", stage_name(s->stage),
			(double)s->took_us / 1e6, s->what && *s->what ? " " : "",
			s->what ? s->what : "", *how ? ": " : "", how);
		if (s->stage == STAGE_EXERCISE && s->call < t->run.ncalls &&
			t->run.calls[s->call].output)
			lines(out, "", t->run.calls[s->call].output);
		if (s->stage >= STAGE_LOAD)
			log_of(out, t, &shown, s->call);
	}
	log_of(out, t, &shown, SIZE_MAX);
	if (t->run.dropped)
		buf_addf(out, "... %llu lines were lost before they could be read ...\n",
			t->run.dropped);
	if (t->note)
		buf_addf(out, "note: %s\n", t->note);
	if (t->run.end != RUN_DONE && !t->run.nlog && t->run.console && *t->run.console) {
		buf_adds(out, "== console\n");
		lines(out, "", t->run.console);
	}
}
