/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/lend.h"

#include "guest/bare.h"
#include "guest/os.h"
#include "guest/protocol.h"

/* The outside says something every two seconds while it waits for an answer. */
#define SILENCE_US   90000000u
#define PIECE	     4096u /* what a pipe that can be written to takes without blocking */
#define MODULES_MAX  300u
#define NAME_MAX     128u
#define DIR_MAX	     100
#define END_STEPS    50 /* of 100 ms, for the agent's processes to be gone */
#define UNLOAD_STEPS 30 /* of 100 ms, for a module that is still in use */
#define LEAVE_STEPS  150

/* What the carrier and the agent share beside the rings. */
static struct loaded {
	uint32_t n;
	char names[MODULES_MAX][NAME_MAX];
} * loaded;

struct proto_shared *lend_shared;
int lend_line = -1;
const char *lend_dir = "/tmp";

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int lend_asked(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	return stack[0] >= 3 && same(argv[1], "--lend");
}

void lend_let_go(int fd)
{
	os_close(fd);
	os_open_read("/dev/null");
}

/* ---- what is loaded ---- */

void lend_loading(const char *name)
{
	size_t n = length(name);

	if (!loaded || loaded->n == MODULES_MAX || n >= NAME_MAX)
		return;
	memcpy(loaded->names[loaded->n], name, n + 1);
	__atomic_add_fetch(&loaded->n, 1, __ATOMIC_SEQ_CST);
}

void lend_unloaded(const char *name)
{
	for (uint32_t i = loaded ? loaded->n : 0; i-- > 0;) {
		if (!same(loaded->names[i], name))
			continue;
		memmove(loaded->names[i], loaded->names[i + 1],
			(loaded->n - i - 1) * sizeof *loaded->names);
		loaded->n--;
		return;
	}
}

/* The newest first. One that is in use is tried again for a while. */
static void unload_all(void)
{
	for (int step = 0; loaded->n && step < UNLOAD_STEPS; step++) {
		if (step)
			os_sleep_us(100000);
		for (uint32_t i = loaded->n; i-- > 0;) {
			long r = os_unload(loaded->names[i]);

			if (r >= 0 || r == -2 /* ENOENT */)
				lend_unloaded(loaded->names[i]);
		}
	}
}

/* ---- the carrier ---- */

static struct {
	int agent, pid, line;
	uint64_t heard;
	struct proto_header header; /* of the message that is coming in */
	uint32_t have, left;	    /* bytes of the header; of the body, still to come */
	uint8_t offset[8];	    /* of a PROTO_LAY: where it goes */
	uint32_t offset_have;
	uint32_t head;	/* how far the ring to the agent is written */
	uint32_t leave; /* the serial of a PROTO_LEAVE that is complete; 0: none has come */
} carrier;

/* Bytes that wait to be sent. */
static uint32_t waiting(void)
{
	return __atomic_load_n(&lend_shared->out.head, __ATOMIC_SEQ_CST) - lend_shared->out.tail;
}

/* Sends one piece of what waits. 0, or a negative errno when nobody takes it any more. */
static long send_piece(void)
{
	uint32_t at = lend_shared->out.tail % PROTO_RING_OUT, len = waiting();
	long n;

	len = len < PROTO_RING_OUT - at ? len : PROTO_RING_OUT - at;
	len = len < PIECE ? len : PIECE;
	n = os_write(1, (uint8_t *)lend_shared + PROTO_OUT_OFFSET + at, len);
	if (n > 0)
		__atomic_store_n(&lend_shared->out.tail, lend_shared->out.tail + (uint32_t)n,
			__ATOMIC_SEQ_CST);
	/* EINTR, EAGAIN (Linux, FreeBSD): later. */
	return n >= 0 || n == -4 || n == -11 || n == -35 ? 0 : n;
}

/* Writes to the ring that the agent reads. 0: there is no room, which no outside of ours lets happen. */
static int give_agent(const void *bytes, uint32_t len)
{
	const uint8_t *p = bytes;

	if (carrier.head - __atomic_load_n(&lend_shared->in.tail, __ATOMIC_SEQ_CST) >
		PROTO_RING_IN - len)
		return 0;
	while (len) {
		uint32_t at = carrier.head % PROTO_RING_IN;
		uint32_t part = len < PROTO_RING_IN - at ? len : PROTO_RING_IN - at;

		memcpy((uint8_t *)lend_shared + PROTO_IN_OFFSET + at, p, part);
		carrier.head += part;
		p += part;
		len -= part;
	}
	return 1;
}

/* A piece of the body of a PROTO_LAY, into the area. */
static void lay(const uint8_t *p, uint32_t len)
{
	uint64_t offset;

	while (len && carrier.offset_have < sizeof carrier.offset) {
		carrier.offset[carrier.offset_have++] = *p++;
		len--;
	}
	if (!len)
		return;
	memcpy(&offset, carrier.offset, sizeof offset);
	if (offset > PROTO_AREA || len > PROTO_AREA - offset)
		return;
	memcpy((uint8_t *)lend_shared + PROTO_AREA_OFFSET + offset, p, len);
	offset += len;
	memcpy(carrier.offset, &offset, sizeof offset);
}

/* The message is whole. */
static void complete(void)
{
	uint8_t wake = PROTO_WAKE;

	carrier.have = carrier.offset_have = 0;
	if (carrier.header.type == PROTO_LEAVE)
		carrier.leave = carrier.header.serial;
	else if (carrier.header.type == PROTO_NUDGE)
		os_write(carrier.line, &wake, 1);
	else if (carrier.header.type != PROTO_LAY)
		__atomic_store_n(&lend_shared->in.head, carrier.head, __ATOMIC_SEQ_CST);
}

/* Whether messages of this type are the agent's, not the carrier's own. */
static int is_agents(void)
{
	return carrier.header.type != PROTO_LAY && carrier.header.type != PROTO_NUDGE &&
		carrier.header.type != PROTO_LEAVE;
}

/* Takes what has come in. 0: it is no message of ours. */
static int take(const uint8_t *p, uint32_t n)
{
	while (n) {
		uint32_t part = sizeof carrier.header - carrier.have;

		if (part) {
			part = part < n ? part : n;
			memcpy((uint8_t *)&carrier.header + carrier.have, p, part);
			carrier.have += part;
			p += part;
			n -= part;
			if (carrier.have < sizeof carrier.header)
				return 1;
			if (carrier.header.magic != PROTO_MAGIC ||
				carrier.header.version != PROTO_VERSION ||
				carrier.header.length > PROTO_BODY_MAX)
				return 0;
			carrier.left = carrier.header.length;
			if (is_agents() && !give_agent(&carrier.header, sizeof carrier.header))
				return 0;
		}
		part = carrier.left < n ? carrier.left : n;
		if (carrier.header.type == PROTO_LAY)
			lay(p, part);
		else if (is_agents() && !give_agent(p, part))
			return 0;
		p += part;
		n -= part;
		carrier.left -= part;
		if (!carrier.left)
			complete();
	}
	return 1;
}

/* ---- leaving ---- */

/* Sends bytes that have to arrive whole, as long as somebody takes them. */
static void send_whole(const void *bytes, size_t len)
{
	struct lend_poll fd = {1, LEND_OUT, 0};
	const uint8_t *p = bytes;

	for (int step = 0; len && step < LEAVE_STEPS; step++) {
		long n = lend_wait(&fd, 1, 100) > 0 ? os_write(1, p, len < PIECE ? len : PIECE) : 0;

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			step = 0;
		}
	}
}

/* What is still loaded, as DATA with a name each, and DONE with their number. */
static void tell_left(uint32_t serial)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, PROTO_DATA, serial, 0};
	struct proto_done done = {(int32_t)loaded->n, 0, 0};

	for (uint32_t i = 0; i < loaded->n; i++) {
		h.length = (uint32_t)length(loaded->names[i]) + 1;
		send_whole(&h, sizeof h);
		send_whole(loaded->names[i], h.length);
	}
	h.type = PROTO_DONE;
	h.length = sizeof done;
	send_whole(&h, sizeof h);
	send_whole(&done, sizeof done);
}

/* Ends the agent, unloads, and is gone. With a serial, it is told how that went. */
static _Noreturn void leave(uint32_t serial)
{
	struct lend_poll fd = {.fd = carrier.agent, .events = LEND_IN};
	int pid = 0;

	for (int step = 0; step < END_STEPS && lend_kill(carrier.pid); step++)
		lend_wait(&fd, 1, 100);
	os_worker_end(carrier.agent);
	for (int step = 0; step < END_STEPS && lend_alive(carrier.pid); step++)
		os_sleep_us(20000);
	/* By a process of its own: an exit function may never come back. */
	fd.fd = loaded->n ? lend_fork(&pid) : -1;
	if (loaded->n && fd.fd == 0) {
		unload_all();
		lend_exit(0);
	}
	for (int step = 0; fd.fd > 0 && step < LEAVE_STEPS; step++)
		if (lend_wait(&fd, 1, 100) > 0)
			break;
	lend_undo();
	for (int step = 0; serial && waiting() && step < LEAVE_STEPS; step++) {
		struct lend_poll out = {1, LEND_OUT, 0};

		if (lend_wait(&out, 1, 100) > 0 && !send_piece())
			step = 0;
	}
	if (serial)
		tell_left(serial);
	lend_exit(0);
}

static _Noreturn void carry(void)
{
	static uint8_t bytes[65536];

	carrier.heard = os_now_us();
	for (;;) {
		struct lend_poll fds[] = {{0, LEND_IN, 0}, {1, 0, 0}, {carrier.line, LEND_IN, 0},
			{carrier.agent, LEND_IN, 0}};
		long n;

		/* The agent wakes whoever says that it sleeps. */
		__atomic_store_n(&lend_shared->out.sleeping, 1, __ATOMIC_SEQ_CST);
		if (waiting())
			fds[1].events = LEND_OUT;
		lend_wait(fds, 4, 1000);
		if (fds[2].revents)
			os_read(carrier.line, bytes, sizeof bytes);
		if (fds[0].revents) {
			n = os_read(0, bytes, sizeof bytes);
			if (n == 0 || (n > 0 && !take(bytes, (uint32_t)n)))
				leave(0);
			carrier.heard = os_now_us();
			if (carrier.leave)
				leave(carrier.leave);
		}
		if (fds[1].revents && (!waiting() || send_piece() < 0))
			leave(0);
		if (fds[3].revents || os_now_us() - carrier.heard > SILENCE_US)
			leave(0);
	}
}

void lend(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	uint8_t via = PROTO_VIA_LINE;
	int ends[2];

	if (length(argv[2]) > DIR_MAX)
		lend_exit(1);
	lend_dir = argv[2];
	lend_shared = os_common_memory(PROTO_SHARED_BYTES);
	loaded = os_common_memory(sizeof *loaded);
	lend_shared->magic = PROTO_MAGIC;
	lend_shared->version = PROTO_VERSION;
	lend_shared->unwatched = stack[0] >= 4;
	if (lend_pair(ends) < 0)
		lend_exit(1);
	carrier.agent = lend_fork(&carrier.pid);
	if (!carrier.agent) {
		os_close(ends[0]);
		lend_let_go(0);
		lend_let_go(1);
		lend_line = ends[1];
		lend_apart();
		return;
	}
	if (carrier.agent < 0)
		lend_exit(1);
	os_close(ends[1]);
	carrier.line = ends[0];
	lend_ignore_signals();
	os_write(1, &via, 1);
	carry();
}
