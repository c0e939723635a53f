/* SPDX-License-Identifier: BSD-2-Clause */
/* How text becomes the lines of a terminal. */
#include "unit.h"

#include "base/buf.h"
#include "cli/screen.h"

static void expect(const char *text, size_t width, const char *wanted)
{
	AUTO_STRV struct strv lines = {0};
	AUTO_BUF struct buf all = {0};

	screen_break(text, width, &lines);
	buf_adds(&all, "");
	for (size_t i = 0; i < lines.n; i++)
		buf_addf(&all, "%s|", lines.v[i]);
	assert_string_equal(all.data ? all.data : "", wanted);
}

static void lines_that_are_too_long_are_broken(void **state)
{
	(void)state;
	expect("abcdef\ngh", 4, "abcd|ef|gh|");
	expect("abcd\n", 4, "abcd|");
	expect("\n\na", 4, "||a|");
	expect("", 4, "");
}

static void colour_takes_no_room_and_letters_one_column_each(void **state)
{
	(void)state;
	expect("\033[1;31mabcd\033[0m", 4, "\033[1;31mabcd\033[0m|");
	expect("→→→→→", 4, "→→→→|→|");
	expect("a\tb", 20, "a       b|");
}

static void what_moves_the_cursor_does_not_come_through(void **state)
{
	(void)state;
	expect("a\rb\033]0;x\a", 20, "a?b?]0;x?|");
	expect("\033[2Jx\033", 20, "?[2Jx?|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_are_too_long_are_broken),
		cmocka_unit_test(colour_takes_no_room_and_letters_one_column_each),
		cmocka_unit_test(what_moves_the_cursor_does_not_come_through),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
