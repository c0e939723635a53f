/* SPDX-License-Identifier: BSD-2-Clause */
/* What is found names the line in the user's own source, whatever part of a module it is in. One module of two files is
 * built for each system; a parameter says what it is to do wrong. */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

static const char second[] = "int helper(int *p)\n{\n\treturn ++*p; /* helper */\n}\n";

/* No two of the places do the same: the compiler would make one of them. */
static const char linux_source[] =
	"#include <linux/module.h>\n#include <linux/list.h>\n#include <linux/slab.h>\n"
	"#include <linux/timer.h>\n#include <linux/delay.h>\n"
	"int helper(int *p);\n"
	"static int how;\nmodule_param(how, int, 0);\n"
	"static int *volatile nothing;\nstatic void *volatile kept;\n"
	"static inline int inlined(void)\n{\n\treturn 7 * *nothing; /* inlined */\n}\n"
	"static void tick(struct timer_list *t)\n{\n\t*nothing = 5; /* timer */\n}\n"
	"static struct timer_list timer;\n"
	"static int __init i(void)\n{\n"
	"\tif (how == 7) {\n\t\ttimer_setup(&timer, tick, 0);\n"
	"\t\tmod_timer(&timer, jiffies);\n\t\tmsleep(100000);\n\t}\n"
	"\tif (how == 1)\n\t\treturn *nothing; /* init */\n"
	"\tif (how == 3)\n\t\treturn helper(nothing);\n"
	"\tif (how == 4)\n\t\treturn inlined();\n"
	"\tif (how == 6)\n\t\tlist_del((struct list_head *)nothing); /* header */\n"
	"\tif (how == 5) {\n\t\tkept = kmalloc(100, GFP_KERNEL); /* failing */\n"
	"\t\treturn -ENODEV;\n\t}\n"
	"\treturn 0;\n}\n"
	"static void __exit x(void)\n{\n\tif (how == 2)\n\t\t*nothing = 1; /* exit */\n}\n"
	"module_init(i);\nmodule_exit(x);\nMODULE_LICENSE(\"GPL\");\n";

static const char freebsd_source[] =
	"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n#include <sys/module.h>\n"
	"#include <sys/callout.h>\n#include <sys/proc.h>\nint helper(int *p);\n"
	"static int how;\nTUNABLE_INT(\"hw.lines.how\", &how);\n"
	"static int *volatile nothing;\n"
	"static inline int inlined(void)\n{\n\treturn (7 * *nothing); /* inlined */\n}\n"
	"static struct callout timer;\n"
	"static void expired(void *arg)\n{\n\t*nothing = 5; /* timer */\n}\n"
	"static int handler(module_t mod, int what, void *arg)\n{\n"
	"\tif (what == MOD_LOAD && how == 1)\n\t\treturn (*nothing); /* init */\n"
	"\tif (what == MOD_UNLOAD && how == 2)\n\t\t*nothing = 1; /* exit */\n"
	"\tif (what == MOD_LOAD && how == 3)\n\t\treturn (helper(nothing));\n"
	"\tif (what == MOD_LOAD && how == 4)\n\t\treturn (inlined());\n"
	"\tif (what == MOD_LOAD && how == 5) {\n\t\tcallout_init(&timer, 1);\n"
	"\t\tcallout_reset(&timer, 1, expired, NULL);\n\t\tpause(\"tick\", 100 * hz);\n\t}\n"
	"\treturn (what == MOD_LOAD || what == MOD_UNLOAD ? 0 : EOPNOTSUPP);\n}\n"
	"static moduledata_t data = { \"lines\", handler, NULL };\n"
	"DECLARE_MODULE(lines, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(lines, 1);\n";

static char *dir; /* the module's, for both systems */

static int write_module(void **state)
{
	AUTO_FREE char *top = lab_dir();
	static const char *const systems[] = {"linux", "freebsd"};
	struct error err;

	(void)state;
	dir = xasprintf("%s/lines", top);
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *below = xasprintf("%s/%s", dir, systems[i]);

		if (path_make_dirs(below, &err))
			return -1;
		lab_write(below, "first.c", "%s", i ? freebsd_source : linux_source);
		lab_write(below, "second.c", "int helper(int *p);\n%s", second);
		lab_write(below, "Makefile", "%s",
			i ? "KMOD=\tlines\nSRCS=\tfirst.c second.c\n\n.include <bsd.kmod.mk>\n"
			  : "obj-m := lines.o\nlines-objs := first.o second.o\n");
	}
	return 0;
}

static unsigned line_with(const char *file, const char *mark)
{
	AUTO_BUF struct buf text = {0};
	unsigned line = 1;
	const char *at;

	assert_int_equal(path_read(file, 1 << 20, &text), 0);
	at = strstr(text.data, mark);
	assert_non_null(at);
	for (const char *p = text.data; p < at; p++)
		line += *p == '\n';
	return line;
}

/* The first of the frames that are listed is the module's own. */
static bool is_first_frame(const char *trace, const char *function)
{
	AUTO_FREE char *frame = xasprintf(":\n  %s ", function);
	const char *first = strstr(trace, ":\n");

	return first && !strncmp(first, frame, strlen(frame));
}

static void check(const char *target, const char *system, const char *param, const char *rule,
	const char *source, const char *mark, const char *function)
{
	AUTO_FREE char *file = xasprintf("%s/%s/%s", dir, system, source);
	AUTO_FREE char *comment = xasprintf("/* %s */", mark);
	struct outcome o =
		lab_run("run", "--json", "--timeout", "10", "-t", target, dir, "--", param, NULL);
	struct json_object *finding = lab_finding(&o, rule), *line = NULL;

	if (!finding)
		fail_msg("%s, %s: no %s in %s", target, param, rule, o.out.data);
	assert_string_equal(lab_string(finding, "file"), file);
	assert_true(json_object_object_get_ex(finding, "line", &line));
	assert_int_equal(json_object_get_int(line), line_with(file, comment));
	assert_string_equal(lab_string(finding, "function"), function);
	if (!strcmp(rule, "null-dereference") &&
		!is_first_frame(lab_string(finding, "trace"), function))
		fail_msg("%s, %s: %s is not the first in: %s", target, param, function,
			lab_string(finding, "trace"));
	lab_free(&o);
}

#define LINUX(param, rule, source, mark, function)                                                 \
	check(BOOKWORM, "linux", param, rule, source, mark, function)

static void a_crash_in_init_names_its_line(void **state)
{
	(void)state;
	LINUX("how=1", "null-dereference", "first.c", "init", "i");
}

static void a_crash_in_exit_names_its_line(void **state)
{
	(void)state;
	LINUX("how=2", "null-dereference", "first.c", "exit", "x");
}

static void a_crash_in_another_file_names_that(void **state)
{
	(void)state;
	LINUX("how=3", "null-dereference", "second.c", "helper", "helper");
}

static void a_crash_in_an_inlined_function_names_the_line_in_it(void **state)
{
	(void)state;
	LINUX("how=4", "null-dereference", "first.c", "inlined", "inlined");
}

static void what_the_kernels_header_did_is_where_it_was_called(void **state)
{
	(void)state;
	LINUX("how=6", "null-dereference", "first.c", "header", "i");
}

static void an_init_that_fails_names_the_line_that_allocated(void **state)
{
	(void)state;
	LINUX("how=5", "memory-leak", "first.c", "failing", "i");
}

static void a_crash_in_a_timers_function_names_its_line(void **state)
{
	(void)state;
	LINUX("how=7", "null-dereference", "first.c", "timer", "tick");
}

/* Whoever has only the .ko, without debugging information, has function and offset. */
static void a_finished_stripped_module_still_names_the_function(void **state)
{
	AUTO_FREE char *ko = lab_ko("bare",
		"static int *volatile nothing;\n"
		"static noinline int deep(void) { return 7 * *nothing; }\n"
		"static int __init i(void) { return deep() + 1; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		BOOKWORM);
	AUTO_FREE char *command = xasprintf("strip --strip-debug '%s'", ko);
	struct outcome o;
	struct json_object *f, *line;

	(void)state;
	assert_int_equal(system(command), 0);
	o = lab_run("run", "--json", "--timeout", "10", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 1, "crash");
	f = lab_finding(&o, "null-dereference");
	assert_non_null(f);
	assert_string_equal(lab_string(f, "function"), "deep");
	assert_non_null(strstr(lab_string(f, "trace"), "deep+0x"));
	assert_string_equal(lab_string(f, "file"), "");
	assert_false(json_object_object_get_ex(f, "line", &line) && line);
	lab_free(&o);
}

static void freebsds_crashes_name_their_lines(void **state)
{
	const char *target = getenv("KMODLAB_FREEBSD");

	(void)state;
	if (!target || !*target)
		skip();
	check(target, "freebsd", "hw.lines.how=1", "null-dereference", "first.c", "init",
		"handler");
	check(target, "freebsd", "hw.lines.how=2", "null-dereference", "first.c", "exit",
		"handler");
	check(target, "freebsd", "hw.lines.how=3", "null-dereference", "second.c", "helper",
		"helper");
	check(target, "freebsd", "hw.lines.how=4", "null-dereference", "first.c", "inlined",
		"inlined");
	check(target, "freebsd", "hw.lines.how=5", "null-dereference", "first.c", "timer",
		"expired");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_in_init_names_its_line),
		cmocka_unit_test(a_crash_in_exit_names_its_line),
		cmocka_unit_test(a_crash_in_another_file_names_that),
		cmocka_unit_test(a_crash_in_an_inlined_function_names_the_line_in_it),
		cmocka_unit_test(what_the_kernels_header_did_is_where_it_was_called),
		cmocka_unit_test(an_init_that_fails_names_the_line_that_allocated),
		cmocka_unit_test(a_crash_in_a_timers_function_names_its_line),
		cmocka_unit_test(a_finished_stripped_module_still_names_the_function),
		cmocka_unit_test(freebsds_crashes_name_their_lines),
	};

	return cmocka_run_group_tests_name("lines", tests, write_module, NULL);
}
