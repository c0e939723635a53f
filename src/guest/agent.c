/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent: the first and only program in the machine. It waits for a request, carries it out in
 * a child (the module's init or exit runs in that child's context, so an oops kills the child and
 * not us), and sends every record of the kernel's log as soon as it appears. Everything the
 * system has to say about a request has been sent before its PROTO_DONE.
 */
#include "guest/os.h"
#include "guest/protocol.h"

static struct proto_shared *shared; /* NULL: everything goes over the line */
static uint8_t request[sizeof(struct proto_header) + PROTO_BODY_MAX + 1];
static size_t request_len;
static uint8_t record[8192 + 1];

/* The console shows every record, because it is what remains when the kernel dies; but a serial line
 * takes a millisecond for each. Once a call has logged this many, it is a flood, and the console is
 * hushed until the call is over: the records go their own way all the same. */
#define FLOOD 200

static unsigned records; /* of this call */

static int worker; /* 0: none */
static uint32_t worker_serial;
static uint64_t worker_began;

static void copy(void *to, const void *from, size_t len)
{
	__builtin_memcpy(to, from, len);
}

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

static void wake(struct proto_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&ring->sleeping, 0, __ATOMIC_SEQ_CST)) {
		uint8_t byte = PROTO_WAKE;

		line_write(&byte, 1);
	}
}

/* Sends bytes; they may be seen from outside only when send_end() was called. */
static uint32_t out_head;

static void send_bytes(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	if (!shared) {
		line_write(bytes, len);
		return;
	}
	while (len) {
		uint32_t tail = __atomic_load_n(&shared->out.tail, __ATOMIC_ACQUIRE);
		uint32_t used = out_head - tail;
		uint32_t at = out_head % PROTO_RING_OUT;
		uint32_t room = used < PROTO_RING_OUT ? PROTO_RING_OUT - used : 0;

		if (room > PROTO_RING_OUT - at)
			room = PROTO_RING_OUT - at;
		if (!room) {
			/* The reader is behind: show it what there is and let it work. */
			__atomic_store_n(&shared->out.head, out_head, __ATOMIC_RELEASE);
			wake(&shared->out);
			os_sleep_us(500);
			continue;
		}
		if (room > len)
			room = (uint32_t)len;
		copy((uint8_t *)shared + PROTO_OUT_OFFSET + at, p, room);
		out_head += room;
		p += room;
		len -= room;
	}
}

static void send_end(void)
{
	if (!shared)
		return;
	__atomic_store_n(&shared->out.head, out_head, __ATOMIC_RELEASE);
	wake(&shared->out);
}

static void send(
	uint16_t type, uint32_t serial, const void *a, size_t alen, const void *b, size_t blen)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, type, serial, (uint32_t)(alen + blen)};

	send_bytes(&h, sizeof h);
	if (alen)
		send_bytes(a, alen);
	if (blen)
		send_bytes(b, blen);
	send_end();
}

static void send_done(uint32_t serial, int32_t error, int32_t signal, uint64_t usec)
{
	struct proto_done done = {error, signal, usec, os_taint()};

	send(PROTO_DONE, serial, &done, sizeof done, 0, 0);
}

/* Sends all that the kernel has logged so far, at most `limit` records. */
static void send_log(unsigned limit)
{
	while (limit--) {
		long n = os_log_read(record, sizeof record - 1);

		/* EPIPE: overtaken. */
		if (n == -32) {
			uint64_t lost = os_log_lost();

			if (lost)
				send(PROTO_LOST, 0, &lost, sizeof lost, 0, 0);
			continue;
		}
		if (n <= 0)
			return;
		if (++records == FLOOD)
			os_console_loud(0);
		send(PROTO_LOG, 0, record, (size_t)n, 0, 0);
	}
}

static void hello(void)
{
	struct proto_hello h = {os_number(), os_cpus()};
	char names[512];
	size_t len = os_names(names, sizeof names);

	send(PROTO_HELLO, 0, &h, sizeof h, names, len);
}

/* The string at *at in the body, which ends at `end`; moves *at past it. 0 when there is none. */
static const char *next_string(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *start = *at;

	for (const uint8_t *p = start; p < end; p++) {
		if (*p)
			continue;
		*at = p + 1;
		return (const char *)start;
	}
	return 0;
}

static void answer_read(uint32_t serial, const char *file)
{
	int fd = os_open_read(file);
	long n = fd;

	while (fd >= 0 && (n = os_read(fd, record, sizeof record - 1)) > 0)
		send(PROTO_DATA, serial, record, (size_t)n, 0, 0);
	if (fd >= 0)
		os_close(fd);
	send_done(serial, n < 0 ? (int32_t)-n : 0, 0, 0);
}

static void answer_file(uint32_t serial, const char *file, const uint8_t *bytes, size_t len)
{
	int fd = os_open_append(file);
	long n = fd;

	while (fd >= 0 && len && (n = os_write(fd, bytes, len)) > 0) {
		bytes += n;
		len -= (size_t)n;
	}
	if (fd >= 0)
		os_close(fd);
	send_done(serial, n < 0 ? (int32_t)-n : 0, 0, 0);
}

static void start(uint32_t serial, int started)
{
	if (started < 0) {
		send_done(serial, -started, 0, 0);
		return;
	}
	worker = started;
	worker_serial = serial;
}

static void answer(const struct proto_header *h, const uint8_t *body)
{
	const uint8_t *end = body + h->length;
	const char *first = next_string(&body, end);
	const char *second;

	if (!first || worker) {
		send_done(h->serial, 22 /* EINVAL */, 0, 0);
		return;
	}
	worker_began = os_now_us();
	switch (h->type) {
	case PROTO_LOAD:
		second = next_string(&body, end);
		start(h->serial, os_start_load(first, second ? second : ""));
		break;
	case PROTO_UNLOAD:
		start(h->serial, os_start_unload(first));
		break;
	case PROTO_READ:
		answer_read(h->serial, first);
		break;
	case PROTO_FILE:
		answer_file(h->serial, first, body, (size_t)(end - body));
		break;
	default:
		send_done(h->serial, 38 /* ENOSYS */, 0, 0);
	}
}

/* Takes what has arrived into `request`; returns the number of bytes taken. */
static size_t receive(void)
{
	size_t room = sizeof request - 1 - request_len, taken = 0;
	uint8_t wakes[64];
	long n;

	if (!shared) {
		n = os_read(os_line_fd(), request + request_len, room);
		taken = n > 0 ? (size_t)n : 0;
		request_len += taken;
		return taken;
	}
	os_read(os_line_fd(), wakes, sizeof wakes);
	for (;;) {
		uint32_t head = __atomic_load_n(&shared->in.head, __ATOMIC_ACQUIRE);
		uint32_t tail = shared->in.tail, at = tail % PROTO_RING_IN;
		uint32_t len = head - tail;

		if (len > PROTO_RING_IN - at)
			len = PROTO_RING_IN - at;
		if (len > room)
			len = (uint32_t)room;
		if (!len)
			return taken;
		copy(request + request_len, (uint8_t *)shared + PROTO_IN_OFFSET + at, len);
		__atomic_store_n(&shared->in.tail, tail + len, __ATOMIC_RELEASE);
		request_len += len;
		room -= len;
		taken += len;
	}
}

/* Answers the complete requests that have arrived. */
static void answer_all(void)
{
	for (;;) {
		struct proto_header h;
		size_t whole;

		if (request_len < sizeof h)
			return;
		copy(&h, request, sizeof h);
		if (h.magic != PROTO_MAGIC || h.version != PROTO_VERSION ||
			h.length > PROTO_BODY_MAX) {
			os_say("kmodlab agent: a request I cannot read; program and agent differ\n");
			os_halt();
		}
		whole = sizeof h + h.length;
		if (request_len < whole)
			return;
		answer(&h, request + sizeof h);
		request_len -= whole;
		__builtin_memmove(request, request + whole, request_len);
	}
}

static void finish_worker(void)
{
	uint64_t took = os_now_us() - worker_began;
	int32_t error, signal;

	os_finish(worker, &error, &signal);
	worker = 0;
	send_log(~0u);
	if (records >= FLOOD)
		os_console_loud(1);
	records = 0;
	send_done(worker_serial, error, signal, took);
}

void agent_main(void);
void agent_main(void)
{
	uint8_t via;

	os_setup();
	shared = os_shared_memory(PROTO_SHARED_BYTES);
	if (shared && (shared->magic != PROTO_MAGIC || shared->version != PROTO_VERSION))
		shared = 0;
	via = shared ? PROTO_VIA_RING : PROTO_VIA_LINE;
	line_write(&via, 1);
	os_log_skip();
	/* The boot was quiet. */
	os_console_loud(1);
	hello();
	for (;;) {
		unsigned saw = os_wait(worker);

		/* The log before the end of the worker that wrote it; not for ever, though, if
		 * somebody floods it: requests and the worker's end get their turn. */
		if (saw & OS_LOG)
			send_log(256);
		if (saw & OS_WORKER)
			finish_worker();
		if (saw & OS_LINE)
			while (receive())
				answer_all();
	}
}
