/* SPDX-License-Identifier: BSD-2-Clause */
/* Many modules on many targets: the table, what was found below it, and what does not depend on timing. */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"

#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define FINE                                                                                       \
	"static int __init i(void) { return 0; }\nstatic void __exit x(void) { }\n"                \
	"module_init(i); module_exit(x);\n"
#define REFUSES                                                                                    \
	"static int __init i(void) { return -ENODEV; }\nstatic void __exit x(void) { }\n"          \
	"module_init(i); module_exit(x);\n"
#define CRASHES                                                                                    \
	"static int __init i(void) { return *(volatile int *)8; }\n"                               \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"
#define SLOW                                                                                       \
	"static int __init i(void) { msleep(20000); return 0; }\n"                                 \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"

/* `text` with every time in it made the same. Caller frees. */
static char *without_times(const char *text)
{
	struct buf out = {0};
	regmatch_t m;
	regex_t time;

	assert_int_equal(regcomp(&time, "[0-9.]+ m?s\\>", REG_EXTENDED), 0);
	while (!regexec(&time, text, 1, &m, 0)) {
		buf_addf(&out, "%.*sT", (int)m.rm_so, text);
		text += m.rm_eo;
		/* What fills the column depends on the time's length. */
		while (*text == ' ')
			text++;
		if (*text != '\n')
			buf_adds(&out, " ");
	}
	buf_adds(&out, text);
	regfree(&time);
	return buf_take(&out);
}

static void expect_text(const struct outcome *o, int status, const char *wanted)
{
	AUTO_FREE char *text = without_times(o->out.data);

	if (o->status != status || strcmp(text, wanted))
		fail_msg("status %d:\n%s\n%s\nand not:\n%s", o->status, text, o->err.data, wanted);
}

static void a_module_on_two_targets_is_a_table(void **state)
{
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", hello, "-t", BOOKWORM, "-t", TRIXIE, NULL);

	(void)state;
	expect_text(&o, 0,
		"module  bookworm            trixie\n"
		"hello   pass T pass T\n"
		"\n2 passed, 0 failed, 0 in error, 0 skipped in T\n");
	lab_free(&o);
}

static void all_is_every_target_for_whose_system_there_is_source(void **state)
{
	AUTO_FREE char *dir = lab_module("fine", FINE);
	struct outcome o = lab_run("run", "--json", dir, "-t", "all", NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	assert_true(lab_trials(&o) >= 2);
	for (size_t i = 0; i < lab_trials(&o); i++)
		assert_string_equal(lab_trial_field(&o, i, "os"), "Linux");
	lab_free(&o);
	o = lab_run("run", "--json", dir, "-t", "debian:trix*", NULL);
	lab_expect(&o, 0, "pass");
	assert_int_equal(lab_trials(&o), 1);
	lab_free(&o);
}

static void passes_refusals_and_crashes_side_by_side_are_told_apart(void **state)
{
	AUTO_FREE char *fine = lab_module("fine", FINE), *refuses = lab_module("refuses", REFUSES),
		       *crashes = lab_module("crashes", CRASHES);
	AUTO_FREE char *first = NULL, *second = NULL;
	struct outcome o;

	(void)state;
	o = lab_run("run", "-j", "1", fine, refuses, crashes, "-t", "debian:*/cloud", NULL);
	first = without_times(o.out.data);
	assert_int_equal(o.status, 1);
	assert_int_equal(strncmp(first,
				 "module   bookworm            trixie\n"
				 "fine     pass T pass T\n"
				 "refuses  FAIL load T FAIL load T\n"
				 "crashes  FAIL crash T FAIL crash T\n\n",
				 120),
		0);
	assert_non_null(strstr(first, "\nrefuses on bookworm, trixie\n"));
	assert_non_null(strstr(first, "refuses's init returned -ENODEV"));
	assert_non_null(strstr(first, "\n2 passed, 4 failed, 0 in error, 0 skipped in T\n"));
	/* The same whatever runs beside it. */
	lab_free(&o);
	o = lab_run("run", "-j", "4", fine, refuses, crashes, "-t", "debian:*/cloud", NULL);
	second = without_times(o.out.data);
	assert_int_equal(strncmp(first, second, strstr(first, "\n\n") - first), 0);
	lab_free(&o);
}

static void verbose_tells_each_trials_story_in_order(void **state)
{
	AUTO_FREE char *a = lab_module("first", FINE), *b = lab_module("second", FINE);
	struct outcome o = lab_run("run", "-v", "-j", "2", "-t", BOOKWORM, a, b, NULL);
	const char *one = strstr(o.out.data, "PASS  first on"),
		   *two = strstr(o.out.data, "second  on " BOOKWORM);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_true(one && two && one < two);
	assert_non_null(strstr(two, "  load "));
	lab_free(&o);
}

/* Copies some of the target's own modules, dependencies left out, into a new directory. Caller frees. */
static char *some_of_the_kernels(const char *target)
{
	AUTO_FREE char *data = path_data_dir(), *flat = path_flatten(target);
	char *dir = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"mkdir -p '%s/deep/er' && cd '%s'/trees/%s/root/lib/modules/*/kernel && "
		"cp lib/crc7.ko* lib/crc-itu-t.ko* lib/math/cordic.ko* '%s' && "
		"cp lib/libcrc32c.ko* lib/lru_cache.ko* net/netfilter/nf_conntrack.ko* '%s/deep/er'",
		dir, data, flat, dir, dir);

	assert_int_equal(system(command), 0);
	return dir;
}

static void a_directory_of_modules_finds_what_they_need_in_the_kernel(void **state)
{
	AUTO_FREE char *dir = some_of_the_kernels(BOOKWORM);
	struct outcome o = lab_run("run", "-t", BOOKWORM, dir, NULL);

	(void)state;
	expect_text(&o, 0,
		"module        debian:bookworm\n"
		"cordic        pass T\n"
		"crc_itu_t     pass T\n"
		"crc7          pass T\n"
		"libcrc32c     pass T\n"
		"lru_cache     pass T\n"
		"nf_conntrack  pass T\n"
		"\n6 passed, 0 failed, 0 in error, 0 skipped in T\n");
	lab_free(&o);
}

static void a_module_finds_what_it_needs_among_those_given(void **state)
{
	AUTO_FREE char *kos = lab_pair();
	struct outcome o;

	(void)state;
	o = lab_run("run", "--json", "-t", BOOKWORM, kos, NULL);
	lab_expect(&o, 0, "pass");
	assert_int_equal(lab_trials(&o), 2);
	assert_string_equal(lab_trial_field(&o, 1, "module"), "taker");
	assert_string_equal(lab_trial_field(&o, 1, "verdict"), "pass");
	lab_free(&o);
}

static void a_sweep_interrupted_leaves_nothing_and_shows_what_it_had(void **state)
{
	AUTO_FREE char *fine = lab_module("fine", FINE), *slow = lab_module("slow", SLOW),
		       *also = lab_module("also_slow", SLOW), *said = lab_dir();
	AUTO_FREE char *file = xasprintf("%s/said", said);
	AUTO_FREE char *command =
		xasprintf("exec \"$KMODLAB\" run -j 2 -t '" BOOKWORM "' '%s' '%s' '%s' >'%s' 2>&1",
			fine, slow, also, file);
	AUTO_BUF struct buf text = {0};
	pid_t pid, machines[8];
	int64_t began;
	int n = 0;

	(void)state;
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	for (began = clock_us(); clock_us() - began < 120000000; usleep(20000)) {
		buf_free(&text);
		if (!path_read(file, 100000, &text) && text.len && strstr(text.data, "pass"))
			break;
	}
	for (int i = 0; i < 1500 && !(n = lab_machines_of(pid, machines, 8)); i++)
		usleep(20000);
	assert_true(n > 0);
	began = clock_us();
	kill(pid, SIGINT);
	assert_int_equal(lab_end(pid), 128 + SIGINT);
	assert_true(clock_us() - began < 15000000);
	for (int i = 0; i < n; i++)
		assert_int_equal(kill(machines[i], 0), -1);
	buf_free(&text);
	assert_int_equal(path_read(file, 100000, &text), 0);
	assert_non_null(strstr(text.data, "interrupted: 1 of 3 trials were run"));
	assert_non_null(strstr(text.data, "1 passed, 0 failed, 0 in error, 0 skipped"));
	assert_int_equal(lab_machines_left(), 0);
}

static void json_of_many_is_one_object_in_order(void **state)
{
	AUTO_FREE char *fine = lab_module("fine", FINE), *refuses = lab_module("refuses", REFUSES);
	struct outcome o = lab_run(
		"run", "--json", "-j", "4", "-t", BOOKWORM, "-t", TRIXIE, fine, refuses, NULL);
	static const char *const wanted[][2] = {
		{"fine", "pass"}, {"fine", "pass"}, {"refuses", "load"}, {"refuses", "load"}};
	struct json_object *failed;

	(void)state;
	assert_int_equal(o.status, 1);
	assert_int_equal(lab_trials(&o), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(lab_trial_field(&o, i, "module"), wanted[i][0]);
		assert_string_equal(lab_trial_field(&o, i, "verdict"), wanted[i][1]);
	}
	assert_true(json_object_object_get_ex(o.json, "failed", &failed));
	assert_int_equal(json_object_get_int(failed), 2);
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_on_two_targets_is_a_table),
		cmocka_unit_test(all_is_every_target_for_whose_system_there_is_source),
		cmocka_unit_test(passes_refusals_and_crashes_side_by_side_are_told_apart),
		cmocka_unit_test(verbose_tells_each_trials_story_in_order),
		cmocka_unit_test(a_directory_of_modules_finds_what_they_need_in_the_kernel),
		cmocka_unit_test(a_module_finds_what_it_needs_among_those_given),
		cmocka_unit_test(a_sweep_interrupted_leaves_nothing_and_shows_what_it_had),
		cmocka_unit_test(json_of_many_is_one_object_in_order),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL);
}
