/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the reports in a Linux kernel's log, and where each begins and ends. A module may print a kernel's
 * words itself, so a report must also have what only the kernel adds: registers, a call trace, a list of locks.
 */
#include "judge/linux-report.h"

#include <string.h>

#define REPORT_MAX 500 /* records in one report, at most */
#define STRAY_MAX  4   /* lines of somebody else's in the midst of one */

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
	for (size_t i = at + 1; i < w->n && i < at + 60; i++) {
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

	for (size_t i = at + 1; i < w->n && i < at + 60; i++) {
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

/* ---- its frames ---- */

/* A stack that is told again elsewhere. */
#define STACK_TWICE ((enum report_stack) - 1)

/* Whose stack begins with this line; false: none does. */
static bool new_stack(const char *line, enum report_stack *out)
{
	static const struct {
		const char *words;
		enum report_stack stack;
	} heads[] = {{"Allocated by task", STACK_ALLOCATED}, {"allocated by task", STACK_ALLOCATED},
		{"Allocated in ", STACK_ALLOCATED}, {"Freed by task", STACK_FREED},
		{"freed by task", STACK_FREED}, {"Freed in ", STACK_FREED},
		{"Last potentially related work creation", STACK_OTHER},
		{"Second to last potentially related", STACK_OTHER}, {"-> #0 ", STACK_TWICE},
		{"-> #", STACK_OTHER}, {"other info that might help", STACK_OTHER},
		{"NMI backtrace for cpu ", STACK_OTHER}};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (starts(line, heads[i].words)) {
			*out = heads[i].stack;
			return true;
		}
	if (strstr(line, "state was registered at:") || strstr(line, "irq-safe at:") ||
		strstr(line, "irq-unsafe at:") || strstr(line, "-safe at:")) {
		*out = STACK_OTHER;
		return true;
	}
	return false;
}

/* The instruction that it happened at: "RIP: 0010:i+0x5/0x1000 [mod]" or "pc : …"; NULL: no such line. */
static const char *pointer(const char *line)
{
	const char *at = starts(line, "RIP: 0010:") ? line + 10
		: starts(line, "pc : ")		    ? line + 5
		: starts(line, "epc : ")	    ? line + 6
						    : NULL;

	while (at && starts(at, "[<")) {
		at += strcspn(at, "]");
		at += *at == ']';
		at += strspn(at, " ");
	}
	return at;
}

/* "…, at: second+0x21/0x46 [twoorders]", "lock (m) at:": where a lock was taken. */
static void take_lock(struct report *out, const char *line)
{
	const char *at = after(line, ", at: ");

	if (at)
		frame_take(out, STACK_LOCK, at, false);
}

static void read_frames(const struct reading *r, const struct kind *k)
{
	bool past = k->shape == SHAPE_PAST, here_over = false, pointed = false, traced = false;
	enum report_stack stack = strstr(r->text, "possible circular") ? STACK_OTHER : STACK_HERE;
	struct report *out = r->out;
	bool race = starts(r->text, "BUG: KCSAN");
	size_t accesses = 0;

	for (size_t i = r->begin; i < r->end; i++) {
		const char *line = r->w->lines[i].text;
		const char *at = pointer(line);

		if (at && !pointed && !here_over)
			pointed = frame_take(out, STACK_HERE, at, true);
		if (at)
			continue;
		if (new_stack(line, &stack)) {
			if (strstr(line, "located in") == NULL && starts(line, "Allocated in "))
				frame_take(out, stack, line + strlen("Allocated in "), false);
			else if (starts(line, "Freed in "))
				frame_take(out, stack, line + strlen("Freed in "), false);
			else if (starts(line, "NMI backtrace") && !traced)
				stack = STACK_HERE;
			continue;
		}
		if (race && strstr(line, " bytes by "))
			stack = accesses++ ? STACK_OTHER : STACK_HERE;
		if (race && starts(line, "Reported by"))
			break;
		if (past && strstr(line, "backtrace"))
			stack = STACK_ALLOCATED;
		if (starts(line, "Call Trace:") || starts(line, "Call trace:")) {
			stack = k->shape == SHAPE_STALL && traced ? STACK_OTHER : STACK_HERE;
			traced = true;
			continue;
		}
		if (traced && (starts(line, " </TASK>") || starts(line, "---[ end")))
			here_over = true;
		if (traced && starts(line, "---[ end") && k->shape != SHAPE_STALL)
			break;
		if (here_over && starts(line, "Kernel panic"))
			break;
		take_lock(out, line);
		if ((here_over && stack == STACK_HERE) || stack == STACK_TWICE)
			continue;
		frame_take(out, stack, line, false);
	}
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
	read_frames(&r, k);
	mark_reporting(out);
	if (k->read)
		k->read(&r);
	if (!out->title)
		out->title = xstrdup(text);
	if (b->panicked && out->class != CLASS_HANG)
		report_fatal(out);
}

/* Whether the record says something that names a report; most do not, and need no window. */
static bool promises(const struct record *r)
{
	const char *text;

	for (const char *p = r->text; p; p = strchr(p, '\n')) {
		AUTO_FREE char *line = NULL;

		p += *p == '\n';
		line = xstrndup(p, strcspn(p, "\n"));
		if (kind_of(line, &text))
			return true;
	}
	return false;
}

static bool read_at(const struct record *log, size_t n, size_t from, size_t i, struct report *out)
{
	/* Some records before it, where a rule may stand. */
	size_t begin = i - from > 4 ? i - 4 : from;
	struct window w;
	bool found = false;

	window_open(&w, log, begin, n - begin > REPORT_MAX ? begin + REPORT_MAX : n);
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
		if (!promises(&log[i]))
			continue;
		if (read_at(log, n, out->last + 1, i, &next)) {
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
	for (size_t i = from; i < n; i++)
		if (promises(&log[i]) && read_at(log, n, from, i, out)) {
			if (out->class == CLASS_BUG)
				join_fault(log, n, out);
			return 1;
		}
	return 0;
}
