/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kind of hang it is. The caller is the task that makes the call which does not come back. If it
 * sleeps, the function through which the module went to sleep says what for; if it runs, the processor in
 * whose chain the module is says whether it loops by itself or waits for a spin lock.
 */
#include "judge/judge.h"
#include "judge/stands.h"
#include "judge/system.h"

#include <string.h>

enum wait { WAIT_NONE, WAIT_LOCK, WAIT_SLEEP };

/* Functions through which somebody comes to wait; a '*' at the end stands for the rest of the name. */
static const struct {
	const char *function;
	enum wait wait;
	const char *what; /* "waits for …" */
	const char *advice;
} waits[] = {
	/* Linux */
	{"_raw_spin_*", WAIT_LOCK, "a spin lock", NULL},
	{"_raw_read_lock*", WAIT_LOCK, "a read-write lock (rwlock_t)", NULL},
	{"_raw_write_lock*", WAIT_LOCK, "a read-write lock (rwlock_t)", NULL},
	{"queued_spin_lock_slowpath", WAIT_LOCK, "a spin lock", NULL},
	{"native_queued_spin_lock_slowpath", WAIT_LOCK, "a spin lock", NULL},
	{"__pv_queued_spin_lock_slowpath", WAIT_LOCK, "a spin lock", NULL},
	{"queued_read_lock_slowpath", WAIT_LOCK, "a read-write lock (rwlock_t)", NULL},
	{"queued_write_lock_slowpath", WAIT_LOCK, "a read-write lock (rwlock_t)", NULL},
	{"do_raw_spin_lock", WAIT_LOCK, "a spin lock", NULL},
	{"rt_spin_lock*", WAIT_LOCK, "a spin lock", NULL},
	{"mutex_lock*", WAIT_LOCK, "a mutex", NULL},
	{"__mutex_lock*", WAIT_LOCK, "a mutex", NULL},
	{"rt_mutex_*", WAIT_LOCK, "an rt_mutex", NULL},
	{"ww_mutex_lock*", WAIT_LOCK, "a mutex", NULL},
	{"down_read*", WAIT_LOCK, "a read-write semaphore", NULL},
	{"down_write*", WAIT_LOCK, "a read-write semaphore", NULL},
	{"rwsem_down_*", WAIT_LOCK, "a read-write semaphore", NULL},
	{"down", WAIT_LOCK, "a semaphore", NULL},
	{"down_*", WAIT_LOCK, "a semaphore", NULL},
	{"__down*", WAIT_LOCK, "a semaphore", NULL},
	{"wait_for_completion*", WAIT_SLEEP, "a completion that nobody completes",
		"Call complete() on every path on which somebody waits, errors included, or use "
		"wait_for_completion_timeout()."},
	{"kthread_stop*", WAIT_SLEEP, "a kernel thread to end (kthread_stop)",
		"The thread's function must look at kthread_should_stop() in each round of its loop, "
		"and wait in such a way that kthread_stop() wakes it."},
	{"kthread_flush_work*", WAIT_SLEEP, "a work item of a kernel thread to end", NULL},
	{"cancel_work_sync", WAIT_SLEEP, "a work item to end", NULL},
	{"cancel_delayed_work_sync", WAIT_SLEEP, "a work item to end", NULL},
	{"__flush_work*", WAIT_SLEEP, "a work item to end", NULL},
	{"flush_work*", WAIT_SLEEP, "a work item to end", NULL},
	{"__flush_workqueue", WAIT_SLEEP, "the work items of a workqueue to end", NULL},
	{"drain_workqueue", WAIT_SLEEP, "the work items of a workqueue to end", NULL},
	{"destroy_workqueue", WAIT_SLEEP, "the work items of a workqueue to end", NULL},
	{"del_timer_sync", WAIT_SLEEP, "its timer's function to end", NULL},
	{"timer_delete_sync", WAIT_SLEEP, "its timer's function to end", NULL},
	{"hrtimer_cancel", WAIT_SLEEP, "its timer's function to end", NULL},
	{"free_irq", WAIT_SLEEP, "its interrupt handler to end", NULL},
	{"synchronize_irq", WAIT_SLEEP, "its interrupt handler to end", NULL},
	{"synchronize_rcu*", WAIT_SLEEP, "the readers of RCU to end",
		"Somebody is between rcu_read_lock() and rcu_read_unlock() and stays there; that must "
		"not sleep or wait."},
	{"synchronize_srcu*", WAIT_SLEEP, "the readers of SRCU to end", NULL},
	{"rcu_barrier", WAIT_SLEEP, "the callbacks of RCU to end", NULL},
	{"msleep*", WAIT_SLEEP, "time to pass (msleep), again and again", NULL},
	{"usleep_range*", WAIT_SLEEP, "time to pass (usleep_range), again and again", NULL},
	{"remove_proc_entry", WAIT_SLEEP, "somebody to leave its file in /proc", NULL},
	{"proc_remove", WAIT_SLEEP, "somebody to leave its file in /proc", NULL},
	{"kernfs_drain*", WAIT_SLEEP, "somebody to leave its file in /sys", NULL},
	{"unregister_netdevice*", WAIT_SLEEP, "the last user of its network interface", NULL},
	{"netdev_run_todo", WAIT_SLEEP, "the last user of its network interface", NULL},
	{"schedule_timeout*", WAIT_SLEEP, "time to pass, or somebody to wake it", NULL},
	{"schedule", WAIT_SLEEP, "somebody to wake it", NULL},
	{"__schedule", WAIT_SLEEP, "somebody to wake it", NULL},
	/* FreeBSD */
	{"__mtx_lock_sleep", WAIT_LOCK, "a mutex", NULL},
	{"__mtx_lock_flags", WAIT_LOCK, "a mutex", NULL},
	{"_mtx_lock_spin*", WAIT_LOCK, "a spin mutex", NULL},
	{"__mtx_lock_spin*", WAIT_LOCK, "a spin mutex", NULL},
	{"thread_lock*", WAIT_LOCK, "a thread lock", NULL},
	{"_sx_*", WAIT_LOCK, "an sx lock", NULL},
	{"__rw_*", WAIT_LOCK, "an rw lock", NULL},
	{"_rw_*", WAIT_LOCK, "an rw lock", NULL},
	{"_rm_*", WAIT_LOCK, "an rm lock", NULL},
	{"lockmgr_*", WAIT_LOCK, "a lockmgr lock", NULL},
	{"__lockmgr_args", WAIT_LOCK, "a lockmgr lock", NULL},
	{"turnstile_wait", WAIT_LOCK, "a lock", NULL},
	{"_sema_wait", WAIT_LOCK, "a semaphore", NULL},
	{"_cv_*", WAIT_SLEEP, "a condition that nobody signals", NULL},
	{"destroy_dev*", WAIT_SLEEP, "somebody to leave its device", NULL},
	{"taskqueue_drain*", WAIT_SLEEP, "a task of a taskqueue to end", NULL},
	{"taskqueue_free", WAIT_SLEEP, "the tasks of a taskqueue to end", NULL},
	{"_callout_stop_safe", WAIT_SLEEP, "its callout's function to end", NULL},
	{"bus_teardown_intr", WAIT_SLEEP, "its interrupt handler to end", NULL},
	{"intr_event_remove_handler", WAIT_SLEEP, "its interrupt handler to end", NULL},
	{"if_detach", WAIT_SLEEP, "the last user of its network interface", NULL},
	{"pause_sbt", WAIT_SLEEP, "time to pass (pause), again and again", NULL},
	{"_sleep", WAIT_SLEEP, "somebody to wake it", NULL},
	{"msleep_spin_sbt", WAIT_SLEEP, "somebody to wake it", NULL},
	{"sleepq_*", WAIT_SLEEP, "somebody to wake it", NULL},
};

static bool matches(const char *name, const char *pattern)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return !strncmp(name, pattern, len - 1);
	return !strcmp(name, pattern);
}

/* The innermost frame of a module; nframes when there is none. */
static size_t module_frame(const struct stand *s)
{
	size_t i = 0;

	while (i < s->nframes && (!s->frames[i].module || s->frames[i].other))
		i++;
	return i;
}

static bool in_module(const struct stand *s)
{
	return module_frame(s) < s->nframes;
}

/* What the module called that waits: the entry of the table, or -1. The one nearest to the module says
 * most. */
static int wait_of(const struct stand *s)
{
	for (size_t i = module_frame(s); i-- > 0;)
		for (size_t k = 0; k < sizeof waits / sizeof *waits; k++)
			if (!s->frames[i].other &&
				matches(s->frames[i].function, waits[k].function))
				return (int)k;
	return -1;
}

/* Whether the chain comes from loading or unloading a module. */
static bool from_call(const struct stand *s)
{
	static const char *const callers[] = {"do_one_initcall", "do_init_module", "load_module",
		"__do_sys_delete_module*", "__x64_sys_delete_module*", "linker_file_*",
		"module_register_init", "module_unload", "kern_kldload", "kern_kldunload", NULL};

	for (size_t i = 0; i < s->nframes; i++)
		for (size_t k = 0; callers[k]; k++)
			if (matches(s->frames[i].function, callers[k]))
				return true;
	return false;
}

/* The one that the finding is about, or NULL. */
static const struct stand *find_lead(const struct stands *all)
{
	const struct stand *lead = NULL, *caller = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].caller && (!caller || in_module(&all->items[i])))
			caller = &all->items[i];
	if (caller && caller->state == STAND_SLEEPS && caller->nframes)
		return caller;
	for (size_t i = 0; i < all->n; i++) {
		const struct stand *s = &all->items[i];

		if (s->cpu && s->state == STAND_KERNEL && in_module(s) &&
			(!lead || (from_call(s) && !from_call(lead))))
			lead = s;
	}
	return lead ? lead : caller && caller->nframes ? caller : NULL;
}

/* The call that does not come back, if it is an exercise; else NULL. */
static const struct call *exercise_of(const struct run *r)
{
	const struct call *c = r->ncalls ? &r->calls[r->ncalls - 1] : NULL;

	return c && c->kind == CALL_EXERCISE && !c->returned ? c : NULL;
}

/* The one that an exercise is stuck with: a processor or a task in the module, or one that cannot be woken or
 * interrupted (of the tasks outside of the module no others are told). Whoever called only waits for it. NULL when it
 * is none of the kernel's business. */
static const struct stand *find_exercise_lead(const struct stands *all)
{
	const struct stand *lead = NULL;
	int best = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct stand *s = &all->items[i];
		bool kernel = s->cpu && s->state == STAND_KERNEL;
		bool sleeps = !s->cpu && !s->caller && s->state == STAND_SLEEPS;
		int weight = kernel && in_module(s) ? 4
			: sleeps && in_module(s)    ? 3
			: kernel && !s->interrupts  ? 2
			: sleeps		    ? 1
						    : 0;

		if (weight <= best)
			continue;
		best = weight;
		lead = s;
	}
	return lead;
}

/* Whether the machine's watcher could look, and found a test that is busy with itself; *runs: on a processor. */
static bool is_own_affair(
	const struct run *r, const struct stands *all, const struct stand *lead, bool *runs)
{
	const struct call *c = exercise_of(r);
	bool looked = false;

	*runs = false;
	for (size_t i = 0; i < all->n; i++) {
		looked = looked || all->items[i].caller;
		*runs = *runs || (all->items[i].cpu && all->items[i].state != STAND_IDLE);
	}
	return c && !c->again && looked && !lead;
}

/* Anybody in the module: a caller that only waits for that one is called from the module by a jump, and has no
 * frame of it. */
static const struct stand *find_other(const struct stands *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (in_module(&all->items[i]))
			return &all->items[i];
	return NULL;
}

/* Whether a processor is in the module's own code now and then, not always in what that called. */
static bool is_ever_in_module(const struct stand *s)
{
	for (size_t i = 0; i < s->nframes; i++)
		if ((i == 0 || s->frames[i].other) && s->frames[i].module)
			return true;
	return false;
}

static void add_place(
	const struct run *r, const struct stand_frame *f, bool is_return, struct buf *out)
{
	struct code_place p = {0};

	if (!f->module || !r->code ||
		!code_function(r->code, f->module, f->function, f->offset, is_return, &p))
		return;
	if (p.file && p.line)
		buf_addf(out, " at %s:%u", p.file, p.line);
	code_place_free(&p);
}

static void add_frames(const struct run *r, const struct stand *s, bool modules, struct buf *out)
{
	for (size_t i = 0; i < s->nframes; i++) {
		const struct stand_frame *f = &s->frames[i];

		if (f->other || !f->module == modules)
			continue;
		buf_addf(out, "  %s", f->function);
		if (f->offset != STAND_CALLED)
			buf_addf(out, "+0x%llx", (unsigned long long)f->offset);
		if (f->module)
			buf_addf(out, " [%s]", f->module);
		add_place(r, f, i > 0 || !s->cpu, out);
		buf_adds(out, "\n");
	}
}

/* The lock that the task waits for, by lockdep's list: it stands there as the last one, as if it had it already. */
static const struct stand_held *wanted_by(const struct stands *all, const struct stand *s)
{
	const struct stand_held *last = NULL;
	int wait = wait_of(s);

	if (s->cpu || s->state != STAND_SLEEPS || wait < 0 || waits[wait].wait != WAIT_LOCK)
		return NULL;
	for (size_t i = 0; i < all->nheld; i++)
		if (all->held[i].task == s->number)
			last = &all->held[i];
	return last;
}

/* Whether its task waits for it. */
static bool is_wanted(const struct stands *all, const struct stand_held *h)
{
	for (size_t i = 0; i < all->n; i++)
		if (!all->items[i].cpu && all->items[i].number == h->task)
			return wanted_by(all, &all->items[i]) == h;
	return false;
}

/* Who has that lock, or NULL. */
static const struct stand_held *holder_of(const struct stands *all, const struct stand_held *wanted)
{
	for (size_t i = 0; i < all->nheld && wanted; i++) {
		const struct stand_held *h = &all->held[i];

		if (h != wanted && h->address == wanted->address && !is_wanted(all, h))
			return h;
	}
	return NULL;
}

static void add_held(
	const struct run *r, const struct stands *all, const struct stand *s, struct buf *out)
{
	const struct stand_held *wanted = wanted_by(all, s);

	for (size_t i = 0; i < all->nheld && !s->cpu; i++) {
		const struct stand_held *h = &all->held[i];

		if (h->task != s->number)
			continue;
		buf_addf(out, "  %s %s", h == wanted ? "waits for" : "holds", h->name);
		if (h->frame) {
			buf_addf(out, ", %s %s", h == wanted ? "in" : "taken in",
				h->frame->function);
			add_place(r, h->frame, true, out);
		}
		buf_adds(out, "\n");
	}
}

/* Everybody, the lead first; of each the module's own frames first. */
static char *trace_of(const struct run *r, const struct stands *all, const struct stand *lead)
{
	static const char *const words[] = {
		"idle", "in a program", "in the kernel", "sleeps", "ready"};
	struct buf out = {0};

	for (size_t i = 0; i <= all->n; i++) {
		const struct stand *s = i ? &all->items[i - 1] : lead;

		if (!s || (i && s == lead))
			continue;
		buf_addf(&out, "%s: %s", s->name, words[s->state]);
		if (s->cpu && s->state == STAND_KERNEL)
			buf_addf(&out, ", interrupts %s", s->interrupts ? "on" : "off");
		if (s->waits)
			buf_addf(&out, " (%s)", s->waits);
		buf_adds(&out, "\n");
		add_held(r, all, s, &out);
		add_frames(r, s, true, &out);
		add_frames(r, s, false, &out);
	}
	return buf_take(&out);
}

/* "spin's init does not come back", "the machine no longer answered after spin had been unloaded" */
static char *what_hangs(const struct run *r)
{
	const struct call *c = r->ncalls ? &r->calls[r->ncalls - 1] : NULL;
	const struct judge_system *s = judge_system(r->os);

	if (!c)
		return xstrdup("the machine no longer answers");
	if (c->returned)
		return xasprintf("after %s had been %s the machine no longer answered", c->ko->name,
			c->kind == CALL_LOAD		 ? "loaded"
				: c->kind == CALL_UNLOAD ? "unloaded"
							 : "exercised");
	if (c->kind == CALL_EXERCISE)
		return xasprintf("%s's exercise (%s) does not come back", c->ko->name,
			c->what ? c->what : "");
	return xasprintf("%s's %s does not come back", c->ko->name,
		c->kind == CALL_LOAD ? s->load_word : s->unload_word);
}

/* What else of the module is going on: another processor or task that is in it. */
static char *others(const struct stands *all, const struct stand *lead)
{
	struct buf out = {0};

	for (size_t i = 0; i < all->n; i++) {
		const struct stand *s = &all->items[i];
		size_t at = module_frame(s);

		if (s == lead || s->caller || at == s->nframes)
			continue;
		/* A task that runs is told as its processor. */
		if (!s->cpu && s->state == STAND_READY)
			continue;
		buf_addf(&out, "; meanwhile %s %s in %s", s->name, s->cpu ? "is" : "waits",
			s->frames[at].function);
		if (!s->cpu && wait_of(s) >= 0)
			buf_addf(&out, " for %s", waits[wait_of(s)].what);
	}
	return buf_take(&out);
}

/* The lock of the kind that is waited for ("a mutex"), or NULL. */
static const struct stand_lock *lock_of(const struct stands *all, const char *kind)
{
	for (size_t i = 0; i < all->nlocks; i++)
		if (strstr(kind, all->locks[i].kind))
			return &all->locks[i];
	return NULL;
}

/* "the mutex my_lock, which it holds itself: it was taken twice" */
static void add_lock(const struct run *r, const struct stands *all, const struct stand *lead,
	const char *kind, struct buf *out)
{
	const struct stand_lock *l = lock_of(all, kind);
	const struct stand_held *wanted = wanted_by(all, lead), *holder = holder_of(all, wanted);
	bool alone = true;

	for (size_t i = 0; i < all->n; i++)
		alone = alone &&
			(&all->items[i] == lead || all->items[i].caller ||
				!in_module(&all->items[i]));
	if (l || lead->lock || wanted)
		buf_addf(out, "the %s", strchr(kind, ' ') + 1);
	else
		buf_adds(out, kind);
	if (l)
		buf_addf(out, " %s", l->name);
	else if (lead->lock)
		buf_addf(out, " \"%s\"", lead->lock);
	else if (wanted)
		buf_addf(out, " %s", wanted->name);
	if (l && l->owner && !strcmp(l->owner, "itself"))
		buf_adds(out, ", which it holds itself: it was taken twice");
	else if (holder && holder->task == lead->number)
		buf_adds(out, ", which it holds itself: it was taken twice");
	else if (l && l->owner)
		buf_addf(out, ", held by %s", l->owner);
	else if (holder)
		buf_addf(out, ", held by %s", holder->owner);
	else if (alone)
		buf_adds(out,
			", and nobody else is in the module who could release it: it was "
			"taken twice, or never released");
	if (holder && holder->frame) {
		buf_addf(out, " (taken in %s", holder->frame->function);
		add_place(r, holder->frame, true, out);
		buf_adds(out, ")");
	}
}

/* "the completion done that nobody completes" */
static void add_awaited(const struct stands *all, const char *what, struct buf *out)
{
	const struct stand_lock *l = lock_of(all, what);
	const char *kind = l ? strstr(what, l->kind) : NULL;

	if (!l)
		buf_adds(out, what);
	else
		buf_addf(out, "the %s %s%s", l->kind, l->name, kind + strlen(l->kind));
}

static struct finding *add_finding(const struct run *r, const struct stands *all,
	const struct stand *lead, struct findings *out)
{
	int wait = lead ? wait_of(lead) : -1;
	size_t at = lead ? module_frame(lead) : 0;
	const char *function = lead && at < lead->nframes ? lead->frames[at].function : NULL;
	AUTO_FREE char *what = what_hangs(r);
	AUTO_FREE char *more = others(all, lead);
	AUTO_BUF struct buf message = {0};
	const char *rule = "hang", *advice = NULL;
	bool spins = lead && lead->cpu;
	const struct call *exercise = exercise_of(r);
	double limit_s = exercise ? (double)exercise->took_us / 1e6 : r->timeout_ms / 1e3;

	buf_addf(&message, "%s", what);
	if (!lead || (!function && wait < 0)) {
		buf_addf(&message, " within %g s", limit_s);
		advice =
			"Look for a loop that does not end, a lock that is not released or a wait "
			"that nobody ends; --timeout (for a test --exercise-timeout) gives it longer.";
	} else if (wait >= 0 && waits[wait].wait == WAIT_LOCK &&
		(!spins || !is_ever_in_module(lead))) {
		rule = "lock-wait";
		buf_adds(&message, ": it waits for ever for ");
		add_lock(r, all, lead, waits[wait].what, &message);
		if (function)
			buf_addf(&message, ", in %s", function);
		advice = "Every path out of a function must release what it took, errors included; "
			 "a lock that is held must not be taken again.";
	} else if (spins) {
		rule = lead->interrupts ? "endless-loop" : "endless-loop-irqs-off";
		buf_addf(&message, ": it loops with interrupts %s, in %s",
			lead->interrupts ? "on" : "off", function);
		advice = "Give the loop a condition that must come true, or a limit of time.";
	} else if (wait >= 0) {
		rule = "sleeps-forever";
		buf_addf(&message, ": it waits for ");
		add_awaited(all, waits[wait].what, &message);
		if (function)
			buf_addf(&message, ", in %s", function);
		if (lead->waits && r->os == TARGET_FREEBSD)
			buf_addf(&message, " (\"%s\")", lead->waits);
		advice = waits[wait].advice
			? waits[wait].advice
			: "Look for who was to end this wait, and why it does not "
			  "happen; a wait with a limit of time is safer.";
	} else {
		buf_addf(&message, " within %g s, in %s", limit_s, function);
	}
	buf_adds(&message, more);
	return finding_add(out, rule, SEVERITY_ERROR, CLASS_HANG, buf_take(&message),
		judge_again(r, r->ncalls - 1, advice ? xstrdup(advice) : NULL));
}

void judge_hang(const struct run *r, struct findings *out)
{
	const struct stand *lead, *place;
	struct code_place p = {0};
	struct stands all;
	struct finding *f;
	bool runs;

	stands_parse(r->stuck ? r->stuck : "", &all);
	lead = exercise_of(r) ? find_exercise_lead(&all) : find_lead(&all);
	if (is_own_affair(r, &all, lead, &runs)) {
		judge_timeout(r, r->ncalls - 1, runs, out);
		stands_free(&all);
		return;
	}
	f = add_finding(r, &all, lead, out);
	place = lead && !in_module(lead) ? find_other(&all) : lead;
	if (r->stuck && *r->stuck) {
		f->excerpt = xstrdup(r->stuck);
		f->trace = trace_of(r, &all, lead);
	}
	if (place && in_module(place)) {
		size_t at = module_frame(place);
		const struct stand_frame *frame = &place->frames[at];

		f->function = xstrdup(frame->function);
		if (r->code &&
			code_function(r->code, frame->module, frame->function, frame->offset,
				at > 0 || !place->cpu, &p)) {
			if (p.file) {
				f->file = xstrdup(p.file);
				f->line = p.line;
			}
			code_place_free(&p);
		}
	}
	stands_free(&all);
}
