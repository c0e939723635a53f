/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module's own tests come to, once they have ended or have not. */
#include "unit.h"

#include "judge/judge.h"

#include <stdio.h>

static struct ko ko = {.name = "toy"};

/* Judges a test that ended with `status` and said `output`. */
static struct findings judged(int status, const char *output)
{
	struct call calls[2] = {{.kind = CALL_LOAD, .ko = &ko, .returned = true},
		{.kind = CALL_EXERCISE, .ko = &ko, .returned = true, .error = status}};
	struct run r = {.calls = calls, .ncalls = 2};
	struct findings found = {0};

	calls[1].what = xstrdup("test.c");
	calls[1].output = output ? xstrdup(output) : NULL;
	judge_exercise(&r, 1, &found);
	free(calls[1].what);
	free(calls[1].output);
	return found;
}

static void a_test_that_ends_well_is_nothing_to_find_whatever_it_says(void **state)
{
	struct findings found = judged(0, "FAILED: not really\n");

	(void)state;
	assert_int_equal(found.n, 0);
	findings_free(&found);
}

static void a_status_is_a_failed_test_that_names_test_module_and_status(void **state)
{
	static const int statuses[] = {1, 3, 126, 127, 128, 139, 255};

	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		struct findings found = judged(statuses[i], "so\n");
		AUTO_FREE char *message =
			xasprintf("test.c of toy ended with status %d", statuses[i]);

		assert_int_equal(found.n, 1);
		assert_string_equal(found.items[0].rule, "test-failed");
		assert_int_equal(found.items[0].severity, SEVERITY_ERROR);
		assert_int_equal(found.items[0].class, CLASS_TEST);
		assert_string_equal(found.items[0].message, message);
		assert_non_null(found.items[0].advice);
		findings_free(&found);
	}
}

static void a_signal_is_told_from_the_highest_status(void **state)
{
	struct findings found = judged(PROTO_BY_SIGNAL + 11, "so\n");

	(void)state;
	assert_int_equal(found.n, 1);
	assert_string_equal(found.items[0].rule, "test-signal");
	assert_int_equal(found.items[0].class, CLASS_TEST);
	assert_string_equal(found.items[0].message, "test.c of toy was killed by signal 11");
	assert_string_equal(found.items[0].excerpt, "so\n");
	findings_free(&found);
}

/* A run with a test that was killed by `signal`; `oops`: during it, or after it, the kernel says so. */
static bool is_killed(int signal, const char *oops, bool after, unsigned long long dropped)
{
	char *texts[] = {(char *)oops, (char *)"#PF: supervisor read access in kernel mode",
		(char *)"Oops: 0000 [#1] PREEMPT SMP PTI", (char *)"RIP: 0010:get+0x5/0x20 [toy]",
		(char *)"Call Trace:", (char *)" vfs_read+0x9d/0x2d0",
		(char *)"---[ end trace 0000000000000000 ]---"};
	struct record log[7];
	struct call calls[2] = {{.kind = CALL_LOAD, .ko = &ko, .returned = true},
		{.kind = CALL_EXERCISE,
			.ko = &ko,
			.returned = true,
			.error = PROTO_BY_SIGNAL + signal}};
	struct run r = {
		.calls = calls, .ncalls = 2, .log = log, .nlog = oops ? 7 : 0, .dropped = dropped};

	for (size_t i = 0; i < 7; i++)
		log[i] = (struct record){
			.seq = i + 1, .level = 1, .text = texts[i], .call = 1, .after = after};
	return judge_killed(&r, 1);
}

static void a_kill_is_the_kernels_only_if_the_log_says_so_of_that_test(void **state)
{
	static const char oops[] =
		"BUG: kernel NULL pointer dereference, address: 0000000000000000";

	(void)state;
	assert_false(is_killed(9, NULL, false, 0));
	assert_true(is_killed(9, oops, false, 0));
	assert_true(is_killed(11, oops, false, 0));
	assert_false(is_killed(9, oops, true, 0));
	/* What was lost may have said it; but only an oops kills so outright. */
	assert_true(is_killed(9, NULL, false, 5));
	assert_false(is_killed(11, NULL, false, 5));
}

static void a_test_that_killed_itself_is_told_as_such(void **state)
{
	struct findings found = judged(PROTO_BY_SIGNAL + 9, "so\n");

	(void)state;
	assert_int_equal(found.n, 1);
	assert_string_equal(found.items[0].rule, "test-signal");
	assert_string_equal(found.items[0].message, "test.c of toy was killed by signal 9");
	assert_non_null(strstr(found.items[0].advice, "killed itself"));
	findings_free(&found);
}

/* A run that ended in an exercise of 3 s which does not come back. */
static struct findings hung(const char *stuck, const char *again)
{
	struct call calls[1] = {{.kind = CALL_EXERCISE,
		.ko = &ko,
		.what = (char *)"test.sh",
		.again = (char *)again,
		.output = (char *)"waiting\n",
		.took_us = 3000000}};
	struct run r = {.calls = calls,
		.ncalls = 1,
		.end = RUN_SILENT,
		.timeout_ms = 30000,
		.stuck = (char *)stuck};
	struct findings found = {0};

	judge_hang(&r, &found);
	return found;
}

#define CALLER "task 40 (init): S, do_nanosleep, caller\n  do_nanosleep+0x67\n"

static void a_test_that_does_not_end_by_itself_is_no_hang(void **state)
{
	static const struct {
		const char *stuck, *advice;
	} cases[] = {
		{"cpu 0: idle, interrupts on\n" CALLER, "It waits"},
		{"cpu 0: user, interrupts on\ncpu 1: idle, interrupts on\n" CALLER,
			"It runs in circles"},
		{"cpu 0: kernel, interrupts on\n  do_syscall_64+0x59\n" CALLER,
			"It runs in circles"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct findings found = hung(cases[i].stuck, NULL);

		assert_int_equal(found.n, 1);
		assert_string_equal(found.items[0].rule, "test-timeout");
		assert_int_equal(found.items[0].class, CLASS_TEST);
		assert_string_equal(
			found.items[0].message, "test.sh of toy did not end within 3 s");
		assert_int_equal(
			strncmp(found.items[0].advice, cases[i].advice, strlen(cases[i].advice)),
			0);
		assert_string_equal(found.items[0].excerpt, "waiting\n");
		findings_free(&found);
	}
}

static void a_test_that_is_stuck_in_the_module_is_a_hang(void **state)
{
	static const struct {
		const char *stuck, *rule, *function;
	} cases[] = {
		{CALLER "cpu 0: kernel, interrupts on\n  toy_read+0x7 [toy]\n  vfs_read+0x9d\n",
			"endless-loop", "toy_read"},
		{CALLER "task 44 (test): D, -\n  mutex_lock\n  toy_read+0x12 [toy]\n", "lock-wait",
			"toy_read"},
		{CALLER "task 44 (test): S, -\n  msleep+0x2d\n  toy_read+0x12 [toy]\n",
			"sleeps-forever", "toy_read"},
		/* Called by the module, but with a jump; or waiting for what it holds. */
		{CALLER "task 44 (test): D, -\n  mutex_lock+0x12\n  vfs_read+0x9d\n", "lock-wait",
			NULL},
		/* Nobody could look: nothing is known. */
		{"cpu 0: kernel, interrupts off\n", "hang", NULL},
		{NULL, "hang", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct findings found = hung(cases[i].stuck, NULL);

		assert_int_equal(found.n, 1);
		assert_string_equal(found.items[0].rule, cases[i].rule);
		assert_int_equal(found.items[0].class, CLASS_HANG);
		assert_non_null(strstr(
			found.items[0].message, "toy's exercise (test.sh) does not come back"));
		if (cases[i].function)
			assert_string_equal(found.items[0].function, cases[i].function);
		findings_free(&found);
	}
}

static void an_automatic_exercise_says_how_to_have_it_again(void **state)
{
	struct findings found =
		hung(CALLER "cpu 0: user, interrupts on\n", "kmodlab run toy --seed 7");
	char *alone;

	(void)state;
	assert_string_equal(found.items[0].rule, "hang");
	assert_non_null(strstr(found.items[0].message, "within 3 s"));
	assert_non_null(
		strstr(found.items[0].advice, ". To see it again: kmodlab run toy --seed 7"));
	findings_free(&found);

	found = hung(NULL, NULL);
	assert_null(strstr(found.items[0].advice, "again: "));
	findings_free(&found);

	alone = judge_again(&(struct run){0}, 0, NULL);
	assert_null(alone);
}

static void what_it_said_last_is_kept_and_of_much_the_end(void **state)
{
	AUTO_BUF struct buf much = {0};
	struct findings found = judged(1, "one\ntwo\n");

	(void)state;
	assert_string_equal(found.items[0].excerpt, "one\ntwo\n");
	findings_free(&found);

	found = judged(1, "no newline at the end");
	assert_string_equal(found.items[0].excerpt, "no newline at the end");
	findings_free(&found);

	for (int i = 1; i <= 1000; i++)
		buf_addf(&much, "line %d\n", i);
	found = judged(1, much.data);
	assert_int_equal(strncmp(found.items[0].excerpt, "line 989\n", 9), 0);
	assert_non_null(strstr(found.items[0].excerpt, "line 1000\n"));
	findings_free(&found);
}

static void a_test_that_said_nothing_has_no_excerpt(void **state)
{
	struct findings found = judged(1, NULL);

	(void)state;
	assert_int_equal(found.n, 1);
	assert_null(found.items[0].excerpt);
	findings_free(&found);
	found = judged(1, "");
	assert_null(found.items[0].excerpt);
	findings_free(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_that_ends_well_is_nothing_to_find_whatever_it_says),
		cmocka_unit_test(a_status_is_a_failed_test_that_names_test_module_and_status),
		cmocka_unit_test(a_signal_is_told_from_the_highest_status),
		cmocka_unit_test(a_kill_is_the_kernels_only_if_the_log_says_so_of_that_test),
		cmocka_unit_test(a_test_that_killed_itself_is_told_as_such),
		cmocka_unit_test(a_test_that_does_not_end_by_itself_is_no_hang),
		cmocka_unit_test(a_test_that_is_stuck_in_the_module_is_a_hang),
		cmocka_unit_test(an_automatic_exercise_says_how_to_have_it_again),
		cmocka_unit_test(what_it_said_last_is_kept_and_of_much_the_end),
		cmocka_unit_test(a_test_that_said_nothing_has_no_excerpt),
	};

	return cmocka_run_group_tests_name("exercise", tests, NULL, NULL);
}
