/* SPDX-License-Identifier: BSD-2-Clause */
/* A crash is a crash and a hang is a hang, in init and in exit. */
#include "lab.h"

#include "base/clock.h"

#include <stdio.h>

#define OUT  "static void __exit x(void) { }\n"
#define BOTH "module_init(i); module_exit(x);\n"

static struct outcome try(const char *target, const char *source, const char *verdict,
	const char *rule, const char *words)
{
	AUTO_FREE char *dir = lab_module("bad", source);
	struct outcome o = lab_run("run", "--json", "--timeout", "5", "-t", target, dir, NULL);

	lab_expect(&o, 1, verdict);
	lab_expect_finding(&o, rule, words);
	assert_int_equal(lab_machines_left(), 0);
	return o;
}

#define NULL_INIT                                                                                  \
	"static int *volatile p;\n"                                                                \
	"static int __init i(void) { pr_info(\"about to crash\\n\"); return *p; }\n" OUT BOTH

static void a_null_dereference_in_init_is_a_crash(const char *target)
{
	struct outcome o = try(target, NULL_INIT, "crash", "null-dereference",
		"a NULL pointer was dereferenced (address 0x0 was read), in i, while bad's init ran");
	struct json_object *f = lab_finding(&o, "null-dereference");
	AUTO_BUF struct buf log = {0};

	assert_non_null(strstr(lab_string(f, "excerpt"), "Call Trace:"));
	assert_string_equal(lab_string(f, "function"), "i");
	assert_non_null(strstr(lab_string(f, "file"), "/bad/bad.c"));
	assert_non_null(strstr(lab_string(f, "trace"), "where it happened:\n  i  /"));
	assert_non_null(strstr(lab_string(f, "trace"), "  do_one_initcall+0x"));
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "about to crash\n"));
	lab_free(&o);
}

static void a_null_dereference_in_init_is_a_crash_on_bookworm(void **state)
{
	(void)state;
	a_null_dereference_in_init_is_a_crash(BOOKWORM);
}

static void a_null_dereference_in_init_is_a_crash_on_trixie(void **state)
{
	(void)state;
	a_null_dereference_in_init_is_a_crash(TRIXIE);
}

static void a_bug_in_exit_is_a_crash(void **state)
{
	struct outcome o = try(BOOKWORM,
		"static int __init i(void) { return 0; }\n"
		"static void __exit x(void) { BUG(); }\n" BOTH,
		"crash", "bug-assertion", "an assertion failed (BUG at ");

	(void)state;
	lab_expect_finding(&o, "bug-assertion", "while bad's exit ran");
	lab_free(&o);
}

static void a_panic_ends_the_trial_at_once(void **state)
{
	int64_t began = clock_us();
	struct outcome o = try(TRIXIE,
		"static int __init i(void) { panic(\"we planned this\"); return 0; }\n" OUT BOTH,
		"crash", "panic", "the kernel panicked: we planned this");

	(void)state;
	assert_non_null(strstr(lab_field(&o, "console"), "we planned this"));
	assert_true(clock_us() - began < 60000000);
	lab_free(&o);
}

static void a_machine_that_resets_itself_is_a_crash(void **state)
{
	/* A triple fault: no page of the interrupt table is left. */
	struct outcome o = try(BOOKWORM,
		"static int __init i(void)\n{\n"
		"\tstruct { u16 limit; u64 base; } __packed none = { 0, 0 };\n"
		"\tasm volatile(\"lidt %0; int3\" : : \"m\"(none));\n\treturn 0;\n}\n" OUT BOTH,
		"crash", "triple-fault", "reset itself");

	(void)state;
	lab_free(&o);
}

static void a_warning_of_the_kernels_is_no_crash(void **state)
{
	AUTO_FREE char *dir = lab_module(
		"warner", "static int __init i(void) { WARN_ON(1); return 0; }\n" OUT BOTH);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_expect_finding(&o, "kernel-warning", "warner");
	lab_free(&o);
}

static void a_module_that_only_talks_of_crashes_is_not_judged_one(void **state)
{
	AUTO_FREE char *dir = lab_module("talker",
		"static int __init i(void) { pr_err(\"BUG: not really\\n\"); pr_err(\"Oops: my fault\\n\"); return 0; }\n" OUT
			BOTH);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_free(&o);
}

/* Whoever has the console and the module needs no machine to learn the line. */
static void a_saved_console_is_judged_as_its_trial_was(void **state)
{
	AUTO_FREE char *ko = lab_ko("bad", NULL_INIT, BOOKWORM), *dir = lab_dir();
	AUTO_FREE char *path = xasprintf("%s/console.log", dir);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, ko, NULL), judged;
	struct json_object *list, *f, *seen = lab_finding(&o, "null-dereference");

	(void)state;
	assert_non_null(seen);
	lab_write(dir, "console.log", "%s", lab_field(&o, "console"));
	judged = lab_run("judge", "--json", "--symbols", ko, path, NULL);
	assert_int_equal(judged.status, 1);
	list = json_object_object_get(judged.json, "findings");
	assert_int_equal(json_object_array_length(list), 1);
	f = json_object_array_get_idx(list, 0);
	assert_string_equal(lab_string(f, "rule"), "null-dereference");
	assert_string_equal(lab_string(f, "file"), lab_string(seen, "file"));
	assert_int_equal(json_object_get_int(json_object_object_get(f, "line")),
		json_object_get_int(json_object_object_get(seen, "line")));
	assert_string_equal(lab_string(f, "trace"), lab_string(seen, "trace"));
	lab_free(&judged);
	lab_free(&o);
}

static void an_init_that_spins_is_a_hang(void **state)
{
	struct outcome o = try(BOOKWORM,
		"static int __init i(void) { pr_info(\"spinning\\n\"); for (;;) cpu_relax(); return 0; }\n" OUT
			BOTH,
		"hang", "endless-loop", "init does not come back: it loops with interrupts on");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "spinning\n"));
	lab_free(&o);
}

static void an_init_that_spins_with_interrupts_off_is_a_hang_and_its_last_words_are_kept(
	void **state)
{
	struct outcome o = try(TRIXIE,
		"static int __init i(void) { pr_info(\"last words\\n\"); local_irq_disable(); for (;;) cpu_relax(); return 0; }\n" OUT
			BOTH,
		"hang", "endless-loop-irqs-off", "init does not come back");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "last words\n"));
	lab_free(&o);
}

static void an_exit_that_sleeps_for_ever_is_a_hang(void **state)
{
	struct outcome o = try(BOOKWORM,
		"static int __init i(void) { return 0; }\n"
		"static void __exit x(void) { for (;;) msleep(1000); }\n" BOTH,
		"hang", "sleeps-forever", "exit does not come back");

	(void)state;
	lab_free(&o);
}

/* Loses nothing without saying so: what was logged either arrives or is counted. */
static void a_flood_of_a_hundred_thousand_lines_arrives_or_is_counted(void **state)
{
	AUTO_FREE char *dir = lab_module("flood",
		/* A slow host takes longer for them than a processor may be kept to oneself. */
		"static int __init i(void)\n{\n\tfor (int n = 0; n < 100000; n++) {\n\t\tpr_info(\"line %d\\n\", n);\n"
		"\t\tif (!(n % 1000))\n\t\t\tmsleep(1);\n\t}\n\treturn 0;\n}\n"
		"static void __exit x(void) { pr_info(\"the end\\n\"); }\n" BOTH);
	struct outcome o = lab_run("run", "--json", "--timeout", "300", "-t", BOOKWORM, dir, NULL);
	AUTO_BUF struct buf log = {0};
	long lines = 0, dropped;

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	for (const char *p = log.data; (p = strstr(p, "line ")); p++)
		lines++;
	dropped = atol(lab_field(&o, "log_dropped"));
	if (lines + dropped < 100000)
		fail_msg("%ld lines and %ld counted as lost", lines, dropped);
	assert_true(lines > 1000);
	if (dropped)
		lab_expect_finding(&o, "log-dropped", "lost");
	assert_non_null(strstr(log.data, "the end\n"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_null_dereference_in_init_is_a_crash_on_bookworm),
		cmocka_unit_test(a_null_dereference_in_init_is_a_crash_on_trixie),
		cmocka_unit_test(a_bug_in_exit_is_a_crash),
		cmocka_unit_test(a_panic_ends_the_trial_at_once),
		cmocka_unit_test(a_machine_that_resets_itself_is_a_crash),
		cmocka_unit_test(a_warning_of_the_kernels_is_no_crash),
		cmocka_unit_test(a_module_that_only_talks_of_crashes_is_not_judged_one),
		cmocka_unit_test(a_saved_console_is_judged_as_its_trial_was),
		cmocka_unit_test(an_init_that_spins_is_a_hang),
		cmocka_unit_test(
			an_init_that_spins_with_interrupts_off_is_a_hang_and_its_last_words_are_kept),
		cmocka_unit_test(an_exit_that_sleeps_for_ever_is_a_hang),
		cmocka_unit_test(a_flood_of_a_hundred_thousand_lines_arrives_or_is_counted),
	};

	return cmocka_run_group_tests_name("crashes", tests, NULL, NULL);
}
