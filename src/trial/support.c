/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own modules that a trial's modules need: those that they name as their dependencies, and
 * those that they ask for when they are loaded. They stand before the trial's own, each behind what it
 * needs itself.
 */
#include "trial/load.h"

#include "base/archive.h"
#include "check/own.h"

#include <string.h>

#define MODULE_MAX  ((size_t)256 << 20) /* bytes in one .ko */
#define SUPPORT_MAX 256			/* supporting modules of one trial */
#define DEPTH_MAX   64 /* of modules that need modules; in a circle there is no end to it */

/* Where the next one goes, and how. */
struct placing {
	size_t at;
	int depth;
	bool optional; /* whether it loads is nobody's fault */
};

/* The module `name` among the trial's; how many there are if it is none of them. */
static size_t find_module(const struct trial *t, const char *name)
{
	size_t i = 0;

	while (i < t->modules.n && !ko_answers_to(&t->kos[i], name))
		i++;
	return i;
}

static void insert_module(struct trial *t, size_t at, struct module_file file, struct ko ko)
{
	size_t n = t->modules.n;

	t->modules.items = xreallocarray(t->modules.items, n + 1, sizeof *t->modules.items);
	t->kos = xreallocarray(t->kos, n + 1, sizeof *t->kos);
	memmove(t->modules.items + at + 1, t->modules.items + at,
		(n - at) * sizeof *t->modules.items);
	memmove(t->kos + at + 1, t->kos + at, (n - at) * sizeof *t->kos);
	t->modules.items[at] = file;
	t->kos[at] = ko;
	t->modules.n++;
	t->nsupporting++;
}

static int support_file(struct trial *t, struct placing *p, const char *path, struct error *err);

/* The module at `i` is there already, but may be needed sooner than where it stands. */
static void move_forward(struct trial *t, struct placing *p, size_t i)
{
	struct module_file file = t->modules.items[i];
	struct ko ko = t->kos[i];

	if (i < p->at || i >= t->nsupporting)
		return;
	memmove(t->modules.items + p->at + 1, t->modules.items + p->at, (i - p->at) * sizeof file);
	memmove(t->kos + p->at + 1, t->kos + p->at, (i - p->at) * sizeof ko);
	t->modules.items[p->at] = file;
	t->kos[p->at] = ko;
	p->at++;
}

/* Puts the module `dependency`, if there is one of that name, and what it needs where `p` says, which is then
 * behind them. 0 or -errno. */
static int support(struct trial *t, struct placing *p, const char *dependency, struct error *err)
{
	/* Linux: `depends` has file names ("crc-itu-t"), the kernel's names have underscores. */
	bool freebsd = t->target->os == TARGET_FREEBSD;
	AUTO_FREE char *name = freebsd ? xstrdup(dependency) : ko_module_name(dependency);
	AUTO_FREE char *path = NULL;
	size_t i = find_module(t, name);
	AUTO_STRV struct strv needs = {0};
	int r = 0;

	if (i >= p->at && i < t->nsupporting && p->depth < DEPTH_MAX) {
		for (size_t k = 0; k < t->kos[i].depends.n; k++)
			strv_add(&needs, t->kos[i].depends.v[k]);
		p->depth++;
		for (size_t k = 0; k < needs.n && !r; k++)
			r = support(t, p, needs.v[k], err);
		p->depth--;
		move_forward(t, p, find_module(t, name));
	}
	if (i < t->modules.n)
		return r;
	path = own_or_given_file(t->target, t->given, t->source, name);
	return path ? support_file(t, p, path, err) : 0;
}

static int support_file(struct trial *t, struct placing *p, const char *path, struct error *err)
{
	bool freebsd = t->target->os == TARGET_FREEBSD;
	AUTO_BUF struct buf bytes = {0};
	struct module_file file;
	struct ko ko;
	int r;

	if (t->nsupporting >= SUPPORT_MAX || p->depth >= DEPTH_MAX)
		return 0;
	r = archive_read_plain(path, MODULE_MAX, &bytes, err);
	if (r)
		return r;
	ko_read(bytes.data, bytes.len, path, &ko);
	p->depth++;
	for (size_t i = 0; i < ko.depends.n && !r; i++)
		r = support(t, p, ko.depends.v[i], err);
	p->depth--;
	if (r || !ko.name) {
		ko_free(&ko);
		return r;
	}
	file = (struct module_file){.name = freebsd ? kld_file_name(path) : ko_module_name(path),
		.path = xstrdup(path),
		.len = bytes.len,
		.optional = p->optional};
	file.bytes = buf_take(&bytes);
	insert_module(t, p->at++, file, ko);
	return 0;
}

int load_supporting(struct trial *t, struct error *err)
{
	AUTO_STRV struct strv needs = {0};
	struct placing p = {0};
	int r = 0;

	for (size_t i = 0; i < t->modules.n; i++)
		for (size_t k = 0; k < t->kos[i].depends.n; k++)
			strv_add(&needs, t->kos[i].depends.v[k]);
	for (size_t i = 0; i < needs.n && !r; i++)
		r = support(t, &p, needs.v[i], err);
	return r;
}

int load_asked(struct trial *t, struct buf *names, struct error *err)
{
	struct placing p = {.optional = true};
	size_t before = t->nsupporting;
	int r = 0;

	for (size_t i = 0; i < t->run.asked.n && !r; i++) {
		AUTO_FREE char *asked = ko_module_name(t->run.asked.v[i]), *name = NULL;
		AUTO_FREE char *path = own_or_given_file(t->target, t->given, t->source, asked);

		if (!path)
			path = own_aliased_file(t->target, t->run.asked.v[i]);
		name = path ? ko_module_name(path) : NULL;
		if (!path || find_module(t, name) < t->modules.n)
			continue;
		buf_addf(names, "%s%s", names->len ? ", " : "", name);
		r = support_file(t, &p, path, err);
	}
	return r ?: t->nsupporting > before;
}
