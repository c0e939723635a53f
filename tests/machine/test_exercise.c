/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done with a module between load and unload: its own tests are compiled and run in the machine and
 * what they say is told, and how they ended.
 */
#include "lab.h"
#include "toy.h"

#include "base/path.h"

#include <stdio.h>
#include <sys/stat.h>

static struct outcome with_test(const char *name, const char *text)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT);

	lab_write(dir, name, "%s", text);
	return lab_run("run", "--json", "--exercise-timeout", "3", "-t", BOOKWORM, dir, NULL);
}

/* ---- a module's own tests ---- */

static void a_test_in_c_runs_while_the_module_is_there(void **state)
{
	struct outcome o = with_test("test.c",
		"#include <fcntl.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char line[8] = \"\", where[64];\n"
		"	int fd = open(\"/dev/toy\", O_RDONLY);\n"
		"	if (fd < 0 || read(fd, line, 4) != 4)\n		return 1;\n"
		"	printf(\"read %s\", line);\n"
		"	printf(\"in %s, KMODLAB=%s of %s\\n\", getcwd(where, sizeof(where)), getenv(\"KMODLAB\"), "
		"getenv(\"KMODLAB_MODULE\"));\n"
		"	return 0;\n}\n");

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_expect_said(&o, "test.c", "read toy\n");
	lab_expect_said(&o, "test.c", "in /tmp, KMODLAB=1 of toy\n");
	lab_free(&o);
}

static void a_test_in_c_is_not_compiled_again_until_it_changes(void **state)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT), *cache = path_cache_dir();
	AUTO_FREE char *find = xasprintf(
		"find '%s/tests' -name program -newer '%s/toy.c' -printf '%%T@\\n' | sort | tail -n 1",
		cache, dir);
	AUTO_BUF struct buf when = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct outcome o;
		char line[64] = "";
		FILE *p;

		if (i != 1)
			lab_write(dir, "test.c",
				"#include <stdio.h>\nint main(void) { return puts(\"%d\") < 0; }\n",
				i);
		o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
		lab_expect(&o, 0, "pass");
		lab_expect_said(&o, "test.c", i == 2 ? "2\n" : "0\n");
		lab_free(&o);
		p = popen(find, "r");
		assert_non_null(p);
		assert_non_null(fgets(line, sizeof line, p));
		pclose(p);
		/* Made once, then found again, then made anew. */
		if (i == 1)
			assert_string_equal(line, when.data);
		else if (i == 2)
			assert_string_not_equal(line, when.data);
		when.len = 0;
		buf_addf(&when, "%s", line);
	}
}

static void a_test_that_fails_gives_its_status_and_its_last_lines(void **state)
{
	struct outcome o = with_test("test.c",
		"#include <stdio.h>\nint main(void)\n{\n	puts(\"42 is not 43\");\n	return 3;\n}\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "test.c of toy ended with status 3");
	assert_non_null(
		strstr(lab_string(lab_finding(&o, "test-failed"), "excerpt"), "42 is not 43"));
	lab_free(&o);
}

/* What main's -1 becomes; a signal is something else. */
static void a_high_status_is_not_taken_for_a_signal(void **state)
{
	struct outcome o = with_test("test.c", "int main(void) { return -1; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "ended with status 255");
	assert_null(lab_finding(&o, "test-signal"));
	lab_free(&o);
}

static void a_test_that_crashes_is_told_by_its_signal(void **state)
{
	struct outcome o = with_test(
		"test.c", "#include <signal.h>\nint main(void) { raise(SIGSEGV); return 0; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-signal", "test.c of toy was killed by signal 11");
	assert_null(lab_finding(&o, "test-failed"));
	lab_free(&o);
}

/* It is no oops, and the module is in order: it is unloaded, and looked after. */
static void a_test_that_kills_itself_is_no_crash_of_the_kernel(void **state)
{
	struct outcome o = with_test(
		"test.c", "#include <signal.h>\nint main(void) { raise(SIGKILL); return 0; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-signal", "test.c of toy was killed by signal 9");
	assert_null(lab_finding(&o, "crash"));
	assert_non_null(strstr(o.out.data, "\"unload\""));
	lab_free(&o);
}

static void a_test_that_an_oops_kills_is_a_crash_alone(void **state)
{
	AUTO_FREE char *dir = lab_module("toy",
		TOY("static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *at)\n"
		    "{\n	BUG();\n	return 0;\n}\n",
			".read = get"));
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c",
		"#include <fcntl.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char c;\n	return read(open(\"/dev/toy\", O_RDONLY), &c, 1);\n}\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "bug-assertion", "toy was exercised (test.c)");
	assert_null(lab_finding(&o, "test-signal"));
	assert_null(lab_finding(&o, "crash"));
	lab_free(&o);
}

static void a_test_that_does_not_end_is_told_from_a_module_that_hangs(void **state)
{
	static const char *const tests[][2] = {
		{"test.c", "#include <unistd.h>\nint main(void) { for (;;) pause(); return 0; }\n"},
		{"test.sh", "echo begun\nwhile :; do :; done\n"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = with_test(tests[i][0], tests[i][1]);
		AUTO_FREE char *message =
			xasprintf("%s of toy did not end within 3 s", tests[i][0]);

		lab_expect(&o, 1, "test");
		lab_expect_finding(&o, "test-timeout", message);
		assert_non_null(strstr(lab_string(lab_finding(&o, "test-timeout"), "advice"),
			i ? "runs in circles" : "waits"));
		assert_int_equal(lab_machines_left(), 0);
		lab_free(&o);
	}
}

static void a_test_that_the_module_does_not_let_go_is_a_hang(void **state)
{
	AUTO_FREE char *dir = lab_module("toy",
		TOY("static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *at)\n"
		    "{\n	mutex_lock(&lock);\n	mutex_lock(&lock);\n	return 0;\n}\n",
			".read = get"));
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c",
		"#include <fcntl.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char c;\n	return read(open(\"/dev/toy\", O_RDONLY), &c, 1);\n}\n");
	o = lab_run("run", "--json", "--exercise-timeout", "3", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "hang");
	lab_expect_finding(&o, "lock-wait", "toy's exercise (test.c) does not come back");
	assert_string_equal(lab_string(lab_finding(&o, "lock-wait"), "function"), "get");
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

static void a_test_that_does_not_compile_is_a_finding_with_its_line(void **state)
{
	struct outcome o = with_test("test.c", "int main(void)\n{\n	return nothing;\n}\n");
	struct json_object *f = lab_finding(&o, "test-build");

	(void)state;
	lab_expect(&o, 1, "build");
	lab_expect_finding(&o, "test-build", "nothing");
	assert_string_equal(lab_string(f, "line"), "3");
	assert_non_null(strstr(lab_string(f, "file"), "test.c"));
	lab_free(&o);
}

static void a_test_in_sh_has_the_usual_commands(void **state)
{
	struct outcome o = with_test("test.sh",
		"set -e\ntest -c /dev/toy\necho new >/dev/toy\n"
		"head -n 1 /dev/toy | tr a-z A-Z\ngrep -c . /proc/modules\nexit 4\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "test.sh of toy ended with status 4");
	lab_expect_said(&o, "test.sh", "NEW\n1\n");
	lab_free(&o);
}

static void nothing_is_run_when_nothing_is_to_be(void **state)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT);
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c", "int main(void) { return 1; }\n");
	o = lab_run("run", "--json", "--exercise", "none", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_null(strstr(o.out.data, "\"exercise\""));
	lab_free(&o);
}

/* ---- again and again ---- */

static void many_cycles_are_told_by_the_first_and_the_last(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", "--json", "--cycles", "50", "-t", BOOKWORM, dir, NULL);
	AUTO_BUF struct buf log = {0};
	size_t hellos = 0, loads = 0;

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	for (const char *p = log.data; (p = strstr(p, "Hello, world\n")); p++)
		hellos++;
	for (const char *p = o.out.data; (p = strstr(p, "(cycle ")); p++)
		loads++;
	assert_int_equal(hellos, 50);
	assert_int_equal(loads, 2);
	assert_non_null(strstr(o.out.data, "(cycle 50)"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_in_c_runs_while_the_module_is_there),
		cmocka_unit_test(a_test_in_c_is_not_compiled_again_until_it_changes),
		cmocka_unit_test(a_test_that_fails_gives_its_status_and_its_last_lines),
		cmocka_unit_test(a_high_status_is_not_taken_for_a_signal),
		cmocka_unit_test(a_test_that_crashes_is_told_by_its_signal),
		cmocka_unit_test(a_test_that_kills_itself_is_no_crash_of_the_kernel),
		cmocka_unit_test(a_test_that_an_oops_kills_is_a_crash_alone),
		cmocka_unit_test(a_test_that_does_not_end_is_told_from_a_module_that_hangs),
		cmocka_unit_test(a_test_that_the_module_does_not_let_go_is_a_hang),
		cmocka_unit_test(a_test_that_does_not_compile_is_a_finding_with_its_line),
		cmocka_unit_test(a_test_in_sh_has_the_usual_commands),
		cmocka_unit_test(nothing_is_run_when_nothing_is_to_be),
		cmocka_unit_test(many_cycles_are_told_by_the_first_and_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
