/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux finds wrong with locks, with sleeping and with RCU: kernel/locking/lockdep.c, spinlock_debug.c,
 * kernel/sched/core.c, kernel/workqueue.c, kernel/rcu/.
 */
#include "judge/linux-report.h"

#include <string.h>

/* The lock that a line names, as in "ffffffffa0002128 (fork){+.+.}-{3:3}, at: second+0x21/0x46 [twoorders]": with
 * quotes; "a lock" if it names none. Caller frees. */
static char *lock_name(const char *line)
{
	const char *open = line ? strchr(line, '(') : NULL;
	const char *end = open ? strstr(open, "){") : NULL;

	end = end ? end : open ? strstr(open, ") at:") : NULL;
	return end ? xasprintf("'%.*s'", (int)(end - open - 1), open + 1) : xstrdup("a lock");
}

/* The line after the one that has these words; NULL: there is none. */
static const char *line_after(const struct reading *r, const char *words)
{
	for (size_t i = r->at; i + 1 < r->end; i++)
		if (strstr(r->w->lines[i].text, words))
			return r->w->lines[i + 1].text;
	return NULL;
}

static void circular(struct reading *r)
{
	AUTO_FREE char *wanted = lock_name(line_after(r, "trying to acquire lock:"));
	AUTO_FREE char *held = lock_name(line_after(r, "already holding lock:"));

	report_title(r->out,
		xasprintf(
			"two locks are taken in two orders: here %s after %s, elsewhere the other way round; two threads will wait for each other",
			wanted, held));
}

static void recursive(struct reading *r)
{
	AUTO_FREE char *wanted = lock_name(line_after(r, "trying to acquire lock:"));
	AUTO_FREE char *held = lock_name(line_after(r, "already holding lock:"));

	if (!strcmp(wanted, held))
		report_title(
			r->out, xasprintf("the lock %s is taken by who holds it already", wanted));
	else
		report_title(r->out,
			xasprintf("the lock %s is taken while one of the same kind, %s, is held",
				wanted, held));
}

static void inconsistent(struct reading *r)
{
	AUTO_FREE char *name = lock_name(line_with(r->w, r->at, r->end, "){"));

	report_title(r->out,
		xasprintf(
			"the lock %s is taken by an interrupt, and elsewhere without keeping that interrupt out",
			name));
}

static void irq_order(struct reading *r)
{
	AUTO_FREE char *wanted = lock_name(line_after(r, "is trying to acquire"));
	AUTO_FREE char *held = lock_name(line_after(r, "already holding:"));

	report_title(r->out,
		xasprintf(
			"a lock that interrupts take (%s) is held while one is taken that is held elsewhere with interrupts on (%s)",
			held, wanted));
}

static void unbalanced(struct reading *r)
{
	const char *line = line_with(r->w, r->at, r->end, "trying to release lock");
	AUTO_FREE char *name = lock_name(line);
	const char *at = line_after(r, "trying to release lock");

	report_title(r->out, xasprintf("the lock %s is released by who does not hold it", name));
	if (at && !report_innermost(r->out))
		frame_take(r->out, STACK_HERE, at, false);
}

static void held_freed(struct reading *r)
{
	AUTO_FREE char *name = lock_name(line_with(r->w, r->at, r->end, "){"));

	report_title(r->out, xasprintf("memory was freed in which the lock %s is held", name));
}

static void held_back(struct reading *r)
{
	AUTO_FREE char *name = lock_name(line_with(r->w, r->at, r->end, "){"));

	report_title(r->out,
		strstr(r->text, "returning to user")
			? xasprintf(
				  "the lock %s was still held when the system call was over", name)
			: xasprintf(
				  "the lock %s was still held when it must not be any more", name));
}

/* Of the kinds of waiting that a lock's "-{3:3}" stands for, 3 and 4 may sleep (2 is a spinlock's). */
static void wait_context(struct reading *r)
{
	const char *line = line_after(r, "is trying to lock:");
	const char *kind = after(line, "}-{");
	AUTO_FREE char *name = lock_name(line);
	const char *held = line_with(r->w, r->at, r->end, " #0: ");
	AUTO_FREE char *other = held ? lock_name(held) : xstrdup("a spinlock");

	if (kind && decimal(kind) < 3) {
		r->out->rule = "lock-misuse";
		report_title(r->out,
			xasprintf("the lock %s is taken where such a lock must not be (%s is held)",
				name, other));
		return;
	}
	report_title(r->out,
		xasprintf(
			"the lock %s, for which one may have to sleep, is taken where nobody may sleep (%s is held)",
			name, other));
}

static void locks_warn(struct reading *r)
{
	static const struct {
		const char *words, *title;
	} kinds[] = {{"magic != lock", "a mutex was used that was not initialised, or is gone"},
		{"owner", "a mutex was released by who did not take it"},
		{"preempt_count", "more spinlocks were released than taken"},
		{"in_interrupt", "a mutex was used in an interrupt"}};

	report_title(r->out, xasprintf("a lock was misused (%s)", r->text));
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strstr(r->text, kinds[i].words))
			report_title(r->out, xasprintf("%s (%s)", kinds[i].title, r->text));
}

static void spinlock(struct reading *r)
{
	const char *what = r->text + strlen("BUG: spinlock ");

	if (starts(r->text, "BUG: rwlock "))
		what = r->text + strlen("BUG: rwlock ");
	if (strstr(what, "recursion")) {
		r->out->rule = "lock-twice";
		report_title(r->out, xstrdup("a spinlock is taken by who holds it already"));
	} else if (strstr(what, "bad magic")) {
		report_title(r->out,
			xstrdup("a spinlock was used that was not initialised, or is gone (bad magic)"));
	} else if (strstr(what, "already unlocked")) {
		report_title(r->out, xstrdup("a spinlock was released that nobody held"));
	} else if (strstr(what, "lockup suspected")) {
		r->out->rule = "lock-wait";
		r->out->class = CLASS_HANG;
		report_title(r->out, xstrdup("a spinlock was waited for far too long"));
	} else {
		report_title(r->out,
			xasprintf("a spinlock was misused (%.*s)", (int)strcspn(what, ","), what));
	}
}

/* "last function: later [mod]", "workfn=later [mod]": a name without an offset. */
static void named_function(struct report *out, const char *name)
{
	size_t len = strcspn(name, " ,\t"), n;
	struct report_frame *f = len ? report_frame(out, STACK_LOCK) : NULL;

	if (!f)
		return;
	f->function = xstrndup(name, len);
	f->known = f->exact = true;
	n = starts(name + len, " [") ? strcspn(name + len + 2, " ]") : 0;
	if (n)
		f->module = xstrndup(name + len + 2, n);
}

static void work_leaked(struct reading *r)
{
	const char *line = line_with(r->w, r->at, r->end, "last function: ");
	const char *name = after(line, "last function: ");

	if (!name)
		name = after(line_with(r->w, r->at, r->end, "workfn="), "workfn=");
	report_title(
		r->out, xstrdup("a work function left with a lock held, or preemption disabled"));
	if (name)
		named_function(r->out, name);
}

/* What kept it from sleeping: " (the lock 's' is held)". Caller frees. */
static char *why_atomic(const struct reading *r)
{
	const char *held = line_with(r->w, r->at, r->end, " #0: ");
	AUTO_FREE char *name = held ? lock_name(held) : NULL;

	if (name)
		return xasprintf(" (%s is held)", name);
	if (line_with(r->w, r->at, r->at + 2, "irqs_disabled(): 1"))
		return xstrdup(" (interrupts are disabled)");
	return xstrdup("");
}

static void atomic_sleep(struct reading *r)
{
	AUTO_FREE char *why = why_atomic(r);

	report_title(r->out,
		xasprintf("%s where nobody may sleep%s",
			starts(r->text, "BUG: scheduling") ? "something slept"
							   : "a function was called that may sleep",
			why));
}

/* "/home/u/mod.c:16 suspicious rcu_dereference_check() usage!" */
static void rcu_usage(struct reading *r)
{
	const char *line = line_with(r->w, r->at + 1, r->end, " usage!");
	const char *colon = line ? strchr(line, ':') : NULL;

	if (colon && decimal(colon + 1)) {
		r->out->file = xstrndup(line, (size_t)(colon - line));
		r->out->line = (unsigned)decimal(colon + 1);
	}
	line = line ? line : line_with(r->w, r->at + 1, r->end, "RCU");
	if (line && strstr(line, "rcu_dereference"))
		report_title(r->out,
			xstrdup("a pointer that RCU protects was read outside of rcu_read_lock()"));
	else
		report_title(r->out, xasprintf("RCU was used wrongly (%s)", line ? line : r->text));
}

static void rcu_switch(struct reading *r)
{
	report_title(
		r->out, xstrdup("something slept between rcu_read_lock() and rcu_read_unlock()"));
}

const struct kind linux_lock_kinds[] = {{"WARNING: possible circular locking", NULL, SHAPE_TRACE,
						"lock-order", CLASS_BUG, NULL, circular},
	{"WARNING: possible recursive locking", NULL, SHAPE_TRACE, "lock-twice", CLASS_BUG, NULL,
		recursive},
	{"WARNING: inconsistent lock state", NULL, SHAPE_TRACE, "lock-irq", CLASS_BUG, NULL,
		inconsistent},
	{"WARNING: possible irq lock inversion", NULL, SHAPE_TRACE, "lock-irq", CLASS_BUG,
		"a lock that interrupts take is also taken with interrupts on", NULL},
	{"WARNING: ", "-unsafe lock order detected", SHAPE_TRACE, "lock-irq", CLASS_BUG, NULL,
		irq_order},
	{"WARNING: bad unlock balance", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG, NULL,
		unbalanced},
	{"WARNING: held lock freed", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG, NULL, held_freed},
	{"WARNING: lock held when returning to user", NULL, SHAPE_LOCKS, "lock-held", CLASS_BUG,
		NULL, held_back},
	{"WARNING: ", "still has locks held", SHAPE_TRACE, "lock-held", CLASS_BUG, NULL, held_back},
	{"WARNING: Nested lock was not taken", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG,
		"a lock that was to be held was not", NULL},
	{"BUG: Invalid wait context", NULL, SHAPE_TRACE, "atomic-sleep", CLASS_BUG, NULL,
		wait_context},
	{"INFO: trying to register non-static key", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG,
		"a lock was used that had never been initialised", NULL},
	{"DEBUG_LOCKS_WARN_ON(", NULL, SHAPE_WARN, "lock-misuse", CLASS_BUG, NULL, locks_warn},
	{"BUG: spinlock ", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG, NULL, spinlock},
	{"BUG: rwlock ", NULL, SHAPE_TRACE, "lock-misuse", CLASS_BUG, NULL, spinlock},
	{"BUG: workqueue leaked ", NULL, SHAPE_TRACE, "lock-held", CLASS_BUG, NULL, work_leaked},
	{"BUG: scheduling while atomic", NULL, SHAPE_TRACE, "atomic-sleep", CLASS_BUG, NULL,
		atomic_sleep},
	{"BUG: sleeping function called", NULL, SHAPE_TRACE, "atomic-sleep", CLASS_BUG, NULL,
		atomic_sleep},
	{"WARNING: suspicious RCU usage", NULL, SHAPE_TRACE, "rcu-misuse", CLASS_BUG, NULL,
		rcu_usage},
	{"Voluntary context switch within RCU", NULL, SHAPE_WARN, "rcu-misuse", CLASS_BUG, NULL,
		rcu_switch},
	{NULL}};
