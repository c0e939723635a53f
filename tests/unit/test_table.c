/* SPDX-License-Identifier: BSD-2-Clause */
/* Many trials for a person: the table, and what was found, each thing told once. */
#include "unit.h"

#include "base/buf.h"
#include "report/columns.h"
#include "report/gather.h"
#include "report/table.h"

#include <stdio.h>

#define ROWS	6
#define COLUMNS 3

static const char *const modules[ROWS] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
static const char *const targets[COLUMNS] = {
	"debian:bookworm/cloud", "debian:trixie/cloud", "freebsd:14.0"};
static struct target target;

/* ---- names ---- */

static void expect_names(const char *const *given, size_t n, const char *wanted)
{
	AUTO_STRV struct strv out = {0};
	AUTO_BUF struct buf joined = {0};

	column_names(given, n, &out);
	for (size_t i = 0; i < out.n; i++)
		buf_addf(&joined, "%s%s", i ? " " : "", out.v[i]);
	assert_string_equal(joined.data, wanted);
}

static void columns_are_called_as_shortly_as_can_be_without_being_mistaken(void **state)
{
	(void)state;
	expect_names(targets, 1, "debian:bookworm");
	expect_names(targets, 2, "bookworm trixie");
	expect_names(targets, 3, "debian:bookworm debian:trixie freebsd:14.0");
	expect_names((const char *const[]){"debian:bookworm/cloud", "debian:bookworm/rt"}, 2,
		"bookworm/cloud bookworm/rt");
	expect_names((const char *const[]){"tree:/a/linux-6.6", "tree:/b/linux-6.7", "host"}, 3,
		"tree:linux-6.6 tree:linux-6.7 host");
	expect_names(
		(const char *const[]){"tree:/a/linux", "tree:/b/linux"}, 2, "/a/linux /b/linux");
}

static void times_are_short(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} times[] = {{0, "0 ms"}, {58400, "58 ms"}, {999499, "999 ms"}, {999600, "1.00 s"},
		{1620000, "1.62 s"}, {99990000, "99.99 s"}, {99999000, "100 s"},
		{3600000000, "3600 s"}};

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		AUTO_FREE char *text = short_time(times[i].us);

		assert_string_equal(text, times[i].text);
	}
}

/* ---- the table ---- */

static struct trial ended(size_t row, size_t column)
{
	struct trial t = {.target = &target,
		.took_us = (int64_t)(50 + row * 10 + column) * 1000,
		.name = (char *)modules[row]};

	if ((row + column) % 4 == 1) {
		t.verdict = VERDICT_FAIL;
		t.class = CLASS_CRASH;
	}
	if (row == 3 && column == 1)
		t.verdict = VERDICT_INFRASTRUCTURE;
	return t;
}

/* Whether there is a trial in this cell. */
static bool applies(size_t row, size_t column)
{
	return !(row == 2 && column == 2);
}

struct drawn {
	char *text;
	size_t len;
	FILE *out;
	struct table *table;
};

static void begin(struct drawn *d, bool live, unsigned width, unsigned height)
{
	*d = (struct drawn){0};
	d->out = open_memstream(&d->text, &d->len);
	d->table = table_new(&(struct table_options){.out = d->out,
		.live = live,
		.rows = modules,
		.nrows = ROWS,
		.columns = targets,
		.ncolumns = COLUMNS,
		.width = width,
		.height = height});
	for (size_t r = 0; r < ROWS; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (applies(r, c))
				table_expect(d->table, r, c);
}

static void end(struct drawn *d)
{
	table_end(d->table);
	table_free(d->table);
	fclose(d->out);
}

/* Completes all trials in an order that `seed` makes. */
static void complete(struct drawn *d, unsigned seed)
{
	size_t order[ROWS * COLUMNS];

	for (size_t i = 0; i < ROWS * COLUMNS; i++)
		order[i] = i;
	for (size_t i = ROWS * COLUMNS - 1; i > 0 && seed; i--) {
		size_t k = (size_t)(seed = seed * 1103515245 + 12345) / 65536 % (i + 1);
		size_t kept = order[i];

		order[i] = order[k];
		order[k] = kept;
	}
	for (size_t i = 0; i < ROWS * COLUMNS; i++) {
		size_t r = order[i] / COLUMNS, c = order[i] % COLUMNS;
		struct trial t = ended(r, c);

		if (!applies(r, c))
			continue;
		table_stage(d->table, r, c, STAGE_BOOT);
		table_tick(d->table);
		table_set(d->table, r, c, &t);
	}
}

static const char whole[] = "module   debian:bookworm     debian:trixie       freebsd:14.0\n"
			    "alpha    pass 50 ms          FAIL crash 51 ms    pass 52 ms\n"
			    "beta     FAIL crash 60 ms    pass 61 ms          pass 62 ms\n"
			    "gamma    pass 70 ms          pass 71 ms          -\n"
			    "delta    pass 80 ms          ERROR 81 ms         FAIL crash 82 ms\n"
			    "epsilon  pass 90 ms          FAIL crash 91 ms    pass 92 ms\n"
			    "zeta     FAIL crash 100 ms   pass 101 ms         pass 102 ms\n";

static void the_order_in_which_trials_end_does_not_show(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		struct drawn d;

		begin(&d, false, 0, 0);
		complete(&d, seed);
		end(&d);
		assert_string_equal(d.text, whole);
		free(d.text);
	}
}

/* ---- a terminal, as far as the table uses one ---- */

struct screen {
	char line[400][400];
	size_t row, column, rows;
};

static void newline(struct screen *s)
{
	s->row++;
	s->column = 0;
	assert_true(s->row < 400);
	if (s->rows < s->row)
		s->rows = s->row;
}

/* What stands on a terminal of this width when it was shown `text`. */
static void show_on(struct screen *s, const char *text, size_t width)
{
	memset(s, 0, sizeof *s);
	for (; *text; text++) {
		size_t n = 0;

		if (*text == '\n') {
			newline(s);
		} else if (*text == '\r') {
			s->column = 0;
		} else if (*text == '\033') {
			for (text += 2; *text >= '0' && *text <= '9'; text++)
				n = n * 10 + (size_t)(*text - '0');
			if (*text == 'A') {
				assert_true(n <= s->row);
				s->row -= n;
			}
			if (*text == 'J') {
				for (size_t r = s->row; r < 400; r++)
					memset(s->line[r], 0, 400);
				s->rows = s->row;
			}
		} else if (((unsigned char)*text & 0xc0) != 0x80) {
			if (s->column == width)
				newline(s);
			s->line[s->row][s->column++] = *text;
		}
	}
}

static void on_a_terminal_the_same_is_left_standing(void **state)
{
	static struct screen s;

	(void)state;
	for (unsigned seed = 0; seed < 100; seed++) {
		struct drawn d;
		AUTO_BUF struct buf left = {0};

		begin(&d, true, 100, 5 + seed % 7);
		complete(&d, seed);
		end(&d);
		show_on(&s, d.text, 100);
		for (size_t i = 0; i < s.rows; i++)
			buf_addf(&left, "%s\n", s.line[i]);
		assert_string_equal(left.data, whole);
		free(d.text);
	}
}

static void a_drawing_is_never_higher_or_wider_than_the_terminal(void **state)
{
	static struct screen s;

	(void)state;
	for (unsigned height = 2; height < 9; height++) {
		struct drawn d;

		begin(&d, true, 50, height);
		for (size_t r = 0; r < ROWS; r++)
			table_stage(d.table, r, 0, STAGE_LOAD);
		table_tick(d.table);
		fflush(d.out);
		show_on(&s, d.text, 50);
		/* The heading with its legend is 4 lines and stays. */
		assert_true(s.rows <= 4 + height - 1);
		for (size_t i = 0; i < s.rows; i++)
			assert_true(strlen(s.line[i]) < 50);
		end(&d);
		free(d.text);
	}
}

static void on_a_narrow_terminal_columns_have_numbers_and_a_legend(void **state)
{
	struct drawn d;

	begin(&d, true, 50, 24);
	(void)state;
	complete(&d, 0);
	end(&d);
	assert_int_equal(strncmp(d.text,
				 " 1  debian:bookworm\n 2  debian:trixie\n 3  freebsd:14.0\n"
				 "module   1            2            3\n",
				 60),
		0);
	assert_non_null(strstr(d.text, "alpha    pass         FAIL crash   pass\n"));
	free(d.text);
}

static void after_an_interrupt_the_rows_that_were_complete_are_there(void **state)
{
	struct drawn d;

	begin(&d, false, 0, 0);
	(void)state;
	for (size_t c = 0; c < COLUMNS; c++) {
		struct trial t = ended(1, c);

		table_set(d.table, 1, c, &t);
	}
	table_stage(d.table, 0, 0, STAGE_LOAD);
	end(&d);
	assert_null(strstr(d.text, "alpha"));
	assert_non_null(strstr(d.text, "\nbeta     FAIL crash 60 ms"));
	free(d.text);
}

/* ---- findings ---- */

static char *gathered(void (*fill)(struct gather *g))
{
	struct gather *g = gather_new(modules, targets, COLUMNS);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct terminal term;

	terminal_setup(&term, out);
	term.excerpt = 12;
	fill(g);
	gather_show(g, &term);
	fclose(out);
	gather_free(g);
	return text;
}

static void add(struct gather *g, size_t row, size_t column, char *message, const char *file)
{
	struct trial t = {
		.name = (char *)modules[row % ROWS], .target = &target, .verdict = VERDICT_FAIL};
	struct finding *f =
		finding_add(&t.findings, "init-error", SEVERITY_ERROR, CLASS_LOAD, message, NULL);

	if (file) {
		f->file = xstrdup(file);
		f->line = 7;
	}
	gather_add(g, row, column, &t);
	findings_free(&t.findings);
}

static void one_on_two_targets(struct gather *g)
{
	add(g, 0, 0, xstrdup("alpha's init returned -ENODEV"), "/src/alpha.c");
	add(g, 0, 2, xstrdup("alpha's init returned -ENODEV"), "/src/alpha.c");
	add(g, 0, 2, xstrdup("alpha is odd"), NULL);
	add(g, 1, 0, xstrdup("beta has another fault"), NULL);
}

static void what_is_found_on_two_targets_is_told_once(void **state)
{
	AUTO_FREE char *text = gathered(one_on_two_targets);

	(void)state;
	assert_string_equal(text,
		"\nalpha on debian:bookworm, freebsd:14.0\n"
		"  error: /src/alpha.c:7: alpha's init returned -ENODEV [init-error]\n"
		"\nalpha on freebsd:14.0\n"
		"  error: alpha is odd [init-error]\n"
		"\nbeta on debian:bookworm\n"
		"  error: beta has another fault [init-error]\n");
}

static void several_alike(struct gather *g)
{
	for (size_t r = 0; r < ROWS; r++)
		add(g, r, 0, xasprintf("%s's init returned -ENODEV", modules[r]), NULL);
	add(g, 5, 1, xstrdup("zeta's init returned -ENODEV"), NULL);
	add(g, 5, 2, xstrdup("alphabeta and zeta_x are others"), NULL);
}

static void what_differs_in_the_modules_name_alone_is_told_once(void **state)
{
	AUTO_FREE char *text = gathered(several_alike);

	(void)state;
	assert_string_equal(text,
		"\n5 modules on debian:bookworm: alpha, beta, gamma, delta, epsilon\n"
		"zeta on debian:bookworm, debian:trixie\n"
		"  error: MODULE's init returned -ENODEV [init-error]\n"
		"\nzeta on freebsd:14.0\n"
		"  error: alphabeta and zeta_x are others [init-error]\n");
}

static void by_chance_different(struct gather *g)
{
	add(g, 0, 0, xstrdup("WARNING: CPU: 0 PID: 88 at a.c:5 near 0xffffc900007d3e30"), NULL);
	add(g, 0, 0, xstrdup("WARNING: CPU: 1 PID: 101 at a.c:5 near 0xffffc900003c7e30"), NULL);
	add(g, 1, 0, xstrdup("WARNING: CPU: 1 PID: 9 at a.c:5 near 0xffffc900003c7e30"), NULL);
	add(g, 1, 0, xstrdup("WARNING: CPU: 1 PID: 9 at a.c:6 near 0xffffc900003c7e30"), NULL);
	add(g, 1, 0, xstrdup("WARNING: CPU: 1 PID: 9 at a.c:5 near 0x10"), NULL);
}

static void numbers_that_chance_gave_make_no_difference(void **state)
{
	AUTO_FREE char *text = gathered(by_chance_different);

	(void)state;
	assert_string_equal(text,
		"\n2 modules on debian:bookworm: alpha, beta\n"
		"  error: WARNING: CPU: 0 PID: 88 at a.c:5 near 0xffffc900007d3e30 [init-error]\n"
		"\nbeta on debian:bookworm\n"
		"  error: WARNING: CPU: 1 PID: 9 at a.c:6 near 0xffffc900003c7e30 [init-error]\n"
		"  error: WARNING: CPU: 1 PID: 9 at a.c:5 near 0x10 [init-error]\n");
}

static void in_two_places(struct gather *g)
{
	add(g, 0, 0, xstrdup("unused variable"), "/src/a.c");
	add(g, 1, 0, xstrdup("unused variable"), "/src/b.c");
}

static void two_places_in_source_are_two_findings(void **state)
{
	AUTO_FREE char *text = gathered(in_two_places);

	(void)state;
	assert_non_null(strstr(text, "/src/a.c:7: unused variable"));
	assert_non_null(strstr(text, "/src/b.c:7: unused variable"));
}

static void errors_of_ours(struct gather *g)
{
	struct trial t = {.name = (char *)"alpha", .target = &target};

	t.retried = (char *)"QEMU was killed by signal 9";
	gather_add(g, 0, 0, &t);
	t.retried = NULL;
	t.verdict = VERDICT_INFRASTRUCTURE;
	error_set(&t.error, 5, "the disk is full");
	gather_add(g, 1, 0, &t);
}

static void errors_of_ours_are_told_and_are_not_the_modules(void **state)
{
	AUTO_FREE char *text = gathered(errors_of_ours);

	(void)state;
	assert_non_null(strstr(text, "note: QEMU was killed by signal 9 [retried]"));
	assert_non_null(strstr(text, "error: the disk is full [infrastructure]"));
	assert_non_null(strstr(text, "not the module's doing"));
}

static const char *const thousand[] = {[0 ... 999] = "m"};

static void a_list_of_hundreds_of_modules_is_cut(void **state)
{
	struct gather *g = gather_new(thousand, targets, 1);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct terminal term;

	(void)state;
	terminal_setup(&term, out);
	for (size_t r = 0; r < 1000; r++)
		add(g, r, 0, xstrdup("it is odd"), NULL);
	gather_show(g, &term);
	fclose(out);
	gather_free(g);
	assert_non_null(strstr(text, "1000 modules: m, m, "));
	assert_non_null(strstr(text, " and 988 more\n"));
	assert_true(len < 300);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_called_as_shortly_as_can_be_without_being_mistaken),
		cmocka_unit_test(times_are_short),
		cmocka_unit_test(the_order_in_which_trials_end_does_not_show),
		cmocka_unit_test(on_a_terminal_the_same_is_left_standing),
		cmocka_unit_test(a_drawing_is_never_higher_or_wider_than_the_terminal),
		cmocka_unit_test(on_a_narrow_terminal_columns_have_numbers_and_a_legend),
		cmocka_unit_test(after_an_interrupt_the_rows_that_were_complete_are_there),
		cmocka_unit_test(what_is_found_on_two_targets_is_told_once),
		cmocka_unit_test(what_differs_in_the_modules_name_alone_is_told_once),
		cmocka_unit_test(numbers_that_chance_gave_make_no_difference),
		cmocka_unit_test(two_places_in_source_are_two_findings),
		cmocka_unit_test(errors_of_ours_are_told_and_are_not_the_modules),
		cmocka_unit_test(a_list_of_hundreds_of_modules_is_cut),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
