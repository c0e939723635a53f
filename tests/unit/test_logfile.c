/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved logs, in all the forms in which people save them. */
#include "unit.h"

#include "base/path.h"
#include "judge/logfile.h"
#include "judge/report.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

/* A real log without what stands on top of it. Caller frees. */
static char *fixture(const char *name)
{
	AUTO_FREE char *path = xasprintf(FIXTURES "/%s", name);
	AUTO_BUF struct buf text = {0};
	const char *p;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (p = text.data; *p == '#'; p += strcspn(p, "\n") + 1)
		;
	return xstrdup(p);
}

/* What is found in it, of all boots: "RULE severity message" a line each. */
static char *judge(const char *text, size_t len, enum target_os os)
{
	struct buf out = {0};
	struct logfile log;

	logfile_read(text, len, os, &log);
	for (size_t i = 0; i < log.n; i++) {
		struct findings found = {0};

		judge_reports(&log.boots[i], &found);
		for (size_t k = 0; k < found.n; k++)
			buf_addf(&out, "%s %s %s\n", found.items[k].rule,
				severity_name(found.items[k].severity), found.items[k].message);
		findings_free(&found);
	}
	logfile_free(&log);
	return buf_take(&out);
}

#define MEMBER                                                                                     \
	"null-dereference error a NULL pointer was dereferenced (address 0x28 was read), in count\n"

/* The log with another beginning and end of each line; `format` gets the time and the text. */
static char *dressed(
	const char *log, const char *before, bool keep_time, const char *behind, const char *end)
{
	struct buf out = {0};

	while (*log) {
		const char *text = strchr(log, ']') + 1;
		int len = (int)strcspn(text, "\n");

		buf_adds(&out, before);
		if (keep_time)
			buf_add(&out, log, (size_t)(text - log));
		buf_addf(&out, "%s%.*s%s\n", behind, len - 1, text + 1, end);
		log = text + len + 1;
	}
	return buf_take(&out);
}

static void every_form_of_a_log_tells_the_same(void **state)
{
	static const struct {
		const char *before;
		bool time;
		const char *behind, *end;
	} forms[] = {
		{"", true, " ", ""},
		{"", true, " ", "\r"},
		{"", true, "[   T84] ", ""},
		{"", true, "[    C1] ", ""},
		{"", false, "", ""},
		{"<4>", true, " ", ""},
		{"kern  :alert : ", true, " ", ""},
		{"[Tue Nov 24 08:00:00 2026]", false, " ", ""},
		{"[Tue Nov  3 08:00:00 2026]", false, " ", ""},
		{"Nov 24 08:00:00 host kernel: ", false, "", ""},
		{"Nov 24 08:00:00 host.example kernel: ", true, " ", ""},
		{"2026-11-24T08:00:00+0000 host kernel: ", false, "", ""},
		{"2026-11-24T08:00:00.123456+01:00 host kernel: ", true, " ", ""},
		{"2026-11-24T08:00:00.1234567Z ", true, " ", ""},
		{"2026-11-24T08:00:00.1234567Z ", false, "", ""},
		{"4,12,2000000,-;", false, "", ""},
		{"4,12,2000000,-,caller=T84;", false, "", ""},
		{"\033[32m", true, "\033[0m \033[1;31m", "\033[0m\033(B\r"},
		{"\033]0;title\a", true, " ", ""},
	};
	AUTO_FREE char *log = fixture("linux/null-struct-member-bookworm.log");

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		AUTO_FREE char *text =
			dressed(log, forms[i].before, forms[i].time, forms[i].behind, forms[i].end);
		AUTO_FREE char *got = judge(text, strlen(text), TARGET_LINUX);

		if (strcmp(got, MEMBER))
			fail_msg("form %zu gave\n%s", i, got);
	}
}

static void other_programs_lines_in_a_journal_are_left_out(void **state)
{
	AUTO_FREE char *log = fixture("linux/null-struct-member-bookworm.log");
	AUTO_FREE char *text = dressed(log, "Nov 24 08:00:00 host kernel: ", false, "",
		"\nNov 24 08:00:00 host sshd[812]: BUG: scheduling while atomic: x/1/0x2");
	AUTO_FREE char *got = judge(text, strlen(text), TARGET_LINUX);

	(void)state;
	assert_string_equal(got, MEMBER);
}

static void bytes_that_are_no_text_do_no_harm(void **state)
{
	AUTO_FREE char *log = fixture("linux/null-struct-member-bookworm.log");
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *got = NULL;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_add(&text, &(char){(char)(i * 7919 >> 3)}, 1);
	buf_adds(&text, "\n");
	buf_adds(&text, log);
	for (int i = 0; i < 5000; i++)
		buf_add(&text, &(char){(char)(i * 104729 >> 5)}, 1);
	got = judge(text.data, text.len, TARGET_LINUX);
	assert_string_equal(got, MEMBER);
}

static void each_boot_is_judged_by_itself(void **state)
{
	AUTO_FREE char *log = fixture("linux/null-struct-member-bookworm.log");
	AUTO_FREE char *text = xasprintf("[    0.000000] Linux version 6.1.0 (x@y)\n%s"
					 "[    0.000000] Linux version 6.1.0 (x@y)\n%s",
		log, log);
	AUTO_FREE char *got = judge(text, strlen(text), TARGET_LINUX);

	(void)state;
	assert_string_equal(got, MEMBER MEMBER);
}

static void what_is_told_again_is_one_finding(void **state)
{
	AUTO_FREE char *log = fixture("linux/soft-lockup-trixie.log");
	AUTO_FREE char *got = judge(log, strlen(log), TARGET_LINUX);

	(void)state;
	assert_non_null(strstr(got, "in softlock_init (2 times)\n"));
	assert_ptr_equal(strchr(got, '\n') + 1, got + strlen(got));
}

static void what_the_kernel_stumbles_over_later_is_a_note(void **state)
{
	AUTO_FREE char *log = fixture("linux/sleep-under-rcu-debug-bookworm.log");
	AUTO_FREE char *got = judge(log, strlen(log), TARGET_LINUX);
	AUTO_FREE char *oops = fixture("linux/two-oopses-bookworm.log");
	AUTO_FREE char *two = judge(oops, strlen(oops), TARGET_LINUX);

	(void)state;
	assert_non_null(strstr(got, "rcu-misuse error "));
	assert_non_null(strstr(got, "atomic-sleep note a consequence, probably: "));
	assert_null(strstr(got, "atomic-sleep error"));
	assert_non_null(strstr(two, "null-dereference error "));
	assert_non_null(strstr(two, "null-dereference note a consequence, probably: "));
}

static void the_words_tell_whose_log_it_is(void **state)
{
	AUTO_FREE char *ours = fixture("linux/null-struct-member-bookworm.log");
	AUTO_FREE char *theirs = fixture("freebsd/null-init-generic.log");
	AUTO_FREE char *got = judge(theirs, strlen(theirs), TARGET_FREEBSD);

	(void)state;
	assert_int_equal(logfile_os(ours, strlen(ours)), TARGET_LINUX);
	assert_int_equal(logfile_os(theirs, strlen(theirs)), TARGET_FREEBSD);
	assert_int_equal(logfile_os("", 0), TARGET_LINUX);
	assert_non_null(strstr(got, "null-dereference error "));
}

static void an_empty_log_has_one_boot_and_nothing_in_it(void **state)
{
	struct logfile log;

	(void)state;
	logfile_read("", 0, TARGET_LINUX, &log);
	assert_int_equal(log.n, 1);
	assert_int_equal(log.boots[0].nlog, 0);
	logfile_free(&log);
}

/* ---- all real logs in all forms ---- */

/* Each line of a log with something before and behind it, with its time ("[    1.000000] ") or without. Caller
 * frees. */
static char *line_by_line(
	const char *log, enum target_os os, const char *before, bool time, const char *end)
{
	struct buf out = {0};

	while (*log) {
		size_t len = strcspn(log, "\n");
		const char *text = os == TARGET_LINUX && !time ? strstr(log, "] ") + 2 : log;

		buf_addf(&out, "%s%.*s%s\n", before, (int)(log + len - text), text, end);
		log += len + (log[len] == '\n');
	}
	return buf_take(&out);
}

static void check_forms(const char *name, enum target_os os)
{
	static const struct {
		const char *before;
		bool time;
		const char *end;
	} forms[] = {
		{"", true, "\r"},
		{"\033[0;33m", true, "\033[0m\033[K\r"},
		{"Nov 24 08:00:00 host kernel: ", true, ""},
		{"Nov 24 08:00:00 host kernel: ", false, ""},
		{"2026-11-24T08:00:00.123456+01:00 host kernel: ", true, ""},
		{"2026-11-24T08:00:00.1234567Z ", true, "\r"},
		{"<6>", true, ""},
		{"[Tue Nov 24 08:00:00 2026] ", false, ""},
		{"", false, ""},
	};
	AUTO_FREE char *log = fixture(name);
	AUTO_FREE char *wanted = judge(log, strlen(log), os);

	assert_int_equal(logfile_os(log, strlen(log)), os);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		AUTO_FREE char *text =
			line_by_line(log, os, forms[i].before, forms[i].time, forms[i].end);
		AUTO_FREE char *got = judge(text, strlen(text), os);

		if (strcmp(got, wanted))
			fail_msg("%s in form %zu:\nwanted\n%sgot\n%s", name, i, wanted, got);
		assert_int_equal(logfile_os(text, strlen(text)), os);
	}
}

static void check_all(const char *system, enum target_os os, int least)
{
	AUTO_FREE char *path = xasprintf(FIXTURES "/%s", system);
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO_FREE char *name = xasprintf("%s/%s", system, e->d_name);

		if (!strstr(e->d_name, ".log"))
			continue;
		check_forms(name, os);
		n++;
	}
	closedir(dir);
	assert_true(n >= least);
}

static void every_real_log_of_linux_tells_the_same_in_every_form(void **state)
{
	(void)state;
	check_all("linux", TARGET_LINUX, 60);
}

static void every_real_log_of_freebsd_tells_the_same_in_every_form(void **state)
{
	(void)state;
	check_all("freebsd", TARGET_FREEBSD, 40);
}

/* ---- */

static void a_panic_of_freebsd_does_not_swallow_the_boots_after_it(void **state)
{
	static const char copyright[] = "Copyright (c) 1992-2023 The FreeBSD Project.\n";
	static const char marked[] = "---<<BOOT>>---\n";
	AUTO_FREE char *first = fixture("freebsd/null-init-generic.log");
	AUTO_FREE char *second = fixture("freebsd/divide-generic.log");
	AUTO_FREE char *one = judge(first, strlen(first), TARGET_FREEBSD);
	AUTO_FREE char *two = judge(second, strlen(second), TARGET_FREEBSD);
	AUTO_FREE char *both = xasprintf("%s%s", one, two);

	(void)state;
	assert_true(*one && *two);
	for (int i = 0; i < 3; i++) {
		AUTO_FREE char *text = xasprintf("%s%s%s%s%s", i > 1 ? copyright : "", first,
			i ? marked : "", i != 1 ? copyright : "", second);
		AUTO_FREE char *got = judge(text, strlen(text), TARGET_FREEBSD);
		struct logfile log;

		assert_string_equal(got, both);
		/* The mark and the copyright are one boot's. */
		logfile_read(text, strlen(text), TARGET_FREEBSD, &log);
		assert_int_equal(log.n, 2);
		logfile_free(&log);
	}
}

/* The processor time that it takes to judge so many lines in which there is nothing. */
static clock_t time_of(const char *line, enum target_os os)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *got = NULL;
	clock_t begun;

	for (int k = 0; k < 4000; k++)
		buf_adds(&text, line);
	begun = clock();
	got = judge(text.data, text.len, os);
	assert_string_equal(got, "");
	return clock() - begun;
}

/* A kernel's words, printed by anybody in great numbers, cost about what others do. Looking at what may follow each
 * of them would take more than a hundred times as long. */
static void a_flood_of_lines_that_begin_like_a_report_is_read_once(void **state)
{
	static const struct {
		const char *line;
		enum target_os os;
	} floods[] = {
		{"BUG: unable to handle page fault for address: 00\n", TARGET_LINUX},
		{"WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n", TARGET_LINUX},
		{"panic: nothing\n", TARGET_FREEBSD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		clock_t plain = time_of("a driver says something of no importance\n", floods[i].os);
		clock_t flood = time_of(floods[i].line, floods[i].os);

		if (getenv("SHOW_TIMES"))
			print_message("flood %zu: %ld against %ld\n", i, (long)flood, (long)plain);
		assert_true(flood < 20 * plain + CLOCKS_PER_SEC / 10);
	}
}

/* The same with a real one at the end: the flood does not hide it. */
static void a_report_behind_such_a_flood_is_found(void **state)
{
	AUTO_FREE char *log = fixture("linux/null-struct-member-bookworm.log");
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *got = NULL;

	(void)state;
	for (int k = 0; k < 1000; k++)
		buf_adds(&text, "BUG: unable to handle page fault for address: 00\n");
	for (int k = 0; k < 600; k++)
		buf_adds(&text, "and now something else\n");
	buf_adds(&text, log);
	got = judge(text.data, text.len, TARGET_LINUX);
	assert_string_equal(got, MEMBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_log_tells_the_same),
		cmocka_unit_test(other_programs_lines_in_a_journal_are_left_out),
		cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
		cmocka_unit_test(each_boot_is_judged_by_itself),
		cmocka_unit_test(what_is_told_again_is_one_finding),
		cmocka_unit_test(what_the_kernel_stumbles_over_later_is_a_note),
		cmocka_unit_test(the_words_tell_whose_log_it_is),
		cmocka_unit_test(every_real_log_of_linux_tells_the_same_in_every_form),
		cmocka_unit_test(every_real_log_of_freebsd_tells_the_same_in_every_form),
		cmocka_unit_test(a_panic_of_freebsd_does_not_swallow_the_boots_after_it),
		cmocka_unit_test(a_flood_of_lines_that_begin_like_a_report_is_read_once),
		cmocka_unit_test(a_report_behind_such_a_flood_is_found),
		cmocka_unit_test(an_empty_log_has_one_boot_and_nothing_in_it),
	};

	return cmocka_run_group_tests_name("logfile", tests, NULL, NULL);
}
