/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way in which a module can fail to build, load or unload says why. */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

#define IN   "static int __init i(void) { return 0; }\n"
#define OUT  "static void __exit x(void) { }\n"
#define BOTH "module_init(i); module_exit(x);\n"

/* Runs a module made of `source`, expects the verdict and the finding. */
static struct outcome try(const char *target, const char *source, const char *verdict,
	const char *rule, const char *words)
{
	AUTO_FREE char *dir = lab_module("wrong", source);
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);

	lab_expect(&o, 1, verdict);
	lab_expect_finding(&o, rule, words);
	return o;
}

static void a_compiler_error_names_the_users_file_and_line(void **state)
{
	AUTO_FREE char *dir =
		lab_module("wrong", IN OUT BOTH "\nint bad(void) { return nothing; }\n");
	AUTO_FREE char *file = xasprintf("%s/wrong.c", dir);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	struct json_object *f;

	(void)state;
	lab_expect(&o, 1, "build");
	lab_expect_finding(&o, "compiler-error", "nothing");
	f = lab_finding(&o, "compiler-error");
	assert_string_equal(lab_string(f, "file"), file);
	assert_string_equal(lab_string(f, "line"), "13");
	lab_free(&o);
}

static void a_compiler_warning_is_shown_again_when_nothing_is_rebuilt(void **state)
{
	AUTO_FREE char *dir = lab_module(
		"warns", "static int __init i(void) { int unused; return 0; }\n" OUT BOTH);

	(void)state;
	for (int again = 0; again < 2; again++) {
		struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

		lab_expect(&o, 0, "pass");
		lab_expect_finding(&o, "compiler-warning", "unused");
		lab_free(&o);
	}
}

static void a_warning_fails_a_strict_trial(void **state)
{
	AUTO_FREE char *dir = lab_module(
		"warns", "static int __init i(void) { int unused; return 0; }\n" OUT BOTH);
	struct outcome o = lab_run("run", "--json", "--strict", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "warning");
	lab_free(&o);
}

static void a_missing_licence_is_named(void **state)
{
	AUTO_FREE char *dir = lab_module("wrong", "#include <linux/module.h>\n" IN OUT BOTH);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "build");
	lab_expect_finding(&o, "license-missing", "");
	assert_non_null(
		strstr(lab_string(lab_finding(&o, "license-missing"), "advice"), "MODULE_LICENSE"));
	lab_free(&o);
}

static void a_symbol_that_the_kernel_has_but_does_not_export_is_told_from_one_it_has_not(
	void **state)
{
	struct outcome o;

	(void)state;
	o = try(BOOKWORM,
		"extern char _text[];\n"
		"static int __init i(void) { return _text[0]; }\n" OUT BOTH,
		"build", "symbol-unknown", "_text");
	assert_non_null(strstr(o.out.data, "not export"));
	lab_free(&o);
	o = try(TRIXIE,
		"int no_such_symbol_anywhere(void);\n"
		"static int __init i(void) { return no_such_symbol_anywhere(); }\n" OUT BOTH,
		"build", "symbol-unknown", "no_such_symbol_anywhere");
	lab_free(&o);
}

static void a_gpl_only_symbol_needs_a_gpl_licence(void **state)
{
	struct outcome o = try(BOOKWORM,
		"#include <linux/module.h>\n#include <linux/kobject.h>\n"
		"MODULE_LICENSE(\"Proprietary\");MODULE_DESCRIPTION(\"t\");\n"
		"static int __init i(void) { return !kobject_create_and_add(\"x\", NULL); }\n" OUT
			BOTH,
		"build", "license-gpl", "kobject_create_and_add");

	(void)state;
	lab_free(&o);
}

/* The kernel's own answers, which modpost would have foreseen: from finished modules. */
static void an_unknown_symbol_is_explained_by_the_kernels_own_refusal(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *provider = NULL;
	struct outcome o;

	(void)state;
	lab_write(dir, "Makefile", "obj-m := needs.o gives.o\n");
	lab_write(dir, "gives.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"void given(void);\nvoid given(void) {}\nEXPORT_SYMBOL(given);\n");
	lab_write(dir, "needs.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
		"void given(void);\nstatic int __init i(void) { given(); return 0; }\n" OUT BOTH);
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	lab_free(&o);
	provider = xasprintf(
		"cp \"$(find \"$XDG_CACHE_HOME\" -name needs.ko | head -n 1)\" '%s/'", dir);
	assert_int_equal(system(provider), 0);
	free(provider);
	provider = xasprintf("%s/needs.ko", dir);
	o = lab_run("run", "--json", "-t", BOOKWORM, provider, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "symbol-unknown", "given");
	lab_free(&o);
}

static void a_module_for_another_kernel_shows_both_version_magics(void **state)
{
	AUTO_FREE char *ko = lab_ko("other", IN OUT BOTH, BOOKWORM);
	struct outcome o = lab_run("run", "--json", "-t", TRIXIE, ko, NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "vermagic", "\"6.1.");
	lab_expect_finding(&o, "vermagic", "\"6.12.");
	lab_free(&o);
}

static void an_unknown_parameter_is_an_error_and_the_known_ones_are_listed(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/params", lab_source());
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, "--", "whon=x", NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "param-unknown", "whon");
	assert_non_null(strstr(lab_string(lab_finding(&o, "param-unknown"), "advice"), "whom"));
	lab_free(&o);
}

static void a_bad_value_names_the_parameter_and_its_type(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/params", lab_source());
	struct outcome o =
		lab_run("run", "--json", "-t", BOOKWORM, dir, "--", "howmany=lots", NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "param-invalid", "howmany");
	assert_non_null(strstr(lab_string(lab_finding(&o, "param-invalid"), "advice"), "int"));
	lab_free(&o);
}

static void an_error_from_init_is_named_with_its_meaning(void **state)
{
	struct outcome o = try(BOOKWORM, "static int __init i(void) { return -ENOMEM; }\n" OUT BOTH,
		"load", "init-error", "ENOMEM");

	(void)state;
	assert_non_null(strstr(o.out.data, "Cannot allocate memory"));
	lab_free(&o);
}

static void an_errno_that_only_kernels_have_is_named_too(void **state)
{
	struct outcome o = try(TRIXIE, "static int __init i(void) { return -517; }\n" OUT BOTH,
		"load", "init-error", "EPROBE_DEFER");

	(void)state;
	lab_free(&o);
}

static void a_module_without_an_exit_cannot_be_unloaded(void **state)
{
	struct outcome o = try(BOOKWORM, IN "module_init(i);\n", "unload", "no-exit", "no exit");

	(void)state;
	lab_free(&o);
}

static void a_module_in_use_says_so(void **state)
{
	struct outcome o = try(TRIXIE,
		"static int __init i(void) { __module_get(THIS_MODULE); return 0; }\n" OUT BOTH,
		"unload", "in-use", "in use");

	(void)state;
	lab_free(&o);
}

static void what_is_no_module_is_refused_without_a_machine(void **state)
{
	AUTO_FREE char *dir = lab_dir(), *text = xasprintf("%s/text.ko", dir);
	AUTO_FREE char *random = xasprintf("%s/random.ko", dir), *command = NULL;
	struct outcome o;

	(void)state;
	lab_write(dir, "text.ko", "this is no module\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, text, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "not-a-module", "");
	assert_string_equal(lab_field(&o, "machine_release"), "");
	lab_free(&o);
	command = xasprintf("head -c 100000 /dev/urandom >'%s'", random);
	assert_int_equal(system(command), 0);
	o = lab_run("run", "--json", "-t", BOOKWORM, random, NULL);
	lab_expect(&o, 1, "load");
	lab_free(&o);
	o = lab_run("run", "--json", "-t", BOOKWORM, "/bin/true", NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "not-a-module", "");
	lab_free(&o);
}

static void a_truncated_module_is_refused_at_any_length(void **state)
{
	AUTO_FREE char *ko = lab_ko("cut", IN OUT BOTH, BOOKWORM), *dir = lab_dir();
	AUTO_BUF struct buf bytes = {0};
	struct error err;

	(void)state;
	assert_int_equal(path_read(ko, 10000000, &bytes), 0);
	for (int part = 0; part < 8; part++) {
		AUTO_FREE char *cut = xasprintf("%s/%d.ko", dir, part);
		struct outcome o;

		assert_int_equal(
			path_write(cut, bytes.data, bytes.len * (size_t)part / 8, &err), 0);
		o = lab_run("run", "--json", "-t", BOOKWORM, cut, NULL);
		lab_expect(&o, 1, "load");
		lab_free(&o);
	}
}

static void a_module_for_another_architecture_or_system_is_named_as_such(void **state)
{
	AUTO_FREE char *ko = lab_ko("arch", IN OUT BOTH, BOOKWORM), *dir = lab_dir();
	AUTO_FREE char *arm = xasprintf("%s/arm.ko", dir), *bsd = xasprintf("%s/bsd.ko", dir);
	AUTO_BUF struct buf bytes = {0};
	struct outcome o;
	struct error err;

	(void)state;
	assert_int_equal(path_read(ko, 10000000, &bytes), 0);
	bytes.data[18] = (char)183; /* e_machine: EM_AARCH64 */
	assert_int_equal(path_write(arm, bytes.data, bytes.len, &err), 0);
	o = lab_run("run", "--json", "-t", BOOKWORM, arm, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "wrong-arch", "aarch64");
	lab_free(&o);
	bytes.data[18] = 62;
	bytes.data[7] = 9; /* EI_OSABI: FreeBSD */
	assert_int_equal(path_write(bsd, bytes.data, bytes.len, &err), 0);
	o = lab_run("run", "--json", "-t", BOOKWORM, bsd, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "wrong-os", "FreeBSD");
	lab_free(&o);
}

static void wrong_usage_exits_2_and_says_what_to_do(void **state)
{
	static const char *const wrong[][3] = {{"run", NULL, NULL}, {"run", "/nonexistent", NULL},
		{"run", "/etc", NULL}, {"run", "--cpus=0", "x"}, {"run", "--nonsense", "x"},
		{"runn", NULL, NULL}, {"target", "ad", NULL}, {"target", "add", "debian:bokworm"}};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct outcome o = lab_run(wrong[i][0], wrong[i][1], wrong[i][2], NULL);

		if (o.status != 2 || !o.err.len)
			fail_msg("%s %s: status %d, said '%s'", wrong[i][0],
				wrong[i][1] ? wrong[i][1] : "", o.status, o.err.data);
		lab_free(&o);
	}
}

static void a_value_that_an_exercise_cannot_have_exits_2_and_is_named(void **state)
{
	static const char *const wrong[][2] = {{"--exercise", "maybe"}, {"--exercise", ""},
		{"--exercise", "AUTO"}, {"--seed", "seven"}, {"--seed", "-1"}, {"--seed", "7x"},
		{"--seed", "18446744073709551616"}, {"--cycles", "0"}, {"--cycles", "2.5"},
		{"--exercise-timeout", "0"}, {"--exercise-timeout", "soon"}};
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct outcome o = lab_run("run", wrong[i][0], wrong[i][1], hello, NULL);
		AUTO_FREE char *sentence =
			xasprintf("'%s' is not a value for %s; see kmodlab run --help", wrong[i][1],
				wrong[i][0]);

		if (o.status != 2 || !strstr(o.err.data, sentence) || o.out.len)
			fail_msg("%s %s: status %d, said '%s'", wrong[i][0], wrong[i][1], o.status,
				o.err.data);
		lab_free(&o);
	}
}

static void an_unknown_option_gets_the_nearest_one(void **state)
{
	struct outcome o = lab_run("run", "--junti", "r.xml", NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "kmodlab run: unrecognized option '--junti'"));
	assert_non_null(strstr(o.err.data, "did you mean --junit? See kmodlab run --help"));
	lab_free(&o);
}

static void a_target_that_is_not_there_names_the_command_that_adds_it(void **state)
{
	struct outcome o = lab_run("run", "-t", "debian:sid/rt", "/bin/true", NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "kmodlab target add debian:sid/rt"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compiler_error_names_the_users_file_and_line),
		cmocka_unit_test(a_compiler_warning_is_shown_again_when_nothing_is_rebuilt),
		cmocka_unit_test(a_warning_fails_a_strict_trial),
		cmocka_unit_test(a_missing_licence_is_named),
		cmocka_unit_test(
			a_symbol_that_the_kernel_has_but_does_not_export_is_told_from_one_it_has_not),
		cmocka_unit_test(a_gpl_only_symbol_needs_a_gpl_licence),
		cmocka_unit_test(an_unknown_symbol_is_explained_by_the_kernels_own_refusal),
		cmocka_unit_test(a_module_for_another_kernel_shows_both_version_magics),
		cmocka_unit_test(an_unknown_parameter_is_an_error_and_the_known_ones_are_listed),
		cmocka_unit_test(a_bad_value_names_the_parameter_and_its_type),
		cmocka_unit_test(an_error_from_init_is_named_with_its_meaning),
		cmocka_unit_test(an_errno_that_only_kernels_have_is_named_too),
		cmocka_unit_test(a_module_without_an_exit_cannot_be_unloaded),
		cmocka_unit_test(a_module_in_use_says_so),
		cmocka_unit_test(what_is_no_module_is_refused_without_a_machine),
		cmocka_unit_test(a_truncated_module_is_refused_at_any_length),
		cmocka_unit_test(a_module_for_another_architecture_or_system_is_named_as_such),
		cmocka_unit_test(wrong_usage_exits_2_and_says_what_to_do),
		cmocka_unit_test(a_value_that_an_exercise_cannot_have_exits_2_and_is_named),
		cmocka_unit_test(an_unknown_option_gets_the_nearest_one),
		cmocka_unit_test(a_target_that_is_not_there_names_the_command_that_adds_it),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
