/* SPDX-License-Identifier: BSD-2-Clause */
/* Every kind of module that `kmodlab new` makes builds, passes run and check as it is, and its own test with it. */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

static const char *const kinds[] = {"hello", "chardev", "sysctl-proc"};

#define NKINDS (sizeof kinds / sizeof *kinds)

static char *top; /* holds a new module of each kind, made by the program */

static int make_all(void **state)
{
	(void)state;
	top = lab_dir();
	for (size_t i = 0; i < NKINDS; i++) {
		AUTO_FREE char *dir = xasprintf("%s/my-%s", top, kinds[i]);
		struct outcome o = lab_run("new", "--kind", kinds[i], dir, NULL);

		if (o.status)
			fail_msg("%s", o.err.data);
		assert_non_null(strstr(o.out.data, "linux/Makefile"));
		lab_free(&o);
	}
	return 0;
}

static int forget(void **state)
{
	(void)state;
	free(top);
	return 0;
}

/* No word about any of the trials; but FreeBSD's tests need more of a release than a target may have been made of. */
static void expect_nothing_found(const struct outcome *o)
{
	bool base = getenv("KMODLAB_FREEBSD_BASE") && *getenv("KMODLAB_FREEBSD_BASE");
	struct json_object *trials, *findings;

	assert_true(json_object_object_get_ex(o->json, "trials", &trials));
	for (size_t i = 0; i < json_object_array_length(trials); i++) {
		struct json_object *t = json_object_array_get_idx(trials, i);

		assert_true(json_object_object_get_ex(t, "findings", &findings));
		for (size_t k = 0; k < json_object_array_length(findings); k++) {
			struct json_object *f = json_object_array_get_idx(findings, k);

			if (base || strcmp(lab_string(f, "rule"), "test-skipped"))
				fail_msg("%s: %s", lab_string(t, "module"),
					lab_string(f, "message"));
		}
	}
}

static void expect_passed(const struct outcome *o, size_t trials)
{
	assert_int_equal(lab_trials(o), trials);
	for (size_t i = 0; i < trials; i++)
		if (strcmp(lab_trial_field(o, i, "verdict"), "pass"))
			fail_msg("%s", o->out.data);
	assert_int_equal(o->status, 0);
	expect_nothing_found(o);
}

static void every_kind_passes_on_linux(void **state)
{
	struct outcome o =
		lab_run("run", "--json", "--strict", "--exercise=auto", "-t", BOOKWORM, top, NULL);

	(void)state;
	expect_passed(&o, NKINDS);
	/* By the order of their names. */
	assert_string_equal(lab_trial_field(&o, 0, "module"), "my-chardev");
	assert_non_null(strstr(o.out.data, "128 records from 4 threads, each read once"));
	assert_non_null(strstr(o.out.data, "200 words from 4 threads"));
	assert_non_null(strstr(o.out.data, "my_hello is live"));
	lab_free(&o);
	o = lab_run("check", "--json", "--strict", "-t", BOOKWORM, top, NULL);
	expect_passed(&o, NKINDS);
	lab_free(&o);
}

static void every_kind_passes_on_freebsd(void **state)
{
	const char *freebsd = getenv("KMODLAB_FREEBSD");
	struct outcome o;

	(void)state;
	if (!freebsd || !*freebsd)
		skip();
	o = lab_run("run", "--json", "--strict", "--exercise=auto", "-t", freebsd, top, NULL);
	expect_passed(&o, NKINDS);
	if (getenv("KMODLAB_FREEBSD_BASE") && *getenv("KMODLAB_FREEBSD_BASE"))
		assert_non_null(strstr(o.out.data, "128 records from 4 threads, each read once"));
	lab_free(&o);
	o = lab_run("check", "--json", "--strict", "-t", freebsd, top, NULL);
	expect_passed(&o, NKINDS);
	lab_free(&o);
}

static void a_module_for_one_system_passes_in_a_directory_of_its_own(void **state)
{
	AUTO_FREE char *parent = lab_dir(), *dir = xasprintf("%s/only", parent);
	struct outcome o = lab_run("new", "--linux", "--license", "gpl", dir, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	lab_free(&o);
	o = lab_run("run", "--json", "--strict", "-t", BOOKWORM, dir, NULL);
	expect_passed(&o, 1);
	assert_string_equal(lab_field(&o, "os"), "Linux");
	lab_free(&o);
}

static void what_is_there_is_not_written_over(void **state)
{
	AUTO_FREE char *parent = lab_dir(), *dir = xasprintf("%s/mine", parent);
	AUTO_FREE char *file = xasprintf("%s/README.md", dir);
	AUTO_BUF struct buf text = {0};
	struct error err;
	struct outcome o;

	(void)state;
	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "README.md", "%s", "mine\n");
	o = lab_run("new", dir, NULL);
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "nothing is written over"));
	lab_free(&o);
	assert_int_equal(path_read(file, 4096, &text), 0);
	assert_string_equal(text.data, "mine\n");
}

static void what_it_does_not_know_is_refused_with_the_nearest(void **state)
{
	AUTO_FREE char *parent = lab_dir(), *dir = xasprintf("%s/x", parent);
	struct outcome o = lab_run("new", "--kind", "chrdev", dir, NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "did you mean 'chardev'"));
	assert_int_equal(access(dir, F_OK), -1);
	lab_free(&o);
}

/* ---- --shard ---- */

static void shards_together_run_every_trial_once_and_say_which_they_are(void **state)
{
	unsigned seen[NKINDS] = {0};

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		AUTO_FREE char *shard = xasprintf("%u/2", i);
		AUTO_FREE char *told = xasprintf("shard %s: %u of 3 trials", shard, 3 - i);
		struct outcome o =
			lab_run("check", "--json", "-t", BOOKWORM, "--shard", shard, top, NULL);
		struct json_object *number;

		expect_passed(&o, 3 - i);
		assert_true(json_object_object_get_ex(o.json, "shard", &number));
		assert_int_equal(json_object_get_int(number), i);
		assert_true(json_object_object_get_ex(o.json, "shards", &number));
		assert_int_equal(json_object_get_int(number), 2);
		for (size_t t = 0; t < lab_trials(&o); t++)
			for (size_t k = 0; k < NKINDS; k++)
				seen[k] += !strcmp(lab_trial_field(&o, t, "module") + 3, kinds[k]);
		lab_free(&o);
		o = lab_run("check", "-t", BOOKWORM, "--shard", shard, top, NULL);
		assert_non_null(strstr(o.out.data, told));
		lab_free(&o);
	}
	for (size_t k = 0; k < NKINDS; k++)
		assert_int_equal(seen[k], 1);
}

static void a_shard_without_a_trial_passes(void **state)
{
	AUTO_FREE char *source = xasprintf("%s/examples/hello/linux", lab_source());
	struct outcome o = lab_run("run", "-t", BOOKWORM, "--shard", "2/2", source, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out.data, "shard 2/2: 0 of 1 trials\n");
	lab_free(&o);
	o = lab_run("run", "-t", BOOKWORM, "--shard", "5/4", source, NULL);
	assert_int_equal(o.status, 2);
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_passes_on_linux),
		cmocka_unit_test(every_kind_passes_on_freebsd),
		cmocka_unit_test(a_module_for_one_system_passes_in_a_directory_of_its_own),
		cmocka_unit_test(what_is_there_is_not_written_over),
		cmocka_unit_test(what_it_does_not_know_is_refused_with_the_nearest),
		cmocka_unit_test(shards_together_run_every_trial_once_and_say_which_they_are),
		cmocka_unit_test(a_shard_without_a_trial_passes),
	};

	return cmocka_run_group_tests_name("new", tests, make_all, forget);
}
