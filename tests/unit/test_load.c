/* SPDX-License-Identifier: BSD-2-Clause */
/* Which module gets which of the user's parameters. */
#include "unit.h"

#include "trial/load.h"

static struct ko_param one_params[] = {{"level", "int", ""}, {"shared", "int", ""}};
static struct ko_param two_params[] = {{"name", "charp", ""}, {"shared", "int", ""}};

static struct ko kos[] = {
	{.name = "one", .params = one_params, .nparams = 2},
	{.name = "two_b", .params = two_params, .nparams = 2},
};

static char *params(size_t index, const char *a, const char *b)
{
	struct trial t = {.kos = kos, .modules = {.n = 2}};
	char *words[] = {(char *)a, (char *)b, NULL};
	struct error err;

	return load_params(&t, index, words, &err);
}

static void gives(size_t index, const char *a, const char *b, const char *expected)
{
	AUTO_FREE char *got = params(index, a, b);

	assert_non_null(got);
	assert_string_equal(got, expected);
}

static void a_parameter_goes_to_the_module_that_has_it(void **state)
{
	(void)state;
	gives(0, "level=1", "name=x", "level=1");
	gives(1, "level=1", "name=x", "name=x");
}

static void a_parameter_that_several_have_goes_to_all_of_them(void **state)
{
	(void)state;
	gives(0, "shared=1", NULL, "shared=1");
	gives(1, "shared=1", NULL, "shared=1");
}

static void a_parameter_that_none_has_goes_to_the_last_so_that_the_kernel_can_say_so(void **state)
{
	(void)state;
	gives(0, "nosuch=1", NULL, "");
	gives(1, "nosuch=1", NULL, "nosuch=1");
}

static void a_module_can_be_named(void **state)
{
	(void)state;
	gives(0, "one.shared=5", NULL, "shared=5");
	gives(1, "one.shared=5", NULL, "");
	gives(1, "two-b.shared=5", NULL, "shared=5");
}

static void a_value_with_spaces_is_quoted_and_one_with_quotes_refused(void **state)
{
	(void)state;
	gives(1, "name=cruel world", NULL, "name=\"cruel world\"");
	assert_null(params(1, "name=\"x\"", NULL));
	assert_null(params(1, "=x", NULL));
}

static void a_dot_in_a_value_names_no_module(void **state)
{
	(void)state;
	gives(1, "name=1.5", NULL, "name=1.5");
}

static void on_freebsd_they_are_tunables_of_the_kernel_a_line_each(void **state)
{
	struct target target = {.os = TARGET_FREEBSD};
	struct trial t = {.kos = kos, .modules = {.n = 2}, .nsupporting = 1, .target = &target};
	char *words[] = {(char *)"hw.hello.count=3", (char *)"hw.hello.whom=cruel world",
		(char *)"hw.hello.loud", NULL};
	struct error err;
	AUTO_FREE char *none = load_params(&t, 0, NULL, &err),
		       *all = load_params(&t, 1, words, &err);

	(void)state;
	assert_string_equal(none, "");
	assert_string_equal(all, "hw.hello.count=3\nhw.hello.whom=cruel world\nhw.hello.loud=1");
}

static void the_kernels_own_supporting_modules_get_none(void **state)
{
	struct trial t = {.kos = kos, .modules = {.n = 2}, .nsupporting = 1};
	char *words[] = {(char *)"level=1", NULL};
	struct error err;
	AUTO_FREE char *got = load_params(&t, 1, words, &err);

	(void)state;
	/* "one" is supporting here: its parameter is nobody's, so the last module gets it. */
	assert_string_equal(got, "level=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parameter_goes_to_the_module_that_has_it),
		cmocka_unit_test(a_parameter_that_several_have_goes_to_all_of_them),
		cmocka_unit_test(
			a_parameter_that_none_has_goes_to_the_last_so_that_the_kernel_can_say_so),
		cmocka_unit_test(a_module_can_be_named),
		cmocka_unit_test(a_value_with_spaces_is_quoted_and_one_with_quotes_refused),
		cmocka_unit_test(a_dot_in_a_value_names_no_module),
		cmocka_unit_test(on_freebsd_they_are_tunables_of_the_kernel_a_line_each),
		cmocka_unit_test(the_kernels_own_supporting_modules_get_none),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
