/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets that watch themselves: the configuration of the kernels that we compile, and another kernel in
 * the place of a FreeBSD release's.
 */
#include "unit.h"

#include "fake_freebsd.h"

#include "target/debian.h"
#include "target/freebsd.h"
#include "target/registry.h"

static void a_configuration_is_lines_that_kconfig_reads(void **state)
{
	AUTO_BUF struct buf debug = {0}, race = {0};

	(void)state;
	debian_config("debug", &debug);
	debian_config("race", &race);
	assert_non_null(strstr(debug.data, "\nCONFIG_KASAN=y\n"));
	assert_non_null(strstr(debug.data, "\nCONFIG_LOCALVERSION=\"-debug\"\n"));
	assert_non_null(strstr(debug.data, "\nCONFIG_NR_CPUS=8\n"));
	assert_non_null(strstr(debug.data, "\nCONFIG_PROVE_LOCKING=y\n"));
	assert_null(strstr(debug.data, "KCSAN"));
	assert_non_null(strstr(race.data, "\nCONFIG_KCSAN=y\n"));
	assert_non_null(strstr(race.data, "\nCONFIG_KCSAN_SELFTEST=n\n"));
	assert_non_null(strstr(race.data, "\nCONFIG_PROVE_LOCKING=y\n"));
	assert_null(strstr(race.data, "KASAN"));
	for (const char *line = debug.data; *line; line = strchr(line, '\n') + 1) {
		size_t name = strcspn(line, "=");

		assert_int_equal(strncmp(line, "CONFIG_", 7), 0);
		assert_int_equal(strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), name);
		assert_true(line[name + 1] != '\n');
	}
}

static void what_kconfig_dropped_is_told_and_the_vital_of_it_apart(void **state)
{
	AUTO_BUF struct buf config = {0}, lost = {0}, gone = {0}, vital = {0};
	char *at;

	(void)state;
	debian_config("debug", &config);
	assert_int_equal(debian_config_lost("debug", config.data, &lost), 0);
	assert_int_equal(lost.len, 0);
	/* A longer name, and one that is switched off, are not the option. */
	at = strstr(config.data, "CONFIG_UBSAN_SHIFT=y");
	memcpy(at, "# ONFIG_UBSAN_SHIFT=y", 7);
	assert_int_equal(debian_config_lost("debug", config.data, &gone), 0);
	assert_string_equal(gone.data, "UBSAN_SHIFT (shifts that are too wide)");
	at = strstr(config.data, "CONFIG_KASAN=y");
	memcpy(at, "XONFIG_KASAN=y", 7);
	assert_int_equal(debian_config_lost("debug", config.data, &vital), 1);
	assert_int_equal(strncmp(vital.data, "KASAN (", 7), 0);
	assert_non_null(strstr(vital.data, ", UBSAN_SHIFT ("));
	buf_free(&vital);
	assert_true(debian_config_lost("race", config.data, &vital) == 1);
	assert_int_equal(strncmp(vital.data, "KCSAN (data races)", 18), 0);
}

static void a_suite_whose_compiler_finds_no_races_is_refused(void **state)
{
	struct error err = {{0}};
	AUTO_FREE char *debug = target_full_name("debian:bullseye/debug", &err);
	AUTO_FREE char *race = target_full_name("debian:12/race", &err);

	(void)state;
	assert_string_equal(debug, "debian:bullseye/debug");
	assert_null(race);
	assert_says(err, "did you mean bookworm?");
	assert_null(target_full_name("debian:bullseye/race", &err));
	assert_says(err, "gcc 10");
	assert_says(err, "debian:bookworm/race");
	assert_null(target_full_name("debian:sid/debgu", &err));
	assert_says(err, "did you mean debug?");
}

static void progress_is_the_source_that_was_compiled(void **state)
{
	AUTO_FREE char *source = in_home("linux");

	(void)state;
	put("linux/kernel/fork.c", "0123456789");
	put("linux/arch/x86/entry_64.S", "01234");
	assert_int_equal(debian_compiled_bytes(source, "  CC      kernel/fork.o"), 10);
	assert_int_equal(debian_compiled_bytes(source, "  AS      arch/x86/entry_64.o"), 5);
	assert_int_equal(debian_compiled_bytes(source, "  AR      kernel/built-in.a"), 0);
	assert_int_equal(debian_compiled_bytes(source, "  LD      kernel/gone.o"), 0);
	assert_int_equal(debian_compiled_bytes(source, "  GEN"), 0);
	assert_int_equal(debian_compiled_bytes(source, "  "), -1);
	assert_int_equal(debian_compiled_bytes(source, ""), -1);
	assert_int_equal(debian_compiled_bytes(source, "kernel/fork.c:3:1: error: CC"), -1);
	assert_int_equal(debian_compiled_bytes(source, "  in file included from"), -1);
}

static void a_target_keeps_what_its_kernel_needs(void **state)
{
	struct target t = {.name = (char *)"debian:sid/debug",
		.arch = (char *)"x86_64",
		.release = (char *)"7.2.1-debug",
		.kernel = (char *)"/k",
		.root = (char *)"/r",
		.build = (char *)"/b",
		.append = (char *)"kasan_multi_shot kmemleak=on",
		.options = (char *)"INVARIANTS MAXCPU=64",
		.memory_mib = 512,
		.added = (char *)"2026"};
	AUTO_BUF struct buf text = {0};
	unsigned long long bytes;
	struct error err = {{0}};
	struct target back;
	char *at;

	(void)state;
	registry_format(&t, 1, &text);
	assert_int_equal(registry_parse(text.data, &back, &bytes, &err), 0);
	assert_string_equal(back.append, "kasan_multi_shot kmemleak=on");
	assert_string_equal(back.options, "INVARIANTS MAXCPU=64");
	assert_int_equal(back.memory_mib, 512);
	target_free(&back);
	at = strstr(text.data, "512");
	memcpy(at, "5x2", 3);
	assert_int_equal(registry_parse(text.data, &back, &bytes, &err), -EINVAL);
	assert_says(err, "memory_mib");
	target_free(&back);
}

static void options_of_all_files_are_those_that_modules_get(void **state)
{
	static const char known[] = "# comment\nINVARIANTS\topt_global.h\nMAXCPU opt_global.h # n\n"
				    "WITNESS_SKIPSPIN\topt_witness.h\nINV opt_global.hh\nLAST";
	AUTO_BUF struct buf out = {0}, none = {0};

	(void)state;
	freebsd_options("ident\tX\noptions\tWITNESS_SKIPSPIN\noptions\tINVARIANTS\n"
			"makeoptions\tMAXCPU=3\noptions\tMAXCPU=64\noptions\tINVARIANTS=`id`\n"
			"options\tINV\noptions\tLAST\noptions\tNONE\noptions",
		known, &out);
	assert_string_equal(out.data, "INVARIANTS MAXCPU=64");
	freebsd_options("", known, &none);
	freebsd_options("options INVARIANTS", "", &none);
	assert_int_equal(none.len, 0);
}

static void assert_not_added(
	const char *name, const struct target_source *source, const char *words)
{
	struct target_addition *a;
	struct error err = {{0}};

	assert_true(target_add_begin(name, source, NULL, NULL, &a, &err) < 0);
	assert_says(err, words);
}

static void another_kernel_takes_a_label_and_a_label_another_kernel(void **state)
{
	AUTO_FREE char *sets = in_home("sets"), *text = in_home("text");
	struct target_source plain = {.sets = sets}, other = {.sets = sets, .kernel = "/no/kernel"};

	(void)state;
	put_release("sets");
	assert_not_added("freebsd:14.9/debug", &plain, "--kernel FILE");
	assert_not_added("freebsd:14.9/debug", NULL, "--kernel FILE");
	assert_not_added("freebsd:14.9", &other, "freebsd:14.9/debug");
	assert_not_added("freebsd:14.9/debug", &other, "there is no such file");
	assert_not_added("debian:sid/debug", &other, "--kernel are for freebsd");
	put("text", "no kernel");
	other.kernel = text;
	assert_not_added("freebsd:14.9/debug", &other, "text is damaged, or no set");
}

/* Adds freebsd:14.9/debug with a kernel that holds this configuration. */
static struct target_addition *add_other(const char *config)
{
	AUTO_FREE char *sets = in_home("sets"), *file = in_home("kernel-debug");
	AUTO_BUF struct buf kernel = fake_kernel_with("14.9-STABLE", 1409001, config);
	struct target_source source = {.sets = sets, .kernel = file};
	struct target_addition *a;
	struct error err = {{0}};

	put_release("sets");
	assert_int_equal(path_write(file, kernel.data, kernel.len, &err), 0);
	if (target_add_begin("freebsd:14.9/debug", &source, NULL, NULL, &a, &err))
		fail_msg("%s", err.text);
	return a;
}

static void another_kernel_brings_its_options(void **state)
{
	struct target_addition *a =
		add_other("machine\tamd64\noptions\tWITNESS\noptions\tWITNESS_SKIPSPIN\n"
			  "options\tINVARIANTS\n");
	const struct target *t = target_add_staged(a);
	AUTO_FREE char *module = xasprintf("%s/if_em.ko", t->modules);
	AUTO_BUF struct buf kernel = {0};

	(void)state;
	assert_string_equal(t->options, "WITNESS INVARIANTS");
	assert_string_equal(t->release, "14.9-STABLE");
	assert_null(t->note);
	/* It is that kernel, and the release's modules are beside it. */
	assert_int_equal(path_read(t->kernel, 1 << 20, &kernel), 0);
	assert_non_null(memmem(kernel.data, kernel.len, "14.9-STABLE", 11));
	assert_true(path_is_file(module));
	target_add_drop(a);
}

static void another_kernel_that_does_not_say_how_it_was_made_is_taken_with_a_note(void **state)
{
	struct target_addition *a = add_other(NULL);
	const struct target *t = target_add_staged(a);

	(void)state;
	assert_null(t->options);
	assert_non_null(strstr(t->note, "INCLUDE_CONFIG_FILE"));
	target_add_drop(a);
}

static void another_kernel_may_come_as_a_set(void **state)
{
	AUTO_FREE char *sets = in_home("sets"), *file = in_home("other.txz");
	struct target_source source = {.sets = sets, .kernel = file};
	struct target_addition *a;
	struct error err = {{0}};

	(void)state;
	put_release("sets");
	put_kernel_set("other.txz", "14.9-CURRENT", 1409001);
	assert_int_equal(target_add_begin("freebsd:14.9/x", &source, NULL, NULL, &a, &err), 0);
	assert_string_equal(target_add_staged(a)->release, "14.9-CURRENT");
	target_add_drop(a);
	put_kernel_set("other.txz", "14.8-RELEASE", 1408000);
	assert_not_added("freebsd:14.9/x", &source, "other.txz holds the kernel of FreeBSD 14.8");
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, set_up_cache, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_is_lines_that_kconfig_reads),
		cmocka_unit_test(what_kconfig_dropped_is_told_and_the_vital_of_it_apart),
		cmocka_unit_test(a_suite_whose_compiler_finds_no_races_is_refused),
		at_home(progress_is_the_source_that_was_compiled),
		cmocka_unit_test(a_target_keeps_what_its_kernel_needs),
		cmocka_unit_test(options_of_all_files_are_those_that_modules_get),
		at_home(another_kernel_takes_a_label_and_a_label_another_kernel),
		at_home(another_kernel_brings_its_options),
		at_home(another_kernel_that_does_not_say_how_it_was_made_is_taken_with_a_note),
		at_home(another_kernel_may_come_as_a_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
