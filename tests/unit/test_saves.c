/* SPDX-License-Identifier: BSD-2-Clause */
/* Which changes to files are a save, however an editor goes about it. */
#include "home.h"

#include "base/saves.h"

static struct saves *follow(const char *path)
{
	AUTO_FREE char *dir = in_home(path);
	char *paths[] = {dir};
	struct saves *s;
	struct error err;

	if (saves_open(paths, 1, &s, &err))
		fail_msg("%s", err.text);
	return s;
}

static void expect(struct saves *s, enum saved wanted, const char *file)
{
	char *name = NULL;

	assert_int_equal(saves_take(s, &name), wanted);
	if (file)
		assert_string_equal(name, file);
	free(name);
}

/* In place, without a rename. */
static void write_to(const char *path)
{
	AUTO_FREE char *file = in_home(path);
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs("x", f);
	fclose(f);
}

static void move(const char *from, const char *to)
{
	AUTO_FREE char *a = in_home(from), *b = in_home(to);

	assert_int_equal(rename(a, b), 0);
}

static void a_file_that_is_written_is_a_save(void **state)
{
	struct saves *s;

	(void)state;
	put("m/hello.c", "");
	put("m/sub/deep/part.h", "");
	s = follow("m");
	expect(s, SAVED_NOTHING, NULL);
	write_to("m/hello.c");
	expect(s, SAVED_WRITTEN, "hello.c");
	write_to("m/sub/deep/part.h");
	expect(s, SAVED_WRITTEN, "part.h");
	expect(s, SAVED_NOTHING, NULL);
	saves_close(s);
}

static void so_is_one_that_is_renamed_into_place(void **state)
{
	struct saves *s;

	(void)state;
	put("m/hello.c", "");
	s = follow("m");
	/* As vim does it: a backup, a new file, the backup away. */
	move("m/hello.c", "m/hello.c~");
	expect(s, SAVED_GONE, "hello.c");
	write_to("m/hello.c");
	expect(s, SAVED_WRITTEN, "hello.c");
	/* As others do. */
	write_to("m/.hello.c.new");
	expect(s, SAVED_NOTHING, NULL);
	move("m/.hello.c.new", "m/hello.c");
	expect(s, SAVED_WRITTEN, "hello.c");
	saves_close(s);
}

static void what_builds_and_editors_make_is_none(void **state)
{
	static const char *const names[] = {"m/hello.o", "m/hello.ko", "m/hello.mod",
		"m/hello.mod.c", "m/.hello.o.cmd", "m/Module.symvers", "m/modules.order",
		"m/.hello.c.swp", "m/4913", "m/hello.c~", "m/#hello.c#", "m/compile_commands.json",
		"m/.git/index", "m/device_if.h"};
	static const char *const sources[] = {"m/Makefile", "m/Kbuild", "m/hello.c", "m/hello.S",
		"m/test.sh", "m/expect", "m/kmodlab.ini", "m/machine.c"};
	struct saves *s;

	(void)state;
	put("m/.git/config", "");
	s = follow("m");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		write_to(names[i]);
		expect(s, SAVED_NOTHING, NULL);
	}
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		write_to(sources[i]);
		expect(s, SAVED_WRITTEN, sources[i] + 2);
	}
	saves_close(s);
}

static void directories_that_come_are_followed(void **state)
{
	struct saves *s;

	(void)state;
	put("m/hello.c", "");
	put("other/new/x.c", "");
	s = follow("m");
	move("other/new", "m/new");
	expect(s, SAVED_WRITTEN, "new");
	write_to("m/new/x.c");
	expect(s, SAVED_WRITTEN, "x.c");
	move("m/new", "other/new");
	expect(s, SAVED_GONE, "new");
	write_to("other/new/x.c");
	expect(s, SAVED_NOTHING, NULL);
	saves_close(s);
}

static void a_directory_that_went_is_followed_when_it_is_back(void **state)
{
	struct saves *s;

	(void)state;
	put("m/hello.c", "");
	s = follow("m");
	move("m", "away");
	expect(s, SAVED_GONE, NULL);
	assert_false(saves_back(s));
	move("away", "m");
	assert_true(saves_back(s));
	assert_false(saves_back(s));
	write_to("m/hello.c");
	expect(s, SAVED_WRITTEN, "hello.c");
	saves_close(s);
}

static void of_a_finished_module_only_that_file_matters(void **state)
{
	struct saves *s;

	(void)state;
	put("m/hello.ko", "");
	s = follow("m/hello.ko");
	write_to("m/hello.c");
	expect(s, SAVED_NOTHING, NULL);
	write_to("m/hello.ko");
	expect(s, SAVED_WRITTEN, "hello.ko");
	saves_close(s);
}

static void the_configuration_above_linux_matters(void **state)
{
	struct saves *s;

	(void)state;
	put("m/linux/hello.c", "");
	s = follow("m/linux");
	write_to("m/README");
	expect(s, SAVED_NOTHING, NULL);
	write_to("m/kmodlab.ini");
	expect(s, SAVED_WRITTEN, "kmodlab.ini");
	saves_close(s);
}

static void what_is_not_there_cannot_be_followed(void **state)
{
	char *paths[] = {"/nowhere"};
	struct saves *s;
	struct error err;

	(void)state;
	assert_int_equal(saves_open(paths, 1, &s, &err), -ENOENT);
	assert_says(err, "cannot watch /nowhere");
	assert_null(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_is_written_is_a_save),
		TEST(so_is_one_that_is_renamed_into_place),
		TEST(what_builds_and_editors_make_is_none),
		TEST(directories_that_come_are_followed),
		TEST(a_directory_that_went_is_followed_when_it_is_back),
		TEST(of_a_finished_module_only_that_file_matters),
		TEST(the_configuration_above_linux_matters),
		TEST(what_is_not_there_cannot_be_followed),
	};

	return cmocka_run_group_tests_name("saves", tests, NULL, NULL);
}
