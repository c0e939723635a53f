/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From modules.order to the sources: a module's .mod file lists its objects, each object's record names
 * what it was made from. Everything that is met on the way must be of the usual form. What is made up
 * during the build (a generated header, a host program, an object without a record) cannot be seen in
 * the records, or not all of it; then there is no replay, and make decides.
 */
#include "build/kbuild-live.h"

#include "base/path.h"
#include "build/files.h"
#include "build/kbuild-rules.h"
#include "build/mirror.h"

#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX     (4u << 20)
#define MOST_OBJECTS 4000

char *kbuild_record_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return xasprintf("%.*s.%s.cmd", (int)(name - path), path, name);
}

static bool ends(const char *text, const char *tail)
{
	size_t n = strlen(text), t = strlen(tail);

	return n > t && !strcmp(text + n - t, tail);
}

static bool has(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i], text))
			return true;
	return false;
}

static void object_free(struct object *o)
{
	free(o->path);
	record_free(&o->record);
	compile_free(&o->call);
}

void kbuild_live_free(struct live *l)
{
	for (size_t i = 0; i < l->nobjects; i++)
		object_free(&l->objects[i]);
	for (size_t i = 0; i < l->nmodules; i++) {
		free(l->modules[i].stem);
		strv_free(&l->modules[i].parts);
		record_free(&l->modules[i].whole);
		object_free(&l->modules[i].mod);
		record_free(&l->modules[i].final);
	}
	free(l->objects);
	free(l->modules);
	free(l->cwd);
	record_free(&l->modpost);
	strv_free(&l->orders);
	*l = (struct live){0};
}

/* ---- paths ---- */

/* What a record calls `name`, below the source directory; NULL if it lies elsewhere. Caller frees. */
static char *below(const struct replay *r, const struct live *l, const char *name)
{
	AUTO_FREE char *whole = record_resolve(l->cwd, name);
	size_t n = strlen(r->inside);

	return !strncmp(whole, r->inside, n) && whole[n] == '/' ? xstrdup(whole + n + 1) : NULL;
}

/* The file outside the sandbox that a record calls `name`. Caller frees. */
static char *outside(const struct replay *r, const struct live *l, const char *name)
{
	AUTO_FREE char *whole = record_resolve(l->cwd, name);

	return xasprintf("%s%s", strcmp(r->target->root, "/") ? r->target->root : "", whole);
}

/* ---- reading ---- */

static bool read_text(const struct replay *r, const char *path, struct buf *text)
{
	return !mirror_read(r->src, path, TEXT_MAX, text, NULL) && text->len &&
		!memchr(text->data, 0, text->len);
}

/* The record of the file `path`, which must be about that file. */
static bool read_record(
	const struct replay *r, const struct live *l, const char *path, struct record *out)
{
	AUTO_FREE char *file = kbuild_record_of(path);
	AUTO_FREE char *target = NULL;
	AUTO_BUF struct buf text = {0};

	if (!read_text(r, file, &text) || !record_parse(text.data, text.len, out))
		return false;
	target = below(r, l, out->target);
	return target && !strcmp(target, path);
}

static bool read_object(
	const struct replay *r, const struct live *l, const char *path, struct object *out)
{
	out->path = xstrdup(path);
	return read_record(r, l, path, &out->record) && record_compile(&out->record, &out->call);
}

static const struct object *find_object(const struct live *l, const char *path)
{
	for (size_t i = 0; i < l->nobjects; i++)
		if (!strcmp(l->objects[i].path, path))
			return &l->objects[i];
	return NULL;
}

static bool add_part(
	const struct replay *r, struct live *l, struct linked *module, const char *name)
{
	AUTO_FREE char *path = below(r, l, name);

	if (!path || !ends(path, ".o") || l->nobjects >= MOST_OBJECTS)
		return false;
	strv_add(&module->parts, path);
	return find_object(l, path) || read_object(r, l, path, ARRAY_ADD(l->objects, l->nobjects));
}

/* A module by what modules.order calls it: STEM.ko up to Linux 6.1, STEM.o since. */
static bool add_module(const struct replay *r, struct live *l, const char *name)
{
	AUTO_FREE char *path = below(r, l, name);
	AUTO_FREE char *object = NULL, *list = NULL, *mod = NULL, *ko = NULL;
	AUTO_BUF struct buf text = {0};
	struct linked *m;
	char *word, *rest;

	if (!path || (!ends(path, ".o") && !ends(path, ".ko")))
		return false;
	*strrchr(path, '.') = 0;
	for (size_t i = 0; i < l->nmodules; i++)
		if (!strcmp(l->modules[i].stem, path))
			return true;
	m = ARRAY_ADD(l->modules, l->nmodules);
	m->stem = xstrdup(path);
	object = xasprintf("%s.o", path);
	list = xasprintf("%s.mod", path);
	mod = xasprintf("%s.mod.o", path);
	ko = xasprintf("%s.ko", path);
	if (!read_text(r, list, &text))
		return false;
	for (word = strtok_r(text.data, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (!add_part(r, l, m, word))
			return false;
	m->is_composite = !has(&m->parts, object);
	if (!m->parts.n ||
		(m->is_composite ? !read_record(r, l, object, &m->whole) : m->parts.n > 1))
		return false;
	return read_object(r, l, mod, &m->mod) && read_record(r, l, ko, &m->final);
}

static int slashes(const char *path)
{
	int n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int inner_first(const void *a, const void *b)
{
	return slashes(*(char *const *)b) - slashes(*(char *const *)a);
}

static void add_path(void *arg, const char *src, const char *path)
{
	(void)src;
	strv_add(arg, path);
}

/* Where the commands ran: in the kernel's build tree, and then their files have absolute names; since
 * Linux 6.13 in the module's own directory. */
static bool find_cwd(const struct replay *r, struct live *l)
{
	AUTO_BUF struct buf text = {0};
	struct record order;
	bool good = read_text(r, ".modules.order.cmd", &text) &&
		record_parse(text.data, text.len, &order);

	if (!good)
		return false;
	l->cwd = xstrdup(*order.target == '/' ? r->build : r->inside);
	record_free(&order);
	return true;
}

static bool read_modules(const struct replay *r, struct live *l)
{
	AUTO_BUF struct buf text = {0};
	char *line, *rest;

	if (!find_cwd(r, l) || !read_text(r, "modules.order", &text) ||
		!read_record(r, l, "Module.symvers", &l->modpost))
		return false;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!add_module(r, l, line))
			return false;
	files_walk(r->src, "modules.order", false, add_path, &l->orders);
	if (l->orders.n)
		qsort(l->orders.v, l->orders.n, sizeof *l->orders.v, inner_first);
	return l->nmodules > 0;
}

/* ---- what they were made from ---- */

struct outer {
	struct strv files; /* that are not the module's own */
	bool *met;	   /* of each changed file, whether an object is made from it */
};

static bool take_input(const struct replay *r, const struct live *l, struct object *o,
	const char *name, struct outer *outer)
{
	AUTO_FREE char *path = below(r, l, name);
	const struct source_entry *e;

	if (!path) {
		strv_add(&outer->files, name);
		return true;
	}
	/* What the user's directory does not have was generated, who knows from what. */
	e = manifest_find(r->now, path);
	if (!e || e->kind != SOURCE_FILE)
		return false;
	for (size_t i = 0; i < r->changed->n; i++)
		if (!strcmp(r->changed->v[i], path))
			o->is_stale = outer->met[i] = true;
	return true;
}

static bool take_inputs(
	const struct replay *r, const struct live *l, struct object *o, struct outer *outer)
{
	const struct record *c = &o->record;

	if (!ends(c->source, ".c") && !ends(c->source, ".S"))
		return false;
	if (!take_input(r, l, o, c->source, outer))
		return false;
	for (size_t i = 0; i < c->deps.n; i++)
		if (!take_input(r, l, o, c->deps.v[i], outer))
			return false;
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* When the oldest of the objects was made. */
static bool oldest_object(const struct replay *r, const struct live *l, struct timespec *out)
{
	for (size_t i = 0; i < l->nobjects + l->nmodules; i++) {
		const struct object *o =
			i < l->nobjects ? &l->objects[i] : &l->modules[i - l->nobjects].mod;
		AUTO_FREE char *path = xasprintf("%s/%s", r->src, o->path);
		struct stat st;

		if (lstat(path, &st) || !S_ISREG(st.st_mode))
			return false;
		if (!i || is_after(out, &st.st_mtim))
			*out = st.st_mtim;
	}
	return true;
}

/* Whether the kernel's headers and tools are as old as when the objects were made from them: the tree
 * of a kernel that somebody works on changes under the same name. */
static bool outer_is_old(const struct replay *r, const struct live *l, struct outer *outer)
{
	static const char *const tools[] = {"scripts/mod/modpost", "scripts/basic/fixdep",
		"tools/objtool/objtool", "scripts/module.lds", "arch/x86/module.lds",
		"Module.symvers", "vmlinux", NULL};
	struct timespec oldest = {0};
	struct strv *files = &outer->files;
	struct stat st;

	if (!oldest_object(r, l, &oldest))
		return false;
	if (files->n)
		qsort(files->v, files->n, sizeof *files->v, by_text);
	for (size_t i = 0; i < files->n; i++) {
		AUTO_FREE char *path = NULL;

		if (i && !strcmp(files->v[i], files->v[i - 1]))
			continue;
		path = outside(r, l, files->v[i]);
		if (stat(path, &st) || is_after(&st.st_mtim, &oldest))
			return false;
	}
	for (size_t i = 0; tools[i]; i++) {
		AUTO_FREE char *name = xasprintf("%s/%s", r->build, tools[i]);
		AUTO_FREE char *path = outside(r, l, name);

		if (!stat(path, &st) && is_after(&st.st_mtim, &oldest))
			return false;
	}
	return true;
}

static bool is_stale(const struct live *l, const struct linked *m)
{
	for (size_t i = 0; i < m->parts.n; i++)
		if (find_object(l, m->parts.v[i])->is_stale)
			return true;
	return false;
}

/* Marks what has to be made again. */
static bool mark(const struct replay *r, struct live *l)
{
	struct outer outer = {.met = xcalloc(r->changed->n + 1, 1)};
	bool good = true;

	for (size_t i = 0; good && i < l->nobjects; i++)
		good = take_inputs(r, l, &l->objects[i], &outer);
	for (size_t i = 0; good && i < r->changed->n; i++)
		good = outer.met[i];
	for (size_t i = 0; good && i < l->nmodules; i++) {
		const struct record *mod = &l->modules[i].mod.record;

		l->modules[i].is_stale = is_stale(l, &l->modules[i]);
		for (size_t k = 0; k < mod->deps.n; k++)
			strv_add(&outer.files, mod->deps.v[k]);
	}
	good = good && outer_is_old(r, l, &outer);
	strv_free(&outer.files);
	free(outer.met);
	return good;
}

/* ---- records beside those ---- */

struct others {
	const struct replay *r;
	const struct live *l;
	bool are_harmless;
};

static bool is_ours(const struct live *l, const char *path)
{
	if (ends(path, "modules.order") || !strcmp(path, "Module.symvers") ||
		!strcmp(path, ".module-common.o") || find_object(l, path))
		return true;
	for (size_t i = 0; i < l->nmodules; i++) {
		const char *stem = l->modules[i].stem;
		size_t n = strlen(stem);

		if (!strncmp(path, stem, n) &&
			(!strcmp(path + n, ".ko") || !strcmp(path + n, ".o") ||
				!strcmp(path + n, ".mod") || !strcmp(path + n, ".mod.o")))
			return true;
	}
	return false;
}

static bool is_changed(const struct others *o, const char *name)
{
	AUTO_FREE char *path = below(o->r, o->l, name);

	return path && has(o->r->changed, path);
}

/* A host program, a device tree, an object that belonged to a module once: none of them may be made
 * from what has changed. */
static void check_other(void *arg, const char *src, const char *path)
{
	struct others *o = arg;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	AUTO_FREE char *target = NULL;
	AUTO_BUF struct buf text = {0};
	struct record record;

	(void)src;
	if (*name != '.')
		return;
	target = xasprintf("%.*s%.*s", (int)(name - path), path, (int)strlen(name) - 5, name + 1);
	if (is_ours(o->l, target))
		return;
	if (!read_text(o->r, path, &text) || !record_parse(text.data, text.len, &record)) {
		o->are_harmless = false;
		return;
	}
	if (record.source && is_changed(o, record.source))
		o->are_harmless = false;
	for (size_t i = 0; i < record.deps.n; i++)
		if (is_changed(o, record.deps.v[i]))
			o->are_harmless = false;
	record_free(&record);
}

/* ---- makefiles ---- */

static bool is_makefile(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return !strncmp(name, "Makefile", 8) || !strncmp(name, "makefile", 8) ||
		!strncmp(name, "Kbuild", 6) || !strcmp(name, "GNUmakefile") || ends(name, ".mk");
}

/* What $(shell) may say: nothing that looks at the module's files. */
static bool shell_is_closed(const char *p)
{
	static const char *const known[] = {
		"uname -r)", "uname -m)", "pwd)", "uname -s)", "nproc)", NULL};

	p += strspn(p, " ");
	for (size_t i = 0; known[i]; i++)
		if (!strncmp(p, known[i], strlen(known[i])))
			return true;
	return false;
}

static bool line_is_closed(const char *line)
{
	static const char *const open[] = {"$(file", "${file", "${shell", "$(guile", NULL};
	const char *p = line + strspn(line, " "), *include;

	if (*p == '#')
		return true;
	for (size_t i = 0; open[i]; i++)
		if (strstr(p, open[i]))
			return false;
	if (*line != '\t' && (strstr(p, "!=") || !strncmp(p, "export", 6)))
		return false;
	include = !strncmp(p, "include ", 8)  ? p + 8
		: !strncmp(p, "-include ", 9) ? p + 9
		: !strncmp(p, "sinclude ", 9) ? p + 9
					      : NULL;
	if (include && !is_makefile(include))
		return false;
	for (p = strstr(p, "$(shell"); p; p = strstr(p, "$(shell")) {
		p += strlen("$(shell");
		if (!shell_is_closed(p))
			return false;
	}
	return true;
}

bool kbuild_makefile_is_closed(const char *text)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *line, *rest;

	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!line_is_closed(line))
			return false;
	return true;
}

/* A link may give a file two names, of which a record knows one. */
static bool directory_is_plain(const struct replay *r)
{
	for (size_t i = 0; i < r->now->n; i++) {
		const struct source_entry *e = &r->now->items[i];
		AUTO_BUF struct buf text = {0};

		if (e->kind == SOURCE_LINK || ends(e->path, ".symref"))
			return false;
		if (e->kind != SOURCE_FILE || !is_makefile(e->path))
			continue;
		if (e->size &&
			(!read_text(r, e->path, &text) || !kbuild_makefile_is_closed(text.data)))
			return false;
	}
	return true;
}

bool kbuild_live_read(const struct replay *r, struct live *out)
{
	struct others others = {r, out, true};

	*out = (struct live){0};
	if (directory_is_plain(r) && read_modules(r, out) && mark(r, out)) {
		files_walk(r->src, ".cmd", true, check_other, &others);
		if (others.are_harmless)
			return true;
	}
	kbuild_live_free(out);
	return false;
}
