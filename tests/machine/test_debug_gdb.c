/* SPDX-License-Identifier: BSD-2-Clause */
/* What kmodlab debug promises, asked of gdb itself. Needs the targets of scripts/test; the FreeBSD part is skipped by name where
 * there is none. */
#include "lab.h"

#include "base/path.h"

#include <dirent.h>
#include <stdio.h>

#define SOURCE                                                                                               \
	"static int answer = 41;\nmodule_param(answer, int, 0);\n"                                           \
	"static noinline int deeper(int by)\n{\n\tmsleep(1);\n\treturn answer += by;\n}\n"                   \
	"static int __init first(void)\n{\n\tpr_info(\"the answer is %d\\n\", deeper(1));\n\treturn 0;\n}\n" \
	"static void __exit last(void)\n{\n\tdeeper(2);\n}\n"                                                \
	"module_init(first);\nmodule_exit(last);\n"

/* Where the sessions keep their files. */
static char *scratch;

static int set_up(void **state)
{
	(void)state;
	scratch = lab_dir();
	/* A socket's name has a hundred bytes. */
	if (strlen(scratch) < 60)
		setenv("TMPDIR", scratch, 1);
	return 0;
}

static void nothing_is_left(void)
{
	DIR *d = opendir(scratch);
	const struct dirent *e;

	assert_int_equal(lab_machines_left(), 0);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			fail_msg("%s/%s is left", scratch, e->d_name);
	closedir(d);
}

static void expect_said(const struct outcome *o, const char *words)
{
	if (!strstr(o->out.data, words) && !strstr(o->err.data, words))
		fail_msg("'%s' was not said, but:\n%s\n%s", words, o->out.data, o->err.data);
}

static void expect_status(const struct outcome *o, int status)
{
	if (o->status != status)
		fail_msg("status %d:\n%s\n%s", o->status, o->out.data, o->err.data);
}

static void gdb_stands_at_the_init_of_a_linux_module(void **state)
{
	AUTO_FREE char *dir = lab_module("stood",
		"#include <linux/delay.h>\n#include <linux/init.h>\n#include <linux/module.h>\n" SOURCE
		"MODULE_LICENSE(\"GPL\");\n");
	AUTO_FREE char *place = xasprintf("Line 12 of \"%s/stood.c\"", dir);
	struct outcome o;

	(void)state;
	o = lab_run("debug", "-t", BOOKWORM, "--batch", "--ex", "info line *$pc", "--ex",
		"backtrace", "--ex", "print answer", "--ex", "info symbol msleep", "--ex",
		"info threads", "--ex", "break deeper", "--ex", "continue", "--ex", "backtrace",
		"--ex", "finish", "--ex", "next", dir, "--", "answer=5", NULL);
	expect_status(&o, 0);
	expect_said(&o, place);
	expect_said(&o, "#0  first () at ");
	expect_said(&o, " in do_one_initcall ()");
	expect_said(&o, "$1 = 5");
	expect_said(&o, "msleep in section .text");
	expect_said(&o, "deeper (by=");
	expect_said(&o, "Value returned is $2 = 6");
	/* One processor, or what is finished may come back on the other one and be missed there. */
	assert_null(strstr(o.out.data, "Thread 1.2"));
	/* The console's line comes when the kernel has said it. */
	expect_said(&o, "the answer is 6");
	lab_free(&o);
	nothing_is_left();
}

static void the_trial_goes_on_to_the_exit(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o;

	(void)state;
	o = lab_run("debug", "-t", TRIXIE, "--cpus", "2", "--batch", "--ex", "info threads", "--ex",
		"break hello_exit", "--ex", "continue", "--ex", "info line *$pc", "--ex",
		"continue", "--ex", "print 6 * 7", dir, NULL);
	expect_status(&o, 0);
	expect_said(&o, "Thread 1.2");
	expect_said(&o, ", hello_exit () at ");
	expect_said(&o, "Line 14 of ");
	expect_said(&o, "Goodbye, cruel world");
	expect_said(&o, "the trial is over");
	expect_said(&o, "$1 = 42");
	lab_free(&o);
	nothing_is_left();
}

static void gdb_stands_at_the_handler_of_a_freebsd_module(void **state)
{
	const char *target = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o;

	(void)state;
	if (!target || !*target) {
		print_message("no FreeBSD sets in ~/.cache/kmodlab/sets/freebsd-*/\n");
		skip();
	}
	o = lab_run("debug", "-t", target, "--batch", "--ex", "info line *$pc", "--ex", "backtrace",
		"--ex", "print hello_module.evhand", "--ex", "info symbol kern_kldload", "--ex",
		"break hello_event if what == 1", "--ex", "continue", "--ex", "print what", "--ex",
		"backtrace", dir, NULL);
	expect_status(&o, 0);
	expect_said(&o, "of \"hello.c\" starts at address");
	expect_said(&o, "#0  hello_event (mod=");
	expect_said(&o, " in module_register_init ()");
	expect_said(&o, " in kern_kldload ()");
	expect_said(&o, "<hello_event>");
	expect_said(&o, "kern_kldload in section .text");
	/* MOD_UNLOAD: the trial went on to the unload. */
	expect_said(&o, ", hello_event (mod=");
	expect_said(&o, " in kern_kldunload ()");
	lab_free(&o);
	nothing_is_left();
}

static void a_crash_is_seen_in_the_module(void **state)
{
	const char *target = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *dir = xasprintf("%s/examples/mistakes/null-init", lab_source());
	struct outcome o;

	(void)state;
	o = lab_run("debug", "-t", BOOKWORM, "--batch", "--ex", "continue", "--ex", "backtrace",
		dir, NULL);
	expect_status(&o, 0);
	expect_said(&o, " in oops_begin ()");
	expect_said(&o, "/null_init.c:");
	expect_said(&o, " in do_init_module ()");
	lab_free(&o);
	nothing_is_left();
	if (!target || !*target)
		return;
	o = lab_run("debug", "-t", target, "--batch", "--ex", "continue", "--ex", "backtrace", dir,
		NULL);
	expect_status(&o, 0);
	expect_said(&o, " in panic ()");
	expect_said(&o, " in count (text=");
	expect_said(&o, " in kern_kldload ()");
	lab_free(&o);
	nothing_is_left();
}

static void what_does_not_come_to_gdb_is_said_in_a_sentence(void **state)
{
	AUTO_FREE char *broken = lab_module(
		"broken", "static int __init f(void) { return nothing; }\nmodule_init(f);\n");
	AUTO_FREE char *path = xstrdup(getenv("PATH"));
	AUTO_FREE char *empty = lab_dir();
	struct outcome o;

	(void)state;
	o = lab_run("debug", "-t", BOOKWORM, "--batch", broken, NULL);
	expect_status(&o, 1);
	expect_said(&o, "nothing");
	lab_free(&o);
	o = lab_run("debug", NULL);
	expect_status(&o, 2);
	expect_said(&o, "debug what?");
	lab_free(&o);
	o = lab_run("debug", empty, NULL);
	expect_status(&o, 2);
	expect_said(&o, "bsd.kmod.mk");
	lab_free(&o);
	setenv("PATH", empty, 1);
	o = lab_run("debug", "-t", BOOKWORM, broken, NULL);
	setenv("PATH", path, 1);
	expect_status(&o, 3);
	expect_said(&o, "gdb is not installed: apt-get install gdb");
	lab_free(&o);
	nothing_is_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gdb_stands_at_the_init_of_a_linux_module),
		cmocka_unit_test(the_trial_goes_on_to_the_exit),
		cmocka_unit_test(gdb_stands_at_the_handler_of_a_freebsd_module),
		cmocka_unit_test(a_crash_is_seen_in_the_module),
		cmocka_unit_test(what_does_not_come_to_gdb_is_said_in_a_sentence),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
