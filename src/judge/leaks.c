/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Linux module took and did not give back, as the agent followed it (guest/track-linux.c): each with the
 * place in the source that took it, or the function that will be called though it is gone.
 */
#include "judge/judge.h"

#include <string.h>

/* The place of a thing's site in the source, as far as it is known. Timers and the like have a function there, the
 * others the address behind a call. */
static bool place_of(
	const struct run *r, const struct thing *t, bool is_return, struct code_place *p)
{
	return r->code && t->site &&
		(code_address(r->code, t->site, is_return, p) ||
			code_guess(r->code, NULL, t->site, is_return, p));
}

/* The module under test: the last that was loaded. */
static const char *module_name(const struct run *r)
{
	for (size_t i = r->ncalls; i-- > 0;)
		if (r->calls[i].kind == CALL_LOAD && !r->calls[i].supporting)
			return r->calls[i].ko->name;
	return "the module";
}

static bool init_failed(const struct run *r)
{
	for (size_t i = 0; i < r->ncalls; i++)
		if (r->calls[i].kind == CALL_LOAD && !r->calls[i].supporting && r->calls[i].error)
			return true;
	return false;
}

static size_t cycles(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->ncalls; i++)
		n += r->calls[i].kind == CALL_UNLOAD &&
			!strcmp(r->calls[i].ko->name, module_name(r));
	return n;
}

static void add(const struct run *r, struct findings *out, const char *rule, struct code_place *p,
	char *message, const char *advice)
{
	const char *when =
		init_failed(r) ? "its init failed and did not undo all that it had done: " : "";
	struct finding *f = finding_add(out, rule, SEVERITY_ERROR, CLASS_LEAK,
		xasprintf("%s is gone, but %s%s%s%s", p->module ? p->module : module_name(r), when,
			message, p->function ? ", in " : "", p->function ? p->function : ""),
		xstrdup(advice));

	free(message);
	f->file = p->file;
	f->line = p->line;
	f->function = p->function;
	p->file = p->function = NULL;
	code_place_free(p);
}

static const char *undo(const struct thing *t)
{
	if (!strcmp(t->name, "kmem_cache"))
		return "Give each object back with kmem_cache_free() before the cache is destroyed, on the "
		       "way out of exit and of an init that fails.";
	if (!strcmp(t->name, "vmalloc"))
		return "Free it with vfree() in exit, and where init fails later on.";
	if (!strcmp(t->name, "pages"))
		return "Free them with free_pages() or __free_pages() in exit, and where init fails "
		       "later on.";
	if (!strcmp(t->name, "percpu"))
		return "Free it with free_percpu() in exit, and where init fails later on.";
	return "Free it with kfree() (kvfree() for kvmalloc) in exit, and where init fails later on.";
}

static void judge_memory(const struct run *r, const struct thing *t, struct findings *out)
{
	struct code_place p = {0};
	size_t times = cycles(r);
	AUTO_FREE char *each = times > 1 ? xasprintf(", after %zu cycles", times) : xstrdup("");

	place_of(r, t, true, &p);
	add(r, out, "memory-leak", &p,
		xasprintf("%llu %s of memory that it allocated (%s), %llu bytes in all, %s still "
			  "there%s",
			(unsigned long long)t->count, t->count == 1 ? "piece" : "pieces", t->name,
			(unsigned long long)t->bytes, t->count == 1 ? "is" : "are", each),
		undo(t));
}

static void judge_armed(const struct run *r, const struct thing *t, struct findings *out)
{
	bool timer = t->kind == PROTO_TIMER;
	struct code_place p = {0};

	place_of(r, t, false, &p);
	add(r, out, timer ? "leftover-timer" : "leftover-work", &p,
		timer ? xstrdup("a timer of its is still armed: when it is due, the kernel jumps into "
				"memory that is something else by then")
		      : xstrdup("a work of its is still queued: when its turn comes, the kernel jumps "
				"into memory that is something else by then"),
		timer ? "Call timer_delete_sync() (del_timer_sync() before 6.2; hrtimer_cancel() for an "
			"hrtimer) in exit: it also waits for a handler that is running."
		      : "Call cancel_work_sync() or cancel_delayed_work_sync() in exit.");
}

static void judge_registered(const struct run *r, const struct thing *t, struct findings *out)
{
	struct code_place p = {0};

	place_of(r, t, t->kind != PROTO_NOTIFIER, &p);
	switch (t->kind) {
	case PROTO_NOTIFIER:
		add(r, out, "leftover-notifier", &p,
			xstrdup("a notifier of its is still registered: the next event calls code that is "
				"not there any more"),
			"Call the unregister function that belongs to the register function, in exit.");
		return;
	case PROTO_WORKQUEUE:
		add(r, out, "leftover-workqueue", &p,
			xasprintf("its workqueue '%s' is still there", t->name),
			"Call destroy_workqueue() in exit; it also waits for what is queued.");
		return;
	default:
		add(r, out, "leftover-zone", &p,
			xstrdup("a kmem_cache that it created is still there"),
			"Call kmem_cache_destroy() in exit, when all its objects have been freed.");
	}
}

/* In the order of the code that did it: the agent knows none. */
static int by_site(const void *a, const void *b)
{
	const struct thing *const *x = a, *const *y = b;

	return ((*x)->site > (*y)->site) - ((*x)->site < (*y)->site);
}

void judge_leaks(const struct run *r, struct findings *out)
{
	AUTO_FREE const struct thing **sorted = xcalloc(r->left.n, sizeof *sorted);

	if (r->os != TARGET_LINUX)
		return;
	for (size_t i = 0; i < r->left.n; i++)
		sorted[i] = &r->left.items[i];
	if (r->left.n)
		qsort(sorted, r->left.n, sizeof *sorted, by_site);
	for (size_t i = 0; i < r->left.n; i++) {
		const struct thing *t = sorted[i];

		switch (t->kind) {
		case PROTO_MEMORY:
			judge_memory(r, t, out);
			break;
		case PROTO_TIMER:
		case PROTO_WORK:
			judge_armed(r, t, out);
			break;
		case PROTO_NOTIFIER:
		case PROTO_WORKQUEUE:
		case PROTO_ZONE:
			judge_registered(r, t, out);
			break;
		default:
			break;
		}
	}
}
