/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a source directory is copied for a build, and when; and how a build is put together. */
#include "home.h"

#include "build/build.h"
#include "build/mirror.h"
#include "build/sandbox.h"
#include "build/system.h"

#include <fcntl.h>
#include <time.h>

static int prepare(void **state)
{
	AUTO_FREE char *cache = NULL;

	if (set_up(state))
		return -1;
	cache = in_home("cache");
	put("mod/Makefile", "obj-m := hello.o\n");
	put("mod/hello.c", "int x;\n");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static struct manifest scan(void)
{
	AUTO_FREE char *dir = in_home("mod");
	struct manifest m;
	struct error err = {0};

	if (manifest_scan(dir, &m, &err))
		fail_msg("%s", err.text);
	return m;
}

static bool listed(const char *path)
{
	struct manifest m = scan();
	bool found = manifest_find(&m, path) != NULL;

	manifest_free(&m);
	return found;
}

static struct mirror opened(void)
{
	AUTO_FREE char *dir = in_home("mod");
	struct mirror m = {.lock = -1};
	struct error err;

	assert_int_equal(mirror_open(&m, dir, "debian:x/cloud", 1000, &err), 0);
	return m;
}

/* Brings the mirror up to date, as a build does that ends by itself. */
static void sync_mirror(bool afresh)
{
	struct mirror m = opened();
	struct manifest last, now = scan();
	struct error err;

	mirror_last(&m, &last);
	if (mirror_sync(&m, &last, &now, afresh, &err))
		fail_msg("%s", err.text);
	mirror_settle(&m);
	manifest_free(&last);
	manifest_free(&now);
	mirror_close(&m);
}

/* What the copy of `path` holds; NULL if there is none. Caller frees. */
static char *copied(const char *path)
{
	struct mirror m = opened();
	struct buf text = {0};
	int r = mirror_read(m.src, path, 1 << 20, &text, NULL);

	mirror_close(&m);
	if (!r)
		return buf_take(&text);
	buf_free(&text);
	return NULL;
}

static void expect_copy(const char *path, const char *text)
{
	AUTO_FREE char *got = copied(path);

	if (!got)
		fail_msg("%s was not copied", path);
	assert_string_equal(got, text);
}

/* Something a build leaves in the mirror. */
static void leave(const char *path, const char *text)
{
	struct mirror m = opened();
	AUTO_FREE char *file = xasprintf("%s/%s", m.src, path);
	struct error err;

	assert_int_equal(path_write(file, text, strlen(text), &err), 0);
	mirror_close(&m);
}

static void date(const char *path, time_t when)
{
	AUTO_FREE char *file = in_home(path);
	struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static time_t date_of_copy(const char *path)
{
	struct mirror m = opened();
	struct buf text = {0};
	struct stat st;

	assert_int_equal(mirror_read(m.src, path, 1 << 20, &text, &st), 0);
	buf_free(&text);
	mirror_close(&m);
	return st.st_mtim.tv_sec;
}

static void the_source_is_copied_with_its_dates(void **state)
{
	(void)state;
	put("mod/sub/deep/a.h", "deep");
	date("mod/hello.c", 1000000000);
	sync_mirror(false);
	expect_copy("hello.c", "int x;\n");
	expect_copy("sub/deep/a.h", "deep");
	assert_int_equal(date_of_copy("hello.c"), 1000000000);
}

static void what_kbuild_made_in_the_users_directory_stays_there(void **state)
{
	static const char *const products[] = {"hello.o", ".hello.o.cmd", "hello.ko", "hello.mod",
		"hello.mod.c", ".hello.mod.cmd", "modules.order", "Module.symvers", ".hello.o.d",
		".tmp_versions/hello.mod", "built-in.a"};

	(void)state;
	put("mod/.built-in.a.cmd", "");
	for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
		AUTO_FREE char *path = xasprintf("mod/%s", products[i]);

		put(path, "of another kernel");
	}
	for (size_t i = 0; i < sizeof products / sizeof *products; i++)
		if (listed(products[i]))
			fail_msg("%s would be copied", products[i]);
	assert_true(listed("hello.c"));
}

static void objects_that_are_shipped_as_such_are_part_of_the_source(void **state)
{
	(void)state;
	put("mod/blob.o", "binary");
	put("mod/firmware.o_shipped", "binary");
	put("mod/Module.symvers", "of a module that this one needs");
	assert_true(listed("blob.o"));
	assert_true(listed("firmware.o_shipped"));
	assert_true(listed("Module.symvers"));
}

static void version_control_and_editors_leavings_are_not(void **state)
{
	static const char *const leavings[] = {".git/HEAD", ".svn/x", "hello.c~", ".hello.c.swp",
		"#hello.c#", ".#hello.c", "compile_commands.json",
		".cache/clangd/index/hello.c.idx"};

	(void)state;
	for (size_t i = 0; i < sizeof leavings / sizeof *leavings; i++) {
		AUTO_FREE char *path = xasprintf("mod/%s", leavings[i]);

		put(path, "");
	}
	for (size_t i = 0; i < sizeof leavings / sizeof *leavings; i++)
		assert_false(listed(leavings[i]));
	assert_false(listed(".git"));
}

static void our_own_cache_is_not_copied_into_itself(void **state)
{
	AUTO_FREE char *cache = in_home("mod/.cache");

	(void)state;
	assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
	sync_mirror(false);
	assert_true(exists("mod/.cache/kmodlab/build"));
	assert_true(listed(".cache"));
	assert_false(listed(".cache/kmodlab"));
}

static void an_unchanged_directory_looks_the_same_and_a_touched_one_does_not(void **state)
{
	struct manifest a = scan(), b = scan(), c;

	(void)state;
	assert_true(manifest_same(&a, &b));
	date("mod/hello.c", 1234567890);
	c = scan();
	assert_false(manifest_same(&a, &c));
	manifest_free(&a);
	manifest_free(&b);
	manifest_free(&c);
}

static void a_manifest_comes_back_from_disk_as_it_went(void **state)
{
	AUTO_BUF struct buf text = {0};
	struct manifest a, b = {0}, c = {0};

	(void)state;
	put("mod/odd name\nof a file", "x");
	put_link("mod/dangling", "no where");
	a = scan();
	manifest_print(&a, "/dir", &text);
	assert_true(manifest_parse(text.data, text.len, "/dir", &b));
	assert_true(manifest_same(&a, &b));
	assert_false(manifest_parse(text.data, text.len, "/other", &c));
	for (size_t cut = 0; cut < text.len; cut++) {
		manifest_free(&c);
		manifest_parse(text.data, cut, "/dir", &c);
		assert_true(c.n < a.n || cut == text.len);
	}
	manifest_free(&a);
	manifest_free(&b);
	manifest_free(&c);
}

static void only_what_changed_is_copied_again_and_products_stay(void **state)
{
	(void)state;
	date("mod/hello.c", 1000000000);
	date("mod/Makefile", 1000000000);
	sync_mirror(false);
	leave("hello.o", "object");
	put("mod/hello.c", "int y;\n");
	sync_mirror(false);
	expect_copy("hello.c", "int y;\n");
	expect_copy("hello.o", "object");
	assert_int_equal(date_of_copy("Makefile"), 1000000000);
}

static void an_older_file_put_in_place_is_newer_than_the_object_of_the_one_before(void **state)
{
	time_t before = time(NULL);

	(void)state;
	sync_mirror(false);
	leave("hello.o", "object");
	put("mod/hello.c", "int o;\n");
	date("mod/hello.c", 1000000000);
	sync_mirror(false);
	expect_copy("hello.c", "int o;\n");
	assert_true(date_of_copy("hello.c") >= before);
}

static void what_a_build_did_to_the_source_is_undone(void **state)
{
	(void)state;
	sync_mirror(false);
	leave("hello.c", "generated over it\n");
	sync_mirror(false);
	expect_copy("hello.c", "int x;\n");
}

static void a_file_that_vanished_takes_all_products_with_it(void **state)
{
	AUTO_FREE char *file = in_home("mod/gone.c"), *copy = NULL, *object = NULL;

	(void)state;
	put("mod/gone.c", "");
	sync_mirror(false);
	leave("gone.o", "stale");
	assert_int_equal(unlink(file), 0);
	sync_mirror(false);
	copy = copied("gone.c");
	object = copied("gone.o");
	assert_null(copy);
	assert_null(object);
	expect_copy("hello.c", "int x;\n");
}

static void an_interrupted_build_is_not_built_upon(void **state)
{
	struct mirror m;
	struct manifest last, now = scan();
	struct error err;
	AUTO_FREE char *object = NULL;

	(void)state;
	sync_mirror(false);
	m = opened();
	mirror_last(&m, &last);
	assert_true(last.n > 0);
	assert_int_equal(mirror_sync(&m, &last, &now, false, &err), 0);
	mirror_close(&m); /* and never settled */
	manifest_free(&last);
	manifest_free(&now);
	leave("hello.o", "half an object");
	m = opened();
	mirror_last(&m, &last);
	assert_int_equal(last.n, 0);
	mirror_close(&m);
	sync_mirror(false);
	object = copied("hello.o");
	assert_null(object);
}

static void links_to_files_become_files(void **state)
{
	(void)state;
	put("outside.c", "from outside\n");
	put_link("mod/linked.c", "../outside.c");
	sync_mirror(false);
	expect_copy("linked.c", "from outside\n");
}

static void directories_elsewhere_are_copied_and_circles_end(void **state)
{
	(void)state;
	put("common/inc/a.h", "common\n");
	put_link("mod/inc", "../common/inc");
	put_link("mod/self", ".");
	put_link("mod/sub/up", "../..");
	put_link("common/back", "../mod");
	put("mod/real/r.h", "real\n");
	put_link("mod/alias", "real");
	sync_mirror(false);
	expect_copy("inc/a.h", "common\n");
	expect_copy("alias/r.h", "real\n");
	expect_copy("sub/up/common/inc/a.h", "common\n");
}

static void a_kernel_tree_that_is_linked_to_is_not_copied(void **state)
{
	struct manifest m;
	const struct source_entry *e;

	(void)state;
	put("linux/Kconfig", "");
	put("linux/include/linux/module.h", "");
	put_link("mod/linux", "../linux");
	m = scan();
	e = manifest_find(&m, "linux");
	assert_non_null(e);
	assert_int_equal(e->kind, SOURCE_LINK);
	manifest_free(&m);
}

static void a_link_that_a_build_left_is_never_written_through(void **state)
{
	struct mirror m;
	AUTO_FREE char *victim = in_home("victim"), *trap = in_home("trap"), *file = NULL;
	AUTO_FREE char *dir = NULL, *stolen = NULL;
	AUTO_BUF struct buf text = {0};

	(void)state;
	put("victim", "untouched");
	put("trap/keep", "");
	put("mod/sub/a.h", "one");
	sync_mirror(false);
	m = opened();
	file = xasprintf("%s/hello.c", m.src);
	dir = xasprintf("%s/sub", m.src);
	mirror_close(&m);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink(victim, file), 0);
	assert_int_equal(path_remove_tree(dir), 0);
	assert_int_equal(symlink(trap, dir), 0);
	stolen = copied("sub/keep");
	assert_null(stolen);
	put("mod/hello.c", "new\n");
	put("mod/sub/a.h", "two");
	sync_mirror(false);
	expect_copy("hello.c", "new\n");
	expect_copy("sub/a.h", "two");
	assert_int_equal(path_read(victim, 100, &text), 0);
	assert_string_equal(text.data, "untouched");
	assert_false(exists("trap/a.h"));
}

static void a_file_that_the_user_may_not_read_is_there_and_unreadable(void **state)
{
	AUTO_FREE char *file = in_home("mod/secret.h"), *text = NULL;

	(void)state;
	if (!geteuid())
		return; /* root reads everything */
	put("mod/secret.h", "secret");
	assert_int_equal(chmod(file, 0), 0);
	sync_mirror(false);
	assert_true(listed("secret.h"));
	text = copied("secret.h");
	assert_null(text);
}

static void another_run_waits_for_the_mirror(void **state)
{
	AUTO_FREE char *dir = in_home("mod");
	struct mirror held = opened(), second = {.lock = -1};
	struct error err;

	(void)state;
	assert_int_equal(mirror_open(&second, dir, "debian:x/cloud", 50, &err), -ETIMEDOUT);
	mirror_close(&second);
	assert_int_equal(mirror_open(&second, dir, "debian:y/cloud", 50, &err), 0);
	mirror_close(&second);
	mirror_close(&held);
}

static void a_directory_far_too_large_is_refused_by_name(void **state)
{
	AUTO_FREE char *dir = in_home("mod"), *big = in_home("mod/big");
	struct manifest m;
	struct error err;

	(void)state;
	put("mod/big", "");
	assert_int_equal(truncate(big, (off_t)3 << 30), 0);
	assert_int_equal(manifest_scan(dir, &m, &err), -EFBIG);
	assert_says(err, dir);
	assert_says(err, "2 GiB");
}

static enum recipe recipe_for(const char *makefile)
{
	AUTO_FREE char *dir = in_home("mod");

	put("mod/Makefile", makefile);
	return kbuild_system.recognise(dir, NULL).first;
}

static void a_makefile_is_known_by_what_it_says(void **state)
{
	(void)state;
	assert_int_equal(recipe_for("obj-m := a.o\n"), RECIPE_DIRECT);
	assert_int_equal(
		recipe_for("ifneq ($(KERNELRELEASE),)\nobj-m := a.o\nelse\nall:\n\t$(MAKE) "
			   "-C $(KDIR) M=$(PWD)\nendif\n"),
		RECIPE_DIRECT);
	assert_int_equal(
		recipe_for("all:\n\t$(MAKE) -C $(KDIR) M=$(PWD)/drv modules\n"), RECIPE_OWN);
	assert_int_equal(recipe_for("obj-$(CONFIG_A) := a.o\nall:\n\tCONFIG_A=m make -C x M=y\n"),
		RECIPE_OWN);
	assert_int_equal(recipe_for("obj-$(CONFIG_A) := a.o\n"), RECIPE_DIRECT);
	assert_int_equal(recipe_for("# obj-m := a.o\nPARAM=1\nall: prog\n"), RECIPE_NONE);
}

static void a_directory_that_is_no_modules_is_refused_with_what_was_looked_for(void **state)
{
	AUTO_FREE char *dir = in_home("mod"), *above = in_home(""), *none = in_home("none");
	struct error why;

	(void)state;
	assert_true(build_is_source(dir, TARGET_LINUX, NULL));
	assert_false(build_is_source(above, TARGET_LINUX, &why));
	assert_says(why, "/mod is");
	assert_false(build_is_source(none, TARGET_LINUX, &why));
	assert_says(why, "is not a directory");
	put("mod/Makefile", "all:\n");
	assert_false(build_is_source(dir, TARGET_LINUX, &why));
	assert_says(why, "obj-m");
}

static void expect_products(const char *order, const char *first, const char *second)
{
	AUTO_FREE char *src = in_home("src");
	AUTO_STRV struct strv paths = {0};

	put("src/modules.order", order);
	kbuild_system.products(src, "/home/u/mod", RECIPE_DIRECT, &paths);
	assert_int_equal(paths.n, 2);
	assert_string_equal(paths.v[0], first);
	assert_string_equal(paths.v[1], second);
}

static void the_modules_are_found_as_each_kernel_lists_them(void **state)
{
	(void)state;
	expect_products("/home/u/mod/a.ko\n/home/u/mod/sub/b.ko\n", "a.ko", "sub/b.ko");
	expect_products("/home/u/mod/a.o\n/home/u/mod/sub/b.o\n", "a.ko", "sub/b.ko");
	expect_products("a.o\nsub/b.o\na.o\n/etc/passwd.o\nx\n\n.o\n", "a.ko", "sub/b.ko");
}

static void without_a_list_the_modules_are_looked_for(void **state)
{
	AUTO_FREE char *src = in_home("src");
	AUTO_STRV struct strv paths = {0};

	(void)state;
	put("src/drv/a.ko", "");
	put("src/a.ko", "");
	put_link("src/b.ko", "/etc/passwd");
	kbuild_system.products(src, "/home/u/mod", RECIPE_OWN, &paths);
	assert_int_equal(paths.n, 1);
	assert_string_equal(paths.v[0], "a.ko");
}

static const char *seen_at(const char *dir)
{
	struct target t = {.root = (char *)"/srv/tree", .build = (char *)"/usr/src/linux"};

	return sandbox_path_for(dir, &t);
}

static void a_build_sees_the_users_own_path_where_it_can(void **state)
{
	static const char *const own[] = {"/home/u/mod", "/tmp/x", "/root/a-b_c.d+e@f",
		"/usrlocal/m", "/var/lib/m", "/home/ü/mod"};
	static const char *const not [] = {"/usr/src/mod", "/etc/m", "/", "/tmp", "/proc/1",
		"/lib/m", "/home/u/my mod", "/home/u/a:b", "/home/u/a$b", "/home/u/a,b",
		"/home/u/#1"};

	(void)state;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		assert_string_equal(seen_at(own[i]), own[i]);
	for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
		assert_string_equal(seen_at(not [i]), SANDBOX_ELSEWHERE);
}

static void a_refused_sandbox_says_what_to_do(void **state)
{
	struct target t = {.name = (char *)"t", .root = (char *)"/srv/tree"};
	struct error err;

	(void)state;
	assert_int_equal(
		sandbox_failed("bwrap: No permissions to create new namespace", &t, &err), -EPERM);
	assert_says(err, "sysctl");
	assert_int_equal(
		sandbox_failed("bwrap: execvp make: No such file or directory", &t, &err), -ENOENT);
	assert_says(err, "has no make");
	assert_int_equal(sandbox_failed("bwrap: Can't find source path /x", &t, &err), -EACCES);
	assert_says(err, "Can't find source path /x");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_source_is_copied_with_its_dates),
		TEST(what_kbuild_made_in_the_users_directory_stays_there),
		TEST(objects_that_are_shipped_as_such_are_part_of_the_source),
		TEST(version_control_and_editors_leavings_are_not),
		TEST(our_own_cache_is_not_copied_into_itself),
		TEST(an_unchanged_directory_looks_the_same_and_a_touched_one_does_not),
		TEST(a_manifest_comes_back_from_disk_as_it_went),
		TEST(only_what_changed_is_copied_again_and_products_stay),
		TEST(an_older_file_put_in_place_is_newer_than_the_object_of_the_one_before),
		TEST(what_a_build_did_to_the_source_is_undone),
		TEST(a_file_that_vanished_takes_all_products_with_it),
		TEST(an_interrupted_build_is_not_built_upon),
		TEST(links_to_files_become_files),
		TEST(directories_elsewhere_are_copied_and_circles_end),
		TEST(a_kernel_tree_that_is_linked_to_is_not_copied),
		TEST(a_link_that_a_build_left_is_never_written_through),
		TEST(a_file_that_the_user_may_not_read_is_there_and_unreadable),
		TEST(another_run_waits_for_the_mirror),
		TEST(a_directory_far_too_large_is_refused_by_name),
		TEST(a_makefile_is_known_by_what_it_says),
		TEST(a_directory_that_is_no_modules_is_refused_with_what_was_looked_for),
		TEST(the_modules_are_found_as_each_kernel_lists_them),
		TEST(without_a_list_the_modules_are_looked_for),
		TEST(a_build_sees_the_users_own_path_where_it_can),
		TEST(a_refused_sandbox_says_what_to_do),
	};

	return cmocka_run_group_tests_name("mirror", tests, NULL, NULL);
}
