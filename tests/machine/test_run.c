/* SPDX-License-Identifier: BSD-2-Clause */
/* What kmodlab run promises to somebody whose module is right. */
#include "lab.h"

#include "base/path.h"

#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *example(const char *name)
{
	return xasprintf("%s/examples/%s", lab_source(), name);
}

static void hello_says_both_its_lines(const char *target)
{
	AUTO_FREE char *dir = example("hello");
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);
	AUTO_BUF struct buf log = {0};

	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_string_equal(log.data, "Hello, world\nGoodbye, cruel world\n");
	assert_null(lab_finding(&o, "compiler-warning"));
	lab_free(&o);
}

static void hello_says_both_its_lines_on_bookworm(void **state)
{
	(void)state;
	hello_says_both_its_lines(BOOKWORM);
}

static void hello_says_both_its_lines_on_trixie(void **state)
{
	(void)state;
	hello_says_both_its_lines(TRIXIE);
}

static void taint_remarks_stand_apart_from_the_modules_lines(void **state)
{
	AUTO_FREE char *dir = example("hello");
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_log(&o, "taint", &log);
	assert_non_null(strstr(log.data, "hello: loading out-of-tree module taints kernel."));
	lab_free(&o);
}

static void the_terminal_report_shows_stages_levels_and_pass_without_escapes_in_a_pipe(void **state)
{
	AUTO_FREE char *dir = example("hello");
	struct outcome o = lab_run("run", "-t", BOOKWORM, dir, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "hello  on debian:bookworm/cloud (Linux 6.1"));
	assert_non_null(strstr(o.out.data, "  build "));
	assert_non_null(strstr(o.out.data, "  boot "));
	assert_non_null(strstr(o.out.data, "alert    Hello, world\n"));
	assert_non_null(strstr(o.out.data, "taint    hello: loading out-of-tree"));
	assert_non_null(strstr(o.out.data, "alert    Goodbye, cruel world\n"));
	assert_non_null(strstr(o.out.data, "\nPASS  hello on debian:bookworm/cloud"));
	assert_null(strchr(o.out.data, '\033'));
	assert_null(strchr(o.out.data, '\r'));
	lab_free(&o);
}

static void parameters_reach_the_module(void **state)
{
	AUTO_FREE char *dir = example("params");
	struct outcome o = lab_run(
		"run", "--json", "-t", BOOKWORM, dir, "--", "whom=world", "howmany=3", NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "Hello, world\nHello, world\nHello, world\n"));
	lab_free(&o);
}

static void a_parameter_may_have_spaces(void **state)
{
	AUTO_FREE char *dir = example("params");
	struct outcome o =
		lab_run("run", "--json", "-t", BOOKWORM, dir, "--", "whom=cruel world", NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "Hello, cruel world\n"));
	lab_free(&o);
}

static void the_process_that_runs_init_is_told(void **state)
{
	AUTO_FREE char *dir = example("current");
	struct outcome o = lab_run("run", "--json", "-t", TRIXIE, dir, NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "\"init\""));
	lab_free(&o);
}

static void an_unchanged_module_is_not_built_again_and_a_changed_one_is(void **state)
{
	AUTO_FREE char *dir = lab_module("again",
		"static int __init i(void) { pr_info(\"one\\n\"); return 0; }\n"
		"static void __exit x(void) { }\n"
		"module_init(i); module_exit(x);\n");
	struct outcome o = lab_run("run", "-t", BOOKWORM, dir, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_null(strstr(o.out.data, "(unchanged)"));
	lab_free(&o);
	o = lab_run("run", "-t", BOOKWORM, dir, NULL);
	assert_non_null(strstr(o.out.data, "(unchanged)"));
	assert_non_null(strstr(o.out.data, "one"));
	lab_free(&o);
	lab_write(dir, "again.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"static int __init i(void) { pr_info(\"two\\n\"); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	o = lab_run("run", "-t", BOOKWORM, dir, NULL);
	assert_null(strstr(o.out.data, "(unchanged)"));
	assert_non_null(strstr(o.out.data, "two"));
	lab_free(&o);
}

static char listing[65536];

static int list_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	size_t len = strlen(listing);

	(void)type;
	(void)f;
	snprintf(listing + len, sizeof listing - len, "%s %lld %lld\n", path,
		(long long)st->st_size, (long long)st->st_mtime);
	return 0;
}

static void the_users_directory_stays_as_it_was(void **state)
{
	AUTO_FREE char *dir = lab_module("clean",
		"static int __init i(void) { return 0; }\n"
		"static void __exit x(void) { }\n"
		"module_init(i); module_exit(x);\n");
	AUTO_FREE char *before = NULL;
	struct outcome o;

	(void)state;
	listing[0] = 0;
	nftw(dir, list_one, 16, FTW_PHYS);
	before = xstrdup(listing);
	o = lab_run("run", "-t", BOOKWORM, dir, NULL);
	assert_int_equal(o.status, 0);
	listing[0] = 0;
	nftw(dir, list_one, 16, FTW_PHYS);
	assert_string_equal(listing, before);
	lab_free(&o);
}

static void the_classic_makefile_and_several_sources_build(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	struct outcome o;

	(void)state;
	lab_write(dir, "Makefile",
		"ifeq ($(KERNELRELEASE),)\nKDIR ?= /lib/modules/$(shell uname -r)/build\n"
		"all:\n\t$(MAKE) -C $(KDIR) M=$(PWD) modules\n"
		"else\nobj-m := two.o\ntwo-y := a.o b.o\nendif\n");
	lab_write(dir, "a.c",
		"#include <linux/module.h>\nvoid b_says(void);\nMODULE_LICENSE(\"GPL\");\n"
		"MODULE_DESCRIPTION(\"t\");\n"
		"static int __init i(void) { b_says(); return 0; }\nstatic void __exit x(void) { }\n"
		"module_init(i); module_exit(x);\n");
	lab_write(dir, "b.c",
		"#include <linux/kernel.h>\nvoid b_says(void);\nvoid b_says(void) { pr_info(\"b says\\n\"); }\n");
	o = lab_run("run", "--json", "-t", TRIXIE, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "b says"));
	lab_free(&o);
}

static void modules_that_need_each_other_load_in_order_and_unload_in_reverse(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_BUF struct buf log = {0};
	struct outcome o;

	(void)state;
	/* Named so that the alphabet would get it wrong. */
	lab_write(dir, "Kbuild", "obj-m := a_user.o z_provider.o\n");
	lab_write(dir, "z_provider.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"int provided(void);\nint provided(void) { return 42; }\nEXPORT_SYMBOL_GPL(provided);\n"
		"static int __init i(void) { pr_info(\"provider in\\n\"); return 0; }\n"
		"static void __exit x(void) { pr_info(\"provider out\\n\"); }\n"
		"module_init(i); module_exit(x);\n");
	lab_write(dir, "a_user.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"int provided(void);\n"
		"static int __init i(void) { pr_info(\"user in %%d\\n\", provided()); return 0; }\n"
		"static void __exit x(void) { pr_info(\"user out\\n\"); }\n"
		"module_init(i); module_exit(x);\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_string_equal(log.data, "provider in\nuser in 42\nuser out\nprovider out\n");
	lab_free(&o);
}

static void a_module_that_needs_one_of_the_kernels_own_gets_it(void **state)
{
	/* crc_itu_t is a module of its own on Debian. */
	AUTO_FREE char *dir = lab_module("needs", "#");
	struct outcome o;

	(void)state;
	lab_write(dir, "needs.c",
		"#include <linux/module.h>\n#include <linux/crc-itu-t.h>\n"
		"MODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"static int __init i(void) { pr_info(\"crc %%x\\n\", crc_itu_t(0, (u8 *)\"a\", 1)); "
		"return 0; }\nstatic void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "crc "));
	lab_free(&o);
}

static void a_finished_ko_runs_without_its_source(void **state)
{
	AUTO_FREE char *ko = lab_ko("done",
		"static int __init i(void) { pr_info(\"finished\\n\"); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		BOOKWORM);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, ko, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "finished"));
	lab_free(&o);
}

static void a_kernel_build_directory_is_a_target(void **state)
{
	/* Debian's headers, put together as one tree with the image where a build leaves it. */
	AUTO_FREE char *data = path_data_dir(), *top = lab_dir(), *hello = example("hello"),
		       *name = xasprintf("tree:%s/k", top);
	AUTO_FREE char *command = xasprintf(
		"set -e; t='%s/trees/debian-bookworm-cloud/root'; k='%s/k'; mkdir -p \"$k/arch/x86/boot\"; "
		"cp -a \"$t\"/usr/src/linux-headers-*-common/. \"$k\"; "
		"f=$(ls -d \"$t\"/usr/src/linux-headers-*-cloud-amd64); rm -f \"$k/Makefile.flavour\"; "
		"rm -rf \"$k/scripts\" \"$k/tools\"; "
		"cp -a \"$f/include\" \"$f/arch\" \"$f/.config\" \"$f/Module.symvers\" \"$k/\"; "
		"cp -a \"$t\"/usr/lib/linux-kbuild-*/scripts \"$t\"/usr/lib/linux-kbuild-*/tools \"$k/\"; "
		"b=$(find \"$t/boot\" \"$t/usr/lib/modules\" -name 'vmlinuz*' 2>/dev/null | head -n 1); "
		"cp \"$b\" \"$k/arch/x86/boot/bzImage\"; "
		"cd \"$t\"/usr/lib/modules; ls -d 6* | head -n 1 >\"$k/include/config/kernel.release\"",
		data, top);
	struct outcome o;

	(void)state;
	assert_int_equal(system(command), 0);
	o = lab_run("target", "add", name, NULL);
	if (o.status)
		fail_msg("%s%s", o.out.data, o.err.data);
	lab_free(&o);
	o = lab_run("run", "--json", "-t", name, hello, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "Goodbye, cruel world"));
	lab_free(&o);
	o = lab_run("target", "remove", name, NULL);
	assert_int_equal(o.status, 0);
	lab_free(&o);
}

static void json_is_valid_for_another_reader(void **state)
{
	AUTO_FREE char *hello = example("hello");
	AUTO_FREE char *command = xasprintf("\"$KMODLAB\" run --json -t " BOOKWORM
					    " '%s' | python3 -m json.tool >/dev/null",
		hello);

	(void)state;
	assert_int_equal(system(command), 0);
}

/* As root, the whole way is gone as another user: that user's own target, module and run. */
static void an_ordinary_user_can_do_all_of_it(void **state)
{
	const struct passwd *nobody = getpwnam("nobody");
	AUTO_FREE char *dir = lab_dir(), *hello = example("hello");
	AUTO_FREE char *command = xasprintf(
		"set -e; cd '%s'; cp \"$KMODLAB\" kmodlab; cp -r '%s' hello; chmod -R a+rX .; "
		"mkdir home; chown %u:%u home; export HOME='%s/home'; unset XDG_DATA_HOME XDG_CACHE_HOME; "
		"as() { setpriv --reuid=%u --regid=%u --clear-groups \"$@\"; }; [ $(id -u) = 0 ] || as() { \"$@\"; }; "
		"as ./kmodlab target add " BOOKWORM
		" 2>&1; as ./kmodlab run hello >out 2>&1; cat out; "
		"grep -q 'Goodbye, cruel world' out; "
		"[ -z \"$(find \"$HOME\" ! -uid $(as id -u))\" ]",
		dir, hello, nobody->pw_uid, nobody->pw_gid, dir, nobody->pw_uid, nobody->pw_gid);
	AUTO_FREE char *quiet = xasprintf(
		"(%s) >'%s/said' 2>&1 || { cat '%s/said' >&2; exit 1; }", command, dir, dir);
	AUTO_FREE char *parent = xasprintf("chmod a+rx '%s' '%s/..'", dir, dir);

	(void)state;
	assert_int_equal(system(parent), 0);
	assert_int_equal(system(quiet), 0);
}

/* There is no modprobe(8) in a machine; what a module asks the kernel for is loaded all the same. */
static void a_module_gets_what_it_asks_the_kernel_for(void **state)
{
	AUTO_FREE char *dir = lab_module("asks",
		"\n#include <linux/nls.h>\n#include <linux/kmod.h>\n"
		"static int __init i(void) { struct nls_table *t = load_nls(\"cp932\");\n"
		"request_module(\"no-such-module\");\n"
		"if (!t) return -ENOENT; unload_nls(t); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	assert_string_equal(lab_field(&o, "asked_for"), "nls_cp932");
	lab_free(&o);
	lab_write(dir, "asks.c",
		"#include <linux/module.h>\n#include <linux/kmod.h>\nMODULE_LICENSE(\"GPL\");\n"
		"static int __init i(void) { request_module(\"no-such-module\"); return -ENODEV; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "module-missing", "no-such-module");
	lab_free(&o);
}

static void no_machine_is_left(void **state)
{
	(void)state;
	assert_int_equal(lab_machines_left(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_says_both_its_lines_on_bookworm),
		cmocka_unit_test(hello_says_both_its_lines_on_trixie),
		cmocka_unit_test(taint_remarks_stand_apart_from_the_modules_lines),
		cmocka_unit_test(
			the_terminal_report_shows_stages_levels_and_pass_without_escapes_in_a_pipe),
		cmocka_unit_test(parameters_reach_the_module),
		cmocka_unit_test(a_parameter_may_have_spaces),
		cmocka_unit_test(the_process_that_runs_init_is_told),
		cmocka_unit_test(an_unchanged_module_is_not_built_again_and_a_changed_one_is),
		cmocka_unit_test(the_users_directory_stays_as_it_was),
		cmocka_unit_test(the_classic_makefile_and_several_sources_build),
		cmocka_unit_test(modules_that_need_each_other_load_in_order_and_unload_in_reverse),
		cmocka_unit_test(a_module_that_needs_one_of_the_kernels_own_gets_it),
		cmocka_unit_test(a_finished_ko_runs_without_its_source),
		cmocka_unit_test(a_kernel_build_directory_is_a_target),
		cmocka_unit_test(json_is_valid_for_another_reader),
		cmocka_unit_test(an_ordinary_user_can_do_all_of_it),
		cmocka_unit_test(a_module_gets_what_it_asks_the_kernel_for),
		cmocka_unit_test(no_machine_is_left),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
