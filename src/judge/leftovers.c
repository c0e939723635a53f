/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leftovers: what is still listed somewhere in the kernel though its module is gone. One mistake shows in
 * several lists: a device that was not taken away has a number, a node, a class and a directory in
 * sysfs. So things that belong together by their names become one finding, whose rule is that of the first of
 * them in the order of `rank`.
 */
#include "judge/leftovers.h"

#include "judge/system.h"

#include <ctype.h>
#include <string.h>

#define NAMED_MAX 12   /* things that a message names; the rest it counts */
#define LEFT_MAX  1000 /* more than an agent ever tells; what a guest says beyond is not looked at */

/* What a thing counts for when several are one finding: the lower, the more it says. */
static unsigned rank(enum proto_kind kind)
{
	static const enum proto_kind order[] = {PROTO_DEADLY, PROTO_NETDEV, PROTO_DEVICE,
		PROTO_NODE, PROTO_ZONE, PROTO_FILESYSTEM, PROTO_IRQ, PROTO_REGION, PROTO_THREAD,
		PROTO_DEBUGFS, PROTO_PROC, PROTO_SYSCTL, PROTO_SYSFS};
	unsigned i = 0;

	while (i < sizeof order / sizeof *order && order[i] != kind)
		i++;
	return i;
}

static bool has_path(enum proto_kind kind)
{
	return kind == PROTO_NODE || kind == PROTO_PROC || kind == PROTO_SYSFS ||
		kind == PROTO_DEBUGFS || kind == PROTO_SYSCTL;
}

static bool is_of_a_device(enum proto_kind kind)
{
	return kind == PROTO_DEVICE || kind == PROTO_NODE || kind == PROTO_SYSFS ||
		kind == PROTO_NETDEV;
}

/* What the thing itself is called: the last part of a path, the last word of a name. */
static const char *own_name(const struct thing *t)
{
	const char *cut = strrchr(t->name,
		*t->name != '/' && t->kind == PROTO_SYSCTL ? '.'
			: has_path(t->kind)		   ? '/'
							   : ' ');

	if (t->kind == PROTO_DEVICE && !strncmp(t->name, "char ", 5))
		cut = strchr(t->name + 5, ' ');
	return cut ? cut + 1 : t->name;
}

/* How long a name is without the number at its end: foo of foo0. */
static size_t stem(const char *name)
{
	size_t len = strlen(name), n = len;

	while (n && isdigit((unsigned char)name[n - 1]))
		n--;
	return n ? n : len;
}

static bool same_stem(const char *a, const char *b)
{
	return stem(a) == stem(b) && !memcmp(a, b, stem(a));
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (path[len] == '/' || (path[len] == '.' && *path != '/'));
}

/* A UMA zone has nodes of its own below vm.uma, where what is neither letter nor digit in its name is a '_'. */
static bool is_of_zone(const struct thing *t, const struct thing *zone)
{
	const char *name = t->name + strlen("vm.uma."), *z = zone->name;

	if (t->kind != PROTO_SYSCTL || zone->kind != PROTO_ZONE ||
		strncmp(t->name, "vm.uma.", strlen("vm.uma.")))
		return false;
	while (*z && (*name == *z || (*name == '_' && !isalnum((unsigned char)*z))))
		name++, z++;
	return !*z;
}

/* Whether reading that list is deadly because of a thing like `t`. */
static bool is_listed_in(const struct thing *t, const struct thing *list)
{
	if (!strcmp(list->name, "/proc/misc"))
		return t->kind == PROTO_DEVICE || t->kind == PROTO_NODE ||
			(t->kind == PROTO_SYSFS && strstr(t->name, "/misc/"));
	if (!strcmp(list->name, "/proc/filesystems"))
		return t->kind == PROTO_FILESYSTEM;
	if (!strcmp(list->name, "/proc/ioports") || !strcmp(list->name, "/proc/iomem"))
		return t->kind == PROTO_REGION;
	return false;
}

/* Whether one mistake left them both. */
static bool belong_together(const struct thing *a, const struct thing *b)
{
	if (a->kind == PROTO_DEADLY || b->kind == PROTO_DEADLY)
		return a->kind == PROTO_DEADLY ? is_listed_in(b, a) : is_listed_in(a, b);
	if (has_path(a->kind) && has_path(b->kind) &&
		(is_below(a->name, b->name) || is_below(b->name, a->name)))
		return true;
	if (is_of_zone(a, b) || is_of_zone(b, a))
		return true;
	if (a->kind == PROTO_NETDEV || b->kind == PROTO_NETDEV)
		return !strcmp(own_name(a), own_name(b));
	if (is_of_a_device(a->kind) && is_of_a_device(b->kind))
		return same_stem(own_name(a), own_name(b));
	if (a->site || b->site)
		return a->kind == b->kind && a->site == b->site;
	return a->kind == b->kind && same_stem(own_name(a), own_name(b));
}

/* Gives each thing the number of its group: the index of the group's first. */
static size_t *group(const struct things *all)
{
	size_t *of = xcalloc(all->n + 1, sizeof *of);

	for (size_t i = 0; i < all->n; i++) {
		of[i] = i;
		for (size_t k = 0; k < i; k++) {
			size_t from = of[i], to = of[k];

			if (from == to || !belong_together(&all->items[i], &all->items[k]))
				continue;
			/* The one joins the other, with all that are in it already. */
			for (size_t m = 0; m <= i; m++)
				if (of[m] == (from > to ? from : to))
					of[m] = from > to ? to : from;
		}
	}
	return of;
}

static const struct thing *leader(const struct things *all, const size_t *of, size_t number)
{
	const struct thing *best = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (of[i] == number && (!best || rank(all->items[i].kind) < rank(best->kind)))
			best = &all->items[i];
	return best;
}

/* "hello was unloaded", "hello's init failed", "hello and there were unloaded". */
static char *after_what(const struct run *r)
{
	AUTO_BUF struct buf names = {0};
	const struct call *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->ncalls; i++) {
		const struct call *c = &r->calls[i];

		if (c->supporting || c->kind != CALL_LOAD)
			continue;
		last = c;
		if (names.len && strstr(names.data, c->ko->name))
			continue;
		buf_addf(&names, "%s%s", n ? " and " : "", c->ko->name);
		n++;
	}
	if (last && last->error)
		return xasprintf("%s's %s failed", last->ko->name, judge_system(r->os)->load_word);
	return xasprintf("%s %s unloaded", n ? names.data : "the module", n > 1 ? "were" : "was");
}

static char *list_of(const struct run *r, const struct things *all, const size_t *of, size_t number)
{
	struct buf out = {0};
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		AUTO_FREE char *words = NULL;

		if (of[i] != number || all->items[i].kind == PROTO_DEADLY)
			continue;
		if (n++ >= NAMED_MAX)
			continue;
		words = leftover_words(r, &all->items[i]);
		buf_addf(&out, "%s%s", n > 1 ? ", " : "", words);
	}
	if (n > NAMED_MAX)
		buf_addf(&out, " and %zu more", n - NAMED_MAX);
	return buf_take(&out);
}

/* Where the module made it: a function's address tells, or the only call of one that makes such things. */
static bool place_of(const struct run *r, const struct thing *t, const struct leftover_rule *rule,
	struct code_place *place)
{
	const char *made = r->os == TARGET_FREEBSD ? rule->freebsd_made : rule->linux_made;

	if (!r->code)
		return false;
	/* Any of them may have been called with the type. */
	if (t->kind == PROTO_MEMORY)
		return code_only_call(r->code, made, place);
	for (size_t len; *made; made += len + (made[len] == ' ')) {
		AUTO_FREE char *name = NULL;

		len = strcspn(made, " ");
		name = xstrndup(made, len);
		if (code_only_call(r->code, name, place))
			return true;
	}
	return t->site && code_address(r->code, t->site, false, place);
}

/* `others`: there are leftovers that are more than memory. */
static void add(const struct run *r, const struct things *all, const size_t *of, size_t number,
	bool others, struct findings *out)
{
	const struct thing *first = leader(all, of, number);
	const struct leftover_rule *rule = leftover_rule(r, first);
	AUTO_FREE char *when = after_what(r), *list = list_of(r, all, of, number);
	AUTO_FREE char *calls = NULL;
	const char *advice;
	struct finding *f;
	struct code_place place = {0};
	bool placed;
	char *message;

	if (first->site && r->code && code_address(r->code, first->site, false, &place)) {
		calls = place.function ? xasprintf(", which calls %s", place.function) : NULL;
		code_place_free(&place);
		place = (struct code_place){0};
	}
	placed = place_of(r, first, rule, &place);
	if (first->kind == PROTO_DEADLY)
		message = xasprintf(
			"%s, but left %s%sbehind: the kernel crashed while %s was read, because an entry "
			"is left there whose memory went with the module",
			when, *list ? list : "something", *list ? " " : " ", first->name);
	else
		message = xasprintf("%s, but left behind: %s%s", when, list, calls ? calls : "");
	advice = r->os == TARGET_FREEBSD ? rule->freebsd_advice : rule->linux_advice;
	if (first->kind == PROTO_MEMORY && others)
		f = finding_add(out, rule->rule, SEVERITY_NOTE, CLASS_PASS, message,
			xstrdup("Probably it belongs to what else was left behind: undo that first, and run again."));
	else
		f = finding_add(
			out, rule->rule, SEVERITY_ERROR, CLASS_LEAK, message, xstrdup(advice));
	if (placed) {
		f->file = place.file ? xstrdup(place.file) : NULL;
		f->line = place.line;
		f->function = place.function ? xstrdup(place.function) : NULL;
	}
	code_place_free(&place);
}

/* A workqueue's rescuer thread is called as the queue, cut to what a thread's name can be ("kworker/R-foo" from Linux
 * 6.8 on): where the queue itself is told, the thread is not. */
static bool is_rescuer(const struct run *r, const struct thing *t)
{
	const char *name = t->name;

	if (t->kind != PROTO_THREAD)
		return false;
	if (!strncmp(name, "kworker/R-", 10))
		name += 10;
	for (size_t i = 0; i < r->left.n && i < THINGS_MAX; i++)
		if (*name && r->left.items[i].kind == PROTO_WORKQUEUE &&
			!strncmp(r->left.items[i].name, name, strlen(name)))
			return true;
	return false;
}

void judge_leftovers(const struct run *r, struct findings *out)
{
	AUTO_FREE struct thing *items = xcalloc(LEFT_MAX, sizeof *items);
	struct things ours = {.items = items};
	AUTO_FREE size_t *of = NULL;
	bool others = false;

	/* The strings stay the run's. */
	for (size_t i = 0; i < r->left.n && ours.n < LEFT_MAX; i++) {
		const struct thing *t = &r->left.items[i];

		if (!leftover_rule(r, t) || is_rescuer(r, t))
			continue;
		items[ours.n++] = *t;
		others = others || t->kind != PROTO_MEMORY;
	}
	of = group(&ours);
	for (size_t i = 0; i < ours.n; i++)
		if (of[i] == i)
			add(r, &ours, of, i, others, out);
}
