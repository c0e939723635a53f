/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaks: memory that a module's code allocated and nobody freed, and what it armed or registered and did not
 * undo, from the things that the agent followed on Linux. A place in the source is one finding, however
 * often it was passed. FreeBSD's are listed by name and told with the leftovers.
 */
#include "judge/judge.h"

#include <string.h>

static const struct leak_rule {
	enum proto_kind kind;
	const char *rule;
	const char *one, *several; /* what is left, before its name */
	const char *made;	   /* how its place is called */
	const char *advice;
} rules[] = {
	{PROTO_TIMER, "leftover-timer", "a timer that is still armed",
		"timers that are still armed", "calls",
		"Stop it in exit: timer_delete_sync (del_timer_sync before 6.2; hrtimer_cancel for an hrtimer), "
		"which waits for a handler that runs. When it expires it calls code that is gone."},
	{PROTO_WORK, "leftover-work", "delayed work that is still to be done",
		"pieces of delayed work that are still to be done", "calls",
		"Stop it in exit: cancel_delayed_work_sync, which waits for it if it runs. When its time comes it "
		"calls code that is gone."},
	{PROTO_WORKQUEUE, "leftover-workqueue", "a workqueue", "workqueues", "made in",
		"Undo it in exit: destroy_workqueue, which does first what is still queued."},
	{PROTO_NOTIFIER, "leftover-notifier", "a notifier that is still registered",
		"notifiers that are still registered", "calls",
		"Undo it in exit with the unregister function that belongs to it "
		"(unregister_netdevice_notifier, unregister_reboot_notifier, …). The next such event calls "
		"code that is gone."},
	{PROTO_ZONE, "leftover-zone", "a cache of objects", "caches of objects", "made in",
		"Undo it in exit: kmem_cache_free for each object, then kmem_cache_destroy."},
};

/* What frees it. */
static const struct {
	const char *name, *advice;
} freeing[] = {
	{"kmalloc", "kfree"},
	{"kmem_cache_alloc", "kmem_cache_free, before the kmem_cache_destroy"},
	{"vmalloc", "vfree"},
	{"kvmalloc", "kvfree"},
	{"pages", "free_pages or __free_pages, with the same order"},
	{"alloc_percpu", "free_percpu"},
	{"dma_alloc_coherent", "dma_free_coherent"},
	{"ioremap", "iounmap"},
};

/* The trial's own module whose load came last, and how often such loads were tried. */
static const struct call *last_load(const struct run *r, size_t *loads)
{
	const struct call *last = NULL;

	*loads = 0;
	for (size_t i = 0; i < r->ncalls; i++) {
		const struct call *c = &r->calls[i];

		if (c->kind != CALL_LOAD || c->supporting)
			continue;
		if (!last || last->ko == c->ko || !strcmp(last->ko->name, c->ko->name))
			++*loads;
		last = c;
	}
	return last;
}

/* Where the thing comes from. One whose init failed never told where it was loaded. */
static bool place_of(const struct run *r, const struct thing *t, struct code_place *place)
{
	bool is_return =
		t->kind == PROTO_MEMORY || t->kind == PROTO_WORKQUEUE || t->kind == PROTO_ZONE;

	if (!t->site || !r->code)
		return false;
	return code_address(r->code, t->site, is_return, place) ||
		code_guess(r->code, NULL, t->site, is_return, place);
}

static char *bytes_text(uint64_t bytes)
{
	return xasprintf("%llu byte%s", (unsigned long long)bytes, bytes == 1 ? "" : "s");
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static char *memory_message(
	const struct thing *t, const char *module, const char *when, const char *function)
{
	AUTO_FREE char *bytes = bytes_text(t->bytes);
	unsigned long long n = t->count;

	return xasprintf("%s leaves %llu allocation%s behind %s, %s in all (%s)%s%s", module, n,
		plural(n), when, bytes, t->name, function ? ", made in " : "",
		function ? function : "");
}

static char *other_message(const struct leak_rule *rule, const struct thing *t, const char *module,
	const char *when, const char *function)
{
	AUTO_BUF struct buf out = {0};

	buf_addf(&out, "%s leaves ", module);
	if (t->count > 1)
		buf_addf(&out, "%llu %s", (unsigned long long)t->count, rule->several);
	else
		buf_adds(&out, rule->one);
	if (*t->name && strcmp(t->name, "hrtimer"))
		buf_addf(&out, " '%s'", t->name);
	buf_addf(&out, " behind %s", when);
	if (function)
		buf_addf(&out, "; it %s%s %s", strcmp(rule->made, "calls") ? "was " : "",
			rule->made, function);
	return buf_take(&out);
}

static char *memory_advice(const struct thing *t, bool failed)
{
	const char *with = "what belongs to it";

	for (size_t i = 0; i < sizeof freeing / sizeof *freeing; i++)
		if (!strcmp(freeing[i].name, t->name))
			with = freeing[i].advice;
	return xasprintf("Free it with %s: %s.", with,
		failed ? "an init that fails undoes, in reverse, what it has done so far (goto its labels)"
		       : "in exit, or when it is no longer needed");
}

static void add(const struct run *r, const struct thing *t, struct findings *out)
{
	const struct leak_rule *rule = NULL;
	struct code_place place = {0};
	size_t loads;
	const struct call *last = last_load(r, &loads);
	bool failed = last && last->error;
	AUTO_FREE char *when = NULL;
	const char *module;
	struct finding *f;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].kind == t->kind)
			rule = &rules[i];
	if (t->kind != PROTO_MEMORY && !rule)
		return;
	place_of(r, t, &place);
	module = place.module ? place.module : last ? last->ko->name : "the module";
	if (failed)
		when = xstrdup("though its init failed");
	else if (loads > 1)
		when = xasprintf("after %zu loads and unloads", loads);
	else
		when = xstrdup("when it is unloaded");
	if (rule)
		f = finding_add(out, rule->rule, SEVERITY_ERROR, CLASS_LEAK,
			other_message(rule, t, module, when, place.function),
			xstrdup(rule->advice));
	else
		f = finding_add(out, "memory-leak", SEVERITY_ERROR, CLASS_LEAK,
			memory_message(t, module, when, place.function), memory_advice(t, failed));
	f->file = place.file ? xstrdup(place.file) : NULL;
	f->line = place.line;
	f->function = place.function ? xstrdup(place.function) : NULL;
	code_place_free(&place);
}

void judge_leaks(const struct run *r, struct findings *out)
{
	if (r->os == TARGET_FREEBSD)
		return;
	for (size_t i = 0; i < r->left.n; i++) {
		const struct thing *t = &r->left.items[i];

		if (t->kind == PROTO_UNSEEN && !strcmp(t->name, "bulk"))
			finding_add(out, "leaks-unseen", SEVERITY_NOTE, CLASS_PASS,
				xstrdup("leaks of kmalloc and kmem_cache_alloc were not looked for: one call "
					"of kfree_bulk or kmem_cache_free_bulk freed more pointers than are "
					"followed (512)"),
				xstrdup("Free fewer at a time (in a debug build, say), so that leaks can be looked for."));
		else if (t->kind == PROTO_UNSEEN)
			finding_add(out, "leaks-unseen", SEVERITY_NOTE, CLASS_PASS,
				xasprintf(
					"leaks of memory and forgotten timers were not looked for: this "
					"kernel has no %s",
					t->name),
				xstrdup("Run it on a target whose kernel has CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS and CONFIG_KPROBES: Debian's have."));
		else
			add(r, t, out);
	}
}
