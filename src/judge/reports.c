/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a kernel reported to findings: one for each report, at the line of the module's source that it leads to.
 * The first that was fatal leads; what follows it may only be its consequence, and says so.
 */
#include "judge/report.h"

#include "judge/place.h"
#include "judge/system.h"
#include "rules/rules.h"
#include "source/kernel.h"

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
static void add_foreign(const struct run *r, struct buf *b, const struct report_frame *f)
{
	AUTO_FREE char *line = NULL;

	if (!f->function) {
		buf_addf(b, "  0x%llx\n", (unsigned long long)f->address);
		return;
	}
	buf_addf(b, "  %s", f->function);
	if (f->known)
		buf_addf(b, "+0x%llx", (unsigned long long)f->offset);
	if (f->module)
		buf_addf(b, " [%s]", f->module);
	else if (r->kernel && f->known)
		line = kernel_line(r->kernel, f->function, f->offset, f->size, !f->exact);
	buf_addf(b, "%s%s\n", line ? "  " : "", line ? line : "");
}

/* One stack: the frames that have a source first, then the kernel's. */
static void add_stack(const struct run *r, const struct report *p, enum report_stack stack,
	const char *heading, struct buf *b)
{
	AUTO_BUF struct buf own = {0}, others = {0};

	for (size_t i = 0; i < p->nframes; i++) {
		const struct report_frame *f = &p->frames[i];
		struct code_place at;

		if (f->stack != stack || f->guess || f->reporting)
			continue;
		if (report_place(r, f, &at)) {
			add_own(&own, &at);
			code_place_free(&at);
		} else {
			add_foreign(r, !r->ncalls && f->module ? &own : &others, f);
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

/* The innermost frame of a module's, judging by what the kernel says of it: where it happened, or else where the
 * lock was taken and so on; what it only guessed counts for nothing. */
static const struct report_frame *module_frame(const struct report *p)
{
	static const enum report_stack order[] = {
		STACK_HERE, STACK_LOCK, STACK_OTHER, STACK_ALLOCATED, STACK_FREED};

	for (size_t k = 0; k < sizeof order / sizeof *order; k++)
		for (size_t i = 0; i < p->nframes; i++) {
			const struct report_frame *f = &p->frames[i];

			if (f->stack == order[k] && !f->guess && f->function && f->module)
				return f;
		}
	return NULL;
}

/* Where it is in the source, as far as that is known. */
static void set_place(const struct run *r, const struct report *p, struct finding *f)
{
	const struct report_frame *named = module_frame(p);
	struct code_place at = {0};

	if (find_place(r, p, &at)) {
		f->file = at.file;
		f->line = at.line;
		f->function = at.function;
		at.file = at.function = NULL;
	}
	/* A log that is judged without the modules has what the kernel says of them. */
	if (!f->function && !r->ncalls && named)
		f->function = xstrdup(named->function);
	if (!f->file && p->file) {
		f->file = report_file(r, p->file);
		if (!f->file && !r->ncalls && named && named->stack == STACK_HERE && named->exact)
			f->file = xstrdup(p->file);
		f->line = f->file ? p->line : 0;
	}
	code_place_free(&at);
}

/* Where the module made what is left, when it makes such things in one place alone: true if that is known. */
static bool set_made(const struct run *r, const struct report *p, struct finding *f)
{
	struct code_place at = {0};

	if (!p->made || f->function || f->file || !r->code ||
		!code_only_call(r->code, p->made, &at))
		return false;
	f->file = at.file;
	f->line = at.line;
	f->function = at.function;
	at.file = at.function = NULL;
	code_place_free(&at);
	return f->function != NULL;
}

/* Who was at it when no function of ours is known. */
static char *other_function(const struct report *p)
{
	const struct report_frame *named = module_frame(p);

	if (named && named->stack == STACK_HERE)
		return xstrdup(named->function);
	for (size_t i = 0; i < p->nframes; i++) {
		const struct report_frame *f = &p->frames[i];

		if (f->stack == STACK_HERE && !f->guess && !f->reporting && f->exact && f->function)
			return xstrdup(f->function);
	}
	return NULL;
}

/* What the reports before this one say about it. */
enum standing {
	STANDS_ALONE,
	STANDS_BEHIND, /* it comes of an earlier one */
	STANDS_BESIDE, /* of a hang: what kind it is, is told by where the machine stands */
};

/* Who is in the memory or in the call trace of a report. */
static bool has_module(const struct report *p)
{
	for (size_t i = 0; i < p->nframes; i++) {
		const struct report_frame *f = &p->frames[i];

		if (!f->guess && (f->module || !f->function) &&
			(f->stack == STACK_HERE || f->stack == STACK_ALLOCATED ||
				f->stack == STACK_FREED))
			return true;
	}
	return false;
}

static enum standing standing_of(
	const struct run *r, const struct report *p, bool fatal, bool erred)
{
	if (fatal)
		return STANDS_BEHIND;
	if (p->class == CLASS_HANG)
		return r->end == RUN_SILENT ? STANDS_BESIDE : STANDS_ALONE;
	/* The kernel stumbles over what an earlier one left, where the module is not at work. */
	return erred && r->os == TARGET_LINUX && p->class != CLASS_LEAK && p->nframes &&
			!has_module(p)
		? STANDS_BEHIND
		: STANDS_ALONE;
}

static void add_report(const struct run *r, const struct report *p, enum standing standing,
	bool fatal, struct findings *out)
{
	static const char *const fronts[] = {
		"", "a consequence, probably: ", "the kernel noticed as well: "};
	const struct record *at = &r->log[p->first];
	AUTO_FREE char *during = r->ncalls ? judge_when(r, at->call, at->after) : NULL;
	/* A crash remains one, also if a lesser mistake led to it. */
	bool note = standing != STANDS_ALONE && (fatal || p->class != CLASS_CRASH);
	struct finding *f = finding_add(out, p->rule, note ? SEVERITY_NOTE : p->severity, p->class,
		NULL, note ? NULL : advice(r, p));
	AUTO_FREE char *function = NULL;
	bool made;

	set_place(r, p, f);
	made = set_made(r, p, f);
	function = f->function ? xstrdup(f->function) : other_function(p);
	f->message = xasprintf("%s%s%s%s%s%s", fronts[standing], p->title,
		made		   ? "; allocated in "
			: function ? ", in "
				   : "",
		function ? function : "", during ? ", " : "", during ? during : "");
	if (!note)
		f->advice = judge_again(r, at->call, f->advice);
	f->trace = trace(r, p);
	f->excerpt = excerpt(r, p->first, p->last);
}

/* What makes two reports the same one, told again: rule and place. Caller frees. */
static char *identity(const struct report *p)
{
	const struct report_frame *f = module_frame(p);

	if (f)
		return xasprintf("%s %s %s %llx %s:%u", p->rule, f->module, f->function,
			(unsigned long long)f->offset, p->file ? p->file : "", p->line);
	return xasprintf("%s %s %s:%u", p->rule, p->title, p->file ? p->file : "", p->line);
}

#define TOLD_MAX 1000 /* so many are remembered */

/* Those that were found so far. */
struct told {
	char *identity;
	size_t finding; /* index */
	unsigned times;
};

static struct told *told_before(struct told *told, size_t n, const char *identity)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(told[i].identity, identity))
			return &told[i];
	return NULL;
}

/* Says of each how often it was told. */
static void count(struct told *told, size_t n, struct findings *out)
{
	for (size_t i = 0; i < n; i++) {
		struct finding *f = &out->items[told[i].finding];
		char *message = f->message;

		if (told[i].times > 1) {
			f->message = xasprintf("%s (%u times)", message, told[i].times);
			free(message);
		}
		free(told[i].identity);
	}
	free(told);
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
	bool fatal = false, erred = false;
	struct told *told = NULL, *same;
	size_t ntold = 0;
	struct report p;

	for (size_t from = 0; s->find_report(r->log, r->nlog, from, &p);) {
		report_learn(r, &p);
		from = p.last + 1;
		report_free(&p);
	}
	for (size_t from = 0; s->find_report(r->log, r->nlog, from, &p);) {
		AUTO_FREE char *which = identity(&p);

		same = told_before(told, ntold, which);
		if (same) {
			same->times++;
		} else if (!judge_is_of_survey(r, p.first, p.last) && !is_kernels_own(r, &p)) {
			if (ntold < TOLD_MAX)
				*ARRAY_ADD(told, ntold) = (struct told){xstrdup(which), out->n, 1};
			add_report(r, &p, standing_of(r, &p, fatal, erred), fatal, out);
			erred = erred || p.severity == SEVERITY_ERROR;
		}
		fatal = fatal || p.fatal;
		from = p.last + 1;
		report_free(&p);
	}
	count(told, ntold, out);
	return fatal;
}
