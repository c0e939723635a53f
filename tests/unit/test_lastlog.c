/* SPDX-License-Identifier: BSD-2-Clause */
/* The last trial's log: what is kept of it, and which of its lines are wanted. */
#include "unit.h"

#include "base/path.h"
#include "trial/lastlog.h"

#include <errno.h>
#include <stdio.h>

static struct record record(uint64_t usec, unsigned level, size_t call, const char *text)
{
	return (struct record){
		.usec = usec, .level = level, .call = call, .text = (char *)(uintptr_t)text};
}

static void a_level_is_that_one_and_worse_and_none_is_always_wanted(void **state)
{
	struct lastlog_filter f = {.level = 4};
	struct record r = record(1, 0, 0, "x");

	(void)state;
	for (r.level = 0; r.level <= LEVEL_NONE; r.level++)
		assert_int_equal(lastlog_wants(&f, &r), r.level <= 4 || r.level >= LEVEL_UNKNOWN);
	f.level = LEVEL_NONE;
	for (r.level = 0; r.level <= LEVEL_NONE; r.level++)
		assert_true(lastlog_wants(&f, &r));
}

static void time_call_and_text_all_have_to_fit(void **state)
{
	struct lastlog_filter f = {.level = LEVEL_NONE, .usec = 1000, .call = 1, .text = "needle"};
	struct record early = record(999, 6, 1, "a needle"), before = record(1000, 6, 0, "needle"),
		      other = record(1000, 6, 1, "a Needle"), right = record(1000, 6, 1, "needles");

	(void)state;
	assert_false(lastlog_wants(&f, &early));
	assert_false(lastlog_wants(&f, &before));
	assert_false(lastlog_wants(&f, &other));
	assert_true(lastlog_wants(&f, &right));
}

static void levels_have_their_names_and_numbers(void **state)
{
	static const struct {
		const char *word;
		unsigned level;
	} good[] = {{"emerg", 0}, {"0", 0}, {"alert", 1}, {"err", 3}, {"error", 3}, {"warn", 4},
		{"warning", 4}, {"info", 6}, {"debug", 7}, {"7", 7}};
	static const char *const bad[] = {"", "8", "-1", "03", "bug", "ERR"};
	unsigned level;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(lastlog_level(good[i].word, &level));
		assert_int_equal(level, good[i].level);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(lastlog_level(bad[i], &level));
}

static void since_is_a_time_or_the_first_call_of_that_name(void **state)
{
	struct lastlog l = {0};
	struct lastlog_filter f = {0};

	(void)state;
	strv_adds(&l.calls, "load base", "load hello", "exercise test.sh", "unload hello",
		"unload base", NULL);
	assert_true(lastlog_since(&l, "4.5", &f));
	assert_int_equal(f.usec, 4500000);
	assert_int_equal(f.call, 0);
	assert_true(lastlog_since(&l, "unload", &f));
	assert_int_equal(f.call, 3);
	assert_true(lastlog_since(&l, "hello", &f));
	assert_int_equal(f.call, 1);
	assert_true(lastlog_since(&l, "test.sh", &f));
	assert_int_equal(f.call, 2);
	assert_true(lastlog_since(&l, "unload base", &f));
	assert_int_equal(f.call, 4);
	assert_false(lastlog_since(&l, "un", &f));
	assert_false(lastlog_since(&l, "nan", &f));
	assert_false(lastlog_since(&l, "-1", &f));
	assert_false(lastlog_since(&l, "1e99", &f));
	assert_false(lastlog_since(&l, "", &f));
	lastlog_free(&l);
}

static void what_is_kept_is_read_back(void **state)
{
	struct ko ko = {.name = "hello"};
	struct call calls[] = {{.kind = CALL_LOAD, .ko = &ko, .returned = true},
		{.kind = CALL_EXERCISE, .ko = &ko, .what = "test.sh", .returned = true},
		{.kind = CALL_UNLOAD, .ko = &ko, .returned = true}};
	struct record log[] = {record(4500000, 6, 0, "Hello, \"world\"\nsecond"),
		record(4600000, LEVEL_NONE, 2, "bye \xc3\xa4")};
	struct target target = {.name = "debian:x"};
	struct trial t = {.name = "hello",
		.target = &target,
		.run = {.calls = calls, .ncalls = 3, .log = log, .nlog = 2, .dropped = 5}};
	struct lastlog l;
	struct error err;

	(void)state;
	log[1].after = true;
	assert_int_equal(lastlog_read(&l, &err), -ENOENT);
	assert_non_null(strstr(err.text, "kmodlab run"));
	lastlog_free(&l);
	lastlog_keep(&t);
	assert_int_equal(lastlog_read(&l, &err), 0);
	assert_string_equal(l.module, "hello");
	assert_string_equal(l.target, "debian:x");
	assert_string_equal(l.verdict, "pass");
	assert_int_equal(l.dropped, 5);
	assert_int_equal(l.calls.n, 3);
	assert_string_equal(l.calls.v[0], "load hello");
	assert_string_equal(l.calls.v[1], "exercise test.sh");
	assert_string_equal(l.calls.v[2], "unload hello");
	assert_int_equal(l.n, 2);
	assert_string_equal(l.log[0].text, "Hello, \"world\"\nsecond");
	assert_int_equal(l.log[0].usec, 4500000);
	assert_int_equal(l.log[0].level, 6);
	assert_string_equal(l.log[1].text, "bye \xc3\xa4");
	assert_int_equal(l.log[1].level, LEVEL_NONE);
	assert_int_equal(l.log[1].call, 2);
	assert_true(l.log[1].after);
	lastlog_free(&l);
}

static void of_a_flood_the_last_records_are_kept_and_the_rest_counted(void **state)
{
	size_t n = LASTLOG_KEPT + 7;
	struct record *log = xcalloc(n, sizeof *log);
	struct trial t = {.name = "flood", .run = {.log = log, .nlog = n}};
	struct lastlog l;
	struct error err;

	(void)state;
	for (size_t i = 0; i < n; i++)
		log[i] = record(i, 6, 0, "again");
	lastlog_keep(&t);
	assert_int_equal(lastlog_read(&l, &err), 0);
	assert_int_equal(l.n, LASTLOG_KEPT);
	assert_int_equal(l.log[0].usec, 7);
	assert_int_equal(l.dropped, 7);
	lastlog_free(&l);
	free(log);
}

static void a_damaged_file_is_told_and_its_words_are_harmless(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "{\"log\":1}", "7", "null"};
	struct lastlog l;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(lastlog_parse(bad[i], &l), -EINVAL);
		lastlog_free(&l);
	}
	assert_int_equal(
		lastlog_parse("{\"module\":\"\\u001b[2J\",\"target\":[1],\"calls\":[null,{}],"
			      "\"log\":[3,{},{\"level\":99,\"call\":-1,\"text\":\"a\\u001bb\"}]}",
			&l),
		0);
	assert_string_equal(l.module, "\\x1b[2J");
	assert_string_equal(l.target, "");
	assert_int_equal(l.n, 2);
	assert_string_equal(l.log[0].text, "");
	assert_int_equal(l.log[1].level, LEVEL_UNKNOWN);
	assert_int_equal(l.log[1].call, 0);
	assert_string_equal(l.log[1].text, "a\\x1bb");
	lastlog_free(&l);
}

static int in_a_cache(void **state)
{
	char *dir = xstrdup("/tmp/kmodlab-log-XXXXXX");

	*state = dir;
	return !mkdtemp(dir) || setenv("XDG_CACHE_HOME", dir, 1);
}

static int away(void **state)
{
	AUTO_FREE char *dir = *state;

	return path_remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_that_one_and_worse_and_none_is_always_wanted),
		cmocka_unit_test(time_call_and_text_all_have_to_fit),
		cmocka_unit_test(levels_have_their_names_and_numbers),
		cmocka_unit_test(since_is_a_time_or_the_first_call_of_that_name),
		cmocka_unit_test(what_is_kept_is_read_back),
		cmocka_unit_test(of_a_flood_the_last_records_are_kept_and_the_rest_counted),
		cmocka_unit_test(a_damaged_file_is_told_and_its_words_are_harmless),
	};

	return cmocka_run_group_tests_name("lastlog", tests, in_a_cache, away);
}
