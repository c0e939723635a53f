/* SPDX-License-Identifier: BSD-2-Clause */
/* The other end of the channel is played here by the test, well-behaved and otherwise. */
#include "unit.h"

#include "machine/channel.h"
#include "machine/console.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
	struct channel c;
	int guest;
};

static int setup(void **state)
{
	struct ends *e = calloc(1, sizeof *e);
	struct error err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(channel_open(&e->c, pair[0], true, &err), 0);
	e->guest = pair[1];
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct ends *e = *state;

	channel_close(&e->c);
	close(e->guest);
	free(e);
	return 0;
}

static void guest_says(struct ends *e, const void *bytes, size_t len)
{
	assert_int_equal(write(e->guest, bytes, len), len);
}

/* Writes a message into the ring as the agent does. */
static void guest_sends(struct ends *e, uint16_t type, const void *body, uint32_t len)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, type, 0, len};
	uint8_t *ring = (uint8_t *)e->c.shared + PROTO_OUT_OFFSET;
	uint32_t head = e->c.shared->out.head;

	for (size_t i = 0; i < sizeof h; i++)
		ring[head++ % PROTO_RING_OUT] = ((uint8_t *)&h)[i];
	for (size_t i = 0; i < len; i++)
		ring[head++ % PROTO_RING_OUT] = ((const uint8_t *)body)[i];
	e->c.shared->out.head = head;
}

static void messages_come_through_the_ring_in_order_also_over_its_end(void **state)
{
	struct ends *e = *state;
	char body[5000];
	struct message m;

	memset(body, 'x', sizeof body);
	guest_says(e, "R", 1);
	for (uint32_t i = 0; i < 3000; i++) { /* 15 MB through a ring of 4 MiB */
		memcpy(body, &i, sizeof i);
		guest_sends(e, PROTO_LOG, body, sizeof body);
		assert_int_equal(channel_pull(&e->c), 0);
		assert_int_equal(channel_next(&e->c, &m), 1);
		assert_int_equal(m.length, sizeof body);
		assert_memory_equal(m.body, &i, sizeof i);
		assert_int_equal(m.body[4999], 'x');
		assert_int_equal(channel_next(&e->c, &m), 0);
	}
}

static void without_the_device_messages_come_over_the_line(void **state)
{
	struct ends *e = *state;
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, PROTO_LOG, 0, 2};
	struct message m;

	guest_says(e, "L", 1);
	guest_says(e, &h, sizeof h);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_next(&e->c, &m), 0);
	guest_says(e, "ab", 2);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_next(&e->c, &m), 1);
	assert_memory_equal(m.body, "ab", 2);
}

static void an_index_that_no_agent_could_have_written_is_refused(void **state)
{
	struct ends *e = *state;

	guest_says(e, "R", 1);
	e->c.shared->out.head = PROTO_RING_OUT + 1;
	assert_int_equal(channel_pull(&e->c), -EPROTO);
	e->c.shared->out.head = UINT32_MAX;
	assert_int_equal(channel_pull(&e->c), -EPROTO);
}

static void our_own_position_is_never_read_back_from_the_guest(void **state)
{
	struct ends *e = *state;
	struct message m;

	guest_says(e, "R", 1);
	guest_sends(e, PROTO_LOG, "one", 3);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_next(&e->c, &m), 1);
	e->c.shared->out.tail = 12345;
	guest_sends(e, PROTO_LOG, "two", 3);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_next(&e->c, &m), 1);
	assert_memory_equal(m.body, "two", 3);
}

static void a_first_word_that_is_neither_way_is_refused(void **state)
{
	struct ends *e = *state;

	guest_says(e, "?", 1);
	assert_int_equal(channel_pull(&e->c), -EPROTO);
}

static void a_request_waits_in_the_ring_and_wakes_nobody_before_it_is_late(void **state)
{
	struct ends *e = *state;
	struct proto_header h;
	char byte;

	guest_says(e, "R", 1);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_send(&e->c, PROTO_UNLOAD, 9, "hello", 6), 0);
	assert_int_equal(e->c.shared->in.head, sizeof h + 6);
	memcpy(&h, (uint8_t *)e->c.shared + PROTO_IN_OFFSET, sizeof h);
	assert_int_equal(h.type, PROTO_UNLOAD);
	assert_int_equal(h.serial, 9);
	assert_int_equal(recv(e->guest, &byte, 1, MSG_DONTWAIT), -1);
	channel_nudge(&e->c);
	assert_int_equal(read(e->guest, &byte, 1), 1);
	assert_int_equal(byte, PROTO_WAKE);
	assert_int_equal(channel_send(&e->c, PROTO_UNLOAD, 9, "", PROTO_BODY_MAX + 1), -EMSGSIZE);
}

static void a_resumed_channel_begins_at_nothing_and_knows_its_way(void **state)
{
	struct ends *e = *state;
	struct message m;

	channel_resume(&e->c);
	assert_false(channel_parked(&e->c));
	assert_true(channel_taken(&e->c));
	assert_int_equal(channel_send(&e->c, PROTO_SYNC, 1, NULL, 0), 0);
	assert_false(channel_taken(&e->c));
	e->c.shared->in.tail = e->c.shared->in.head;
	assert_true(channel_taken(&e->c));
	guest_sends(e, PROTO_LOG, "x", 1);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_int_equal(channel_next(&e->c, &m), 1);
	e->c.shared->parked = 1;
	assert_true(channel_parked(&e->c));
	channel_lay(&e->c, "module", 6);
	assert_memory_equal((char *)e->c.shared + PROTO_AREA_OFFSET, "module", 6);
}

static void one_does_not_sleep_over_what_has_arrived(void **state)
{
	struct ends *e = *state;

	guest_says(e, "R", 1);
	assert_int_equal(channel_pull(&e->c), 0);
	assert_true(channel_may_sleep(&e->c));
	assert_int_equal(e->c.shared->out.sleeping, 1);
	guest_sends(e, PROTO_LOG, "x", 1);
	assert_false(channel_may_sleep(&e->c));
}

static void a_long_console_keeps_its_beginning_and_its_end(void **state)
{
	struct console c = {.fd = -1};
	char line[100];
	const char *text;

	(void)state;
	console_add(&c, "first line\n", 11);
	memset(line, 'y', sizeof line);
	for (int i = 0; i < 100000; i++)
		console_add(&c, line, sizeof line);
	console_add(&c, "last\0line\n", 10);
	text = console_text(&c);
	assert_true(strlen(text) < 5 * CONSOLE_KEEP);
	assert_memory_equal(text, "first line\n", 11);
	assert_non_null(strstr(text, "bytes of the console left out"));
	assert_string_equal(text + strlen(text) - 10, "last?line\n");
	console_close(&c);
}

int main(void)
{
#define WITH_ENDS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_ENDS(messages_come_through_the_ring_in_order_also_over_its_end),
		WITH_ENDS(without_the_device_messages_come_over_the_line),
		WITH_ENDS(an_index_that_no_agent_could_have_written_is_refused),
		WITH_ENDS(our_own_position_is_never_read_back_from_the_guest),
		WITH_ENDS(a_first_word_that_is_neither_way_is_refused),
		WITH_ENDS(a_request_waits_in_the_ring_and_wakes_nobody_before_it_is_late),
		WITH_ENDS(a_resumed_channel_begins_at_nothing_and_knows_its_way),
		WITH_ENDS(one_does_not_sleep_over_what_has_arrived),
		cmocka_unit_test(a_long_console_keeps_its_beginning_and_its_end),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
