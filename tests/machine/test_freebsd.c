/* SPDX-License-Identifier: BSD-2-Clause */
/* What kmodlab promises for FreeBSD modules. Needs the target freebsd:…, which scripts/test adds where a
 * release's sets lie in ~/.cache/kmodlab/sets/freebsd-VERSION/; skipped by name where they do not. */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

/* A target's name, or the test is skipped. */
static const char *freebsd(void)
{
	const char *name = getenv("KMODLAB_FREEBSD");

	if (!name || !*name) {
		print_message("no FreeBSD sets in ~/.cache/kmodlab/sets/freebsd-*/\n");
		skip();
	}
	return name;
}

/* A module's directory with the usual two-line Makefile, from what its event handler does at MOD_LOAD and
 * MOD_UNLOAD (statements) and what stands outside of it. Caller frees. */
static char *kld(const char *name, const char *outside, const char *load, const char *unload)
{
	AUTO_FREE char *top = lab_dir(), *file = xasprintf("%s.c", name);
	char *dir = xasprintf("%s/%s", top, name);
	struct error err;

	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "Makefile", "KMOD=\t%s\nSRCS=\t%s\n\n.include <bsd.kmod.mk>\n", name, file);
	lab_write(dir, file,
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"
		"#include <sys/module.h>\n#include <sys/proc.h>\n#include <sys/syslog.h>\n"
		"%s\n"
		"static int\nhandler(module_t mod, int what, void *arg)\n{\n"
		"\tswitch (what) {\n\tcase MOD_LOAD:\n\t\t%s\n\t\treturn (0);\n"
		"\tcase MOD_UNLOAD:\n\t\t%s\n\t\treturn (0);\n"
		"\tdefault:\n\t\treturn (EOPNOTSUPP);\n\t}\n}\n"
		"static moduledata_t data = { \"%s\", handler, NULL };\n"
		"DECLARE_MODULE(%s, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(%s, 1);\n",
		outside, load, unload, name, name, name);
	return dir;
}

static struct outcome try(const char *outside, const char *load, const char *unload, int status,
	const char *verdict, const char *rule, const char *words)
{
	AUTO_FREE char *dir = NULL;
	struct outcome o;
	const char *target = freebsd();

	dir = kld("trial", outside, load, unload);
	o = lab_run("run", "--json", "--timeout", "5", "-t", target, dir, NULL);
	lab_expect(&o, status, verdict);
	if (rule)
		lab_expect_finding(&o, rule, words);
	assert_int_equal(lab_machines_left(), 0);
	return o;
}

static void hello_says_both_its_lines(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "Hello from FreeBSD module.\n"));
	assert_non_null(strstr(log.data, "Goodbye, Moonman!\n"));
	assert_null(lab_finding(&o, "compiler-warning"));
	lab_free(&o);
}

static void one_command_runs_both_systems(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o;

	(void)state;
	freebsd();
	o = lab_run("run", dir, NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "Hello, world\n"));
	assert_non_null(strstr(o.out.data, "Goodbye, cruel world\n"));
	assert_non_null(strstr(o.out.data, "Hello from FreeBSD module.\n"));
	assert_non_null(strstr(o.out.data, "Goodbye, Moonman!\n"));
	assert_non_null(strstr(o.out.data, "2 passed, 0 failed"));
	lab_free(&o);
}

static void a_module_with_an_array_on_the_stack_loads(void **state)
{
	/* Whose functions the compiler guards, if it is let. */
	struct outcome o = try("static __noinline int f(const char *s) { char b[64]; "
			       "strlcpy(b, s, sizeof(b)); return (strlen(b)); }",
		"printf(\"length %d\\n\", f(\"four\"));", "", 0, "pass", NULL, NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "length 4"));
	lab_free(&o);
}

/* These two need no FreeBSD, but a registry without one. */
static void a_system_without_a_target_is_skipped_with_the_command_that_adds_one(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source()), *data = lab_dir(),
		       *own = path_data_dir(), *kept = xstrdup(getenv("XDG_DATA_HOME"));
	AUTO_FREE char *command = xasprintf(
		"mkdir -p '%s/kmodlab/targets' && cp '%s/targets/debian-bookworm-cloud.ini' '%s/kmodlab/targets/'",
		data, own, data);
	struct outcome o;

	(void)state;
	assert_int_equal(system(command), 0);
	setenv("XDG_DATA_HOME", data, 1);
	o = lab_run("run", dir, NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "Goodbye, cruel world\n"));
	assert_non_null(strstr(o.out.data,
		"SKIPPED  there is no FreeBSD target; add one with: kmodlab target add freebsd:"));
	lab_free(&o);
	o = lab_run("run", "--require", dir, NULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "kmodlab target add freebsd:"));
	lab_free(&o);
	setenv("XDG_DATA_HOME", kept, 1);
}

static void log_levels_are_told(void **state)
{
	struct outcome o = try("", "log(LOG_ERR, \"bad thing\\n\"); printf(\"plain\\n\");", "", 0,
		"pass", NULL, NULL);

	(void)state;
	assert_non_null(strstr(o.out.data, "\"level\": \"err\""));
	assert_non_null(strstr(o.out.data, "bad thing"));
	assert_non_null(strstr(o.out.data, "plain"));
	lab_free(&o);
}

static void tunables_reach_the_module(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = xasprintf("%s/examples/params", lab_source());
	struct outcome o =
		lab_run("run", "--json", "-t", target, dir, "--", "hw.params.count=3", NULL);
	AUTO_BUF struct buf log = {0};
	int n = 0;

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	for (const char *p = log.data; (p = strstr(p, "Hello")); p++)
		n++;
	assert_int_equal(n, 3);
	lab_free(&o);
}

static void the_process_that_loads_is_told(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = xasprintf("%s/examples/current", lab_source());
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "init"));
	lab_free(&o);
}

static void an_unchanged_module_is_not_built_again(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = kld("again", "", "", "");
	struct outcome o = lab_run("run", "-t", target, dir, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	lab_free(&o);
	o = lab_run("run", "-t", target, dir, NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "(unchanged)"));
	lab_free(&o);
}

static void a_compiler_error_names_the_users_file_and_line(void **state)
{
	struct outcome o =
		try("", "return (nothing);", "", 1, "build", "compiler-error", "nothing");
	struct json_object *f = lab_finding(&o, "compiler-error");

	(void)state;
	assert_non_null(strstr(lab_string(f, "file"), "/trial/trial.c"));
	assert_string_equal(lab_string(f, "line"), "13");
	lab_free(&o);
}

static void an_unknown_symbol_is_named(void **state)
{
	struct outcome o = try("int no_such_thing(void);", "return (no_such_thing());", "", 1,
		"load", "symbol-unknown", "no_such_thing");

	(void)state;
	lab_free(&o);
}

static void an_error_of_the_handlers_is_named(void **state)
{
	struct outcome o =
		try("", "return (ENOMEM);", "", 1, "load", "init-error", "returned ENOMEM (12");

	(void)state;
	lab_free(&o);
}

static void a_handler_that_refuses_to_go_is_named(void **state)
{
	struct outcome o = try("", "", "return (EBUSY);", 1, "unload", "in-use", "EBUSY");

	(void)state;
	lab_free(&o);
}

static void a_handler_without_unload_cannot_be_unloaded(void **state)
{
	struct outcome o =
		try("", "", "return (EOPNOTSUPP);", 1, "unload", "no-exit", "MOD_UNLOAD");

	(void)state;
	lab_free(&o);
}

static void a_refusal_at_quiesce_is_named(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir =
		kld("quiet", "", "", "return (0);\n\tcase MOD_QUIESCE:\n\t\treturn (EBUSY);");
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "unload");
	lab_expect_finding(&o, "in-use", "MOD_QUIESCE");
	lab_free(&o);
}

static void a_missing_dependency_is_named(void **state)
{
	struct outcome o = try("MODULE_DEPEND(trial, no_such_module, 1, 1, 1);", "", "", 1, "load",
		"dependency-missing", "no_such_module");

	(void)state;
	lab_free(&o);
}

static void a_dependency_among_the_kernels_own_modules_is_loaded_first(void **state)
{
	struct outcome o = try("MODULE_DEPEND(trial, alq, 1, 1, 1);", "printf(\"in\\n\");", "", 0,
		"pass", NULL, NULL);

	(void)state;
	lab_free(&o);
}

static void a_module_for_another_kernel_version_is_told_so(void **state)
{
	/* DECLARE_MODULE writes down the version that the headers say. */
	struct outcome o = try("#undef __FreeBSD_version\n#define __FreeBSD_version 9900000", "",
		"", 1, "load", "kernel-version", "another kernel version");

	(void)state;
	lab_free(&o);
}

static void what_the_kernel_has_already_is_told_so(void **state)
{
	const char *target = freebsd();
	/* cd9660 is compiled into GENERIC: its root is mounted with it. */
	AUTO_FREE char *dir = kld("cd9660", "", "", "");
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "already-loaded", "cd9660");
	lab_free(&o);
}

static void what_is_no_kld_and_what_is_linuxs_is_refused_without_a_machine(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *ko = lab_ko("penguin",
		"static int __init i(void) { return 0; }\nstatic void __exit x(void) { }\n"
		"module_init(i); module_exit(x);\n",
		BOOKWORM);
	struct outcome o = lab_run("run", "--json", "-t", target, ko, NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "wrong-os", "Linux");
	assert_string_equal(lab_field(&o, "machine_release"), "");
	lab_free(&o);
	o = lab_run("run", "--json", "-t", target, "/etc/passwd", NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "not-a-module", "");
	lab_free(&o);
}

static void a_panic_ends_the_trial_at_once_and_its_text_is_kept(void **state)
{
	struct outcome o = try("", "printf(\"about to\\n\"); panic(\"we planned this\");", "", 1,
		"crash", "panic", "we planned this");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "about to\n"));
	lab_expect_finding(&o, "panic", "while trial's MOD_LOAD ran");
	lab_free(&o);
}

static void a_null_dereference_at_unload_is_a_crash_with_its_place(void **state)
{
	struct outcome o = try("static int *volatile p;", "", "return (*p);", 1, "crash",
		"null-dereference", "a NULL pointer was read through (address 0x0)");
	struct json_object *f;

	(void)state;
	lab_expect_finding(&o, "null-dereference", "while trial's MOD_UNLOAD ran");
	f = lab_finding(&o, "null-dereference");
	assert_non_null(strstr(lab_string(f, "file"), "trial.c"));
	assert_non_null(strstr(lab_string(f, "trace"), "module_unload+0x"));
	lab_free(&o);
}

static void a_handler_that_never_returns_is_a_hang(void **state)
{
	struct outcome o = try("", "printf(\"spinning\\n\"); for (;;) cpu_spinwait();", "", 1,
		"hang", "endless-loop", "MOD_LOAD does not come back: it loops with interrupts on");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "spinning\n"));
	lab_free(&o);
}

/* log(9) does not wait for the console, so this outruns the buffer; what is lost is said to be. */
static void a_flood_arrives_or_is_said_to_be_lost(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = kld("flood", "",
		"for (int i = 0; i < 100000; i++) log(LOG_INFO, \"line %d of a flood, with some text\\n\", i);",
		"log(LOG_INFO, \"the end\\n\");");
	struct outcome o = lab_run("run", "--json", "--timeout", "120", "-t", target, dir, NULL);
	AUTO_BUF struct buf log = {0};
	long lines = 0;

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	for (const char *p = log.data; (p = strstr(p, "line ")); p++)
		lines++;
	if (lines < 100000)
		lab_expect_finding(&o, "log-dropped", "lost");
	assert_true(lines > 1000);
	assert_non_null(strstr(log.data, "the end\n"));
	lab_free(&o);
}

static void a_character_device_and_generated_headers_build_and_run(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = kld("chardev",
		"#include <sys/bus.h>\n#include <sys/conf.h>\n#include <sys/uio.h>\n#include \"opt_inet.h\"\n"
		"static d_read_t r;\nstatic int r(struct cdev *d, struct uio *u, int f) { return (0); }\n"
		"static struct cdevsw sw = { .d_version = D_VERSION, .d_read = r, .d_name = \"t\" };\n"
		"static struct cdev *dev;\n",
		"dev = make_dev(&sw, 0, UID_ROOT, GID_WHEEL, 0600, \"chardev\");",
		"destroy_dev(dev);");
	struct outcome o;

	(void)state;
	lab_write(dir, "Makefile",
		"KMOD=\tchardev\nSRCS=\tchardev.c device_if.h bus_if.h vnode_if.h opt_inet.h\n\n"
		".include <bsd.kmod.mk>\n");
	o = lab_run("run", "--json", "-t", target, dir, NULL);
	lab_expect(&o, 0, "pass");
	lab_free(&o);
}

static void two_klds_that_need_each_other_load_in_order(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = lab_dir(), *a = xasprintf("%s/a_user", dir),
		       *z = xasprintf("%s/z_giver", dir);
	struct outcome o;
	struct error err;

	(void)state;
	path_make_dirs(a, &err);
	path_make_dirs(z, &err);
	lab_write(dir, "Makefile", "SUBDIR=\ta_user z_giver\n\n.include <bsd.subdir.mk>\n");
	lab_write(a, "Makefile", "KMOD=a_user\nSRCS=a_user.c\n.include <bsd.kmod.mk>\n");
	lab_write(z, "Makefile",
		"KMOD=z_giver\nSRCS=z_giver.c\nEXPORT_SYMS=given\n.include <bsd.kmod.mk>\n");
	lab_write(z, "z_giver.c",
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n#include <sys/module.h>\n"
		"int given(void);\nint given(void) { return (42); }\n"
		"static int h(module_t m, int w, void *x) { return (0); }\n"
		"static moduledata_t d = { \"z_giver\", h, NULL };\n"
		"DECLARE_MODULE(z_giver, d, SI_SUB_DRIVERS, SI_ORDER_ANY);\nMODULE_VERSION(z_giver, 1);\n");
	lab_write(a, "a_user.c",
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n#include <sys/module.h>\n"
		"int given(void);\n"
		"static int h(module_t m, int w, void *x) { if (w == MOD_LOAD) printf(\"given %%d\\n\", given()); return (0); }\n"
		"static moduledata_t d = { \"a_user\", h, NULL };\n"
		"DECLARE_MODULE(a_user, d, SI_SUB_DRIVERS, SI_ORDER_ANY);\nMODULE_VERSION(a_user, 1);\n"
		"MODULE_DEPEND(a_user, z_giver, 1, 1, 1);\n");
	o = lab_run("run", "--json", "-t", target, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "given 42"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_says_both_its_lines),
		cmocka_unit_test(a_module_with_an_array_on_the_stack_loads),
		cmocka_unit_test(one_command_runs_both_systems),
		cmocka_unit_test(
			a_system_without_a_target_is_skipped_with_the_command_that_adds_one),
		cmocka_unit_test(log_levels_are_told),
		cmocka_unit_test(tunables_reach_the_module),
		cmocka_unit_test(the_process_that_loads_is_told),
		cmocka_unit_test(an_unchanged_module_is_not_built_again),
		cmocka_unit_test(a_compiler_error_names_the_users_file_and_line),
		cmocka_unit_test(an_unknown_symbol_is_named),
		cmocka_unit_test(an_error_of_the_handlers_is_named),
		cmocka_unit_test(a_handler_that_refuses_to_go_is_named),
		cmocka_unit_test(a_handler_without_unload_cannot_be_unloaded),
		cmocka_unit_test(a_refusal_at_quiesce_is_named),
		cmocka_unit_test(a_missing_dependency_is_named),
		cmocka_unit_test(a_dependency_among_the_kernels_own_modules_is_loaded_first),
		cmocka_unit_test(a_module_for_another_kernel_version_is_told_so),
		cmocka_unit_test(what_the_kernel_has_already_is_told_so),
		cmocka_unit_test(what_is_no_kld_and_what_is_linuxs_is_refused_without_a_machine),
		cmocka_unit_test(a_panic_ends_the_trial_at_once_and_its_text_is_kept),
		cmocka_unit_test(a_null_dereference_at_unload_is_a_crash_with_its_place),
		cmocka_unit_test(a_handler_that_never_returns_is_a_hang),
		cmocka_unit_test(a_flood_arrives_or_is_said_to_be_lost),
		cmocka_unit_test(a_character_device_and_generated_headers_build_and_run),
		cmocka_unit_test(two_klds_that_need_each_other_load_in_order),
	};

	return cmocka_run_group_tests_name("freebsd", tests, NULL, NULL);
}
