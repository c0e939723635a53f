/* SPDX-License-Identifier: BSD-2-Clause */
/* A kmodlab.ini beside a module, in real runs. */
#include "lab.h"

static const char source[] =
	"static int count = 1;\n"
	"module_param(count, int, 0444);\n"
	"static int __init begin(void) { pr_info(\"count is %d\\n\", count); WARN_ON(count == 5); return 0; }\n"
	"static void __exit end(void) { }\n"
	"module_init(begin); module_exit(end);\n";

static void its_words_are_the_trials(void **state)
{
	AUTO_FREE char *dir = lab_module("told", source);
	struct outcome o;

	(void)state;
	lab_write(dir, "kmodlab.ini",
		"[run]\ntarget = " BOOKWORM "\nparameter = count=3\n[expect]\nlog = count is 3\n");
	o = lab_run("run", "--json", dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_int_equal(lab_trials(&o), 1);
	lab_free(&o);
	/* The command line has the last word, and then the line is missing. */
	o = lab_run("run", "--json", dir, "--", "count=4", NULL);
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "log-missing", "no line with \"count is 3\"");
	lab_free(&o);
}

static void what_is_expected_passes_and_is_missed_when_it_is_mended(void **state)
{
	AUTO_FREE char *dir = lab_module("told", source);
	struct outcome o;

	(void)state;
	lab_write(dir, "kmodlab.ini",
		"[run]\nstrict = yes\nparameter = count=5\n[expect]\nfinding = kernel-warning@told.c:11\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_true(json_object_get_boolean(
		json_object_object_get(lab_finding(&o, "kernel-warning"), "expected")));
	lab_free(&o);
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, "--", "count=1", NULL);
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "finding-missing", "kernel-warning@told.c:11 is expected");
	lab_free(&o);
}

static void check_goes_by_it_too(void **state)
{
	AUTO_FREE char *dir = lab_module("told", source);
	struct outcome o;

	(void)state;
	lab_write(dir, "kmodlab.ini", "[run]\nstrict = yes\n[check]\nmax-frame = 1\n");
	o = lab_run("check", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "warning");
	lab_free(&o);
	o = lab_run("check", "--json", "--max-frame=4096", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	lab_free(&o);
	lab_write(dir, "kmodlab.ini", "[check]\nmax-frames = 1\n");
	o = lab_run("check", "-t", BOOKWORM, dir, NULL);
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "did you mean 'max-frame'?"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_words_are_the_trials),
		cmocka_unit_test(what_is_expected_passes_and_is_missed_when_it_is_mended),
		cmocka_unit_test(check_goes_by_it_too),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
