/* SPDX-License-Identifier: BSD-2-Clause */
/* FreeBSD's log and what is made of it. */
#include "unit.h"

#include "judge/judge.h"
#include "judge/msgbuf.h"
#include "judge/system.h"

#include <errno.h>

static struct ko ko = {.name = "hello"};

static struct record parse(const char *text)
{
	struct record r;

	assert_int_equal(msgbuf_parse(text, strlen(text), &r), 0);
	return r;
}

static void a_line_of_log_has_its_level(void **state)
{
	struct record r = parse("12345;<5>Hello from FreeBSD module.");

	(void)state;
	assert_int_equal(r.usec, 12345);
	assert_int_equal(r.level, 5);
	assert_int_equal(r.facility, 0);
	assert_string_equal(r.text, "Hello from FreeBSD module.");
	free(r.text);
}

static void a_line_of_printf_has_none(void **state)
{
	struct record r = parse("1;plain <5>text");

	(void)state;
	assert_int_equal(r.level, LEVEL_NONE);
	assert_string_equal(r.text, "plain <5>text");
	free(r.text);
}

static void a_facility_is_told_from_the_level(void **state)
{
	struct record r = parse("1;<118>from the console");

	(void)state;
	assert_int_equal(r.level, 6);
	assert_int_equal(r.facility, 14);
	free(r.text);
}

static void control_characters_are_shown_and_not_sent(void **state)
{
	struct record r = parse("1;<3>a\033[2Jb");

	(void)state;
	assert_string_equal(r.text, "a\\x1b[2Jb");
	free(r.text);
}

static void what_is_no_line_of_the_agents_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ";", "x", "12", "<5>x", "-1;x", "9999999999999999999;x"};
	struct record r;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(msgbuf_parse(bad[i], strlen(bad[i]), &r), -EINVAL);
}

static void the_consoles_last_words_are_added_once(void **state)
{
	struct run r = {.os = TARGET_FREEBSD};

	(void)state;
	ARRAY_ADD(r.log, r.nlog)->text = strdup("from printf");
	ARRAY_ADD(r.log, r.nlog)->text = strdup("from log, not on the console");
	r.console = strdup(
		"boot text\r\n" MSGBUF_MARK "\r\nfrom printf\r\npanic: oh\r\n\r\nUptime: 1s\r\n");
	msgbuf_add_console(&r, 3);
	assert_int_equal(r.nlog, 4);
	assert_string_equal(r.log[2].text, "panic: oh");
	assert_int_equal(r.log[2].level, LEVEL_UNKNOWN);
	assert_int_equal(r.log[2].call, 3);
	assert_string_equal(r.log[3].text, "Uptime: 1s");
	run_free(&r);
}

/* What is found after a call that returned `error` and logged `line`. */
static struct findings judge(enum call_kind kind, int error, const char *line)
{
	struct call call = {.kind = kind, .ko = &ko, .returned = true, .error = error};
	struct record record = {.text = (char *)line};
	struct run run = {.os = TARGET_FREEBSD,
		.calls = &call,
		.ncalls = 1,
		.log = &record,
		.nlog = line ? 1 : 0};
	struct findings f = {0};

	judge_run(&run, NULL, &f);
	return f;
}

static void expect(struct findings f, const char *rule, enum class class, const char *words)
{
	assert_int_equal(f.n, 1);
	assert_string_equal(f.items[0].rule, rule);
	assert_int_equal(f.items[0].class, class);
	if (!strstr(f.items[0].message, words))
		fail_msg("'%s' does not say '%s'", f.items[0].message, words);
	findings_free(&f);
}

static void each_way_to_be_refused_at_load_has_its_rule(void **state)
{
	static const struct {
		int error;
		const char *line, *rule, *words;
	} cases[] = {
		{8, "link_elf_obj: symbol no_such_thing undefined", "symbol-unknown",
			"no_such_thing"},
		{8, "KLD hello.ko: depends on kernel - not available or version mismatch",
			"kernel-version", "another kernel version"},
		{8, "KLD hello.ko: depends on zlib - not available or version mismatch",
			"dependency-missing", "zlib"},
		{8, "module_register_init: MOD_LOAD (hello, 0xffffffff82c1a000, 0) error 12",
			"init-error", "ENOMEM (12: Cannot allocate memory)"},
		{17, "interface hello.1 already present in the KLD 'kernel'!", "already-loaded",
			"hello.1"},
		{17, NULL, "already-loaded", "hello"},
		{8, "linker_load_file: /m/hello.ko - unsupported file type", "damaged-file",
			"damaged"},
		{8, NULL, "damaged-file", "ENOEXEC"},
		{13, NULL, "load-error", "EACCES"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(judge(CALL_LOAD, cases[i].error, cases[i].line), cases[i].rule, CLASS_LOAD,
			cases[i].words);
}

static void each_way_to_be_refused_at_unload_has_its_rule(void **state)
{
	(void)state;
	expect(judge(CALL_UNLOAD, 16, NULL), "in-use", CLASS_UNLOAD, "EBUSY");
	expect(judge(CALL_UNLOAD, 45, NULL), "no-exit", CLASS_UNLOAD, "MOD_UNLOAD");
	expect(judge(CALL_UNLOAD, 6, NULL), "unload-error", CLASS_UNLOAD, "ENXIO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_log_has_its_level),
		cmocka_unit_test(a_line_of_printf_has_none),
		cmocka_unit_test(a_facility_is_told_from_the_level),
		cmocka_unit_test(control_characters_are_shown_and_not_sent),
		cmocka_unit_test(what_is_no_line_of_the_agents_is_refused),
		cmocka_unit_test(the_consoles_last_words_are_added_once),
		cmocka_unit_test(each_way_to_be_refused_at_load_has_its_rule),
		cmocka_unit_test(each_way_to_be_refused_at_unload_has_its_rule),
	};

	return cmocka_run_group_tests_name("msgbuf", tests, NULL, NULL);
}
