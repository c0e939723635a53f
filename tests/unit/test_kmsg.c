/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "judge/kmsg.h"

#include <errno.h>

static struct record parse(const char *text)
{
	struct record r;

	assert_int_equal(kmsg_parse(text, strlen(text), &r), 0);
	return r;
}

static void a_record_gives_level_facility_number_time_and_text(void **state)
{
	struct record r = parse("30,339,5140900,-;Hello; world\n SUBSYSTEM=x\n");

	(void)state;
	assert_int_equal(r.level, 6);
	assert_int_equal(r.facility, 3);
	assert_int_equal(r.seq, 339);
	assert_int_equal(r.usec, 5140900);
	assert_string_equal(r.text, "Hello; world");
	free(r.text);
}

static void further_fields_before_the_semicolon_are_passed_over(void **state)
{
	struct record r = parse("1,2,3,-,caller=T97;x");

	(void)state;
	assert_string_equal(r.text, "x");
	free(r.text);
}

static void escaped_bytes_come_back_where_they_are_harmless(void **state)
{
	struct record r = parse("4,1,1,-;gr\\xc3\\xbc\\xc3\\x9fe\\x0asecond\\x09line\n");

	(void)state;
	assert_string_equal(r.text, "grüße\nsecond\tline");
	free(r.text);
}

static void no_control_character_reaches_the_terminal(void **state)
{
	struct record r = parse("4,1,1,-;a\\x1b[31mb\\x00\\xff\\xc2\\x9b\\x7f");

	(void)state;
	assert_string_equal(r.text, "a\\x1b[31mb\\x00\\xff\\xc2\\x9b\\x7f");
	free(r.text);
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const bad[] = {"", ";", "x", "1", "1,", "1,2", "1,2,3", "1,2,3,-",
		",,,;x", "99999999999999999999,1,1,-;x", "70000,1,1,-;x", "-1,1,1,-;x"};
	struct record r;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(kmsg_parse(bad[i], strlen(bad[i]), &r), -EINVAL);
}

static void taint_remarks_and_the_kernels_own_business_are_told_from_the_modules(void **state)
{
	(void)state;
	assert_int_equal(
		kmsg_origin("hello: loading out-of-tree module taints kernel."), ORIGIN_TAINT);
	assert_int_equal(
		kmsg_origin("hello: module verification failed: signature and/or required key "
			    "missing - tainting kernel"),
		ORIGIN_TAINT);
	assert_int_equal(
		kmsg_origin("x: module license 'Proprietary' taints kernel."), ORIGIN_TAINT);
	assert_int_equal(
		kmsg_origin("tsc: Refined TSC clocksource calibration: 2 MHz"), ORIGIN_KERNEL);
	assert_int_equal(kmsg_origin("Hello, world"), ORIGIN_MODULE);
}

static void the_consoles_last_words_are_added_after_what_the_log_has(void **state)
{
	struct run r = {0};
	struct record *first = ARRAY_ADD(r.log, r.nlog);

	(void)state;
	first->usec = 2000001;
	first->text = strdup("known");
	r.console = strdup("[    1.500000] before\r\nnoise\n[    2.000001] known\r\n"
			   "[    2.000001] same time\r\n[    3.000000] last words\r\n[    4.0");
	kmsg_add_console(&r, 5);
	assert_int_equal(r.nlog, 3);
	assert_string_equal(r.log[1].text, "same time");
	assert_string_equal(r.log[2].text, "last words");
	assert_int_equal(r.log[2].level, LEVEL_UNKNOWN);
	assert_int_equal(r.log[2].call, 5);
	run_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_gives_level_facility_number_time_and_text),
		cmocka_unit_test(further_fields_before_the_semicolon_are_passed_over),
		cmocka_unit_test(escaped_bytes_come_back_where_they_are_harmless),
		cmocka_unit_test(no_control_character_reaches_the_terminal),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(
			taint_remarks_and_the_kernels_own_business_are_told_from_the_modules),
		cmocka_unit_test(the_consoles_last_words_are_added_after_what_the_log_has),
	};

	return cmocka_run_group_tests_name("kmsg", tests, NULL, NULL);
}
