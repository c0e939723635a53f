/* SPDX-License-Identifier: BSD-2-Clause */
/* What may stand in a kmodlab.ini, what it comes to, and what is said of what may not. */
#include "home.h"

#include "trial/config.h"
#include "trial/trial.h"
#include "trial/wanted.h"

static struct config parse(const char *text)
{
	struct error err = {{0}};
	struct config c;

	if (config_parse("kmodlab.ini", text, strlen(text), &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static void refused(const char *text, const char *words)
{
	struct error err = {{0}};
	struct config c;

	assert_int_equal(config_parse("kmodlab.ini", text, strlen(text), &c, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	config_free(&c);
}

static void each_key_goes_where_it_belongs(void **state)
{
	struct config c = parse(
		"[run]\nexercise = auto\nseed = 0x10\nexercise-timeout = 1.5\ncycles = 3\ntimeout = 2\n"
		"build-timeout = 60\nboot-timeout = 0.5\nmemory = 512\ncpus = 4\nstrict = yes\n"
		"[check]\nmax-frame = 1024\nmax-stack = 4096\n");
	struct trial_options o = {0};

	(void)state;
	config_apply(&c, TARGET_LINUX, &o);
	assert_int_equal(o.exercise, EXERCISE_AUTO);
	assert_int_equal(o.seed, 16);
	assert_int_equal(o.exercise_timeout_ms, 1500);
	assert_int_equal(o.cycles, 3);
	assert_int_equal(o.call_timeout_ms, 2000);
	assert_int_equal(o.build_timeout_ms, 60000);
	assert_int_equal(o.boot_timeout_ms, 500);
	assert_int_equal(o.memory_mib, 512);
	assert_int_equal(o.cpus, 4);
	assert_true(o.strict);
	assert_int_equal(o.limits.frame, 1024);
	assert_int_equal(o.limits.chain, 4096);
	assert_ptr_equal(o.config, &c);
	config_free(&c);
}

static void what_is_said_of_one_system_overrules_what_is_said_of_all(void **state)
{
	struct config c = parse("[run.freebsd]\ntimeout = 9\n[run]\ntimeout = 5\ncpus = 1\n");
	struct trial_options linux_ = {0}, freebsd = {0};

	(void)state;
	config_apply(&c, TARGET_LINUX, &linux_);
	config_apply(&c, TARGET_FREEBSD, &freebsd);
	assert_int_equal(linux_.call_timeout_ms, 5000);
	assert_int_equal(freebsd.call_timeout_ms, 9000);
	assert_int_equal(freebsd.cpus, 1);
	config_free(&c);
}

static void what_was_typed_overrules_the_file(void **state)
{
	struct config c = parse("[run]\ntimeout = 5\ncpus = 1\nparameter = count=3\n"
				"parameter = name=x\n");
	AUTO_STRV struct strv typed = {0}, params = {0};
	struct trial_options o = {.call_timeout_ms = 1, .typed = &typed};
	char *const words[] = {"count=7", NULL};

	(void)state;
	strv_add(&typed, "timeout");
	config_apply(&c, TARGET_LINUX, &o);
	assert_int_equal(o.call_timeout_ms, 1);
	assert_int_equal(o.cpus, 1);
	config_params(&c, TARGET_LINUX, words, &params);
	assert_int_equal(params.n, 2);
	assert_string_equal(params.v[0], "name=x");
	assert_string_equal(params.v[1], "count=7");
	config_free(&c);
}

static void targets_come_with_the_line_that_names_them(void **state)
{
	struct config c = parse("; mine\n[run]\n\ttarget = debian:bookworm , freebsd:*\n"
				"[run.linux]\ntarget = host ; this one too\n");
	AUTO_STRV struct strv of_linux = {0}, of_freebsd = {0};

	(void)state;
	config_targets(&c, TARGET_LINUX, &of_linux);
	config_targets(&c, TARGET_FREEBSD, &of_freebsd);
	assert_int_equal(of_linux.n, 6);
	assert_string_equal(of_linux.v[0], "kmodlab.ini:3");
	assert_string_equal(of_linux.v[1], "debian:bookworm");
	assert_string_equal(of_linux.v[3], "freebsd:*");
	assert_string_equal(of_linux.v[4], "kmodlab.ini:5");
	assert_string_equal(of_linux.v[5], "host");
	assert_int_equal(of_freebsd.n, 4);
	config_free(&c);
}

static void keys_may_be_indented(void **state)
{
	struct config c = parse("[run]\r\n  timeout = 5\r\n  cpus = 1\r\n");

	(void)state;
	assert_int_equal(c.n, 2);
	assert_int_equal(c.entries[1].line, 3);
	assert_string_equal(c.entries[1].text, "1");
	config_free(&c);
}

static void an_unknown_name_is_refused_with_the_nearest(void **state)
{
	(void)state;
	refused("[run]\ncpus = 1\ntimout = 3\n",
		"kmodlab.ini:3: [run] has no key 'timout'; did you mean 'timeout'?");
	refused("[run]\ncolour = red\n", "[run] has no key 'colour'; see man kmodlab");
	refused("[rnu]\n", "kmodlab.ini:1: there is no section [rnu]; did you mean [run]?");
	refused("[run]\n[exercises]\n",
		"kmodlab.ini:2: there is no section [exercises]; there are");
	refused("[run.linus]\ncpus = 1\n", "did you mean [run.linux]?");
	refused("[check.linux]\n", "there is no section [check.linux]");
	refused("[run]\nmax-frame = 100\n", "kmodlab.ini:2: max-frame belongs into [check]");
	refused("\n\ntimeout = 3\n", "kmodlab.ini:3: 'timeout' stands before any section");
	refused("[run]\nsilence = kernel-warming\n",
		"kmodlab.ini:2: there is no rule 'kernel-warming'; did you mean 'kernel-warning'? kmodlab explain lists them");
	refused("[expect]\nfinding = kernel-warming@3\n", "did you mean 'kernel-warning'");
}

static void a_bad_value_is_refused_in_a_sentence(void **state)
{
	(void)state;
	refused("[run]\ntimeout = soon\n",
		"kmodlab.ini:2: timeout is a number of seconds from 0.1 to 86400, and not 'soon'");
	refused("[run]\ntimeout = nan\n", "a number of seconds");
	refused("[run]\ncpus = 0\n", "cpus is a whole number from 1 to 64, and not '0'");
	refused("[run]\ncpus = -1\n", "and not '-1'");
	refused("[run]\nmemory = 1g\n", "memory is a whole number from 64 to 65536, and not '1g'");
	refused("[run]\nseed = x\n", "seed is a whole number, and not 'x'");
	refused("[run]\nexercise = all\n", "exercise is tests, auto or none, and not 'all'");
	refused("[run]\nstrict = 1\n", "strict is yes or no, and not '1'");
	refused("[run]\ntarget = a,,b\n", "target has nothing before or behind a comma");
	refused("[run]\nparameter = count\n", "a parameter is NAME=VALUE");
	refused("[run]\nparameter = a=\"b\"\n", "without double quotes");
	refused("[run]\ntimeout =\n", "timeout has no value");
	refused("[expect]\nfinding = kernel-warning@here\n", "'here' is no place");
	refused("[expect]\nfinding = kernel-warning@:3\n", "':3' is no place");
	refused("[run]\ntimeout = 3\ntimeout = 4\n",
		"kmodlab.ini:3: timeout stands in line 2 already");
	refused("[run]\ntimeout\n", "kmodlab.ini:2: the line is neither [SECTION] nor KEY = VALUE");
	refused("[run\n", "kmodlab.ini:1: the line is neither");
}

static void a_line_that_inih_would_cut_is_refused(void **state)
{
	char text[400] = "[expect]\nlog = ";

	(void)state;
	memset(text + strlen(text), 'x', 250);
	refused(text, "kmodlab.ini:2: the line is longer than 190 characters");
}

static void it_is_looked_for_beside_the_source_and_above_linux_and_freebsd(void **state)
{
	AUTO_FREE char *both = in_home("both"), *linux_ = in_home("both/linux");
	struct config c;
	struct error err;

	(void)state;
	put("both/linux/Makefile", "obj-m += both.o\n");
	put("both/freebsd/Makefile", "KMOD=both\nSRCS=both.c\n.include <bsd.kmod.mk>\n");
	assert_int_equal(config_read(both, TARGET_LINUX, &c, &err), -ENOENT);
	put("both/kmodlab.ini", "[run]\ncpus = 1\n");
	assert_int_equal(config_read(linux_, TARGET_LINUX, &c, &err), 0);
	assert_non_null(strstr(c.path, "both/kmodlab.ini"));
	config_free(&c);
	put("both/linux/kmodlab.ini", "[run]\ncpus = 2\n");
	assert_int_equal(config_read(both, TARGET_LINUX, &c, &err), 0);
	assert_string_equal(c.entries[0].text, "2");
	config_free(&c);
	assert_int_equal(config_read(both, TARGET_FREEBSD, &c, &err), 0);
	assert_string_equal(c.entries[0].text, "1");
	config_free(&c);
}

static void one_that_cannot_be_read_is_refused(void **state)
{
	AUTO_FREE char *dir = in_home("odd"), *file = in_home("odd/kmodlab.ini");
	struct config c;
	struct error err;

	(void)state;
	put("odd/Makefile", "obj-m += odd.o\n");
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(config_read(dir, TARGET_LINUX, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "odd/kmodlab.ini is a directory"));
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(symlink("nowhere", file), 0);
	assert_int_equal(config_read(dir, TARGET_LINUX, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "odd/kmodlab.ini is a symbolic link to nothing"));
	assert_int_equal(unlink(file), 0);
	put("odd/kmodlab.ini", "[run]\n");
	assert_int_equal(chmod(file, 0), 0);
	/* root reads it all the same. */
	if (access(file, R_OK)) {
		assert_int_equal(config_read(dir, TARGET_LINUX, &c, &err), -EINVAL);
		assert_non_null(strstr(err.text, "cannot read "));
		assert_non_null(strstr(err.text, "Permission denied"));
	}
	unlink(file);
}

/* ---- what is wanted ---- */

static void find(struct findings *all, const char *rule, unsigned line)
{
	struct finding *f =
		finding_add(all, rule, SEVERITY_ERROR, CLASS_BUG, xstrdup("found"), NULL);

	f->file = xstrdup("/src/hello/hello.c");
	f->line = line;
}

/* Judges by `text`, a target of this name, with these findings and one line of log: "hello: ready". */
static void judge(const char *text, const char *target, bool ran, struct findings *all)
{
	struct config c = parse(text);
	struct record line = {.text = "hello: ready"};
	struct run run = {.ncalls = ran, .log = &line, .nlog = ran};
	struct target t = {.name = (char *)target, .os = TARGET_LINUX};

	wanted_judge(&c, &t, &run, all);
	config_free(&c);
}

static void what_is_expected_and_found_does_not_count(void **state)
{
	struct findings all = {0};

	(void)state;
	find(&all, "list-corruption", 42);
	judge("[expect]\nfinding = list-corruption@hello.c:42\n", "host", true, &all);
	assert_int_equal(all.n, 1);
	assert_true(all.items[0].expected);
	assert_int_equal(findings_worst(&all), CLASS_PASS);
	findings_free(&all);
}

static void what_is_expected_and_not_found_is_a_finding(void **state)
{
	struct findings all = {0};

	(void)state;
	find(&all, "list-corruption", 40);
	judge("[expect]\nfinding = list-corruption@42\n", "host", true, &all);
	assert_int_equal(all.n, 2);
	assert_false(all.items[0].silenced);
	assert_string_equal(all.items[1].rule, "finding-missing");
	assert_string_equal(all.items[1].file, "kmodlab.ini");
	assert_int_equal(all.items[1].line, 2);
	assert_non_null(strstr(all.items[1].message, "but at hello.c:40"));
	findings_free(&all);
}

static void nothing_is_missed_of_a_module_that_never_ran(void **state)
{
	struct findings all = {0};

	(void)state;
	judge("[expect]\nfinding = list-corruption\nlog = x\n", "host", false, &all);
	assert_int_equal(all.n, 0);
}

static void nothing_is_missed_that_the_kernel_cannot_see(void **state)
{
	struct findings all = {0};

	(void)state;
	judge("[expect]\nfinding = data-race\n", "debian:bookworm/debug", true, &all);
	assert_int_equal(all.n, 0);
	judge("[expect]\nfinding = data-race\n", "debian:bookworm/race", true, &all);
	assert_int_equal(all.n, 1);
	judge("[expect.freebsd]\nfinding = null-dereference\n", "host", true, &all);
	assert_int_equal(all.n, 1);
	findings_free(&all);
}

static void lines_of_the_log_are_looked_for(void **state)
{
	struct findings all = {0};

	(void)state;
	judge("[expect]\nlog = : ready\nlog-not = fail\n", "host", true, &all);
	assert_int_equal(all.n, 0);
	judge("[expect]\nlog = steady\nlog-not = ready\n", "host", true, &all);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.items[0].rule, "log-missing");
	assert_int_equal(all.items[0].line, 2);
	assert_string_equal(all.items[1].rule, "log-unwanted");
	assert_string_equal(all.items[1].excerpt, "hello: ready");
	assert_int_equal(findings_worst(&all), CLASS_TEST);
	findings_free(&all);
}

static void its_rules_are_silenced(void **state)
{
	struct findings all = {0};

	(void)state;
	find(&all, "list-corruption", 1);
	find(&all, "kernel-warning", 1);
	find(&all, "use-after-free", 1);
	judge("[run]\nsilence = list-corruption, kernel-warning\n", "host", true, &all);
	assert_true(all.items[0].silenced);
	assert_true(all.items[1].silenced);
	assert_false(all.items[1].expected);
	assert_false(all.items[2].silenced);
	findings_free(&all);
}

static void the_man_page_has_every_key(void **state)
{
	AUTO_BUF struct buf page = {0}, keys = {0};

	(void)state;
	assert_int_equal(path_read(SOURCE "/doc/kmodlab.1.scd", 1 << 20, &page), 0);
	config_describe(&keys);
	if (!strstr(page.data, keys.data))
		fail_msg("doc/kmodlab.1.scd, CONFIGURATION, does not have:\n%s", keys.data);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_key_goes_where_it_belongs),
		TEST(what_is_said_of_one_system_overrules_what_is_said_of_all),
		TEST(what_was_typed_overrules_the_file),
		TEST(targets_come_with_the_line_that_names_them),
		TEST(keys_may_be_indented),
		TEST(an_unknown_name_is_refused_with_the_nearest),
		TEST(a_bad_value_is_refused_in_a_sentence),
		TEST(a_line_that_inih_would_cut_is_refused),
		TEST(it_is_looked_for_beside_the_source_and_above_linux_and_freebsd),
		TEST(one_that_cannot_be_read_is_refused),
		TEST(what_is_expected_and_found_does_not_count),
		TEST(what_is_expected_and_not_found_is_a_finding),
		TEST(nothing_is_missed_of_a_module_that_never_ran),
		TEST(nothing_is_missed_that_the_kernel_cannot_see),
		TEST(lines_of_the_log_are_looked_for),
		TEST(its_rules_are_silenced),
		TEST(the_man_page_has_every_key),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
