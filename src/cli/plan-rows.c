/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what was typed to the modules it stands for: a module's own directory, one with linux/ and freebsd/ in
 * it, one that holds others, a file. Then what lies beside each, and what each is called where several have one name.
 */
#include "cli/plan-rows.h"

#include "base/path.h"
#include "base/walk.h"
#include "cli/cli.h"
#include "trial/trial.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_DEPTH 16 /* of a directory of modules */

static struct plan_row *add_row(struct plan *p, const char *path)
{
	struct plan_row *row;

	/* Grown by doubling: a kernel has thousands. */
	if ((p->nrows & (p->nrows - 1)) == 0)
		p->rows = xreallocarray(p->rows, p->nrows ? 2 * p->nrows : 1, sizeof *p->rows);
	row = &p->rows[p->nrows++];
	*row = (struct plan_row){.path = xstrdup(path), .name = trial_name(path)};
	return row;
}

static void add_file(struct plan *p, const char *path, const char *real)
{
	struct plan_row *row = add_row(p, path);
	enum target_os os = trial_is_for(path, TARGET_FREEBSD) ? TARGET_FREEBSD : TARGET_LINUX;

	row->is_for[os] = true;
	shelf_add(p->given, real, os);
	strv_add(&p->files, real);
}

static bool collect(void *arg, const char *path)
{
	struct strv *paths = arg;

	strv_add(paths, path);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is to be found of the module in `path`. A file of that name that is none of ours only matters to those who
 * ask for it. EXIT_PASSED or an exit status. */
static int add_expect(struct plan_row *row, const struct plan_request *q)
{
	struct expect e;
	struct error err;
	int r = expect_read(row->path, &e, &err);

	if (!r) {
		row->expect = xcalloc(1, sizeof *row->expect);
		*row->expect = e;
		return EXIT_PASSED;
	}
	expect_free(&e);
	if (!q->expect)
		return EXIT_PASSED;
	if (r == -ENOENT)
		return cli_fail(EXIT_USAGE,
			"there is no file %s/expect that says what is to be found; see man kmodlab",
			row->path);
	return cli_fail(EXIT_USAGE, "%s", err.text);
}

/* Its kmodlab.ini, for each system that it is for. EXIT_PASSED or an exit status. */
static int add_configs(struct plan_row *row)
{
	struct error err;

	/* Thousands of finished modules are a kernel's, which has no such files. */
	for (int os = 0; os < 2 && !row->swept; os++) {
		struct config c;
		int r = row->is_for[os] ? config_read(row->path, (enum target_os)os, &c, &err)
					: -ENOENT;

		if (!row->is_for[os] || r == -ENOENT)
			continue;
		if (r) {
			config_free(&c);
			return cli_fail(EXIT_USAGE, "%s", err.text);
		}
		row->configs[os] = xcalloc(1, sizeof c);
		*row->configs[os] = c;
	}
	return EXIT_PASSED;
}

/* Adds the module whose source is in `dir`. False: there is none, and `err` says what there would have to be. */
static bool add_source(struct plan *p, const char *dir, struct error *err)
{
	AUTO_FREE char *source = trial_source_dir(dir, TARGET_LINUX, err);
	bool freebsd = trial_is_for(dir, TARGET_FREEBSD);
	struct plan_row *row;

	if (!source && !freebsd)
		return false;
	row = add_row(p, dir);
	row->is_for[TARGET_LINUX] = source != NULL;
	row->is_for[TARGET_FREEBSD] = freebsd;
	return true;
}

/* Whether something in the directory has a name that makes it worth looking closer: a kernel's tree of modules has hundreds
 * of directories without. */
static bool may_be_source(const char *dir)
{
	static const char *const names[] = {
		"Kbuild", "Makefile", "GNUmakefile", "makefile", "BSDmakefile", "linux", "freebsd"};
	DIR *d = opendir(dir);
	bool found = false;
	struct dirent *e;

	while (d && !found && (e = readdir(d)))
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			found |= !strcmp(e->d_name, names[i]);
	if (d)
		closedir(d);
	return found;
}

/* Adds the modules whose sources are in directories below `dir`, in the order of their names. What is below a
 * module is its own. */
static void add_sources_below(struct plan *p, const char *dir, int depth)
{
	struct dirent **entries;
	int n = depth < MOST_DEPTH ? scandir(dir, &entries, NULL, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, entries[i]->d_name);
		bool hidden = entries[i]->d_name[0] == '.';
		struct error err;
		struct stat st;

		free(entries[i]);
		if (hidden || lstat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		if (!may_be_source(path) || !add_source(p, path, &err))
			add_sources_below(p, path, depth + 1);
	}
	if (n >= 0)
		free(entries);
}

/* Adds the rows of one PATH. EXIT_PASSED or an exit status. */
int plan_rows_add(struct plan *p, const char *path)
{
	AUTO_STRV struct strv files = {0};
	AUTO_FREE char *plain = xstrdup(path), *above = NULL;
	size_t nrows = p->nrows;
	struct error err;

	if (path_is_file(path)) {
		AUTO_FREE char *real = realpath(path, NULL);

		add_file(p, path, real ? real : path);
		return EXIT_PASSED;
	}
	if (!path_is_dir(path))
		return cli_fail(EXIT_USAGE,
			"there is no directory or file %s: give a module's directory, or its .ko file",
			path);
	if (add_source(p, path, &err))
		return EXIT_PASSED;
	for (size_t len = strlen(plain); len > 1 && plain[len - 1] == '/';)
		plain[--len] = 0;
	add_sources_below(p, plain, 0);
	for (size_t i = nrows; i < p->nrows; i++)
		p->rows[i].found = true;
	if (p->nrows > nrows)
		return EXIT_PASSED;
	walk_files(plain, shelf_takes, collect, &files);
	if (!files.n)
		return cli_fail(EXIT_USAGE,
			"%s; nor like that of a FreeBSD one, whose Makefile includes bsd.kmod.mk; and "
			"there is no module and no .ko file below it. kmodlab new NAME makes a module to begin with",
			err.text);
	qsort(files.v, files.n, sizeof *files.v, by_text);
	/* Once for all of them, instead of once for each. */
	above = realpath(plain, NULL);
	for (size_t i = 0; i < files.n; i++) {
		AUTO_FREE char *real =
			xasprintf("%s%s", above ? above : plain, files.v[i] + strlen(plain));

		add_file(p, files.v[i], real);
		p->rows[p->nrows - 1].swept = true;
	}
	return EXIT_PASSED;
}

/* ---- what rows are called ---- */

/* The last `parts` components of `path`. */
static const char *tail(const char *path, size_t parts)
{
	const char *at = path + strlen(path);

	while (at > path && (at[-1] != '/' || --parts))
		at--;
	return at;
}

static int by_name(const void *a, const void *b)
{
	const struct plan_row *x = *(struct plan_row *const *)a, *y = *(struct plan_row *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->path, y->path);
}

/* Whether the `n` rows, of one name, are told apart by this much of their paths. */
static bool apart(struct plan_row *const *rows, size_t n, size_t parts)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && k < i + 64; k++)
			if (strcmp(rows[i]->path, rows[k]->path) &&
				!strcmp(tail(rows[i]->path, parts), tail(rows[k]->path, parts)))
				return false;
	return true;
}

static void label_alike(struct plan_row **rows, size_t n)
{
	size_t parts = 2;

	while (parts < 32 && !apart(rows, n, parts))
		parts++;
	for (size_t i = 0; i < n; i++) {
		bool only = n == 1 || !strcmp(rows[0]->path, rows[n - 1]->path);

		rows[i]->label = xstrdup(only ? rows[i]->name : tail(rows[i]->path, parts));
		for (char *c = rows[i]->label; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				*c = '?';
	}
}

void plan_rows_label(struct plan *p)
{
	AUTO_FREE struct plan_row **sorted = xcalloc(p->nrows, sizeof *sorted);

	for (size_t i = 0; i < p->nrows; i++)
		sorted[i] = &p->rows[i];
	qsort(sorted, p->nrows, sizeof *sorted, by_name);
	for (size_t i = 0, end; i < p->nrows; i = end) {
		for (end = i + 1; end < p->nrows && !strcmp(sorted[i]->name, sorted[end]->name);)
			end++;
		label_alike(sorted + i, end - i);
	}
}

int plan_rows_read_notes(struct plan *p, const struct plan_request *q)
{
	int status = EXIT_PASSED;

	for (size_t i = 0; i < p->nrows && status == EXIT_PASSED; i++) {
		if (path_is_dir(p->rows[i].path))
			status = add_expect(&p->rows[i], q);
		if (status == EXIT_PASSED)
			status = add_configs(&p->rows[i]);
		p->expects = p->expects || p->rows[i].expect;
	}
	return status;
}
