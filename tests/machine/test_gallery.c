/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gallery of mistakes gets what it is to get, each module on each system, and the module without a mistake
 * nothing. What only a debug kernel sees needs one: KMODLAB_DEBUG and KMODLAB_RACE name Linux targets,
 * KMODLAB_FREEBSD_DEBUG a FreeBSD one; skipped without them.
 */
#include "lab.h"

#include <stdio.h>

static char *mistakes(const char *name)
{
	return xasprintf("%s/examples/mistakes%s%s", lab_source(), *name ? "/" : "", name);
}

static const char *needed(const char *variable)
{
	const char *name = getenv(variable);

	if (!name || !*name) {
		print_message("%s names no target\n", variable);
		skip();
	}
	return name;
}

static void expect_all(const struct outcome *o)
{
	for (const char *line = o->out.data; line && *line;
		line += strcspn(line, "\n"), line += !!*line)
		if (memmem(line, strcspn(line, "\n"), "NOT AS", 6))
			print_error("%.*s\n", (int)strcspn(line, "\n"), line);
	assert_int_equal(o->status, 0);
	assert_non_null(strstr(o->out.data, " as expected, 0 not, 0 in error"));
	assert_int_equal(lab_machines_left(), 0);
}

static void each_mistake_gets_its_finding_on_a_stock_linux(void **state)
{
	AUTO_FREE char *all = mistakes("");
	struct outcome o = lab_run("run", "--expect", "-t", BOOKWORM, all, NULL);

	(void)state;
	expect_all(&o);
	/* The place in the source is in the row. */
	assert_non_null(strstr(o.out.data, "null_init.c:"));
	/* What such a kernel cannot see is not run, and it is said what would. */
	assert_non_null(strstr(
		o.out.data, "needs a debug target: kmodlab target add debian:bookworm/debug"));
	lab_free(&o);
}

static void each_mistake_gets_its_finding_on_a_stock_freebsd(void **state)
{
	const char *target = needed("KMODLAB_FREEBSD");
	AUTO_FREE char *all = mistakes("");
	struct outcome o = lab_run("run", "--expect", "-t", target, all, NULL);

	(void)state;
	expect_all(&o);
	lab_free(&o);
}

/* Those that a stock kernel does not see, or sees otherwise, and the one that is right. */
static void on_debug_kernel(const char *target)
{
	AUTO_FREE char *order = mistakes("lock-order"), *twice = mistakes("lock-twice"),
		       *held = mistakes("lock-held"), *after = mistakes("use-after-free"),
		       *both = mistakes("double-free"), *sleep = mistakes("atomic-sleep"),
		       *right = mistakes("right");
	struct outcome o = lab_run("run", "--expect", "--require", "-t", target, order, twice, held,
		after, both, sleep, right, NULL);

	expect_all(&o);
	assert_non_null(strstr(o.out.data, "7 as expected"));
	lab_free(&o);
}

static void a_debug_linux_sees_the_rest(void **state)
{
	(void)state;
	on_debug_kernel(needed("KMODLAB_DEBUG"));
}

static void a_debug_freebsd_sees_the_rest(void **state)
{
	(void)state;
	on_debug_kernel(needed("KMODLAB_FREEBSD_DEBUG"));
}

static void a_race_is_seen_by_a_kernel_that_looks_for_races(void **state)
{
	const char *target = needed("KMODLAB_RACE");
	AUTO_FREE char *race = mistakes("data-race");
	struct outcome o = lab_run("run", "--expect", "--require", "-t", target, race, NULL);

	(void)state;
	expect_all(&o);
	lab_free(&o);
}

static void what_is_not_as_expected_is_named_and_fails(void **state)
{
	AUTO_FREE char *dir = lab_module("fine",
		"static int __init i(void) { return 0; }\nstatic void __exit e(void) { }\n"
		"module_init(i);\nmodule_exit(e);\n");
	struct outcome o;

	(void)state;
	lab_write(dir, "expect", "linux any no-exit@none\n");
	o = lab_run("run", "--expect", "-t", BOOKWORM, dir, NULL);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out.data, "nothing  NOT AS EXPECTED: no-exit"));
	assert_non_null(strstr(o.out.data, "0 as expected, 1 not"));
	lab_free(&o);
	/* Without being asked, the same run is one that passes. */
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_string_equal(lab_field(&o, "expected"), "no-exit");
	lab_free(&o);
}

static void a_rule_that_is_silenced_does_not_count(void **state)
{
	AUTO_FREE char *dir = mistakes("no-exit");
	struct outcome o = lab_run("run", "-t", BOOKWORM, "--silence", "hang,no-exit", dir, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "1 finding silenced"));
	assert_null(strstr(o.out.data, "[no-exit]"));
	lab_free(&o);
	o = lab_run("run", "--json", "-t", BOOKWORM, "--silence", "no-exit", dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(lab_finding(&o, "no-exit"));
	assert_true(json_object_get_boolean(
		json_object_object_get(lab_finding(&o, "no-exit"), "silenced")));
	lab_free(&o);
	o = lab_run("run", "-t", BOOKWORM, "--silence", "no-exti", dir, NULL);
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "did you mean 'no-exit'"));
	lab_free(&o);
}

static void the_good_examples_get_no_finding(void **state)
{
	static const char *const names[] = {"hello", "params", "current"};
	const char *freebsd = getenv("KMODLAB_FREEBSD");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *dir = xasprintf("%s/examples/%s", lab_source(), names[i]);
		struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, "-t", TRIXIE, "-t",
			freebsd && *freebsd ? freebsd : BOOKWORM, dir, NULL);

		assert_int_equal(o.status, 0);
		for (size_t k = 0; k < lab_trials(&o); k++) {
			struct json_object *trials = json_object_object_get(o.json, "trials");
			struct json_object *trial = json_object_array_get_idx(trials, k);

			assert_int_equal(
				json_object_array_length(json_object_object_get(trial, "findings")),
				0);
		}
		lab_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_gets_its_finding_on_a_stock_linux),
		cmocka_unit_test(each_mistake_gets_its_finding_on_a_stock_freebsd),
		cmocka_unit_test(a_debug_linux_sees_the_rest),
		cmocka_unit_test(a_debug_freebsd_sees_the_rest),
		cmocka_unit_test(a_race_is_seen_by_a_kernel_that_looks_for_races),
		cmocka_unit_test(what_is_not_as_expected_is_named_and_fails),
		cmocka_unit_test(a_rule_that_is_silenced_does_not_count),
		cmocka_unit_test(the_good_examples_get_no_finding),
	};

	return cmocka_run_group_tests_name("gallery", tests, NULL, NULL);
}
