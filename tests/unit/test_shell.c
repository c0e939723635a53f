/* SPDX-License-Identifier: BSD-2-Clause */
/* What a shell's terminal shows when the kernel's log comes in between, and what files a guest may give to its host. */
#include "unit.h"

#include "shell/mix.h"
#include "shell/receive.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- log lines among a shell's output ---- */

static void expect_screen(struct buf *out, const char *wanted)
{
	buf_add(out, "", 0);
	assert_string_equal(out->data ? out->data : "", wanted);
	out->len = 0;
	if (out->data)
		out->data[0] = 0;
}

static void says(struct mix *m, const char *text, struct buf *out)
{
	mix_output(m, text, strlen(text), out);
}

static void a_log_line_at_a_lines_start_is_just_written(void **state)
{
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	says(&m, "hello\r\n", &out);
	expect_screen(&out, "hello\r\n");
	mix_log(&m, "[err]", "bad", &out);
	expect_screen(&out, "[err] bad\r\n");
	mix_log(&m, "", "plain", &out);
	expect_screen(&out, "plain\r\n");
	m.colour = true;
	mix_log(&m, "[err]", "dim", &out);
	expect_screen(&out, "\033[2m[err] dim\033[0m\r\n");
	mix_free(&m);
	buf_free(&out);
}

static void a_line_that_is_being_typed_is_shown_again_below(void **state)
{
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	says(&m, "/ # ls", &out);
	out.len = 0;
	mix_log(&m, "[info]", "news", &out);
	expect_screen(&out, "\r\033[K[info] news\r\n/ # ls");
	says(&m, " -l", &out);
	expect_screen(&out, " -l");
	mix_log(&m, "[info]", "more", &out);
	expect_screen(&out, "\r\033[K[info] more\r\n/ # ls -l");
	mix_free(&m);
	buf_free(&out);
}

static void a_record_of_many_lines_is_as_many_lines(void **state)
{
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	mix_log(&m, "[info]", "one\ntwo", &out);
	expect_screen(&out, "[info] one\r\n[info] two\r\n");
	mix_free(&m);
	buf_free(&out);
}

static void a_question_to_the_terminal_is_not_asked_again(void **state)
{
	struct buf out = {0};
	const char *line =
		"\033[?2004h\033[6n\033[1m# \033[0m\033]0;title\a\033[c\033Zx\a\033]2;t\033\\y";

	(void)state;
	mix_again(line, strlen(line), &out);
	expect_screen(&out, "\033[1m# \033[0mxy");
	/* Cut off in the middle. */
	mix_again("ab\033", 3, &out);
	mix_again("\033[", 2, &out);
	mix_again("\033]0;x", 5, &out);
	expect_screen(&out, "ab\033\033[");
	buf_free(&out);
}

static void while_a_program_has_the_screen_log_lines_wait(void **state)
{
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	/* The sequence may come in pieces. */
	says(&m, "\033[?10", &out);
	says(&m, "49hfile\n", &out);
	out.len = 0;
	mix_log(&m, "[info]", "news", &out);
	expect_screen(&out, "");
	says(&m, "more\n", &out);
	expect_screen(&out, "more\n");
	says(&m, "\033[?1049l", &out);
	expect_screen(&out, "\033[?1049l[info] news\r\n");
	mix_free(&m);
	buf_free(&out);
}

static void behind_a_line_too_long_to_show_again_log_lines_wait_for_its_end(void **state)
{
	char many[MIX_LINE + 10];
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	memset(many, 'x', sizeof many);
	mix_output(&m, many, sizeof many, &out);
	out.len = 0;
	mix_log(&m, "[info]", "news", &out);
	expect_screen(&out, "");
	says(&m, "\r\n", &out);
	expect_screen(&out, "\r\n[info] news\r\n");
	mix_free(&m);
	buf_free(&out);
}

static void at_the_end_what_waited_is_shown_and_the_screen_given_back(void **state)
{
	struct mix m = {0};
	struct buf out = {0};

	(void)state;
	says(&m, "\033[?1049hvi", &out);
	out.len = 0;
	mix_log(&m, "[emerg]", "panic", &out);
	expect_screen(&out, "");
	mix_end(&m, &out);
	expect_screen(&out, "\033[?1049l\r\n[emerg] panic\r\n");
	mix_free(&m);
	buf_free(&out);
}

static void a_flood_that_has_to_wait_is_bounded(void **state)
{
	struct mix m = {.screen = true};
	struct buf out = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		mix_log(&m, "[info]", "again and again and again", &out);
	assert_int_equal(out.len, 0);
	assert_in_range(m.held.len, MIX_HELD, MIX_HELD + 200);
	mix_free(&m);
	buf_free(&out);
}

/* ---- files from a guest ---- */

static void only_plain_names_are_good(void **state)
{
	static const char *const good[] = {
		"a", "hello.ko", "core.123", "my file", "x-1_2+3=4@5%6,7:8~", "UPPER", "0"};
	static const char *const bad[] = {"", ".", "..", ".profile", "-rf", " x", "~", "a/b",
		"/etc/passwd", "../x", "a\nb", "a\033[2Jb", "\t", "a\\b", "$(x)", "`x`", "a;b",
		"a|b", "a*", "a?", "a\"b", "a'b", "\xc3\xa4", "\x7f"};
	char longest[202];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(receive_name_is_good(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (receive_name_is_good(bad[i]))
			fail_msg("a file may be called %s", bad[i]);
	memset(longest, 'x', sizeof longest);
	longest[201] = 0;
	assert_false(receive_name_is_good(longest));
	longest[200] = 0;
	assert_true(receive_name_is_good(longest));
}

static bool take(struct receive *r, uint16_t type, const char *body, size_t len)
{
	struct message msg = {.type = type, .body = (const uint8_t *)body, .length = (uint32_t)len};

	return receive_take(r, &msg);
}

static void expect_file(const char *name, const char *wanted)
{
	char text[64] = {0};
	int fd = open(name, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof text - 1), strlen(wanted));
	assert_string_equal(text, wanted);
	close(fd);
}

static void a_file_comes_whole_and_without_execute_bits(void **state)
{
	struct receive r = {.fd = -1};
	struct stat st;

	(void)state;
	/* What is not announced goes nowhere. */
	assert_false(take(&r, PROTO_DATA, "stray", 5));
	assert_false(take(&r, PROTO_GIVE, "", 1));
	assert_false(take(&r, PROTO_GIVE, "out.txt", 8));
	assert_false(take(&r, PROTO_DATA, "one ", 4));
	assert_false(take(&r, PROTO_OUTPUT, "not this", 8));
	assert_false(take(&r, PROTO_DATA, "two", 3));
	assert_true(take(&r, PROTO_GIVE, "", 1));
	assert_null(r.why);
	assert_int_equal(r.bytes, 7);
	assert_string_equal(r.name, "out.txt");
	expect_file("out.txt", "one two");
	assert_int_equal(stat("out.txt", &st), 0);
	assert_int_equal(st.st_mode & 0111, 0);
	receive_end(&r);
	expect_file("out.txt", "one two");
}

static void a_file_that_is_there_and_a_link_stay_as_they_are(void **state)
{
	static const char *const names[] = {"there", "link", "dangling"};
	int fd = open("there", O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_int_equal(symlink("there", "link") | symlink("nowhere", "dangling"), 0);
	for (size_t i = 0; i < 3; i++) {
		struct receive r = {.fd = -1};

		take(&r, PROTO_GIVE, names[i], strlen(names[i]) + 1);
		take(&r, PROTO_DATA, "theirs", 6);
		assert_true(take(&r, PROTO_GIVE, "", 1));
		assert_non_null(strstr(r.why, "is there already"));
		receive_end(&r);
	}
	expect_file("there", "mine");
	assert_int_not_equal(access("nowhere", F_OK), 0);
}

static void a_bad_name_is_refused_and_not_repeated(void **state)
{
	struct receive r = {.fd = -1};

	(void)state;
	take(&r, PROTO_GIVE, "../escape", 10);
	take(&r, PROTO_DATA, "x", 1);
	assert_true(take(&r, PROTO_GIVE, "", 1));
	assert_non_null(r.why);
	assert_null(strstr(r.name, "escape"));
	assert_int_not_equal(access("../escape", F_OK), 0);
	receive_end(&r);
	/* One that has no end is as long as its message. */
	take(&r, PROTO_GIVE, "endless", 3);
	assert_string_equal(r.name, "end");
	receive_end(&r);
}

static void a_file_that_does_not_end_is_removed(void **state)
{
	struct receive r = {.fd = -1};

	(void)state;
	take(&r, PROTO_GIVE, "half", 5);
	take(&r, PROTO_DATA, "x", 1);
	assert_int_equal(access("half", F_OK), 0);
	/* Another one begins. */
	take(&r, PROTO_GIVE, "other", 6);
	assert_int_not_equal(access("half", F_OK), 0);
	receive_end(&r);
	assert_int_not_equal(access("other", F_OK), 0);
}

static void a_file_that_is_too_large_is_not_kept(void **state)
{
	struct receive r = {.fd = -1};

	(void)state;
	take(&r, PROTO_GIVE, "large", 6);
	r.bytes = RECEIVE_MAX;
	take(&r, PROTO_DATA, "x", 1);
	assert_int_not_equal(access("large", F_OK), 0);
	assert_true(take(&r, PROTO_GIVE, "", 1));
	assert_non_null(strstr(r.why, "1 GiB"));
	receive_end(&r);
}

static int in_a_directory(void **state)
{
	char *dir = xstrdup("/tmp/kmodlab-shell-XXXXXX");

	*state = dir;
	return !mkdtemp(dir) || chdir(dir);
}

static int away(void **state)
{
	AUTO_FREE char *dir = *state, *command = xasprintf("rm -rf '%s'", dir);

	return chdir("/") || system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_line_at_a_lines_start_is_just_written),
		cmocka_unit_test(a_line_that_is_being_typed_is_shown_again_below),
		cmocka_unit_test(a_record_of_many_lines_is_as_many_lines),
		cmocka_unit_test(a_question_to_the_terminal_is_not_asked_again),
		cmocka_unit_test(while_a_program_has_the_screen_log_lines_wait),
		cmocka_unit_test(behind_a_line_too_long_to_show_again_log_lines_wait_for_its_end),
		cmocka_unit_test(at_the_end_what_waited_is_shown_and_the_screen_given_back),
		cmocka_unit_test(a_flood_that_has_to_wait_is_bounded),
		cmocka_unit_test(only_plain_names_are_good),
		cmocka_unit_test(a_file_comes_whole_and_without_execute_bits),
		cmocka_unit_test(a_file_that_is_there_and_a_link_stay_as_they_are),
		cmocka_unit_test(a_bad_name_is_refused_and_not_repeated),
		cmocka_unit_test(a_file_that_does_not_end_is_removed),
		cmocka_unit_test(a_file_that_is_too_large_is_not_kept),
	};

	return cmocka_run_group_tests_name("shell", tests, in_a_directory, away);
}
