/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live part is a block of lines at the end of the output, none wider than the terminal. To draw it again
 * the cursor goes up by as many lines as it took, which is computed anew for the width that the terminal
 * has by then: a terminal that was made narrower has wrapped what stood there.
 */
#include "report/table.h"

#include "base/clock.h"
#include "report/columns.h"
#include "report/terminal.h"

#include <string.h>
#include <sys/ioctl.h>

/* Characters of the longest cell: "FAIL unload 1.62 s", "FAIL unload". */
#define CELL_TIMED 18
#define CELL_PLAIN 11
#define GAP	   2
/* A longer name pushes its row to the right instead of all others. */
#define LABEL_MAX 40
/* Between two drawings. */
#define REDRAW_US 50000

enum cell_state { CELL_NONE, CELL_AHEAD, CELL_RUNNING, CELL_OVER };

struct cell {
	enum cell_state state;
	enum stage stage;
	enum verdict verdict;
	const char *class; /* static */
	int64_t took_us;
};

struct table {
	struct table_options o;
	struct strv names; /* of the columns */
	size_t label_width;
	size_t *widths; /* of the columns */
	bool timed;
	struct cell *cells;
	size_t next; /* the first row that was not written */
	size_t last; /* behind the last row that has begun */
	size_t counts[VERDICTS], expected;
	/* The live part as it was drawn: the lengths of its lines, and its text. */
	size_t *drawn, ndrawn;
	struct buf block;
	int64_t began_us, drawn_us;
};

/* ---- one line ---- */

struct line {
	struct buf text;
	size_t used; /* characters */
	size_t room;
	size_t wanted; /* spaces to put before what comes next */
	bool colour;
};

/* Bytes of the first `*chars` characters of `text`; `*chars` becomes how many there are of them. */
static size_t take_chars(const char *text, size_t *chars)
{
	size_t len = 0, n = 0;

	while (text[len] && (n < *chars || ((unsigned char)text[len] & 0xc0) == 0x80)) {
		n += ((unsigned char)text[len] & 0xc0) != 0x80;
		len++;
	}
	*chars = n;
	return len;
}

static void line_put(struct line *l, const char *code, const char *text)
{
	size_t chars, len;

	for (; l->wanted && l->used < l->room; l->wanted--, l->used++)
		buf_add(&l->text, " ", 1);
	chars = l->room - l->used;
	len = take_chars(text, &chars);
	l->used += chars;
	if (l->colour && *code)
		buf_addf(&l->text, "\033[%sm%.*s\033[0m", code, (int)len, text);
	else
		buf_add(&l->text, text, len);
}

/* What comes next begins at this column, or a space behind what there is. */
static void line_tab(struct line *l, size_t column)
{
	l->wanted = column > l->used ? column - l->used : 1;
}

/* ---- how it is laid out ---- */

static void screen(const struct table *t, unsigned *width, unsigned *height)
{
	struct winsize size;

	*width = t->o.width;
	*height = t->o.height;
	if (*width || !t->o.live)
		return;
	*width = 80;
	*height = 24;
	if (!ioctl(fileno(t->o.out), TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		*width = size.ws_col;
		*height = size.ws_row;
	}
}

static size_t characters(const char *text)
{
	size_t n = SIZE_MAX;

	take_chars(text, &n);
	return n;
}

/* The width with the columns' names as they are and cells of `cell` characters. */
static size_t lay_out(struct table *t, size_t cell)
{
	size_t all = t->label_width;

	for (size_t i = 0; i < t->o.ncolumns; i++) {
		size_t name = characters(t->names.v[i]);

		t->widths[i] = name > cell ? name : cell;
		all += GAP + t->widths[i];
	}
	return all;
}

static void number_columns(struct table *t)
{
	strv_free(&t->names);
	t->names = (struct strv){0};
	for (size_t i = 0; i < t->o.ncolumns; i++)
		strv_addf(&t->names, "%zu", i + 1);
}

static void write_line(struct table *t, struct line *l)
{
	fwrite(l->text.data, 1, l->text.len, t->o.out);
	fputc('\n', t->o.out);
	buf_free(&l->text);
}

static void write_heading(struct table *t, bool numbered, const struct strv *legend)
{
	struct line l = {.room = SIZE_MAX, .colour = t->o.colour};
	size_t at = t->label_width + GAP;

	for (size_t i = 0; numbered && i < legend->n; i++)
		fprintf(t->o.out, "%2zu  %s\n", i + 1, legend->v[i]);
	line_put(&l, BOLD, "module");
	for (size_t i = 0; i < t->o.ncolumns; i++) {
		line_tab(&l, at);
		line_put(&l, BOLD, t->names.v[i]);
		at += t->widths[i] + GAP;
	}
	write_line(t, &l);
}

struct table *table_new(const struct table_options *o)
{
	struct table *t = xcalloc(1, sizeof *t);
	AUTO_STRV struct strv legend = {0};
	unsigned width, height;
	bool numbered = false;

	*t = (struct table){.o = *o, .timed = true, .began_us = clock_us()};
	t->widths = xcalloc(o->ncolumns, sizeof *t->widths);
	t->cells = xcalloc(o->nrows * o->ncolumns, sizeof *t->cells);
	t->label_width = strlen("module");
	for (size_t i = 0; i < o->nrows; i++) {
		size_t n = characters(o->rows[i]);

		if (n > t->label_width)
			t->label_width = n < LABEL_MAX ? n : LABEL_MAX;
	}
	column_names(o->columns, o->ncolumns, &t->names);
	column_names(o->columns, o->ncolumns, &legend);
	screen(t, &width, &height);
	if (lay_out(t, CELL_TIMED) >= width && width) {
		t->timed = false;
		if (lay_out(t, CELL_PLAIN) >= width) {
			number_columns(t);
			lay_out(t, CELL_PLAIN);
			numbered = true;
		}
	}
	write_heading(t, numbered, &legend);
	fflush(o->out);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	strv_free(&t->names);
	free(t->widths);
	free(t->cells);
	free(t->drawn);
	buf_free(&t->block);
	free(t);
}

/* ---- rows ---- */

static struct cell *cell_at(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->o.ncolumns + column];
}

static void put_over(const struct table *t, const struct cell *c, struct line *l)
{
	AUTO_FREE char *took = short_time(c->took_us);

	switch (c->verdict) {
	case VERDICT_PASS:
		line_put(l, GREEN, "pass");
		break;
	case VERDICT_FAIL:
		line_put(l, BOLD ";" RED, "FAIL ");
		line_put(l, BOLD ";" RED, c->class);
		break;
	case VERDICT_INFRASTRUCTURE:
		line_put(l, BOLD ";" MAGENTA, "ERROR");
		break;
	case VERDICT_SKIPPED:
		line_put(l, YELLOW, "skipped");
		return;
	}
	if (t->timed) {
		line_put(l, "", " ");
		line_put(l, "", took);
	}
}

static void put_row(const struct table *t, size_t row, struct line *l)
{
	size_t at = t->label_width + GAP;

	line_put(l, "", t->o.rows[row]);
	for (size_t i = 0; i < t->o.ncolumns; i++) {
		const struct cell *c = cell_at(t, row, i);

		line_tab(l, at);
		at += t->widths[i] + GAP;
		if (c->state == CELL_NONE)
			line_put(l, DIM, "-");
		if (c->state == CELL_RUNNING) {
			line_put(l, DIM, stage_name(c->stage));
			line_put(l, DIM, "…");
		}
		if (c->state == CELL_OVER)
			put_over(t, c, l);
	}
}

static void write_row(struct table *t, size_t row)
{
	struct line l = {.room = SIZE_MAX, .colour = t->o.colour};

	put_row(t, row, &l);
	write_line(t, &l);
}

static bool is_complete(const struct table *t, size_t row)
{
	for (size_t i = 0; i < t->o.ncolumns; i++) {
		enum cell_state state = cell_at(t, row, i)->state;

		if (state == CELL_AHEAD || state == CELL_RUNNING)
			return false;
	}
	return true;
}

/* ---- the live part ---- */

static void erase(struct table *t)
{
	size_t lines = 0;
	unsigned width, height;

	if (!t->ndrawn)
		return;
	screen(t, &width, &height);
	for (size_t i = 0; i < t->ndrawn; i++)
		lines += t->drawn[i] > width ? (t->drawn[i] + width - 1) / width : 1;
	fprintf(t->o.out, "\033[%zuA\r\033[J", lines);
	t->ndrawn = 0;
}

/* A block of lines, not yet written. */
struct block {
	struct buf text;
	size_t *lengths, n;
};

static void block_add(struct block *b, struct line *l)
{
	*ARRAY_ADD(b->lengths, b->n) = l->used;
	buf_add(&b->text, l->text.data, l->text.len);
	buf_add(&b->text, "\n", 1);
	buf_free(&l->text);
}

static void add_progress(const struct table *t, size_t room, struct block *b)
{
	struct line l = {.room = room, .colour = t->o.colour};
	size_t over = 0, bad = t->counts[VERDICT_FAIL] + t->counts[VERDICT_INFRASTRUCTURE];
	AUTO_FREE char *text = NULL, *failed = NULL;

	for (size_t i = 0; i < VERDICTS; i++)
		over += t->counts[i];
	text = xasprintf("%zu of %zu", over, t->expected);
	line_put(&l, DIM, text);
	if (bad) {
		failed = xasprintf(", %zu not passed", bad);
		line_put(&l, RED, failed);
	}
	free(text);
	text = xasprintf(", %.0f s", (double)(clock_us() - t->began_us) / 1e6);
	line_put(&l, DIM, text);
	block_add(b, &l);
}

static void draw(struct table *t)
{
	struct block b = {0};
	unsigned width, height;
	size_t rows = t->last;

	if (!t->o.live)
		return;
	screen(t, &width, &height);
	if (rows > t->next + height - 2)
		rows = t->next + (height > 2 ? height - 2 : 0);
	for (size_t row = t->next; row < rows; row++) {
		struct line l = {.room = width - 1, .colour = t->o.colour};

		put_row(t, row, &l);
		block_add(&b, &l);
	}
	add_progress(t, width - 1, &b);
	t->drawn_us = clock_us();
	if (t->ndrawn && b.text.len == t->block.len &&
		!memcmp(b.text.data, t->block.data, b.text.len)) {
		buf_free(&b.text);
		free(b.lengths);
		return;
	}
	erase(t);
	fwrite(b.text.data, 1, b.text.len, t->o.out);
	fflush(t->o.out);
	buf_free(&t->block);
	free(t->drawn);
	t->block = b.text;
	t->drawn = b.lengths;
	t->ndrawn = b.n;
}

/* Writes the rows whose turn it is. */
static void advance(struct table *t)
{
	bool some = false;

	for (; t->next < t->o.nrows && is_complete(t, t->next); t->next++) {
		if (!some)
			erase(t);
		some = true;
		write_row(t, t->next);
	}
	if (t->last < t->next)
		t->last = t->next;
	if (some && t->next < t->o.nrows)
		draw(t);
	if (some)
		fflush(t->o.out);
}

/* ---- what is told ---- */

void table_expect(struct table *t, size_t row, size_t column)
{
	cell_at(t, row, column)->state = CELL_AHEAD;
	t->expected++;
}

static void touch(struct table *t, size_t row)
{
	if (t->last <= row)
		t->last = row + 1;
	if (clock_us() - t->drawn_us > REDRAW_US && t->next < t->o.nrows)
		draw(t);
}

void table_stage(struct table *t, size_t row, size_t column, enum stage stage)
{
	struct cell *c = cell_at(t, row, column);

	if (c->state == CELL_OVER)
		return;
	c->state = CELL_RUNNING;
	c->stage = stage;
	touch(t, row);
}

void table_set(struct table *t, size_t row, size_t column, const struct trial *trial)
{
	*cell_at(t, row, column) = (struct cell){.state = CELL_OVER,
		.verdict = trial->verdict,
		.class = trial_verdict_name(trial),
		.took_us = trial->took_us};
	t->counts[trial->verdict]++;
	advance(t);
	touch(t, row);
}

void table_tick(struct table *t)
{
	if (t->next < t->o.nrows)
		draw(t);
}

void table_end(struct table *t)
{
	erase(t);
	for (; t->next < t->o.nrows; t->next++)
		if (is_complete(t, t->next))
			write_row(t, t->next);
	fflush(t->o.out);
}
