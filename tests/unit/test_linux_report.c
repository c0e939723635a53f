/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real logs of Linux kernels, each with what is to be found in it on top, a line for each report in order:
 * "# RULE | PLACE | FUNCTION", or "# nothing". PLACE is the source line that the kernel itself named, FUNCTION
 * the innermost one of a module: where it happened, else where the lock was taken or the memory allocated.
 */
#include "unit.h"

#include "base/path.h"
#include "judge/kmsg.h"
#include "judge/report.h"

#include <dirent.h>
#include <stdio.h>

static const char *module_function(const struct report *r)
{
	static const enum report_stack order[] = {
		STACK_HERE, STACK_LOCK, STACK_OTHER, STACK_ALLOCATED, STACK_FREED};

	for (size_t k = 0; k < sizeof order / sizeof *order; k++)
		for (size_t i = 0; i < r->nframes; i++) {
			const struct report_frame *f = &r->frames[i];

			if (f->stack == order[k] && !f->guess && f->module && f->function)
				return f->function;
		}
	return "-";
}

/* All that is found in a console's text, as the lines on top of a fixture. */
static void describe(const char *text, struct buf *out)
{
	struct run run = {.console = xstrdup(text)};
	struct report r;

	kmsg_add_console(&run, 0);
	assert_true(run.nlog > 0);
	for (size_t from = 0; report_find_linux(run.log, run.nlog, from, &r);) {
		buf_addf(out, "# %s | ", r.rule);
		if (r.file)
			buf_addf(out, "%s:%u", r.file, r.line);
		else
			buf_adds(out, "-");
		buf_addf(out, " | %s\n", module_function(&r));
		assert_non_null(r.title);
		assert_true(r.first >= from && r.last >= r.first && r.last < run.nlog);
		from = r.last + 1;
		report_free(&r);
	}
	if (!out->len)
		buf_adds(out, "# nothing\n");
	run_free(&run);
}

static void check_file(const char *path)
{
	AUTO_BUF struct buf text = {0}, got = {0};
	AUTO_FREE char *wanted = NULL;
	const char *log;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (log = text.data; *log == '#' && log[1] == ' '; log += strcspn(log, "\n") + 1)
		;
	wanted = xstrndup(text.data, (size_t)(log - text.data));
	describe(log, &got);
	if (strcmp(got.data, wanted))
		fail_msg("%s:\nwanted\n%sgot\n%s", path, wanted, got.data);
}

static void real_logs_give_what_stands_on_top_of_them(void **state)
{
	DIR *dir = opendir(FIXTURES "/linux");
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO_FREE char *path = xasprintf(FIXTURES "/linux/%s", e->d_name);

		if (!strstr(e->d_name, ".log"))
			continue;
		check_file(path);
		n++;
	}
	closedir(dir);
	assert_true(n >= 60);
}

static void words_without_a_report_behind_them_are_no_crash(void **state)
{
	AUTO_BUF struct buf got = {0};

	(void)state;
	describe("[    1.000000] BUG: this is my driver talking\n[    1.000001] Oops: it happened\n"
		 "[    1.000002] WARNING: CPU: none\n[    1.000003] and on we go\n",
		&got);
	assert_string_equal(got.data, "# nothing\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_logs_give_what_stands_on_top_of_them),
		cmocka_unit_test(words_without_a_report_behind_them_are_no_crash),
	};

	/* With a file: prints what would have to stand on top of it, for somebody who adds one. */
	if (argc > 1) {
		AUTO_BUF struct buf text = {0}, got = {0};

		if (path_read(argv[1], 1 << 20, &text))
			return 1;
		describe(text.data, &got);
		fputs(got.data, stdout);
		return 0;
	}
	return cmocka_run_group_tests_name("linux report", tests, NULL, NULL);
}
