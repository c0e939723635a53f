/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/show.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "cli/cli.h"
#include "report/columns.h"
#include "report/gather.h"
#include "report/json.h"
#include "report/ktap.h"
#include "report/rows.h"
#include "report/table.h"
#include "report/terminal.h"
#include "trial/expect.h"

#include <pthread.h>
#include <string.h>

/* Below a table, an excerpt is to remind, not to tell all. */
#define TABLE_EXCERPT 12

struct show {
	enum show_kind kind;
	const struct plan *plan;
	size_t counts[VERDICTS];
	int64_t began_us;
	struct terminal term;
	/* Stories: told live by the worker whose trial is the next to be shown. */
	pthread_mutex_t lock;
	size_t current;
	/* Table: */
	const char **rows, **columns;
	struct table *table;
	struct gather *gather; /* also below the list */
	/* List: */
	struct rows list;
	struct strv names; /* of its columns, short */
	/* What is expected: */
	bool check;
	size_t met, unmet;
	/* JSON, KTAP: */
	struct json json;
	struct ktap ktap;
	struct files *files; /* that every trial goes to, too; or NULL */
};

static void count(struct show *s, const struct trial *t)
{
	s->counts[t->verdict]++;
	if (t->expected && t->verdict <= VERDICT_FAIL)
		*(t->unexpected ? &s->unmet : &s->met) += 1;
}

/* ---- stories ---- */

static void watch_story(
	void *arg, size_t i, const struct trial *t, enum stage stage, const struct step *done)
{
	struct show *s = arg;

	pthread_mutex_lock(&s->lock);
	if (i == s->current)
		terminal_watch(&s->term, t, stage, done);
	pthread_mutex_unlock(&s->lock);
}

static void finish_story(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;

	count(s, t);
	pthread_mutex_lock(&s->lock);
	terminal_finish(&s->term, t);
	if (s->check && t->unexpected) {
		AUTO_FREE char *wanted = expect_text(t->expected, t->source);
		AUTO_FREE char *said =
			xasprintf("NOT AS EXPECTED: %s, and not %s\n", t->unexpected, wanted);

		terminal_paint(&s->term, BOLD ";" RED, said);
	}
	if (i + 1 < s->plan->n)
		fputc('\n', s->term.out);
	s->current = i + 1;
	pthread_mutex_unlock(&s->lock);
}

/* ---- table ---- */

static const char *column_name(const struct plan_column *c)
{
	return c->target ? c->target->name : target_os_name(c->os);
}

static void name_cells(struct show *s)
{
	const struct plan *p = s->plan;

	s->rows = xcalloc(p->nrows, sizeof *s->rows);
	s->columns = xcalloc(p->ncolumns, sizeof *s->columns);
	for (size_t i = 0; i < p->nrows; i++)
		s->rows[i] = p->rows[i].label;
	for (size_t i = 0; i < p->ncolumns; i++)
		s->columns[i] = column_name(&p->columns[i]);
	s->term.excerpt = TABLE_EXCERPT;
	s->gather = gather_new(s->rows, s->columns, p->ncolumns);
}

static void open_table(struct show *s)
{
	const struct plan *p = s->plan;

	name_cells(s);
	s->table = table_new(&(struct table_options){.out = stdout,
		.live = s->term.live,
		.colour = s->term.colour,
		.rows = s->rows,
		.nrows = p->nrows,
		.columns = s->columns,
		.ncolumns = p->ncolumns});
	for (size_t i = 0; i < p->n; i++)
		table_expect(s->table, p->items[i].row, p->items[i].column);
}

static void stage_in_table(void *arg, size_t i, enum stage stage)
{
	struct show *s = arg;

	table_stage(s->table, s->plan->items[i].row, s->plan->items[i].column, stage);
}

/* On the worker's thread. */
static void over(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;

	if (s->files)
		files_add(s->files, i, t);
	if (s->kind == SHOW_TABLE || s->kind == SHOW_ROWS)
		trial_strip(t);
}

static void set_in_table(void *arg, size_t i, const struct trial *t)
{
	struct show *s = arg;

	table_set(s->table, s->plan->items[i].row, s->plan->items[i].column, t);
}

static void gather(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;

	count(s, t);
	gather_add(s->gather, s->plan->items[i].row, s->plan->items[i].column, t);
}

static void tick_table(void *arg)
{
	struct show *s = arg;

	table_tick(s->table);
}

/* ---- list ---- */

static int wider(int width, const char *text)
{
	return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void open_list(struct show *s)
{
	const struct plan *p = s->plan;

	name_cells(s);
	column_names(s->columns, p->ncolumns, &s->names);
	s->list = (struct rows){
		.term = &s->term, .check = s->check, .label_width = 6, .target_width = 6};
	for (size_t i = 0; i < p->nrows; i++)
		s->list.label_width = wider(s->list.label_width, s->rows[i]);
	for (size_t i = 0; i < p->ncolumns; i++)
		s->list.target_width = wider(s->list.target_width, s->names.v[i]);
	rows_begin(&s->list);
}

static void add_to_list(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;
	const struct planned *item = &s->plan->items[i];

	count(s, t);
	rows_add(&s->list, s->rows[item->row], s->names.v[item->column], t);
	/* Why it was skipped stands in its row; what was expected needs no words. */
	if (t->verdict != VERDICT_SKIPPED && (!s->check || t->unexpected || !t->expected))
		gather_add(s->gather, item->row, item->column, t);
}

static void tick_list(void *arg)
{
	struct show *s = arg;
	size_t done = 0;

	for (size_t i = 0; i < VERDICTS; i++)
		done += s->counts[i];
	rows_progress(&s->list, done, s->plan->n);
}

/* ---- JSON, KTAP ---- */

static void write_json(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;

	(void)i;
	count(s, t);
	json_trial(&s->json, t);
}

static void write_ktap(void *arg, size_t i, struct trial *t)
{
	struct show *s = arg;
	const struct planned *item = &s->plan->items[i];

	count(s, t);
	ktap_trial(&s->ktap, s->plan->rows[item->row].label,
		column_name(&s->plan->columns[item->column]), t);
}

/* ---- all ---- */

struct show *show_new(enum show_kind kind, const struct plan *plan, bool console, bool check)
{
	struct show *s = xcalloc(1, sizeof *s);

	s->kind = kind;
	s->plan = plan;
	s->check = check;
	s->began_us = clock_us();
	pthread_mutex_init(&s->lock, NULL);
	terminal_setup(&s->term, stdout);
	s->term.console = console;
	if (kind == SHOW_TABLE) {
		/* A drawing goes out in one piece. */
		setvbuf(stdout, NULL, _IOFBF, 65536);
		open_table(s);
	}
	if (kind == SHOW_ROWS)
		open_list(s);
	if (kind == SHOW_JSON)
		json_begin(&s->json, stdout);
	if (kind == SHOW_KTAP)
		ktap_begin(&s->ktap, stdout, plan->n, check);
	return s;
}

void show_count_notes(struct show *s)
{
	if (s->gather)
		gather_count_notes(s->gather);
}

void show_stack(struct show *s, bool each)
{
	s->term.stack = each;
}

void show_files(struct show *s, struct files *files)
{
	s->files = files;
}

void show_free(struct show *s)
{
	table_free(s->table);
	gather_free(s->gather);
	free(s->rows);
	free(s->columns);
	strv_free(&s->names);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void show_attach(struct show *s, struct many_options *o)
{
	o->arg = s;
	o->over = over;
	switch (s->kind) {
	case SHOW_STORIES:
		o->watch = watch_story;
		o->done = finish_story;
		break;
	case SHOW_TABLE:
		o->stage = stage_in_table;
		o->ended = set_in_table;
		o->done = gather;
		o->tick = tick_table;
		break;
	case SHOW_ROWS:
		o->done = add_to_list;
		o->tick = tick_list;
		break;
	case SHOW_JSON:
		o->done = write_json;
		break;
	case SHOW_KTAP:
		o->done = write_ktap;
		break;
	}
}

static int status_of(const struct show *s)
{
	const size_t *counts = s->counts;

	if (counts[VERDICT_INFRASTRUCTURE])
		return EXIT_INFRASTRUCTURE;
	if (s->check)
		return s->unmet ? EXIT_FOUND : EXIT_PASSED;
	return counts[VERDICT_FAIL] ? EXIT_FOUND : EXIT_PASSED;
}

static void end_list(struct show *s, size_t n)
{
	rows_end(&s->list);
	gather_show(s->gather, &s->term);
	if (interrupt_pending())
		printf("\ninterrupted: %zu of %zu trials were run", n, s->plan->n);
	if (s->check)
		printf("\n%zu as expected, %zu not, %zu in error, %zu skipped in %.1f s\n", s->met,
			s->unmet, s->counts[VERDICT_INFRASTRUCTURE], s->counts[VERDICT_SKIPPED],
			(double)(clock_us() - s->began_us) / 1e6);
	else
		terminal_summary(&s->term, s->counts, clock_us() - s->began_us);
}

/* Of a plan that is a part of another. */
static void tell_shard(const struct plan *p)
{
	if (p->shards)
		printf("shard %u/%u: %zu of %zu trials\n", p->shard, p->shards, p->n, p->whole);
}

int show_end(struct show *s)
{
	size_t n = 0;

	for (size_t i = 0; i < VERDICTS; i++)
		n += s->counts[i];
	switch (s->kind) {
	case SHOW_STORIES:
		if (interrupt_pending())
			fprintf(stderr, "interrupted: %zu of %zu trials were run\n", n, s->plan->n);
		if (s->plan->n > 1)
			terminal_summary(&s->term, s->counts, clock_us() - s->began_us);
		break;
	case SHOW_TABLE:
		table_end(s->table);
		gather_show(s->gather, &s->term);
		if (interrupt_pending())
			printf("\ninterrupted: %zu of %zu trials were run", n, s->plan->n);
		terminal_summary(&s->term, s->counts, clock_us() - s->began_us);
		break;
	case SHOW_ROWS:
		end_list(s, n);
		break;
	case SHOW_JSON:
		s->json.shard = s->plan->shard;
		s->json.shards = s->plan->shards;
		json_end(&s->json, interrupt_pending());
		break;
	case SHOW_KTAP:
		ktap_end(&s->ktap, interrupt_pending());
		break;
	}
	if (s->kind != SHOW_JSON && s->kind != SHOW_KTAP)
		tell_shard(s->plan);
	if (s->counts[VERDICT_INFRASTRUCTURE] && s->kind != SHOW_JSON && !interrupt_pending())
		cli_fail(0,
			"an error is never the module's doing; kmodlab doctor looks for what "
			"this machine lacks");
	return status_of(s);
}
