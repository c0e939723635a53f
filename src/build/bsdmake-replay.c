/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The script that does what bmake would do: each object whose source or headers changed is compiled,
 * the module is linked from all of them, and its line numbers are taken out of it. Each step is the
 * very script that make ran when it last did that.
 */
#include "build/bsd-record.h"

#include "base/path.h"
#include "build/files.h"
#include "build/mirror.h"
#include "build/record.h"
#include "build/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX     (1u << 20)
#define MOST_RECORDS 5000
/* Above this, make is not what takes the time. */
#define MOST_COMPILED 200

struct recorded {
	char *name; /* of its file */
	struct buf text;
	struct bsd_script script;
	bool is_stale;
};

struct live {
	const struct replay *r;
	struct recorded *items;
	size_t n;
	const struct recorded *link, *debug, *strip;
	struct strv outer; /* files outside the sandbox that the module is made from */
	bool *met;	   /* of each changed file, whether an object is made from it */
	bool failed;
};

static void live_free(struct live *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].name);
		buf_free(&l->items[i].text);
		bsd_script_free(&l->items[i].script);
	}
	free(l->items);
	free(l->met);
	strv_free(&l->outer);
}

/* ---- reading ---- */

static void read_one(void *arg, const char *dir, const char *path)
{
	struct live *l = arg;
	struct recorded *item;

	if (l->failed || l->n >= MOST_RECORDS || strchr(path, '/') || strchr(path, '\'')) {
		l->failed = true;
		return;
	}
	item = ARRAY_ADD(l->items, l->n);
	item->name = xstrdup(path);
	if (mirror_read(dir, path, TEXT_MAX, &item->text, NULL))
		l->failed = true;
	else
		bsd_script_parse(item->text.data, item->text.len, &item->script);
}

/* Takes `item` as the one for its work; another one must say the same. */
static bool take(const struct recorded **place, const struct recorded *item)
{
	if (*place)
		return (*place)->text.len == item->text.len &&
			!memcmp((*place)->text.data, item->text.data, item->text.len);
	*place = item;
	return true;
}

static struct recorded *find(const struct live *l, enum bsd_shape shape, const char *output)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].script.shape == shape && !strcmp(l->items[i].script.output, output))
			return &l->items[i];
	return NULL;
}

static bool is_linked(const struct live *l, const char *object)
{
	const struct strv *objects = &l->link->script.objects;

	for (size_t i = 0; i < objects->n; i++)
		if (!strcmp(objects->v[i], object))
			return true;
	return false;
}

/* That of each kind there is one script, of which the next one goes on from. */
static bool fit_together(struct live *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct recorded *item = &l->items[i];
		const struct recorded *same;

		switch (item->script.shape) {
		case BSD_UNKNOWN:
			return false;
		case BSD_LINK:
			if (!take(&l->link, item))
				return false;
			break;
		case BSD_DEBUG:
			if (!take(&l->debug, item))
				return false;
			break;
		case BSD_STRIP:
			if (!take(&l->strip, item))
				return false;
			break;
		case BSD_COMPILE:
		case BSD_INTERFACE:
			same = find(l, item->script.shape, item->script.output);
			if (!take(&same, item))
				return false;
			break;
		default:
			break;
		}
	}
	if (!l->link || !l->debug != !l->strip)
		return false;
	if (l->debug &&
		(strcmp(l->debug->script.source, l->link->script.output) ||
			strcmp(l->strip->script.source, l->link->script.output)))
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].script.shape == BSD_COMPILE &&
			!is_linked(l, l->items[i].script.output))
			return false;
	for (size_t i = 0; i < l->link->script.objects.n; i++)
		if (!find(l, BSD_COMPILE, l->link->script.objects.v[i]))
			return false;
	return true;
}

/* ---- what they were made from ---- */

static bool is_changed(const struct live *l, const char *path)
{
	for (size_t i = 0; i < l->r->changed->n; i++)
		if (!strcmp(l->r->changed->v[i], path))
			return true;
	return false;
}

/* `name` as a command says it, below the source directory; NULL elsewhere. Caller frees. */
static char *below(const struct live *l, const char *name)
{
	AUTO_FREE char *whole = record_resolve(l->r->inside, name);
	size_t n = strlen(l->r->inside);

	return !strncmp(whole, l->r->inside, n) && whole[n] == '/' ? xstrdup(whole + n + 1) : NULL;
}

static bool add_outer(struct live *l, const char *path)
{
	const struct target *t = l->r->target;

	if (strncmp(path, BSD_SOURCES "/", strlen(BSD_SOURCES "/")) || strstr(path, "/../"))
		return false;
	strv_addf(&l->outer, "%s%s%s", strcmp(t->root, "/") ? t->root : "", t->build,
		path + strlen(BSD_SOURCES));
	return true;
}

/* "machine/endian.h", where make has made a link to the kernel's headers. */
static bool add_linked(struct live *l, const char *path)
{
	static const char *const links[] = {"machine", "x86", "i386", NULL};
	size_t n = strcspn(path, "/");

	for (size_t i = 0; links[i]; i++) {
		AUTO_FREE char *link = xasprintf("%s/%s", l->r->src, links[i]);
		AUTO_FREE char *whole = NULL;
		char to[4096];
		ssize_t len;

		if (strlen(links[i]) != n || strncmp(links[i], path, n) || !path[n])
			continue;
		len = readlink(link, to, sizeof to - 1);
		if (len < 0)
			return false;
		to[len] = 0;
		whole = xasprintf("%s%s", to, path + n);
		return add_outer(l, whole);
	}
	return false;
}

static bool is_generated(const struct live *l, const char *path)
{
	const struct recorded *made = find(l, BSD_INTERFACE, path);
	AUTO_FREE char *from = NULL;

	if (strchr(path, '/'))
		return false;
	if (!made)
		return !strncmp(path, "opt_", 4) && !strcmp(path + strlen(path) - 2, ".h");
	from = below(l, made->script.source);
	return !from || (manifest_find(l->r->now, from) && !is_changed(l, from));
}

static bool take_input(struct live *l, struct recorded *object, const char *name)
{
	AUTO_FREE char *path = below(l, name);
	const struct source_entry *e;

	if (!path)
		return add_outer(l, name);
	e = manifest_find(l->r->now, path);
	if (!e)
		return add_linked(l, path) || is_generated(l, path);
	if (e->kind != SOURCE_FILE)
		return false;
	for (size_t i = 0; i < l->r->changed->n; i++)
		if (!strcmp(l->r->changed->v[i], path))
			object->is_stale = l->met[i] = true;
	return true;
}

static bool take_inputs(struct live *l, struct recorded *object)
{
	AUTO_FREE char *name = xasprintf(".depend.%s", object->script.output);
	AUTO_STRV struct strv deps = {0};
	AUTO_BUF struct buf text = {0};

	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '_';
	if (mirror_read(l->r->src, name, TEXT_MAX, &text, NULL) || !text.len ||
		memchr(text.data, 0, text.len) ||
		!bsd_depend_parse(text.data, object->script.output, &deps) ||
		strcmp(deps.v[0], object->script.source))
		return false;
	for (size_t i = 0; i < deps.n; i++)
		if (!take_input(l, object, deps.v[i]))
			return false;
	return true;
}

/* Whether no other step speaks of a file that has changed. */
static bool others_are_harmless(const struct live *l)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->r->changed->n; k++) {
			AUTO_FREE char *base = path_base(l->r->changed->v[k]);

			if (l->items[i].script.shape != BSD_COMPILE && l->items[i].text.len &&
				strstr(l->items[i].text.data, base))
				return false;
		}
	return true;
}

static bool is_after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static bool oldest_object(const struct live *l, struct timespec *out)
{
	const struct strv *objects = &l->link->script.objects;

	for (size_t i = 0; i < objects->n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", l->r->src, objects->v[i]);
		struct stat st;

		if (lstat(path, &st) || !S_ISREG(st.st_mode))
			return false;
		if (!i || is_after(out, &st.st_mtim))
			*out = st.st_mtim;
	}
	return objects->n > 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether the kernel's sources are as old as when the objects were made from them. */
static bool outer_is_old(struct live *l)
{
	struct timespec oldest = {0};
	struct stat st;

	if (!oldest_object(l, &oldest) || !add_outer(l, BSD_SOURCES "/sys/conf/kmod_syms.awk") ||
		!add_outer(l, BSD_SOURCES "/sys/conf/kern.mk") ||
		!add_outer(l, BSD_SOURCES "/sys/conf/ldscript.kmod.amd64"))
		return false;
	qsort(l->outer.v, l->outer.n, sizeof *l->outer.v, by_text);
	for (size_t i = 0; i < l->outer.n; i++) {
		if (i && !strcmp(l->outer.v[i], l->outer.v[i - 1]))
			continue;
		if (stat(l->outer.v[i], &st) || is_after(&st.st_mtim, &oldest))
			return false;
	}
	return true;
}

/* Marks what has to be made again. */
static bool mark(struct live *l)
{
	const struct strv *objects = &l->link->script.objects;

	l->met = xcalloc(l->r->changed->n + 1, 1);
	for (size_t i = 0; i < objects->n; i++)
		if (!take_inputs(l, find(l, BSD_COMPILE, objects->v[i])))
			return false;
	for (size_t i = 0; i < l->r->changed->n; i++)
		if (!l->met[i])
			return false;
	return others_are_harmless(l) && outer_is_old(l);
}

/* ---- the makefile ---- */

/* A link may give a file two names; and the makefile that make takes must be a plain one. */
static bool directory_is_plain(const struct replay *r)
{
	static const char *const names[] = {"BSDmakefile", "makefile", "Makefile", NULL};
	AUTO_BUF struct buf text = {0};
	size_t i = 0;

	for (size_t k = 0; k < r->now->n; k++)
		if (r->now->items[k].kind == SOURCE_LINK)
			return false;
	while (names[i] && !manifest_find(r->now, names[i]))
		i++;
	return names[i] && !mirror_read(r->src, names[i], TEXT_MAX, &text, NULL) && text.len &&
		!memchr(text.data, 0, text.len) && bsd_makefile_is_closed(text.data);
}

/* ---- the script ---- */

static void write_step(struct replay *r, const struct recorded *item)
{
	buf_addf(&r->script, "echo '--- %s ---'\nsh -ev '" BSD_RECORDS "/%s' 2>&1\n",
		item->script.output, item->name);
	strv_add(&r->made, item->script.output);
}

static bool write_script(const struct live *l, struct replay *r)
{
	const struct strv *objects = &l->link->script.objects;
	size_t n = 0;

	buf_adds(&r->script, "set -e\nexport PATH=" BSD_PATH "\n");
	for (size_t i = 0; i < objects->n; i++) {
		const struct recorded *item = find(l, BSD_COMPILE, objects->v[i]);

		if (!item->is_stale)
			continue;
		buf_addf(&r->script, "o%zu() {\n", n++);
		write_step(r, item);
		buf_adds(&r->script, "}\n");
	}
	if (!n || n > MOST_COMPILED)
		return false;
	replay_calls(&r->script, 'o', n);
	write_step(r, l->link);
	if (l->debug) {
		write_step(r, l->debug);
		write_step(r, l->strip);
	}
	return true;
}

bool bsdmake_replay(struct replay *r)
{
	struct live l = {.r = r};
	bool good = directory_is_plain(r);

	if (good)
		files_walk(r->records, "", true, read_one, &l);
	good = good && !l.failed && fit_together(&l) && mark(&l) && write_script(&l, r);
	live_free(&l);
	return good;
}

/* ---- keeping records ---- */

static void prune_one(void *arg, const char *dir, const char *path)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *old = xasprintf("%s/%s", dir, path), *new = NULL;
	struct bsd_script script;

	(void)arg;
	if (mirror_read(dir, path, TEXT_MAX, &text, NULL))
		return;
	bsd_script_parse(text.data, text.len, &script);
	switch (script.shape) {
	case BSD_NOTHING:
	case BSD_LINK:
	case BSD_DEBUG:
	case BSD_STRIP:
		unlink(old);
		break;
	default:
		new = xasprintf(
			"%s/kept-%016" PRIx64, dir, hash_bytes(HASH_START, text.data, text.len));
		rename(old, new);
		break;
	}
	bsd_script_free(&script);
}

void bsd_records_prune(const char *dir)
{
	files_walk(dir, "", true, prune_one, NULL);
}
