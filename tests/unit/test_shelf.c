/* SPDX-License-Identifier: BSD-2-Clause */
/* Many module files, asked for by name: whatever the order they came in, whoever asks. */
#include "home.h"

#include "base/walk.h"
#include "check/own.h"

#include <pthread.h>
#include <stdbool.h>

static bool collect(void *arg, const char *path)
{
	shelf_add(arg, path, TARGET_LINUX);
	return true;
}

static struct shelf *of_home(void)
{
	struct shelf *s = shelf_new();

	walk_files(home, shelf_takes, collect, s);
	return s;
}

static void expect(struct shelf *s, const char *name, const char *near, const char *end)
{
	AUTO_FREE char *from = near ? in_home(near) : NULL, *wanted = end ? in_home(end) : NULL;
	const char *got = shelf_find(s, TARGET_LINUX, name, from);

	if (!end)
		assert_null(got);
	else
		assert_string_equal(got ? got : "nothing", wanted);
}

static void modules_are_found_at_any_depth_however_they_are_compressed(void **state)
{
	struct shelf *s;

	(void)state;
	put("kernel/crypto/crc-t10dif.ko", "");
	put("kernel/fs/ext4/ext4.ko.xz", "");
	put("kernel/net/x.ko.zst", "");
	put("kernel/net/y.ko.gz", "");
	put("kernel/net/z.ko.debug", "");
	put("kernel/net/ko", "");
	s = of_home();
	expect(s, "crc_t10dif", NULL, "kernel/crypto/crc-t10dif.ko");
	expect(s, "ext4", NULL, "kernel/fs/ext4/ext4.ko.xz");
	expect(s, "x", NULL, "kernel/net/x.ko.zst");
	expect(s, "y", NULL, "kernel/net/y.ko.gz");
	expect(s, "z", NULL, NULL);
	assert_null(shelf_find(s, TARGET_FREEBSD, "x", NULL));
	shelf_free(s);
}

static void links_to_directories_are_not_followed_but_links_to_files_count(void **state)
{
	struct shelf *s;

	(void)state;
	put("elsewhere/deep/a.ko", "");
	put("m/b.ko", "");
	put_link("m/build", "../elsewhere");
	put_link("m/loop", ".");
	put_link("m/c.ko", "../elsewhere/deep/a.ko");
	put_link("m/gone.ko", "nowhere");
	s = shelf_new();
	AUTO_FREE char *m = in_home("m");
	walk_files(m, shelf_takes, collect, s);
	expect(s, "a", NULL, NULL);
	expect(s, "gone", NULL, NULL);
	expect(s, "b", NULL, "m/b.ko");
	expect(s, "c", NULL, "m/c.ko");
	shelf_free(s);
}

static void of_two_of_one_name_the_nearer_is_meant(void **state)
{
	struct shelf *s;

	(void)state;
	put("6.1/kernel/lib/a.ko", "");
	put("6.12/kernel/lib/a.ko", "");
	s = of_home();
	expect(s, "a", "6.1/kernel/net/b.ko", "6.1/kernel/lib/a.ko");
	expect(s, "a", "6.12/kernel/net/b.ko", "6.12/kernel/lib/a.ko");
	expect(s, "a", NULL, "6.1/kernel/lib/a.ko");
	shelf_free(s);
}

static void what_was_given_comes_before_the_targets_own(void **state)
{
	AUTO_FREE char *modules = in_home("own"), *mine = in_home("mine/a.ko");
	struct target t = {.os = TARGET_LINUX, .modules = modules};
	struct shelf *given = shelf_new();

	(void)state;
	put("own/a.ko", "");
	put("own/b.ko", "");
	put("mine/a.ko", "");
	shelf_add(given, mine, TARGET_LINUX);
	AUTO_FREE char *a = own_or_given_file(&t, given, NULL, "a");
	AUTO_FREE char *b = own_or_given_file(&t, given, NULL, "b");
	AUTO_FREE char *own = own_module_file(&t, "a");
	AUTO_FREE char *none = own_module_file(&t, "c");
	assert_string_equal(a, mine);
	assert_non_null(strstr(b, "/own/b.ko"));
	assert_non_null(strstr(own, "/own/a.ko"));
	assert_null(none);
	shelf_free(given);
}

static void *ask_a_thousand_times(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		AUTO_FREE char *name = xasprintf("m%d", i % 100);
		AUTO_FREE char *got = own_module_file(arg, name);

		if (!got)
			return arg;
	}
	return NULL;
}

static void several_threads_may_ask_at_once(void **state)
{
	AUTO_FREE char *modules = in_home("own");
	struct target t = {.os = TARGET_LINUX, .modules = modules};
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 100; i++) {
		AUTO_FREE char *name = xasprintf("own/%d/m%d.ko", i % 7, i);

		put(name, "");
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_a_thousand_times, &t), 0);
	for (int i = 0; i < 4; i++) {
		void *missing;

		pthread_join(threads[i], &missing);
		assert_null(missing);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(modules_are_found_at_any_depth_however_they_are_compressed),
		TEST(links_to_directories_are_not_followed_but_links_to_files_count),
		TEST(of_two_of_one_name_the_nearer_is_meant),
		TEST(what_was_given_comes_before_the_targets_own),
		TEST(several_threads_may_ask_at_once),
	};

	return cmocka_run_group_tests_name("shelf", tests, NULL, NULL);
}
