/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module's own tests come to, once they have ended. */
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
		cmocka_unit_test(what_it_said_last_is_kept_and_of_much_the_end),
		cmocka_unit_test(a_test_that_said_nothing_has_no_excerpt),
	};

	return cmocka_run_group_tests_name("exercise", tests, NULL, NULL);
}
