/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real logs, each with what is to be found in it on top: "# crash TITLE | PLACE" or "# warning TITLE |
 * PLACE" for each report in order, or "# nothing". Files without such lines are no fixtures.
 */
#include "unit.h"

#include "judge/judge.h"
#include "judge/kmsg.h"

#include <dirent.h>
#include <stdio.h>

#include "base/path.h"

static void check_file(const char *path)
{
	AUTO_BUF struct buf text = {0};
	struct run run = {0};
	struct crash c;
	size_t from = 0;
	const char *line;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	run.console = xstrdup(text.data);
	kmsg_add_console(&run, 0);
	assert_true(run.nlog > 0);
	for (line = text.data; *line == '#'; line = strchr(line, '\n') + 1) {
		AUTO_FREE char *wanted = xstrndup(line + 2, strcspn(line + 2, "\n"));
		AUTO_FREE char *got = NULL;

		if (!strcmp(wanted, "nothing"))
			break;
		if (!crash_find_linux(run.log, run.nlog, from, &c))
			fail_msg("%s: '%s' not found", path, wanted);
		got = xasprintf("%s %s | %s", c.fatal ? "crash" : "warning", c.title,
			c.place ? c.place : "-");
		if (strcmp(got, wanted))
			fail_msg("%s:\n  wanted %s\n  got    %s", path, wanted, got);
		from = c.last + 1;
		crash_free(&c);
	}
	if (crash_find_linux(run.log, run.nlog, from, &c))
		fail_msg("%s: one too many: %s", path, c.title);
	run_free(&run);
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
	assert_true(n >= 8);
}

static void words_without_a_report_behind_them_are_no_crash(void **state)
{
	struct record log[] = {{.text = (char *)"BUG: this is my driver talking"},
		{.text = (char *)"Oops: it happened"}, {.text = (char *)"and on we go"}};
	struct crash c;

	(void)state;
	assert_int_equal(crash_find_linux(log, 3, 0, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_logs_give_what_stands_on_top_of_them),
		cmocka_unit_test(words_without_a_report_behind_them_are_no_crash),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
