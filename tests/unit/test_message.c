/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "machine/message.h"

#include <errno.h>

static struct buf make(uint16_t type, const void *body, uint32_t len)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, type, 7, len};
	struct buf b = {0};

	buf_add(&b, &h, sizeof h);
	buf_add(&b, body, len);
	return b;
}

static void a_message_is_taken_only_when_it_is_whole(void **state)
{
	AUTO_BUF struct buf b = make(PROTO_LOG, "abc", 3);
	struct message m;
	size_t used;

	(void)state;
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(message_parse(b.data, len, &m, &used), 0);
	assert_int_equal(message_parse(b.data, b.len, &m, &used), 1);
	assert_int_equal(used, b.len);
	assert_int_equal(m.serial, 7);
	assert_memory_equal(m.body, "abc", 3);
}

static void what_is_no_message_is_refused(void **state)
{
	const struct proto_header bad[] = {
		{0, PROTO_VERSION, PROTO_LOG, 0, 0},
		{PROTO_MAGIC, PROTO_VERSION + 1, PROTO_LOG, 0, 0},
		{PROTO_MAGIC, PROTO_VERSION, PROTO_LOAD, 0, 0},
		{PROTO_MAGIC, PROTO_VERSION, 9999, 0, 0},
		{PROTO_MAGIC, PROTO_VERSION, PROTO_LOG, 0, PROTO_BODY_MAX + 1},
		{PROTO_MAGIC, PROTO_VERSION, PROTO_LOG, 0, UINT32_MAX},
	};
	struct message m;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(message_parse(&bad[i], sizeof bad[i], &m, &used), -EPROTO);
}

static void hello_tells_the_system_and_its_strings_are_made_printable(void **state)
{
	const char body[] = "\x01\0\0\0\x02\0\0\0"
			    "6.1.0\033[31m\0#1 SMP\0x86_64";
	AUTO_BUF struct buf b = make(PROTO_HELLO, body, sizeof body);
	struct hello h;
	struct message m;
	size_t used;

	(void)state;
	assert_int_equal(message_parse(b.data, b.len, &m, &used), 1);
	assert_int_equal(message_hello(&m, &h), 0);
	assert_int_equal(h.os, PROTO_LINUX);
	assert_int_equal(h.cpus, 2);
	assert_string_equal(h.release, "6.1.0?[31m");
	assert_string_equal(h.machine, "x86_64");
	hello_free(&h);
}

static void a_hello_that_is_cut_off_anywhere_is_refused(void **state)
{
	const char body[] = "\x01\0\0\0\x02\0\0\0a\0b\0c";
	struct hello h;

	(void)state;
	for (uint32_t len = 0; len < sizeof body; len++) {
		struct message m = {PROTO_HELLO, 0, (const uint8_t *)body, len};

		assert_int_equal(message_hello(&m, &h), -EPROTO);
	}
}

static void a_done_with_impossible_numbers_is_refused(void **state)
{
	struct proto_done in = {.error = 12, .usec = 5}, out;
	struct message m = {PROTO_DONE, 1, (const uint8_t *)&in, sizeof in};

	(void)state;
	assert_int_equal(message_done(&m, &out), 0);
	assert_int_equal(out.error, 12);
	in.error = -1;
	assert_int_equal(message_done(&m, &out), -EPROTO);
	in.error = 0;
	in.signal = 1000;
	assert_int_equal(message_done(&m, &out), -EPROTO);
	in.signal = 0;
	m.length--;
	assert_int_equal(message_done(&m, &out), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_taken_only_when_it_is_whole),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(hello_tells_the_system_and_its_strings_are_made_printable),
		cmocka_unit_test(a_hello_that_is_cut_off_anywhere_is_refused),
		cmocka_unit_test(a_done_with_impossible_numbers_is_refused),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
