/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load order. A module says which others it needs (`depends`: modpost's on Linux, the author's
 * MODULE_DEPEND on FreeBSD, which names what a file declares); where that is empty,
 * because each was built on its own with unresolved symbols, the symbol tables still tell. The
 * order is a depth-first walk over "needs": a module is put down after all that it needs.
 */
#include "check/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct name {
	const char *text;
	size_t owner; /* index of the module */
};

enum mark { UNSEEN, OPEN, DONE };

struct walk {
	const struct ko *const *kos;
	size_t n;
	struct name *exports; /* sorted by text */
	size_t nexports;
	enum mark *marks;
	size_t *path; /* the modules being looked at, outermost first */
	size_t depth;
	size_t *order;
	size_t placed;
};

static int by_text(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	return c ? c : (x->owner > y->owner) - (x->owner < y->owner);
}

/* The module that exports `symbol`, or n. */
static size_t exporter(const struct walk *w, const char *symbol)
{
	size_t low = 0, high = w->nexports;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(w->exports[middle].text, symbol) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->nexports && !strcmp(w->exports[low].text, symbol))
		return w->exports[low].owner;
	return w->n;
}

static size_t named(const struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (ko_answers_to(w->kos[i], name))
			return i;
	return w->n;
}

static int circle(const struct walk *w, size_t again, struct error *err)
{
	AUTO_BUF struct buf names = {0};
	size_t from = 0;

	while (w->path[from] != again)
		from++;
	for (size_t i = from; i < w->depth; i++)
		buf_addf(&names, "%s%s", w->kos[w->path[i]]->name,
			i + 1 == w->depth	    ? ""
				: i + 2 == w->depth ? " and "
						    : ", ");
	return error_set(err, ELOOP,
		"the modules %s need each other: no order of loading would do; move what they share "
		"into a module of its own",
		names.data);
}

static int visit(struct walk *w, size_t i, struct error *err);

static int need(struct walk *w, size_t i, size_t needed, struct error *err)
{
	if (needed == w->n || needed == i)
		return 0;
	return visit(w, needed, err);
}

static int visit(struct walk *w, size_t i, struct error *err)
{
	const struct ko *ko = w->kos[i];
	int r = 0;

	if (w->marks[i] == DONE)
		return 0;
	if (w->marks[i] == OPEN)
		return circle(w, i, err);
	w->marks[i] = OPEN;
	w->path[w->depth++] = i;
	for (size_t d = 0; !r && d < ko->depends.n; d++)
		r = need(w, i, named(w, ko->depends.v[d]), err);
	for (size_t u = 0; !r && u < ko->undefined.n; u++)
		r = need(w, i, exporter(w, ko->undefined.v[u]), err);
	if (r)
		return r;
	w->depth--;
	w->marks[i] = DONE;
	w->order[w->placed++] = i;
	return 0;
}

static void list_exports(struct walk *w)
{
	size_t total = 0;

	for (size_t i = 0; i < w->n; i++)
		total += w->kos[i]->exports.n;
	w->exports = xcalloc(total, sizeof *w->exports);
	for (size_t i = 0; i < w->n; i++)
		for (size_t e = 0; e < w->kos[i]->exports.n; e++)
			w->exports[w->nexports++] = (struct name){w->kos[i]->exports.v[e], i};
	qsort(w->exports, w->nexports, sizeof *w->exports, by_text);
}

int ko_order(const struct ko *const *kos, size_t n, size_t *order, struct error *err)
{
	struct walk w = {.kos = kos, .n = n, .order = order};
	int r = 0;

	list_exports(&w);
	w.marks = xcalloc(n, sizeof *w.marks);
	w.path = xcalloc(n, sizeof *w.path);
	for (size_t i = 0; !r && i < n; i++)
		r = visit(&w, i, err);
	free(w.exports);
	free(w.marks);
	free(w.path);
	return r;
}
