/* SPDX-License-Identifier: BSD-2-Clause */
/* One trial of the page: what was found, where its time went, its stack, its log. */
#include "report/html.h"

#include "judge/kmsg.h"
#include "report/columns.h"
#include "report/markup.h"
#include "report/told.h"

#include <string.h>

const char *html_outcome(enum outcome outcome)
{
	static const char *const names[] = {"passed", "failed", "error", "skipped", "not-run"};

	return names[outcome];
}

void html_badge(struct buf *out, const struct sheet *s, const struct sheet_trial *t)
{
	static const char *const marks[] = {"✓", "✗", "!", "–", "…"};

	buf_addf(out, "<span class=\"badge %s\"><span aria-hidden=\"true\">%s</span> ",
		html_outcome(t->outcome), marks[t->outcome]);
	if (t->outcome == OUTCOME_NOT_RUN)
		buf_adds(out, "not run");
	else if (t->outcome == OUTCOME_ERROR)
		buf_adds(out, "error");
	else if (s->check && t->outcome == OUTCOME_FAILED)
		buf_addf(out, "%s, not as expected", t->verdict);
	else if (t->outcome == OUTCOME_PASSED && strcmp(t->verdict, "pass"))
		buf_addf(out, "%s, as expected", t->verdict);
	else
		buf_adds(out, t->verdict);
	buf_adds(out, "</span>");
}

void html_bar(struct buf *out, const char *kind, double from, double to, double whole)
{
	double scale = whole > 0 ? 100 / whole : 0, x = from * scale, width = (to - from) * scale;

	/* What was, is seen. */
	if (width < 0.4)
		width = 0.4;
	if (x > 99.6)
		x = 99.6;
	if (x + width > 100)
		width = 100 - x;
	buf_addf(out, "<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\"/>", kind,
		x, width);
}

static void chart_begin(struct buf *out)
{
	buf_adds(out, "<svg class=\"chart\" aria-hidden=\"true\">");
}

/* ---- what was found ---- */

static void more(struct buf *out, const char *what, const char *text)
{
	AUTO_BUF struct buf some = {0};

	told_text(&some, text);
	if (!some.len)
		return;
	buf_addf(out, "<details class=\"more\"><summary>%s</summary><pre tabindex=\"0\">", what);
	markup_addn(out, some.data, some.len);
	buf_adds(out, "</pre></details>\n");
}

static void finding(struct buf *out, const struct sheet *s, size_t i, const struct finding *f)
{
	const char *root = s->paths[s->trials[i].row];
	AUTO_BUF struct buf source = {0};

	buf_addf(out, "<li class=\"finding %s\"><p><strong class=\"severity\">%s</strong> ",
		severity_name(f->severity), severity_name(f->severity));
	markup_add(out, f->message);
	buf_addf(out, " <code class=\"rule\">%s</code>", f->rule);
	if (f->silenced)
		buf_adds(out, " <em>silenced: it does not count</em>");
	buf_adds(out, "</p>\n");
	if (f->file) {
		buf_adds(out, "<p class=\"place\"><code>");
		markup_add(out, sheet_file(s, f->file));
		if (f->line)
			buf_addf(out, ":%u", f->line);
		if (f->column)
			buf_addf(out, ":%u", f->column);
		buf_adds(out, "</code>");
		if (f->function) {
			buf_adds(out, " in <code>");
			markup_add(out, f->function);
			buf_adds(out, "</code>");
		}
		buf_adds(out, "</p>\n");
		if (html_source(&source, root, f->file, f->line)) {
			buf_adds(out, "<pre class=\"source\" tabindex=\"0\">");
			buf_add(out, source.data, source.len);
			buf_adds(out, "</pre>\n");
		}
	}
	if (f->advice) {
		buf_adds(out, "<p class=\"advice\"><span aria-hidden=\"true\">→ </span>");
		markup_add(out, f->advice);
		buf_adds(out, "</p>\n");
	}
	if (f->trace)
		more(out, "How the kernel came there", f->trace);
	if (f->excerpt)
		more(out, "The kernel's or tool's own words", f->excerpt);
	buf_adds(out, "</li>\n");
}

static void findings(struct buf *out, const struct sheet *s, size_t i, const struct trial *t)
{
	if (!t->findings.n)
		return;
	buf_adds(out, "<h4>Findings</h4>\n<ol class=\"findings\">\n");
	for (size_t k = 0; k < t->findings.n; k++)
		finding(out, s, i, &t->findings.items[k]);
	buf_adds(out, "</ol>\n");
}

/* ---- where the time went ---- */

static void timeline(struct buf *out, const struct trial *t)
{
	int64_t whole = 0, at = 0;

	if (!t->nsteps)
		return;
	for (size_t i = 0; i < t->nsteps; i++)
		whole += t->steps[i].took_us;
	buf_adds(out,
		"<h4>Stages</h4>\n<table class=\"timeline\"><thead><tr><th scope=\"col\">Stage</th>"
		"<th scope=\"col\">Of</th><th scope=\"col\">Time</th><th scope=\"col\">When</th>"
		"</tr></thead><tbody>\n");
	for (size_t i = 0; i < t->nsteps; i++) {
		const struct step *st = &t->steps[i];
		AUTO_FREE char *took = short_time(st->took_us);
		const char *how = told_step(t, st);

		buf_addf(out, "<tr><th scope=\"row\">%s</th><td>", stage_name(st->stage));
		markup_add(out, st->what);
		if (st->stage == STAGE_BOOT)
			buf_addf(out, "%s%s", t->restored ? "from its snapshot, " : "",
				accel_words(t->accel));
		if (*how)
			buf_addf(out, " <em>%s</em>", how);
		buf_addf(out, "</td><td class=\"number\">%s</td><td>", took);
		chart_begin(out);
		html_bar(out, stage_name(st->stage), (double)at, (double)(at + st->took_us),
			(double)whole);
		buf_adds(out, "</svg></td></tr>\n");
		at += st->took_us;
	}
	buf_adds(out, "</tbody></table>\n");
}

/* ---- stack ---- */

static void frame(struct buf *out, const struct stack_use *u, const struct stack_frame *f)
{
	buf_adds(out, "<tr><th scope=\"row\"><code>");
	markup_add(out, f->function);
	buf_adds(out, "</code>");
	if (f->dynamic || f->recursive || f->indirect)
		buf_addf(out, " <em>%s%s%s</em>", f->dynamic ? "and alloca() or an array " : "",
			f->recursive ? "recursive " : "", f->indirect ? "calls pointers" : "");
	buf_addf(out, "</th><td class=\"number\">%llu</td><td class=\"number\">%llu</td><td>",
		(unsigned long long)f->bytes, (unsigned long long)f->deepest);
	chart_begin(out);
	html_bar(out, "deepest", 0, (double)f->deepest, (double)u->size);
	html_bar(out, "own", 0, (double)f->bytes, (double)u->size);
	buf_adds(out, "</svg></td></tr>\n");
}

static void stack(struct buf *out, const struct stack_use *u)
{
	size_t most = u->nframes < HTML_FRAMES ? u->nframes : HTML_FRAMES;

	if (!u->size)
		return;
	buf_addf(out, "<h4>Stack</h4>\n<p>%s%llu of %llu bytes", u->unknown ? "At least " : "",
		(unsigned long long)u->deepest, (unsigned long long)u->size);
	if (u->chain && *u->chain) {
		buf_adds(out, ", by <code>");
		markup_add(out, u->chain);
		buf_adds(out, "</code>");
	}
	buf_adds(out, ".</p>\n");
	if (!u->nframes)
		return;
	buf_adds(out,
		"<table class=\"stack\"><thead><tr><th scope=\"col\">Function</th><th "
		"scope=\"col\">Bytes</th><th scope=\"col\">With callees</th><th scope=\"col\">Of "
		"the stack</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < most; i++)
		frame(out, u, &u->frames[i]);
	buf_adds(out, "</tbody></table>\n");
	if (most < u->nframes)
		buf_addf(out, "<p>The %zu functions that take less are left out.</p>\n",
			u->nframes - most);
}

/* ---- log ---- */

/* "l3": the class by which a line is shown or hidden. What has no level counts as info. */
static unsigned level_of(const struct record *r)
{
	return r->level < 8 ? r->level : r->level == LEVEL_UNKNOWN ? 4 : 6;
}

static void record(struct buf *out, const struct record *r)
{
	buf_addf(out,
		"<li class=\"l%u %s\"><span class=\"when\">%.6f</span> <span "
		"class=\"level\">%s</span> <span class=\"text\">",
		level_of(r), r->origin == ORIGIN_MODULE ? "own" : "others", (double)r->usec / 1e6,
		told_label(r));
	markup_add(out, r->text);
	buf_adds(out, "</span></li>\n");
}

static void filter(struct buf *out, size_t i)
{
	static const char *const choices[][2] = {{"7", "all"}, {"6", "info and worse"},
		{"4", "warnings and worse"}, {"3", "errors and worse"}};

	buf_adds(out, "<fieldset class=\"choice\"><legend>Show</legend>");
	for (size_t k = 0; k < sizeof choices / sizeof *choices; k++)
		buf_addf(out,
			"<label><input type=\"radio\" name=\"level%zu\" value=\"%s\"%s> %s</label>",
			i, choices[k][0], k ? "" : " checked", choices[k][1]);
	buf_adds(out, "</fieldset>\n");
}

static void log_lines(struct buf *out, const struct sheet *s, size_t i, const struct trial *t)
{
	bool brief = s->n > HTML_MANY && s->trials[i].outcome == OUTCOME_PASSED;
	size_t first = brief ? HTML_ENDS : TOLD_FIRST, last = brief ? HTML_ENDS : TOLD_LAST;
	size_t n = t->run.nlog;

	if (!n && !t->run.dropped)
		return;
	buf_adds(out, "<section class=\"log\"><h4>Log</h4>\n");
	if (n > 8)
		filter(out, i);
	buf_adds(out, "<ol tabindex=\"0\" aria-label=\"Log\">\n");
	for (size_t k = 0; k < n; k++) {
		if (n > first + last && k == first) {
			buf_addf(out, "<li class=\"left-out\">… %zu lines left out%s</li>\n",
				n - first - last, brief ? ", since this trial passed" : "");
			k = n - last;
		}
		record(out, &t->run.log[k]);
	}
	buf_adds(out, "</ol>\n");
	if (t->run.dropped)
		buf_addf(out, "<p>%llu lines were lost before they could be read.</p>\n",
			t->run.dropped);
	buf_adds(out, "</section>\n");
}

static void said(struct buf *out, const struct trial *t)
{
	for (size_t k = 0; k < t->run.ncalls; k++) {
		const struct call *c = &t->run.calls[k];

		if (c->kind != CALL_EXERCISE || !c->output || !*c->output)
			continue;
		buf_adds(out, "<h4>What <code>");
		markup_add(out, c->what);
		buf_adds(out, "</code> said</h4>\n<pre tabindex=\"0\">");
		AUTO_BUF struct buf some = {0};

		told_text(&some, c->output);
		markup_addn(out, some.data, some.len);
		buf_adds(out, "</pre>\n");
	}
}

/* ---- all of it ---- */

static void remark(struct buf *out, const char *before, const char *text)
{
	if (!text)
		return;
	buf_addf(out, "<p class=\"remark\">%s", before);
	markup_add(out, text);
	buf_adds(out, "</p>\n");
}

static void heading(struct buf *out, const struct sheet *s, size_t i, const struct trial *t)
{
	const struct sheet_trial *one = &s->trials[i];
	AUTO_FREE char *took = short_time(t->took_us);

	buf_addf(out, "<details class=\"trial %s\" id=\"t%zu\"><summary>",
		html_outcome(one->outcome), i);
	html_badge(out, s, one);
	buf_adds(out, " <h3>");
	markup_add(out, s->rows[one->row]);
	buf_adds(out, "</h3> <span class=\"on\">on ");
	markup_add(out, s->columns[one->column].name);
	if (t->target)
		buf_addf(out, " (%s ", target_os_name(t->target->os));
	if (t->target) {
		markup_add(out, t->target->release);
		buf_adds(out, ")");
	}
	buf_addf(out, "</span> <span class=\"took\">%s</span></summary>\n<div id=\"in%zu\">\n",
		t->verdict == VERDICT_SKIPPED ? "" : took, i);
}

void html_trial(struct buf *out, const struct sheet *s, size_t i, const struct trial *t)
{
	AUTO_FREE char *unexpected = sheet_unexpected(t, s->check);

	heading(out, s, i, t);
	buf_adds(out, "<p class=\"place\"><code>");
	markup_add(out, sheet_file(s, t->source));
	buf_adds(out, "</code></p>\n");
	if (t->verdict == VERDICT_INFRASTRUCTURE)
		remark(out, "Not the module's doing: ", t->error.text);
	if (t->verdict == VERDICT_SKIPPED)
		remark(out, "Skipped: ", t->error.text);
	remark(out, "", unexpected);
	remark(out, "Run again with what it asks the kernel for: ", t->asked);
	remark(out, "Run in another machine: ", t->retried);
	remark(out, "", t->note);
	findings(out, s, i, t);
	timeline(out, t);
	said(out, t);
	for (size_t k = 0; k < t->nstacks; k++)
		stack(out, &t->stacks[k]);
	log_lines(out, s, i, t);
	if (t->run.end != RUN_DONE && t->run.console && *t->run.console)
		more(out, "The machine's console", t->run.console);
	buf_adds(out, "</div></details>\n");
}
