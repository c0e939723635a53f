/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest writes `head` of its ring and can write anything at all into it and into the rest of the
 * shared memory, at any moment. So: an index is read once, checked, and then only our copy is used;
 * our own positions live in our own memory; bytes are copied out before they are looked at.
 */
#include "machine/channel.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* So long a network may stand still while we have something to send. */
#define STALL_MS 60000

/* More than this unparsed means that somebody sends a message that never ends. */
#define IN_MAX (2 * (size_t)PROTO_RING_OUT)

int channel_open(struct channel *c, int line, bool ring, struct error *err)
{
	void *at;

	*c = (struct channel){.line = line, .memory = -1};
	if (!ring)
		return 0;
	c->memory = memfd_create("kmodlab-channel", MFD_CLOEXEC);
	if (c->memory < 0 || ftruncate(c->memory, PROTO_SHARED_BYTES))
		return error_sys(err, errno, "cannot make memory to share with the machine");
	at = mmap(NULL, PROTO_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory, 0);
	if (at == MAP_FAILED)
		return error_sys(err, errno, "cannot map memory to share with the machine");
	c->shared = at;
	c->shared->version = PROTO_VERSION;
	c->shared->magic = PROTO_MAGIC;
	return 0;
}

void channel_resume(struct channel *c)
{
	c->via = CHANNEL_RING;
}

void channel_close(struct channel *c)
{
	if (c->shared)
		munmap(c->shared, PROTO_SHARED_BYTES);
	close_fd(&c->memory);
	close_fd(&c->line);
	buf_free(&c->in);
	*c = (struct channel){.line = -1, .memory = -1};
}

static int pull_ring(struct channel *c)
{
	struct proto_ring *ring = &c->shared->out;
	const uint8_t *bytes = (const uint8_t *)c->shared + PROTO_OUT_OFFSET;
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	uint32_t len = head - c->tail;

	if (len > PROTO_RING_OUT)
		return -EPROTO;
	while (len) {
		uint32_t at = c->tail % PROTO_RING_OUT;
		uint32_t part = len < PROTO_RING_OUT - at ? len : PROTO_RING_OUT - at;

		buf_add(&c->in, bytes + at, part);
		c->tail += part;
		len -= part;
	}
	__atomic_store_n(&ring->tail, c->tail, __ATOMIC_RELEASE);
	return 0;
}

/* The first byte on the line tells which way the agent takes. */
static int decide(struct channel *c, uint8_t first)
{
	if (first == PROTO_VIA_RING && c->shared)
		c->via = CHANNEL_RING;
	else if (first == PROTO_VIA_LINE)
		c->via = CHANNEL_LINE;
	else
		return -EPROTO;
	return 0;
}

int channel_pull(struct channel *c)
{
	uint8_t bytes[65536];
	bool closed = false;
	ssize_t n;
	int r;

	if (c->at) {
		buf_consume(&c->in, c->at);
		c->at = 0;
	}
	while (!closed && c->in.len < IN_MAX) {
		const uint8_t *p = bytes;

		n = recv(c->line, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			closed = true;
			break;
		}
		if (c->via == CHANNEL_UNDECIDED) {
			r = decide(c, *p);
			if (r)
				return r;
			p++;
			n--;
		}
		if (c->via == CHANNEL_LINE)
			buf_add(&c->in, p, (size_t)n);
	}
	if (c->via == CHANNEL_RING && c->in.len < IN_MAX) {
		r = pull_ring(c);
		if (r)
			return r;
	}
	return closed && !c->in.len ? -EPIPE : 0;
}

int channel_next(struct channel *c, struct message *m)
{
	size_t used;
	int r = message_parse(c->in.data + c->at, c->in.len - c->at, m, &used);

	if (r > 0)
		c->at += used;
	return r;
}

bool channel_may_sleep(struct channel *c)
{
	struct proto_ring *ring;

	if (c->via != CHANNEL_RING)
		return true;
	ring = &c->shared->out;
	__atomic_store_n(&ring->sleeping, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&ring->head, __ATOMIC_SEQ_CST) == c->tail;
}

/* Waits until more can be sent, and takes what comes meanwhile: the other end may be waiting for that. */
static bool wait_writable(struct channel *c, int64_t deadline_us)
{
	struct pollfd fds[] = {{c->line, POLLIN | POLLOUT, 0}, {interrupt_fd(), POLLIN, 0}};

	if (c->in.len >= IN_MAX)
		fds[0].events = POLLOUT;
	clock_poll(fds, 2, deadline_us);
	if (fds[0].revents & POLLIN && channel_pull(c))
		return false;
	return !interrupt_pending() && clock_left_ms(deadline_us);
}

static int send_line(struct channel *c, const void *bytes, size_t len)
{
	int64_t deadline = clock_us() + (int64_t)STALL_MS * 1000;
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = send(c->line, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && c->carried && wait_writable(c, deadline))
			continue;
		if (n < 0)
			return errno == EAGAIN ? -EAGAIN : -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_ring(struct channel *c, const void *bytes, size_t len)
{
	uint8_t *base = (uint8_t *)c->shared + PROTO_IN_OFFSET;
	uint32_t used = c->head - __atomic_load_n(&c->shared->in.tail, __ATOMIC_ACQUIRE);
	const uint8_t *p = bytes;

	if (used > PROTO_RING_IN)
		return -EPROTO;
	if (PROTO_RING_IN - used < len)
		return -EAGAIN;
	while (len) {
		uint32_t at = c->head % PROTO_RING_IN;
		size_t part = len < PROTO_RING_IN - at ? len : PROTO_RING_IN - at;

		memcpy(base + at, p, part);
		c->head += (uint32_t)part;
		p += part;
		len -= part;
	}
	__atomic_store_n(&c->shared->in.head, c->head, __ATOMIC_SEQ_CST);
	return 0;
}

void channel_nudge(struct channel *c)
{
	uint8_t wake = PROTO_WAKE;

	if (c->via == CHANNEL_RING)
		send_line(c, &wake, 1);
	else if (c->carried)
		channel_send(c, PROTO_NUDGE, 0, NULL, 0);
}

bool channel_taken(struct channel *c)
{
	return c->via != CHANNEL_RING ||
		__atomic_load_n(&c->shared->in.tail, __ATOMIC_ACQUIRE) == c->head;
}

bool channel_parked(struct channel *c)
{
	return c->via == CHANNEL_RING && __atomic_load_n(&c->shared->parked, __ATOMIC_SEQ_CST);
}

/* The same through a carrier. What does not get there shows in the next answer, or in there being none. */
static void lay_carried(struct channel *c, const char *bytes, size_t len)
{
	char body[PROTO_BODY_MAX];

	for (uint64_t at = 0; at < len;) {
		size_t part =
			len - at < sizeof body - sizeof at ? len - at : sizeof body - sizeof at;

		memcpy(body, &at, sizeof at);
		memcpy(body + sizeof at, bytes + at, part);
		if (channel_send(c, PROTO_LAY, 0, body, sizeof at + part))
			return;
		at += part;
	}
}

void channel_lay(struct channel *c, const void *bytes, size_t len)
{
	const char *p = bytes;
	off_t at = PROTO_AREA_OFFSET;

	if (len > PROTO_AREA)
		len = PROTO_AREA;
	if (c->carried)
		lay_carried(c, bytes, len);
	/* Written rather than copied: pages that are new need not be cleared first. */
	while (c->memory >= 0 && len) {
		ssize_t n = pwrite(c->memory, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* no memory for it: the guest finds zeros, which are no module */
		p += n;
		at += n;
		len -= (size_t)n;
	}
}

int channel_send(struct channel *c, uint16_t type, uint32_t serial, const void *body, size_t len)
{
	struct proto_header h = {PROTO_MAGIC, PROTO_VERSION, type, serial, (uint32_t)len};
	AUTO_BUF struct buf whole = {0};

	if (len > PROTO_BODY_MAX)
		return -EMSGSIZE;
	buf_add(&whole, &h, sizeof h);
	buf_add(&whole, body, len);
	return c->via == CHANNEL_RING ? send_ring(c, whole.data, whole.len)
				      : send_line(c, whole.data, whole.len);
}
