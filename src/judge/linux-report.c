/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the reports in a Linux kernel's log, and where each begins and ends. A module may print a kernel's
 * words itself, so a report must also have what only the kernel adds: registers, a call trace, a list of locks.
 */
#include "judge/linux-report.h"

#include <string.h>

#define REPORT_MAX 500 /* records in one report, at most */
#define STRAY_MAX  4   /* lines of somebody else's in the midst of one */
#define BEFORE	   4   /* records before the line that names it */
#define LIST_MAX   60  /* lines of a list without a call trace */

static const struct kind *const families[] = {linux_fault_kinds, linux_memory_kinds,
	linux_lock_kinds, linux_stall_kinds, linux_warn_kinds};

/* The line without the words that newer kernels put before them all. */
static const char *plain(const char *line)
{
	static const char *const fronts[] = {"watchdog: ", "NMI watchdog: ", "Oops: ", "traps: ",
		"rcu: ", "[ ", "Internal error: "};

	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++)
		if (starts(line, fronts[i]))
			line += strlen(fronts[i]);
	return line;
}

static const struct kind *kind_of(const char *line, const char **text)
{
	const char *p = plain(line);

	if (!*p || *p == ' ' || *p == '-' || *p == '=')
		return NULL;
	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		for (const struct kind *k = families[f]; k->words; k++) {
			const char *at = *k->words == '*' ? strstr(p, k->words + 1)
				: starts(p, k->words)	  ? p
							  : NULL;

			if (at && (!k->also || strstr(at, k->also))) {
				*text = at;
				return k;
			}
		}
	return NULL;
}

static bool is_rule(const char *line)
{
	return starts(line, "==========");
}

static bool is_cut(const char *line)
{
	return strstr(line, "[ cut here ]") != NULL;
}

/* What only a kernel says. */
static bool is_evidence(const char *line)
{
	static const char *const signs[] = {"CPU: ", "Call Trace:", "Call trace:", "RIP: ", "pc : ",
		"epc : ", "Kernel Offset:", "---[ end ", "Reported by Kernel Concurrency", NULL};

	return starts_any(line, signs);
}

/* What a call trace, and what stands around it, consists of. */
static bool is_trace(const char *line)
{
	static const char *const parts[] = {"CPU: ", "Hardware name:", "Call Trace:", "Call trace:",
		"Modules linked in:", "Tainted: ", "Workqueue: ", "Sched_ext:", "RIP: ", "Code: ",
		"RSP: ", "EFLAGS: ", "RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: ", "FS:  ", "CS:  ",
		"CR2: ", "DR0: ", "DR3: ", "PKRU: ", "ORIG_RAX: ", "pc : ", "lr : ", "sp : ",
		"pstate: ", "Stack:", NULL};
	struct report_frame f;

	if (starts_any(line, parts) || starts(line, " <") || !strcmp(line, "...") ||
		(line[0] == 'x' && strspn(line + 1, "0123456789") && strstr(line, ": ")))
		return true;
	if (trace_line(line, &f)) {
		free(f.function);
		free(f.module);
		return true;
	}
	return false;
}

/* What goes on after a call trace. */
static bool is_tail(const char *line)
{
	static const char *const tails[] = {"---[ end ",
		"note: ", "irq event stamp: ", "hardirqs last ", "softirqs last ",
		"Kernel panic - not syncing", "Kernel Offset:", "Rebooting in ",
		"Shutting down cpus", "Dumping ftrace buffer", "   (ftrace buffer", "FIX ",
		"Fixing recursive fault", "Disabling lock debugging", "Showing all locks held",
		"Mem-Info:", NULL};

	return starts_any(line, tails) || strstr(line, "locks held by ") ||
		strstr(line, "lock held by ") || starts(line, " #");
}

/* Several of them are one report: of a page fault the reason is given twice. */
static bool goes_on(const char *line)
{
	static const char *const more[] = {"Oops: ", "Oops[",
		"Internal error: ", "Kernel panic - not syncing", "stack guard page: ",
		"double fault: ", "invalid opcode: ", "kernel stack overflow ",
		"KASAN: ", "BUG: unable to handle ", "BUG: kernel NULL ", "traps: PANIC", NULL};

	return starts_any(line, more) || strstr(line, "stack guard page was hit");
}

struct bounds {
	size_t begin, end; /* `end` is behind the last line */
	bool real;
	bool panicked;
};

/* How far a report of several traces goes on: what the next one begins with. */
static bool another_trace(const char *line)
{
	static const char *const signs[] = {"NMI backtrace for cpu ", "Sending NMI from ",
		"rcu: ", "task:", "\"echo 0 > ", "RCU grace-period", NULL};

	return starts_any(line, signs) || strstr(line, "\t(detected by ") ||
		strstr(line, "detected by ") || line[0] == '\t';
}

/* Whether the lines from `i` on are only a few of somebody else's before it goes on. */
static bool strays(const struct window *w, size_t i)
{
	const char *text;

	for (size_t k = 0; k < STRAY_MAX && i + k < w->n; k++) {
		const char *line = w->lines[i + k].text;

		if (is_trace(line) && k)
			return true;
		if (kind_of(line, &text) || is_cut(line) || is_rule(line))
			return false;
		if (is_tail(line))
			return true;
	}
	return false;
}

/* Where a report that has a trace ends. */
static void find_end(const struct window *w, const struct kind *k, size_t at, struct bounds *b)
{
	bool traced = false, ended = false;
	const char *text;

	for (size_t i = at + 1; i < w->n; i++) {
		const char *line = w->lines[i].text;
		const struct kind *next = kind_of(line, &text);
		bool warn_line = k->shape == SHAPE_WARN && !b->real && starts(line, "WARNING: ");

		if (is_evidence(line))
			b->real = true;
		if (starts(line, "Kernel panic - not syncing") && b->real) {
			b->panicked = true;
			ended = traced = false;
		} else if (next && !warn_line && !(goes_on(line) && (!b->real || !traced))) {
			/* A BUG may be what the message before it leads to. */
			if (b->real || !starts(line, "kernel BUG at "))
				break;
		} else if (traced && is_rule(line)) {
			break;
		} else if (traced && is_cut(line)) {
			break;
		}
		if (starts(line, "Call Trace:") || starts(line, "Call trace:"))
			traced = true;
		if (k->shape == SHAPE_STALL && traced && another_trace(line)) {
			b->end = i + 1;
			continue;
		}
		if (traced && !is_trace(line) && !is_tail(line)) {
			if (ended || !strays(w, i))
				break;
			continue;
		}
		if (ended && !is_trace(line) && !is_tail(line))
			break;
		if (starts(line, "---[ end trace"))
			ended = traced = true;
		b->end = i + 1;
		if (starts(line, "---[ end Kernel panic"))
			break;
	}
}

/* The rule that ends it; without one it is as any other. */
static void find_rule(const struct window *w, const struct kind *k, size_t at, struct bounds *b)
{
	const char *text;
	bool real = false;

	for (size_t i = at + 1; i < w->n; i++) {
		const char *line = w->lines[i].text;

		real = real || is_evidence(line);
		if (kind_of(line, &text) || is_cut(line))
			break;
		if (is_rule(line)) {
			b->real = real;
			b->end = i + 1;
			return;
		}
	}
	find_end(w, k, at, b);
}

static void find_locks(const struct window *w, size_t at, struct bounds *b)
{
	for (size_t i = at + 1; i < w->n && i < at + LIST_MAX; i++) {
		const char *line = w->lines[i].text;

		if (starts(line, " #")) {
			b->end = i + 1;
			b->real = true;
		} else if (b->real) {
			break;
		}
	}
}

/* Frames without a heading; those of kmemleak follow "backtrace". */
static void find_past(const struct window *w, size_t at, struct bounds *b)
{
	struct report_frame f;

	for (size_t i = at + 1; i < w->n && i < at + LIST_MAX; i++) {
		const char *line = w->lines[i].text;
		bool frame = trace_line(line, &f);

		free(f.function);
		free(f.module);
		if (line[0] != ' ')
			break;
		if (frame || strstr(line, "backtrace"))
			b->real = true;
		b->end = i + 1;
	}
}

static struct bounds find_bounds(
	const struct window *w, const struct kind *k, size_t at, size_t before)
{
	struct bounds b = {.begin = at, .end = at + 1};

	/* Rules, "cut here" and what a WARN said stand before it. */
	for (size_t i = at; i > before && at - i < 4; i--) {
		const char *line = w->lines[i - 1].text;

		if (is_rule(line) || is_cut(line)) {
			b.begin = i - 1;
			if (b.begin > before && !*w->lines[b.begin - 1].text)
				b.begin--;
			break;
		}
		if (k->shape != SHAPE_WARN && *line)
			break;
	}
	switch (k->shape) {
	case SHAPE_RULED:
		find_rule(w, k, at, &b);
		break;
	case SHAPE_LOCKS:
		find_locks(w, at, &b);
		break;
	case SHAPE_PAST:
		find_past(w, at, &b);
		break;
	case SHAPE_LINE:
		b.real = true;
		break;
	default:
		find_end(w, k, at, &b);
	}
	return b;
}

void report_title(struct report *r, char *title)
{
	free(r->title);
	r->title = title;
}

void report_fatal(struct report *r)
{
	r->fatal = true;
	r->severity = SEVERITY_ERROR;
	r->class = CLASS_CRASH;
}

static bool is_machinery(const struct report_frame *f)
{
	static const char *const machinery[] = {"dump_stack", "show_stack", "print_report",
		"print_address_description", "__dump_stack", "kasan_", "__kasan_", "____kasan_",
		"__asan_", "__hwasan_", "kfence_", "check_memory_region", "check_region_inline",
		"__might_", "___might_", "__schedule", "schedule", "ubsan_", "__ubsan_", "__warn",
		"warn_slowpath", "report_bug", "handle_bug", "exc_", "asm_exc_", "die", "__die",
		"page_fault_oops", "no_context", "do_user_addr_fault", "oops_", "panic", "vpanic",
		"lock_acquire", "__lock_acquire", "lock_release", "__lock_release", "mark_lock",
		"register_lock_class", "lockdep_", "print_", "refcount_warn", "debug_print_object",
		"__list_", "slab_", "object_err", "check_", "bad_page", "usercopy_abort",
		"__check_heap_object", "__check_object_size", "spin_dump", "spin_bug", "rwlock_bug",
		"do_error_trap", "do_trap", "nmi_", "exc_nmi", "__stack_chk_fail", "preempt_count_",
		"free_object", "print_unlock", "on_freelist", "kmemleak_", "debug_check_no", NULL};

	return f->function && !f->module && starts_any(f->function, machinery);
}

const struct report_frame *report_innermost(const struct report *r)
{
	for (size_t i = 0; i < r->nframes; i++) {
		const struct report_frame *f = &r->frames[i];

		if (f->stack != STACK_HERE || f->guess)
			continue;
		if (f->exact || (f->function ? !is_machinery(f) : f->address))
			return f;
	}
	return NULL;
}

/* What stands at the inner end of a stack because the kernel was at reporting. */
static void mark_reporting(struct report *r)
{
	bool within = false;

	for (size_t i = 0; i < r->nframes; i++) {
		struct report_frame *f = &r->frames[i];

		if (!i || f->stack != r->frames[i - 1].stack)
			within = true;
		if (f->guess)
			continue;
		f->reporting = within && is_machinery(f);
		within = f->reporting;
	}
}

static void fill(const struct kind *k, const struct window *w, const struct bounds *b, size_t at,
	const char *text, struct report *out)
{
	struct reading r = {
		.w = w, .text = text, .at = at, .begin = b->begin, .end = b->end, .out = out};

	*out = (struct report){.rule = k->rule,
		.severity = k->class == CLASS_PASS ? SEVERITY_WARNING : SEVERITY_ERROR,
		.class = k->class,
		.fatal = k->class == CLASS_CRASH,
		.first = w->lines[b->begin].record,
		.last = w->lines[b->end - 1].record};
	if (k->title)
		out->title = xstrdup(k->title);
	linux_frames(&r, k);
	mark_reporting(out);
	if (k->read)
		k->read(&r);
	if (!out->title)
		out->title = xstrdup(text);
	if (b->panicked && out->class != CLASS_HANG)
		report_fatal(out);
}

/* What is known of the records ahead: there is nothing of the kernel's own in those from `from` to before `to`, and
 * nothing at which a report ends. */
struct outlook {
	size_t from, to;
};

enum sight { SIGHT_NOTHING, SIGHT_EVIDENCE, SIGHT_END };

/* What find_end comes upon first in a record, as long as it has seen no evidence. */
static enum sight sight_of(const struct record *r, bool warn, bool may_end)
{
	const char *text;

	for (const char *p = r->text, *end; p; p = end ? end + 1 : NULL) {
		AUTO_FREE char *part = NULL;
		const char *line = p;

		end = strchr(p, '\n');
		if (end)
			line = part = xstrndup(p, (size_t)(end - p));
		if (is_evidence(line))
			return SIGHT_EVIDENCE;
		if (may_end && kind_of(line, &text) && !(warn && starts(line, "WARNING: ")) &&
			!goes_on(line) && !starts(line, "kernel BUG at "))
			return SIGHT_END;
	}
	return SIGHT_NOTHING;
}

/* Whether a report that begins in record `i` can have evidence. A log may be full of lines that begin like one, and
 * each record is to be looked at only once for all of them. */
static bool is_hopeful(
	const struct record *log, size_t n, size_t i, bool warn, struct outlook *ahead)
{
	size_t end = n - i > REPORT_MAX ? i + REPORT_MAX : n;

	if (sight_of(&log[i], warn, false) == SIGHT_EVIDENCE)
		return true;
	if (i + 1 < ahead->from || i + 1 > ahead->to)
		*ahead = (struct outlook){i + 1, i + 1};
	for (; ahead->to < end; ahead->to++) {
		enum sight sight = sight_of(&log[ahead->to], warn, true);

		if (sight != SIGHT_NOTHING)
			return sight == SIGHT_EVIDENCE;
	}
	return false;
}

/* How many records have to be read, from BEFORE ones before it, for what the record may begin: 0 for most. `ahead`: of
 * a WARN and of all else, or NULL, which takes all for hopeful. */
static size_t reach_of(const struct record *log, size_t n, size_t i, struct outlook ahead[2])
{
	size_t reach = 0;
	const char *text;

	for (const char *p = log[i].text, *end; p && reach < REPORT_MAX; p = end ? end + 1 : NULL) {
		AUTO_FREE char *part = NULL;
		const struct kind *k;
		size_t more = 0;
		bool warn;

		end = strchr(p, '\n');
		if (end)
			part = xstrndup(p, (size_t)(end - p));
		k = kind_of(part ? part : p, &text);
		if (!k)
			continue;
		warn = k->shape == SHAPE_WARN;
		if (k->shape == SHAPE_LINE)
			more = BEFORE + 1;
		else if (k->shape == SHAPE_LOCKS || k->shape == SHAPE_PAST)
			more = BEFORE + 1 + LIST_MAX;
		else if (!ahead || is_hopeful(log, n, i, warn, &ahead[warn]))
			more = REPORT_MAX;
		reach = more > reach ? more : reach;
	}
	return reach;
}

static bool read_at(
	const struct record *log, size_t n, size_t from, size_t i, size_t reach, struct report *out)
{
	/* Some records before it, where a rule may stand. */
	size_t begin = i - from > BEFORE ? i - BEFORE : from;
	struct window w;
	bool found = false;

	window_open(&w, log, begin, n - begin > reach ? begin + reach : n);
	for (size_t at = 0; at < w.n && w.lines[at].record <= i && !found; at++) {
		const char *text;
		const struct kind *k =
			w.lines[at].record == i ? kind_of(w.lines[at].text, &text) : NULL;
		struct bounds b;

		if (!k)
			continue;
		b = find_bounds(&w, k, at, 0);
		if (b.real) {
			fill(k, &w, &b, at, text, out);
			found = true;
		}
	}
	window_free(&w);
	return found;
}

/* The sanitizer sees a bad pointer before the processor does: the fault that follows at once is the same one. */
static void join_fault(const struct record *log, size_t n, struct report *out)
{
	const struct report_frame *a = report_innermost(out), *b;
	struct report next = {0};

	if (!a || !a->function || out->last + 1 >= n ||
		(strcmp(out->rule, "null-dereference") && strcmp(out->rule, "wild-pointer") &&
			strcmp(out->rule, "user-access")))
		return;
	for (size_t i = out->last + 1; i < n && i < out->last + 6; i++) {
		size_t reach = reach_of(log, n, i, NULL);

		if (!reach)
			continue;
		if (read_at(log, n, out->last + 1, i, reach, &next)) {
			b = report_innermost(&next);
			if (next.class == CLASS_CRASH && b && b->function &&
				!strcmp(a->function, b->function)) {
				out->last = next.last;
				out->fatal = true;
				out->class = CLASS_CRASH;
			}
			report_free(&next);
		}
		return;
	}
}

int report_find_linux(const struct record *log, size_t n, size_t from, struct report *out)
{
	struct outlook ahead[2] = {0};

	for (size_t i = from; i < n; i++) {
		size_t reach = reach_of(log, n, i, ahead);

		if (!reach || !read_at(log, n, from, i, reach, out))
			continue;
		if (out->class == CLASS_BUG)
			join_fault(log, n, out);
		return 1;
	}
	return 0;
}
