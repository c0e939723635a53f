/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved logs, in all the forms in which people save them. */
#include "unit.h"

#include "base/path.h"
#include "judge/logfile.h"
#include "judge/report.h"

#include <stdio.h>

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
		cmocka_unit_test(an_empty_log_has_one_boot_and_nothing_in_it),
	};

	return cmocka_run_group_tests_name("logfile", tests, NULL, NULL);
}
