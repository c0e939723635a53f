/* SPDX-License-Identifier: BSD-2-Clause */
/* What a new module may be called, what its templates become, and that nothing is ever written over. */
#include "home.h"

#include "new/new.h"

#include <dirent.h>
#include <errno.h>

/* In templates.S. */
extern const struct new_template new_templates[], new_templates_end[];

static void expect_name(const char *dir, const char *wanted)
{
	AUTO_FREE char *name = NULL;
	struct error err;

	if (new_name(dir, &name, &err))
		fail_msg("%s: %s", dir, err.text);
	assert_string_equal(name, wanted);
}

static void refuse_name(const char *dir, const char *sentence)
{
	char *name = NULL;
	struct error err;

	assert_int_equal(new_name(dir, &name, &err), -EINVAL);
	assert_null(name);
	if (!strstr(err.text, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
}

static void a_module_is_called_like_its_directory(void **state)
{
	(void)state;
	expect_name("demo", "demo");
	expect_name("some/where/demo", "demo");
	expect_name("demo/", "demo");
	expect_name("my-driver2", "my_driver2");
	expect_name("My_Driver", "My_Driver");
	expect_name("a234567890123456789012345678901", "a234567890123456789012345678901");
}

static void what_cannot_be_a_name_is_refused(void **state)
{
	static const char *const wrong[] = {
		"9lives", "_x", "-x", "a b", "a.b", "a;b", "a$b", "\"", "é", "a\nb", "a@b", "a+b"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		refuse_name(wrong[i], "cannot be a module's name");
	refuse_name("", "is no name");
	refuse_name(".", "is no name");
	refuse_name("some/..", "is no name");
	refuse_name("/", "is no name");
	refuse_name("a2345678901234567890123456789012", "too long");
}

static void a_name_that_means_something_else_is_refused(void **state)
{
	(void)state;
	refuse_name("test", "my_test");
	refuse_name("drivers/linux", "means something else");
	refuse_name("FreeBSD", "means something else");
	refuse_name("mutex", "functions whose names begin with mutex_");
	refuse_name("driver", "my_driver");
	expect_name("drivers", "drivers");
}

static void an_author_may_stand_in_a_string(void **state)
{
	(void)state;
	assert_false(new_author_refused("A. U. Thor <a@example.org>"));
	assert_false(new_author_refused("Ærø O'Brien"));
	assert_true(new_author_refused(""));
	assert_true(new_author_refused("the \"best\""));
	assert_true(new_author_refused("two\nlines"));
	assert_true(new_author_refused("back\\slash"));
}

static struct new_request request(const char *dir, const char *kind)
{
	return (struct new_request){.dir = dir,
		.kind = kind,
		.is_for = {true, true},
		.author = "@MODULE@ & co",
		.license = new_license("mit")};
}

static void expect_text(const char *text, const char *wanted)
{
	struct new_request q = request("some/my-demo", "hello");
	AUTO_BUF struct buf out = {0};

	buf_add(&out, "", 0);
	new_expand(&q, text, strlen(text), &out);
	assert_string_equal(out.data, wanted);
}

static void placeholders_are_filled_in(void **state)
{
	(void)state;
	expect_text("", "");
	expect_text("nothing", "nothing");
	expect_text("@NAME@ @MODULE@ M_@UPPER@", "my-demo my_demo M_MY_DEMO");
	expect_text("@MODULE@_init@KIND@", "my_demo_inithello");
	expect_text("@LICENSE@, @SPDX@, @SYSTEMS@",
		"Dual MIT/GPL, MIT OR GPL-2.0-only, Linux and FreeBSD");
	/* What is filled in is not looked at again. */
	expect_text("<@AUTHOR@>", "<@MODULE@ & co>");
}

static void what_is_no_placeholder_stays(void **state)
{
	(void)state;
	expect_text("@", "@");
	expect_text("@@", "@@");
	expect_text("a@b.c", "a@b.c");
	expect_text("$@ $@", "$@ $@");
	expect_text("actions/x@v4 @MODULE@", "actions/x@v4 my_demo");
	expect_text("@OTHER@MODULE@", "@OTHERmy_demo");
	expect_text("@module@", "@module@");
	expect_text("end @MODULE", "end @MODULE");
}

static void every_kind_has_a_source_and_a_test_for_each_system(void **state)
{
	static const char *const systems[] = {"linux", "freebsd"},
				 *const names[] = {"@MODULE@.c", "test.c"};

	(void)state;
	for (const char *const *kind = new_kinds(); *kind; kind++)
		for (size_t s = 0; s < 2; s++)
			for (size_t i = 0; i < 2; i++) {
				size_t n = 0;

				for (const struct new_template *t = new_templates;
					t < new_templates_end; t++)
					n += !strcmp(t->kind, *kind) &&
						!strcmp(t->system, systems[s]) &&
						!strcmp(t->name, names[i]);
				if (n != 1)
					fail_msg("%s has %zu of %s for %s", *kind, n, names[i],
						systems[s]);
			}
}

static void no_placeholder_is_left_over(void **state)
{
	(void)state;
	for (const struct new_template *t = new_templates; t < new_templates_end; t++) {
		struct new_request q = request("some/my-demo", "chardev");
		AUTO_BUF struct buf out = {0};

		q.author = "me";
		assert_true(t->len > 0);
		new_expand(&q, t->text, t->len, &out);
		assert_int_equal(strlen(out.data), out.len);
		for (const char *c = out.data; (c = strchr(c, '@')); c++)
			if (c[1] >= 'A' && c[1] <= 'Z')
				fail_msg("%s (%s): %.20s", t->name, t->kind, c);
	}
}

static bool is_there(const char *path)
{
	AUTO_FREE char *file = in_home(path);

	return !access(file, F_OK);
}

static void two_systems_have_a_directory_each(void **state)
{
	AUTO_FREE char *dir = in_home("demo"), *script = in_home("demo/ci/run.sh");
	struct new_request q = request(dir, "chardev");
	AUTO_STRV struct strv made = {0};
	struct error err;

	(void)state;
	assert_int_equal(new_make(&q, &made, &err), 0);
	assert_true(is_there("demo/linux/Makefile") && is_there("demo/linux/demo.c"));
	assert_true(is_there("demo/freebsd/Makefile") && is_there("demo/freebsd/demo.c"));
	assert_true(is_there("demo/linux/test.c") && is_there("demo/freebsd/test.c"));
	assert_true(is_there("demo/README.md") && is_there("demo/.github/workflows/kmodlab.yml"));
	assert_false(is_there("demo/Makefile"));
	assert_int_equal(access(script, X_OK), 0);
	for (size_t i = 0; i < made.n; i++) {
		AUTO_FREE char *path = xasprintf("demo/%s", made.v[i]);

		assert_true(is_there(path));
	}
}

static void one_system_has_all_in_one_directory(void **state)
{
	AUTO_FREE char *dir = in_home("demo");
	struct new_request q = request(dir, NULL);
	AUTO_STRV struct strv made = {0};
	struct error err;

	(void)state;
	q.is_for[TARGET_LINUX] = false;
	assert_int_equal(new_make(&q, &made, &err), 0);
	assert_true(
		is_there("demo/Makefile") && is_there("demo/demo.c") && is_there("demo/test.c"));
	assert_false(is_there("demo/freebsd") || is_there("demo/linux"));
}

static void nothing_is_written_over(void **state)
{
	AUTO_FREE char *dir = in_home("demo"), *file = in_home("file");
	struct new_request q = request(dir, "hello"), other = request(file, "hello");
	AUTO_STRV struct strv made = {0};
	struct error err;

	(void)state;
	put("demo/kept", "x");
	put("file", "x");
	assert_int_equal(new_make(&q, &made, &err), -EEXIST);
	assert_non_null(strstr(err.text, "nothing is written over"));
	assert_true(is_there("demo/kept"));
	assert_false(is_there("demo/README.md"));
	assert_int_equal(new_make(&other, &made, &err), -EEXIST);
	assert_int_equal(made.n, 0);
}

static void where_there_is_no_directory_it_says_so(void **state)
{
	AUTO_FREE char *dir = in_home("not/there");
	struct new_request q = request(dir, "hello");
	AUTO_STRV struct strv made = {0};
	struct error err;

	(void)state;
	assert_int_equal(new_make(&q, &made, &err), -ENOENT);
	assert_non_null(strstr(err.text, dir));
	assert_false(is_there("not"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_module_is_called_like_its_directory),
		TEST(what_cannot_be_a_name_is_refused),
		TEST(a_name_that_means_something_else_is_refused),
		TEST(an_author_may_stand_in_a_string),
		TEST(placeholders_are_filled_in),
		TEST(what_is_no_placeholder_stays),
		TEST(every_kind_has_a_source_and_a_test_for_each_system),
		TEST(no_placeholder_is_left_over),
		TEST(two_systems_have_a_directory_each),
		TEST(one_system_has_all_in_one_directory),
		TEST(nothing_is_written_over),
		TEST(where_there_is_no_directory_it_says_so),
	};

	return cmocka_run_group_tests_name("new", tests, NULL, NULL);
}
