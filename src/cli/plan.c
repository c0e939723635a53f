/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/plan.h"

#include "base/path.h"
#include "base/walk.h"
#include "cli/cli.h"
#include "trial/trial.h"

#include <string.h>

const char *plan_add_command(enum target_os os)
{
	return os == TARGET_FREEBSD ? "kmodlab target add freebsd:14.3"
				    : "kmodlab target add debian:bookworm";
}

bool plan_is_table(const struct plan *p)
{
	size_t of[2] = {0};

	for (size_t i = 0; i < p->ncolumns; i++)
		of[p->columns[i].os]++;
	return p->nrows > 1 || of[TARGET_LINUX] > 1 || of[TARGET_FREEBSD] > 1;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nrows; i++) {
		free(p->rows[i].path);
		free(p->rows[i].name);
		free(p->rows[i].label);
	}
	free(p->rows);
	free(p->columns);
	free(p->items);
	shelf_free(p->given);
	*p = (struct plan){0};
}

/* ---- rows ---- */

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

static void add_file(struct plan *p, const char *path)
{
	struct plan_row *row = add_row(p, path);
	enum target_os os = trial_is_for(path, TARGET_FREEBSD) ? TARGET_FREEBSD : TARGET_LINUX;
	AUTO_FREE char *real = realpath(path, NULL);

	row->is_for[os] = true;
	shelf_add(p->given, real ? real : path, os);
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

/* Adds the rows of one PATH. EXIT_PASSED or an exit status. */
static int add_path(struct plan *p, const char *path)
{
	AUTO_STRV struct strv files = {0};
	AUTO_FREE char *plain = xstrdup(path), *source = NULL;
	bool is_for[2];
	struct plan_row *row;
	struct error err;

	if (path_is_file(path)) {
		add_file(p, path);
		return EXIT_PASSED;
	}
	if (!path_is_dir(path))
		return cli_fail(EXIT_USAGE, "there is no directory or file %s", path);
	is_for[TARGET_FREEBSD] = trial_is_for(path, TARGET_FREEBSD);
	source = trial_source_dir(path, TARGET_LINUX, &err);
	is_for[TARGET_LINUX] = source != NULL;
	if (is_for[TARGET_LINUX] || is_for[TARGET_FREEBSD]) {
		row = add_row(p, path);
		memcpy(row->is_for, is_for, sizeof is_for);
		return EXIT_PASSED;
	}
	for (size_t len = strlen(plain); len > 1 && plain[len - 1] == '/';)
		plain[--len] = 0;
	walk_files(plain, shelf_takes, collect, &files);
	if (!files.n)
		return cli_fail(EXIT_USAGE,
			"%s; nor that of a FreeBSD one, whose Makefile includes bsd.kmod.mk; and "
			"there is no .ko file below it",
			err.text);
	qsort(files.v, files.n, sizeof *files.v, by_text);
	for (size_t i = 0; i < files.n; i++)
		add_file(p, files.v[i]);
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

static void label_rows(struct plan *p)
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

/* ---- columns, and what is in them ---- */

static size_t column_of(struct plan *p, const struct target *target, enum target_os os)
{
	size_t i = 0;

	while (i < p->ncolumns && (p->columns[i].target != target || p->columns[i].os != os))
		i++;
	if (i == p->ncolumns)
		*ARRAY_ADD(p->columns, p->ncolumns) =
			(struct plan_column){.os = os, .target = target};
	return i;
}

static void add_trial(struct plan *p, size_t row, size_t column)
{
	if ((p->n & (p->n - 1)) == 0)
		p->items = xreallocarray(p->items, p->n ? 2 * p->n : 1, sizeof *p->items);
	p->items[p->n++] = (struct planned){row, column};
}

/* The target to use when none was named: the oldest for the system. */
static const struct target *default_target(const struct targets *all, enum target_os os)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].os == os)
			return &all->items[i];
	return NULL;
}

static void plan_defaults(struct plan *p, const struct targets *all)
{
	static const enum target_os systems[] = {TARGET_LINUX, TARGET_FREEBSD};

	for (size_t row = 0; row < p->nrows; row++)
		for (size_t i = 0; i < 2; i++)
			if (p->rows[row].is_for[systems[i]])
				add_trial(p, row,
					column_of(p, default_target(all, systems[i]), systems[i]));
}

/* Plans one row on the targets that were chosen; EXIT_PASSED or an exit status. */
static int plan_chosen(struct plan *p, size_t row, const struct target_choices *chosen)
{
	const struct plan_row *r = &p->rows[row];
	bool planned = false, by_name_only = true;

	for (size_t i = 0; i < chosen->n; i++) {
		const struct target *t = chosen->items[i].target;

		by_name_only = by_name_only && !chosen->items[i].by_pattern;
		/* A finished .ko goes where it was sent by name, to be told what it is there. */
		if (!r->is_for[t->os] && (chosen->items[i].by_pattern || path_is_dir(r->path)))
			continue;
		add_trial(p, row, column_of(p, t, t->os));
		planned = true;
	}
	if (planned || !by_name_only)
		return EXIT_PASSED;
	return cli_fail(EXIT_USAGE, "%s has no source for the system of the target %s (%s)",
		r->path, chosen->items[0].target->name,
		target_os_name(chosen->items[0].target->os));
}

static int plan_targets(struct plan *p, const struct plan_request *q, const struct targets *all)
{
	struct target_choices chosen = {0};
	int status = EXIT_PASSED;
	struct error err;

	for (size_t i = 0; i < q->targets->n && status == EXIT_PASSED; i++)
		if (target_choose(all, q->targets->v[i], &chosen, &err))
			status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	/* The columns are in the order of the command line, also where a row leaves one out. */
	for (size_t i = 0; i < chosen.n && status == EXIT_PASSED; i++)
		column_of(p, chosen.items[i].target, chosen.items[i].target->os);
	for (size_t row = 0; row < p->nrows && status == EXIT_PASSED; row++)
		status = plan_chosen(p, row, &chosen);
	if (status == EXIT_PASSED && !p->n)
		status = cli_fail(EXIT_USAGE,
			"there is nothing to run: no module is for the system of a target that "
			"fits %s",
			q->targets->v[0]);
	free(chosen.items);
	return status;
}

/* ---- the whole ---- */

static int refuse_params(char *const *words)
{
	for (; words && *words; words++)
		if (!**words || **words == '=' || strpbrk(*words, "\"\n"))
			return cli_fail(EXIT_USAGE,
				"the parameter '%s' cannot be passed to a kernel: it is to be name=value, "
				"without double quotes or newlines",
				*words);
	return EXIT_PASSED;
}

static int refuse_missing(const struct plan *p, bool require)
{
	bool runnable = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_column *c = &p->columns[p->items[i].column];

		runnable = runnable || c->target;
		if (!c->target && require)
			return cli_fail(EXIT_INFRASTRUCTURE,
				"there is no %s target to test %s on; add one with: %s",
				target_os_name(c->os), p->rows[p->items[i].row].path,
				plan_add_command(c->os));
	}
	if (!runnable)
		return cli_fail(EXIT_INFRASTRUCTURE,
			"there is no target to test on yet; add one with: %s",
			plan_add_command(p->columns[0].os));
	return EXIT_PASSED;
}

int plan_make(struct plan *p, const struct plan_request *q, const struct targets *all)
{
	int status = refuse_params(q->params);

	*p = (struct plan){.given = shelf_new()};
	if (status == EXIT_PASSED && !q->npaths)
		status = cli_fail(EXIT_USAGE,
			"run what? Give a module's directory or a .ko file; see kmodlab run --help");
	for (size_t i = 0; i < q->npaths && status == EXIT_PASSED; i++)
		status = add_path(p, q->paths[i]);
	if (status != EXIT_PASSED)
		return status;
	label_rows(p);
	if (q->targets->n)
		status = plan_targets(p, q, all);
	else
		plan_defaults(p, all);
	return status == EXIT_PASSED ? refuse_missing(p, q->require) : status;
}
