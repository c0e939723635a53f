/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into the ring that the outside reads and out of the one that it writes, or over the line. */
#include "guest/wire.h"

#include "guest/os.h"

#define LOOKS	20000 /* at the ring, before a sleep between any two */
#define LOOK_US 1000

struct proto_shared *wire_shared;
static uint8_t request[sizeof(struct proto_header) + PROTO_BODY_MAX + 1];
static size_t request_len; /* over the line: what has arrived of it */
static uint32_t parked;

static void copy(void *to, const void *from, size_t len)
{
	__builtin_memcpy(to, from, len);
}

/* ---- answering ---- */

static void line_write(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		long n = os_write(os_line_fd(), p, len);

		if (n <= 0) {
			os_sleep_us(1000);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
}

/* Shows the outside what has been written up to `head`. */
static void publish(uint32_t head)
{
	__atomic_store_n(&wire_shared->out.head, head, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&wire_shared->out.sleeping, __ATOMIC_SEQ_CST) &&
		__atomic_exchange_n(&wire_shared->out.sleeping, 0, __ATOMIC_SEQ_CST)) {
		uint8_t byte = PROTO_WAKE;

		line_write(&byte, 1);
	}
}

/* Writes bytes behind `head`; they are seen from outside once they are published. */
static uint32_t put_bytes(uint32_t head, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		uint32_t tail = __atomic_load_n(&wire_shared->out.tail, __ATOMIC_ACQUIRE);
		uint32_t used = head - tail;
		uint32_t at = head % PROTO_RING_OUT;
		uint32_t room = used < PROTO_RING_OUT ? PROTO_RING_OUT - used : 0;

		if (room > PROTO_RING_OUT - at)
			room = PROTO_RING_OUT - at;
		if (!room) {
			/* The reader is behind: show it what there is and let it work. */
			publish(head);
			os_sleep_us(500);
			continue;
		}
		if (room > len)
			room = (uint32_t)len;
		copy((uint8_t *)wire_shared + PROTO_OUT_OFFSET + at, p, room);
		head += room;
		p += room;
		len -= room;
	}
	return head;
}

void wire_send(
	uint16_t type, uint32_t serial, const void *a, size_t alen, const void *b, size_t blen)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, type, serial, (uint32_t)(alen + blen)};
	uint32_t head;

	if (!wire_shared) {
		line_write(&h, sizeof h);
		line_write(a, alen);
		line_write(b, blen);
		return;
	}
	head = put_bytes(wire_shared->out.head, &h, sizeof h);
	head = put_bytes(head, a, alen);
	publish(put_bytes(head, b, blen));
}

/* ---- taking requests ---- */

static void check(const struct proto_header *h)
{
	if (h->magic == PROTO_MAGIC && h->version == PROTO_VERSION && h->length <= PROTO_BODY_MAX)
		return;
	os_say("kmodlab agent: a request I cannot read; program and agent differ\n");
	os_halt();
}

static void copy_from_ring(uint8_t *to, uint32_t from, size_t len)
{
	while (len) {
		uint32_t at = from % PROTO_RING_IN;
		size_t part = len < PROTO_RING_IN - at ? len : PROTO_RING_IN - at;

		copy(to, (uint8_t *)wire_shared + PROTO_IN_OFFSET + at, part);
		to += part;
		from += (uint32_t)part;
		len -= part;
	}
}

/* Takes the next request out of the ring into `request`. */
static int take_from_ring(struct proto_header *h)
{
	uint32_t tail = wire_shared->in.tail;
	uint32_t waiting = __atomic_load_n(&wire_shared->in.head, __ATOMIC_ACQUIRE) - tail;

	if (waiting < sizeof *h)
		return 0;
	copy_from_ring((uint8_t *)h, tail, sizeof *h);
	check(h);
	if (waiting - sizeof *h < h->length)
		return 0;
	copy_from_ring(request, tail + sizeof *h, h->length);
	__atomic_store_n(
		&wire_shared->in.tail, tail + (uint32_t)sizeof *h + h->length, __ATOMIC_SEQ_CST);
	return 1;
}

/* The same from the line. One request is asked at a time, so none begins behind it. */
static int take_from_line(struct proto_header *h)
{
	long n = os_read(os_line_fd(), request + request_len, sizeof request - 1 - request_len);

	request_len += n > 0 ? (size_t)n : 0;
	if (request_len < sizeof *h)
		return 0;
	copy(h, request, sizeof *h);
	check(h);
	if (request_len < sizeof *h + h->length)
		return 0;
	request_len = 0;
	__builtin_memmove(request, request + sizeof *h, h->length);
	return 1;
}

const uint8_t *wire_take(struct proto_header *h)
{
	return (wire_shared ? take_from_ring(h) : take_from_line(h)) ? request : 0;
}

int wire_peek(void)
{
	struct proto_header h;
	uint32_t tail;

	if (!wire_shared)
		return 0;
	tail = wire_shared->in.tail;
	if (__atomic_load_n(&wire_shared->in.head, __ATOMIC_ACQUIRE) - tail < sizeof h)
		return 0;
	copy_from_ring((uint8_t *)&h, tail, sizeof h);
	return h.type;
}

void wire_await(void)
{
	if (!wire_shared) {
		os_wait(OS_LINE, 0);
		return;
	}
	for (unsigned look = 0;; look++) {
		if (__atomic_load_n(&wire_shared->in.head, __ATOMIC_ACQUIRE) !=
			wire_shared->in.tail)
			break;
		if (parked || look < LOOKS)
			__builtin_ia32_pause();
		else
			os_sleep_us(LOOK_US);
	}
	parked = 0;
}

void wire_forget(void)
{
	request_len = 0;
}

void wire_park(void)
{
	parked = 1;
	if (wire_shared)
		__atomic_store_n(&wire_shared->parked, 1, __ATOMIC_SEQ_CST);
}

void wire_open(void)
{
	uint8_t via;

	wire_shared = os_shared_memory(PROTO_SHARED_BYTES);
	if (wire_shared &&
		(wire_shared->magic != PROTO_MAGIC || wire_shared->version != PROTO_VERSION))
		wire_shared = 0;
	via = wire_shared ? PROTO_VIA_RING : PROTO_VIA_LINE;
	line_write(&via, 1);
}
