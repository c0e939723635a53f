/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/plan.h"

#include "base/path.h"
#include "base/walk.h"
#include "cli/cli.h"
#include "cli/plan-rows.h"
#include "trial/trial.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const char *plan_add_command(enum target_os os)
{
	return os == TARGET_FREEBSD ? "kmodlab target add freebsd:14.3"
				    : "kmodlab target add debian:bookworm";
}

char *plan_why_skipped(enum target_os os)
{
	return xasprintf("there is no %s target; add one with: %s", target_os_name(os),
		plan_add_command(os));
}

bool plan_is_table(const struct plan *p)
{
	size_t of[2] = {0};

	for (size_t i = 0; i < p->ncolumns; i++)
		of[p->columns[i].os]++;
	return p->nrows > 1 || of[TARGET_LINUX] > 1 || of[TARGET_FREEBSD] > 1;
}

static void row_free(struct plan_row *row)
{
	free(row->path);
	free(row->name);
	free(row->label);
	for (size_t os = 0; os < 2; os++) {
		if (row->configs[os])
			config_free(row->configs[os]);
		free(row->configs[os]);
	}
	if (row->expect)
		expect_free(row->expect);
	free(row->expect);
}

static void item_free(struct planned *item)
{
	free(item->why);
	strv_free(&item->params);
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nrows; i++)
		row_free(&p->rows[i]);
	for (size_t i = 0; i < p->n; i++)
		item_free(&p->items[i]);
	free(p->rows);
	free(p->columns);
	free(p->items);
	shelf_free(p->given);
	strv_free(&p->files);
	*p = (struct plan){0};
}

int plan_target_status(const struct targets *all, const char *typed)
{
	struct target_choices chosen = {0};
	struct error ignored;
	int r = target_choose(all, typed, &chosen, &ignored);

	free(chosen.items);
	/* A pattern, where one target is wanted, is no name either. */
	return !r || r == -ENOENT ? EXIT_USAGE : EXIT_INFRASTRUCTURE;
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
	p->items[p->n++] = (struct planned){.row = row, .column = column};
}

/* Whether the row says what a target of this kind is to find; true for one that says nothing at all. */
static bool is_kind(const struct plan_row *row, const struct target *t)
{
	return !row->expect || expect_for(row->expect, t->os, expect_kind(t));
}

/* "needs a debug target: kmodlab target add debian:bookworm/debug" for a row that says nothing of targets like
 * `t`. */
static char *why_not(const struct plan_row *row, const struct target *t)
{
	unsigned kinds = expect_kinds(row->expect, t->os);
	enum target_kind kind = kinds & KIND_STOCK ? KIND_STOCK
		: kinds & KIND_DEBUG		   ? KIND_DEBUG
						   : KIND_RACE;
	size_t stem = strcspn(t->name, "/");

	if (!kinds)
		return xasprintf("its file expect says nothing of %s", target_os_name(t->os));
	if (kind == KIND_STOCK)
		return xasprintf(
			"needs a stock target: kmodlab target add %.*s", (int)stem, t->name);
	return xasprintf("needs a %s target: kmodlab target add %.*s/%s%s", expect_kind_name(kind),
		(int)stem, t->name, expect_kind_name(kind),
		t->os == TARGET_FREEBSD ? " --kernel FILE" : "");
}

/* Adds the trial of a row on a target that there is. */
static void add_on_target(struct plan *p, size_t row, const struct target *t)
{
	const struct expect *e = p->rows[row].expect;
	struct planned *new;

	add_trial(p, row, column_of(p, t, t->os));
	new = &p->items[p->n - 1];
	if (!e)
		return;
	new->expected = expect_for(e, t->os, expect_kind(t));
	if (!new->expected)
		new->why = why_not(&p->rows[row], t);
}

/* The target to use when none was named: the oldest for the system; but for a module that only another kind finds
 * out about, the oldest of that kind, if there is one. */
static const struct target *default_target(
	const struct targets *all, enum target_os os, const struct plan_row *row)
{
	const struct target *first = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct target *t = &all->items[i];

		if (t->os != os || t->ssh)
			continue;
		if (is_kind(row, t))
			return t;
		if (!first)
			first = t;
	}
	return first;
}

static void plan_default(struct plan *p, size_t row, enum target_os os, const struct targets *all)
{
	const struct target *t = default_target(all, os, &p->rows[row]);

	if (t)
		add_on_target(p, row, t);
	else
		add_trial(p, row, column_of(p, NULL, os));
}

/* Whether there is a target among the chosen that the row is made for, of the same system, so that it need not
 * be said that `t` is not. */
static bool is_elsewhere(
	const struct plan_row *row, const struct target *t, const struct target_choices *chosen)
{
	for (size_t i = 0; i < chosen->n; i++)
		if (chosen->items[i].target->os == t->os && is_kind(row, chosen->items[i].target))
			return true;
	return false;
}

/* Whether a target before the `n`th is of the same system, so that one of them tells why there is no trial. */
static bool was_told(const struct target_choices *chosen, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (chosen->items[i].target->os == chosen->items[n].target->os)
			return true;
	return false;
}

/* Plans one row on those of the targets that its kmodlab.ini names which are of this system. EXIT_PASSED or an exit
 * status. */
static int plan_named(struct plan *p, size_t row, enum target_os os, const struct strv *names,
	const struct targets *all)
{
	struct target_choices chosen = {0};
	int status = EXIT_PASSED;
	struct error err;
	size_t n = 0;

	for (size_t i = 0; i + 1 < names->n && status == EXIT_PASSED; i += 2)
		if (target_choose(all, names->v[i + 1], &chosen, &err))
			status = cli_fail(plan_target_status(all, names->v[i + 1]), "%s: %s",
				names->v[i], err.text);
	for (size_t i = 0; i < chosen.n; i++)
		if (chosen.items[i].target->os == os)
			chosen.items[n++] = chosen.items[i];
	chosen.n = n;
	for (size_t i = 0; i < n && status == EXIT_PASSED; i++) {
		const struct target *t = chosen.items[i].target;

		if (is_kind(&p->rows[row], t) ||
			(!is_elsewhere(&p->rows[row], t, &chosen) && !was_told(&chosen, i)))
			add_on_target(p, row, t);
	}
	free(chosen.items);
	return status;
}

/* Plans one row when no target was typed. EXIT_PASSED or an exit status. */
static int plan_row(struct plan *p, size_t row, const struct targets *all)
{
	static const enum target_os systems[] = {TARGET_LINUX, TARGET_FREEBSD};
	const struct plan_row *r = &p->rows[row];
	int status = EXIT_PASSED;
	size_t before = p->n;

	for (size_t i = 0; i < 2 && status == EXIT_PASSED; i++) {
		enum target_os os = systems[i];
		AUTO_STRV struct strv names = {0};

		if (r->is_for[os] && r->configs[os])
			config_targets(r->configs[os], os, &names);
		if (names.n)
			status = plan_named(p, row, os, &names, all);
		else if (r->is_for[os])
			plan_default(p, row, os, all);
	}
	if (status == EXIT_PASSED && p->n == before)
		return cli_fail(EXIT_USAGE,
			"no target that " CONFIG_NAME
			" names is for a system that %s has source for",
			r->path);
	return status;
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
		planned = true;
		if (!is_kind(r, t) && (is_elsewhere(r, t, chosen) || was_told(chosen, i)))
			continue;
		add_on_target(p, row, t);
	}
	if (planned || !by_name_only || r->found)
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
			status =
				cli_fail(plan_target_status(all, q->targets->v[i]), "%s", err.text);
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

/* ---- a share of it ---- */

/* Digits, up to `end`, that make a number from 1 to `most`; 0 for anything else: strtol would take what is no number to
 * a person, with blanks and signs. */
static unsigned take_number(const char *text, const char *end, unsigned most)
{
	unsigned n = 0;

	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		n = 10 * n + (unsigned)(*text - '0');
		if (n > most)
			return 0;
	}
	return n;
}

bool plan_take_shard(const char *text, unsigned *shard, unsigned *shards)
{
	const char *slash = strchr(text, '/');

	if (!slash)
		return false;
	*shards = take_number(slash + 1, text + strlen(text), PLAN_SHARDS_MAX);
	*shard = take_number(text, slash, *shards);
	return *shard != 0;
}

/* Rows without a trial go, and the others close up. */
static void drop_rows(struct plan *p)
{
	AUTO_FREE size_t *at = xcalloc(p->nrows, sizeof *at);
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		at[p->items[i].row] = 1;
	for (size_t row = 0; row < p->nrows; row++) {
		if (!at[row]) {
			row_free(&p->rows[row]);
			continue;
		}
		at[row] = n;
		p->rows[n++] = p->rows[row];
	}
	for (size_t i = 0; i < p->n; i++)
		p->items[i].row = at[p->items[i].row];
	p->nrows = n;
}

void plan_take_share(struct plan *p, unsigned shard, unsigned shards)
{
	size_t n = 0;

	p->shard = shard;
	p->shards = shards;
	p->whole = p->n;
	for (size_t i = 0; i < p->n; i++)
		if (i % shards == shard - 1)
			p->items[n++] = p->items[i];
		else
			item_free(&p->items[i]);
	p->n = n;
	drop_rows(p);
}

static int refuse_shard(const struct plan_request *q, unsigned *shard, unsigned *shards)
{
	if (!q->shard || plan_take_shard(q->shard, shard, shards))
		return EXIT_PASSED;
	return cli_fail(EXIT_USAGE,
		"'%s' is no shard: --shard takes I/N, with I from 1 to N (at most %d): 2/3 is the second of "
		"three",
		q->shard, PLAN_SHARDS_MAX);
}

/* ---- the whole ---- */

/* Gives each trial what its row's kmodlab.ini says. */
static void configure(struct plan *p, const struct plan_request *q)
{
	for (size_t i = 0; i < p->n; i++) {
		struct planned *item = &p->items[i];
		enum target_os os = p->columns[item->column].os;

		item->config = p->rows[item->row].configs[os];
		if (item->config)
			config_params(item->config, os, q->params, &item->params);
	}
}

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
		if (p->items[i].why && require)
			return cli_fail(EXIT_INFRASTRUCTURE, "%s cannot be tested on %s: it %s",
				p->rows[p->items[i].row].path, c->target->name, p->items[i].why);
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
	unsigned shard = 0, shards = 0;

	*p = (struct plan){.given = shelf_new()};
	if (status == EXIT_PASSED)
		status = refuse_shard(q, &shard, &shards);
	if (status == EXIT_PASSED && !q->npaths)
		status = cli_fail(EXIT_USAGE,
			"%s what? Give a module's directory or a .ko file; see kmodlab %s --help",
			q->command, q->command);
	for (size_t i = 0; i < q->npaths && status == EXIT_PASSED; i++)
		status = plan_rows_add(p, q->paths[i]);
	if (status != EXIT_PASSED)
		return status;
	status = plan_rows_read_notes(p, q);
	if (status != EXIT_PASSED)
		return status;
	plan_rows_label(p);
	if (q->targets->n)
		status = plan_targets(p, q, all);
	for (size_t i = 0; i < p->nrows && !q->targets->n && status == EXIT_PASSED; i++)
		status = plan_row(p, i, all);
	if (status == EXIT_PASSED)
		configure(p, q);
	if (status == EXIT_PASSED)
		status = refuse_missing(p, q->require);
	if (status == EXIT_PASSED && q->shard)
		plan_take_share(p, shard, shards);
	return status;
}
