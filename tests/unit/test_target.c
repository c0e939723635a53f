/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets without a network and without a machine: their names, the registry's files, and what
 * becomes of an add in every way it can end.
 */
#include "unit.h"

#include "home.h"

#include "base/lock.h"
#include "target/registry.h"

static void assert_name(const char *typed, const char *full)
{
	struct error err = {{0}};
	AUTO_FREE char *name = target_full_name(typed, &err);

	if (!name)
		fail_msg("%s: %s", typed, err.text);
	assert_string_equal(name, full);
}

static void assert_no_name(const char *typed, const char *words)
{
	struct error err = {{0}};

	assert_null(target_full_name(typed, &err));
	assert_says(err, words);
}

static void a_suite_alone_means_its_cloud_kernel(void **state)
{
	(void)state;
	assert_name("debian:bookworm", "debian:bookworm/cloud");
	assert_name("debian:bookworm/cloud", "debian:bookworm/cloud");
	assert_name("debian:sid/rt", "debian:sid/rt");
	assert_name("host", "host");
}

static void a_mistyped_name_is_answered_with_the_nearest(void **state)
{
	(void)state;
	assert_no_name("debian:bookwrom", "did you mean bookworm?");
	assert_no_name("debian:Trixie", "did you mean trixie?");
	assert_no_name("debian:trixie/clod", "did you mean cloud?");
	assert_no_name("debian:12", "did you mean bookworm?");
	assert_no_name("deban:sid", "did you mean debian:sid?");
	assert_no_name("trixie", "did you mean debian:trixie?");
	assert_no_name("hots", "did you mean host?");
}

static void what_is_no_target_is_answered_with_what_there_is(void **state)
{
	(void)state;
	assert_no_name("", "debian:SUITE[/FLAVOUR]");
	assert_no_name("windows:11", "tree:DIR");
	assert_no_name("debian:", "bullseye, bookworm");
	assert_no_name("debian:jammy", "there are bullseye");
	assert_no_name("debian:sid/", "which flavour");
	assert_no_name("debian:sid/cloud/x", "cloud, amd64, rt");
	assert_no_name("host:x", "nothing goes after");
	assert_no_name("tree:", "build directory");
	assert_no_name("tree:/no/such/place", "/no/such/place");
}

static void a_tree_is_named_by_its_real_path(void **state)
{
	AUTO_FREE char *real = NULL, *typed = NULL, *full = NULL;

	(void)state;
	put("linux/Makefile", "");
	put_link("link", "linux");
	real = in_home("linux");
	typed = xasprintf("tree:%s/link/../link", home);
	full = xasprintf("tree:%s", real);
	assert_name(typed, full);
}

static void a_slip_of_the_finger_is_near_and_another_word_is_not(void **state)
{
	static const char *const words[] = {"add", "list", "show", "remove", NULL};

	(void)state;
	assert_string_equal(nearest_word("lsit", words), "list");
	assert_string_equal(nearest_word("ad", words), "add");
	assert_string_equal(nearest_word("REMOVE", words), "remove");
	assert_string_equal(nearest_word("remov", words), "remove");
	assert_null(nearest_word("delete", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word("", words));
}

static void names_that_differ_have_files_that_differ(void **state)
{
	AUTO_FREE char *a = target_flat_name("tree:/a/b-c"), *b = target_flat_name("tree:/a/b/c");
	AUTO_BUF struct buf name = {0};
	AUTO_FREE char *longest = NULL;

	(void)state;
	assert_string_not_equal(a, b);
	assert_null(strchr(a, '/'));
	buf_adds(&name, "tree:");
	for (int i = 0; i < 400; i++)
		buf_adds(&name, "/directory");
	longest = target_flat_name(name.data);
	assert_true(strlen(longest) < 200);
}

static struct target sample(const char *name, const char *added)
{
	return (struct target){
		.name = (char *)name,
		.arch = (char *)"x86_64",
		.release = (char *)"6.1.0-38-cloud-amd64",
		.kernel = (char *)"/bin/sh",
		.root = (char *)"/",
		.build = (char *)"/usr",
		.added = (char *)added,
	};
}

static void a_registered_target_is_read_back_as_it_was_written(void **state)
{
	AUTO_BUF struct buf path = {0}, text = {0};
	struct target t = sample("debian:sid/rt", "2026-11-22T13:05:00Z"), back;
	unsigned long long bytes;
	struct error err;

	(void)state;
	buf_adds(&path, "/odd ; name = # [x] 100% \xc3\xa9");
	for (int i = 0; i < 100; i++)
		buf_addf(&path, "/part %d", i);
	buf_adds(&path, "/end ");
	t.kernel = path.data;
	t.symbols = (char *)"/s";
	t.note = (char *)"its index was old; it was taken";
	registry_format(&t, 12345678, &text);
	assert_int_equal(registry_parse(text.data, &back, &bytes, &err), 0);
	assert_string_equal(back.kernel, path.data);
	assert_string_equal(back.name, t.name);
	assert_string_equal(back.release, t.release);
	assert_string_equal(back.note, t.note);
	assert_string_equal(back.symbols, "/s");
	assert_null(back.modules);
	assert_int_equal(bytes, 12345678);
	target_free(&back);
}

static void keys_of_a_newer_kmodlab_are_left_alone(void **state)
{
	struct target t = sample("debian:sid/rt", "2026"), back;
	AUTO_BUF struct buf text = {0};
	unsigned long long bytes;
	struct error err;

	(void)state;
	registry_format(&t, 0, &text);
	buf_adds(&text, "firmware = /x\n[other]\nname = y\n");
	assert_int_equal(registry_parse(text.data, &back, &bytes, &err), 0);
	assert_string_equal(back.name, "debian:sid/rt");
	target_free(&back);
}

static void assert_damaged(const char *text, const char *words)
{
	AUTO_FREE char *file = in_home("data/kmodlab/targets/debian-sid-rt.ini");
	struct targets all;
	struct error err;

	put("data/kmodlab/targets/debian-sid-rt.ini", text);
	assert_int_equal(targets_load(&all, &err), -EINVAL);
	assert_says(err, file);
	assert_says(err, words);
}

static void a_damaged_file_is_named_with_what_to_do(void **state)
{
	static const char whole[] = "[target]\nname = debian:sid/rt\nos = Linux\narch = x86_64\n"
				    "release = 1\nroot = /\nbuild = /b\nadded = 2026\n";
	AUTO_FREE char *text = NULL, *os = NULL, *huge = xcalloc(1, REGISTRY_FILE_MAX + 2);

	(void)state;
	assert_damaged(whole, "it has no `kernel`; `kmodlab target remove debian:sid/rt`");
	text = xasprintf("%skernel = vmlinuz\n", whole);
	assert_damaged(text, "`kernel` is not an absolute path");
	free(text);
	text = xasprintf("%skernel = /%%0\n", whole);
	assert_damaged(text, "`kernel` is damaged");
	free(text);
	text = xasprintf("%skernel = /a%%0ab\n", whole);
	assert_damaged(text, "`kernel` is damaged");
	free(text);
	text = xasprintf("%skernel = /k\nwhat is this\n", whole);
	assert_damaged(text, "line 10");
	os = xstrdup(
		"[target]\nname = debian:sid/rt\nos = Minix\narch = x\nrelease = 1\nkernel = /k\n"
		"root = /\nbuild = /b\nadded = 2026\n");
	assert_damaged(os, "Minix");
	assert_damaged("", "remove that file");
	assert_damaged("[target]\nname = debian:sid/amd64\nos = Linux\narch = x\nrelease = 1\n"
		       "kernel = /k\nroot = /\nbuild = /b\nadded = 2026\n",
		"describes debian:sid/amd64");
	memset(huge, '#', REGISTRY_FILE_MAX + 1);
	assert_damaged(huge, "larger than 64 KiB");
}

static void a_damaged_target_can_be_removed(void **state)
{
	struct targets all;
	struct error err;

	(void)state;
	put("data/kmodlab/targets/debian-sid-rt.ini", "[target]\nname = debian:sid/rt\n");
	put("data/kmodlab/trees/debian-sid-rt/root/x", "");
	assert_int_equal(target_remove("debian:sid/rt", &err), 0);
	assert_false(exists("data/kmodlab/trees/debian-sid-rt"));
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 0);
	assert_int_equal(target_remove("debian:sid/rt", &err), -ENOENT);
}

static void targets_come_oldest_first_and_none_is_no_error(void **state)
{
	static const char *const samples[][2] = {{"debian:trixie/cloud", "2026-11-22T13:05:01Z"},
		{"debian:sid/cloud", "2026-11-22T13:05:02Z"},
		{"debian:bookworm/cloud", "2026-11-22T13:05:02Z"}};
	struct targets all;
	struct error err;

	(void)state;
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 0);
	for (size_t i = 0; i < 3; i++) {
		struct target t = sample(samples[i][0], samples[i][1]);

		assert_int_equal(registry_write(&t, i, &err), 0);
	}
	put("data/kmodlab/targets/notes.txt", "not one of ours");
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.items[0].name, "debian:trixie/cloud");
	assert_string_equal(all.items[1].name, "debian:bookworm/cloud");
	assert_string_equal(all.items[2].name, "debian:sid/cloud");
	assert_int_equal(target_disk_bytes("debian:sid/cloud"), 1);
	targets_free(&all);
}

static void a_target_is_found_by_what_was_typed_or_told_how_to_add(void **state)
{
	struct target t = sample("debian:trixie/cloud", "2026");
	struct targets all;
	struct error err;

	(void)state;
	assert_int_equal(registry_write(&t, 0, &err), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_ptr_equal(target_find(&all, "debian:trixie", &err), all.items);
	assert_null(target_find(&all, "debian:sid", &err));
	assert_says(err, "kmodlab target add debian:sid/cloud");
	assert_null(target_find(&all, "debian:trixie/clod", &err));
	assert_says(err, "did you mean debian:trixie/cloud?");
	targets_free(&all);
}

static void a_target_whose_kernel_is_gone_is_shown_but_not_used(void **state)
{
	struct target t = sample("host", "2026");
	struct targets all;
	struct error err;

	(void)state;
	t.kernel = (char *)"/boot/vmlinuz-long-gone";
	assert_int_equal(registry_write(&t, 0, &err), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_non_null(target_look_up(&all, "host", &err));
	assert_null(target_find(&all, "host", &err));
	assert_says(err, "/boot/vmlinuz-long-gone");
	assert_says(err, "kmodlab target remove host");
	targets_free(&all);
}

static void a_built_tree_is_added_tried_and_kept(void **state)
{
	AUTO_FREE char *name = put_tree(), *build = in_home("linux");
	struct target_addition *a;
	const struct target *t;
	struct targets all;
	struct error err;

	(void)state;
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), 0);
	t = target_add_staged(a);
	assert_string_equal(t->release, "6.9.0-mine");
	assert_string_equal(t->root, "/");
	assert_string_equal(t->build, build);
	assert_int_equal(path_write(t->symbols, "printk\n", 7, &err), 0);
	assert_int_equal(target_add_keep(a, &err), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 1);
	assert_true(path_is_file(all.items[0].symbols));
	assert_true(target_disk_bytes(name) > 0);
	targets_free(&all);
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), -EEXIST);
	assert_says(err, "kmodlab target remove");
	assert_int_equal(target_remove(name, &err), 0);
	assert_true(exists("linux/Makefile"));
}

static void a_target_without_symbols_is_kept_without(void **state)
{
	AUTO_FREE char *name = put_tree();
	struct target_addition *a;
	struct targets all;
	struct error err;

	(void)state;
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), 0);
	assert_int_equal(target_add_keep(a, &err), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_null(all.items[0].symbols);
	assert_int_equal(target_disk_bytes(name), 0);
	targets_free(&all);
}

static void an_add_that_is_dropped_leaves_nothing(void **state)
{
	AUTO_FREE char *name = put_tree(), *trees = in_home("data/kmodlab/trees");
	struct target_addition *a;
	struct targets all;
	struct error err;

	(void)state;
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), 0);
	target_add_drop(a);
	assert_int_equal(rmdir(trees), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 0);
}

static void a_tree_that_cannot_be_registered_is_removed_again(void **state)
{
	AUTO_FREE char *name = put_tree(), *trees = in_home("data/kmodlab/trees");
	struct target_addition *a;
	struct error err;

	(void)state;
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), 0);
	assert_int_equal(path_write(target_add_staged(a)->symbols, "x\n", 2, &err), 0);
	put("data/kmodlab/targets", "in the way");
	assert_true(target_add_keep(a, &err) < 0);
	assert_int_equal(rmdir(trees), 0);
}

static void what_a_power_cut_left_is_swept_away_but_not_what_is_in_use(void **state)
{
	AUTO_FREE char *name = put_tree(), *lock = in_home("data/kmodlab/trees/.adding-c/lock");
	struct target_addition *a;
	struct error err;
	int live;

	(void)state;
	put("data/kmodlab/trees/.adding-a/tree/root/x", "");
	put("data/kmodlab/trees/.adding-b/lock", "");
	put("data/kmodlab/trees/.removed-d/root/x", "");
	put("data/kmodlab/trees/debian-sid-rt/root/x", "");
	live = lock_take(lock, 0, &err);
	assert_true(live >= 0);
	assert_int_equal(target_add_begin(name, NULL, NULL, NULL, &a, &err), 0);
	target_add_drop(a);
	assert_false(exists("data/kmodlab/trees/.adding-a"));
	assert_false(exists("data/kmodlab/trees/.adding-b"));
	assert_false(exists("data/kmodlab/trees/.removed-d"));
	assert_true(exists("data/kmodlab/trees/.adding-c"));
	assert_true(exists("data/kmodlab/trees/debian-sid-rt"));
	close(live);
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suite_alone_means_its_cloud_kernel),
		cmocka_unit_test(a_mistyped_name_is_answered_with_the_nearest),
		cmocka_unit_test(what_is_no_target_is_answered_with_what_there_is),
		at_home(a_tree_is_named_by_its_real_path),
		cmocka_unit_test(a_slip_of_the_finger_is_near_and_another_word_is_not),
		cmocka_unit_test(names_that_differ_have_files_that_differ),
		cmocka_unit_test(a_registered_target_is_read_back_as_it_was_written),
		cmocka_unit_test(keys_of_a_newer_kmodlab_are_left_alone),
		at_home(a_damaged_file_is_named_with_what_to_do),
		at_home(a_damaged_target_can_be_removed),
		at_home(targets_come_oldest_first_and_none_is_no_error),
		at_home(a_target_is_found_by_what_was_typed_or_told_how_to_add),
		at_home(a_target_whose_kernel_is_gone_is_shown_but_not_used),
		at_home(a_built_tree_is_added_tried_and_kept),
		at_home(a_target_without_symbols_is_kept_without),
		at_home(an_add_that_is_dropped_leaves_nothing),
		at_home(a_tree_that_cannot_be_registered_is_removed_again),
		at_home(what_a_power_cut_left_is_swept_away_but_not_what_is_in_use),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
