/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a kernel reported to findings: one for each report, at the line of the module's source that it leads to.
 * The first that was fatal leads; what follows it may only be its consequence, and says so.
 */
#include "judge/report.h"

#include "judge/place.h"
#include "judge/system.h"
#include "rules/rules.h"

#include <string.h>

/* The whole text, as the kernel gave it. */
static char *excerpt(const struct run *r, size_t first, size_t last)
{
	struct buf b = {0};

	for (size_t i = first; i <= last && i < r->nlog; i++)
		buf_addf(&b, "%s\n", r->log[i].text);
	return buf_take(&b);
}

/* The innermost place in a module's own source: where it happened, else where the lock was taken, … ; what
 * the kernel only guessed counts last. */
static bool find_place(const struct run *r, const struct report *p, struct code_place *out)
{
	static const enum report_stack order[] = {
		STACK_HERE, STACK_LOCK, STACK_OTHER, STACK_ALLOCATED, STACK_FREED};

	for (int guess = 0; guess < 2; guess++)
		for (size_t k = 0; k < sizeof order / sizeof *order; k++)
			for (size_t i = 0; i < p->nframes; i++)
				if (p->frames[i].stack == order[k] && p->frames[i].guess == guess &&
					report_place(r, &p->frames[i], out))
					return true;
	return false;
}

static void add_own(struct buf *b, const struct code_place *at)
{
	if (at->file && at->line)
		buf_addf(b, "  %s  %s:%u\n", at->function, at->file, at->line);
	else
		buf_addf(b, "  %s+0x%llx [%s]\n", at->function, (unsigned long long)at->offset,
			at->module);
}

/* A frame of which no source is known here. */
static void add_foreign(struct buf *b, const struct report_frame *f)
{
	if (!f->function) {
		buf_addf(b, "  0x%llx\n", (unsigned long long)f->address);
		return;
	}
	buf_addf(b, "  %s", f->function);
	if (f->known)
		buf_addf(b, "+0x%llx", (unsigned long long)f->offset);
	if (f->module)
		buf_addf(b, " [%s]", f->module);
	buf_addf(b, "\n");
}

/* One stack: the frames that have a source first, then the kernel's. */
static void add_stack(const struct run *r, const struct report *p, enum report_stack stack,
	const char *heading, struct buf *b)
{
	AUTO_BUF struct buf own = {0}, others = {0};

	for (size_t i = 0; i < p->nframes; i++) {
		const struct report_frame *f = &p->frames[i];
		struct code_place at;

		if (f->stack != stack || f->guess)
			continue;
		if (report_place(r, f, &at)) {
			add_own(&own, &at);
			code_place_free(&at);
		} else {
			add_foreign(&others, f);
		}
	}
	if (own.len || others.len)
		buf_addf(b, "%s\n%s%s", heading, own.len ? own.data : "",
			others.len ? others.data : "");
}

static char *trace(const struct run *r, const struct report *p)
{
	struct buf b = {0};

	if (p->about)
		buf_addf(&b, "%s\n", p->about);
	add_stack(r, p, STACK_HERE, "where it happened:", &b);
	add_stack(r, p, STACK_LOCK, "where the locks were taken:", &b);
	add_stack(r, p, STACK_OTHER, "and the other side of it:", &b);
	add_stack(r, p, STACK_ALLOCATED, "the memory was allocated by:", &b);
	add_stack(r, p, STACK_FREED, "and freed by:", &b);
	return b.len ? buf_take(&b) : NULL;
}

static char *advice(const struct run *r, const struct report *p)
{
	const struct rule *rule = rule_find(p->rule);

	return xstrdup(p->advice ? p->advice : rule ? rule->remedy : judge_system(r->os)->lookup);
}

/* Where it is in the source, as far as that is known. */
static void set_place(const struct run *r, const struct report *p, struct finding *f)
{
	struct code_place at = {0};

	if (find_place(r, p, &at)) {
		f->file = at.file;
		f->line = at.line;
		f->function = at.function;
		at.file = at.function = NULL;
	}
	if (!f->file && p->file) {
		f->file = report_file(r, p->file);
		f->line = f->file ? p->line : 0;
	}
	code_place_free(&at);
}

/* Who was at it when the kernel names nobody of ours. */
static char *kernel_function(const struct report *p)
{
	for (size_t i = 0; i < p->nframes; i++)
		if (p->frames[i].stack == STACK_HERE && !p->frames[i].guess && p->frames[i].exact &&
			p->frames[i].function)
			return xstrdup(p->frames[i].function);
	return NULL;
}

static void add_report(
	const struct run *r, const struct report *p, bool consequence, struct findings *out)
{
	const struct record *at = &r->log[p->first];
	AUTO_FREE char *during = judge_when(r, at->call, at->after);
	struct finding *f = finding_add(out, p->rule, consequence ? SEVERITY_NOTE : p->severity,
		p->class, NULL, consequence ? NULL : advice(r, p));
	AUTO_FREE char *function = NULL;

	set_place(r, p, f);
	function = f->function ? xstrdup(f->function) : kernel_function(p);
	f->message = xasprintf("%s%s%s%s, %s", consequence ? "a consequence, probably: " : "",
		p->title, function ? ", in " : "", function ? function : "", during);
	f->trace = trace(r, p);
	f->excerpt = excerpt(r, p->first, p->last);
}

/* A kernel has races of its own, harmless ones for the most part, and says so whoever is at work. The module's is one
 * that it has a part in. */
static bool is_kernels_own(const struct run *r, const struct report *p)
{
	struct code_place at = {0};
	bool found;

	if (strcmp(p->rule, "data-race") != 0)
		return false;
	for (size_t i = 0; i < p->nframes; i++)
		if (p->frames[i].module)
			return false;
	found = find_place(r, p, &at);
	code_place_free(&at);
	return !found;
}

bool judge_reports(const struct run *r, struct findings *out)
{
	const struct judge_system *s = judge_system(r->os);
	bool fatal = false;
	struct report p;

	for (size_t from = 0; s->find_report(r->log, r->nlog, from, &p);) {
		report_learn(r, &p);
		from = p.last + 1;
		report_free(&p);
	}
	for (size_t from = 0; s->find_report(r->log, r->nlog, from, &p);) {
		if (!judge_is_of_survey(r, p.first, p.last) && !is_kernels_own(r, &p))
			add_report(r, &p, fatal, out);
		fatal = fatal || p.fatal;
		from = p.last + 1;
		report_free(&p);
	}
	return fatal;
}
