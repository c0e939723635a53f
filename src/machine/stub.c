/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet is "$text#sum" (the sum of its bytes, two hexadecimal digits), answered by '+' before anything else is said. Bytes are told as pairs of
 * hexadecimal digits, registers in the processor's own order of bytes.
 */
#include "machine/stub.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "machine/own.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_MS  10000
#define ASK_MS	   5000
#define PACKET_MAX 65536
#define PIECE	   1024 /* bytes of memory in a packet */

int stub_offer(struct machine *m, const char *at, struct error *err)
{
	AUTO_FREE char *arguments =
		xasprintf("{\"command-line\":\"gdbserver unix:%s,server=on,wait=off\"}", at);
	int r = qmp_ask(&m->qmp, "human-monitor-command", arguments, -1,
		clock_us() + (int64_t)ASK_MS * 1000, err);

	/* What went wrong is in what it returns. */
	if (!r && access(at, F_OK))
		r = error_set(err, EIO, "QEMU does not listen for a debugger%s%s",
			m->qmp.returned.data && m->qmp.returned.len > 2 ? ": " : "",
			m->qmp.returned.data ? m->qmp.returned.data : "");
	/* A guest that panics or resets itself is to be looked at, not gone. */
	if (!r)
		qmp_say(&m->qmp, "set-action",
			"{\"reboot\":\"shutdown\",\"shutdown\":\"pause\",\"panic\":\"pause\"}");
	return r;
}

static unsigned sum_of(const char *text, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (unsigned char)text[i];
	return sum & 255;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int stub_packet(struct buf *in, struct buf *out)
{
	char *from = in->len ? memchr(in->data, '$', in->len) : NULL, *end;
	size_t len;
	int high, low;

	buf_consume(out, out->len);
	if (!from) {
		buf_consume(in, in->len);
		return 0;
	}
	buf_consume(in, (size_t)(from - in->data));
	end = memchr(in->data, '#', in->len);
	if (!end)
		return in->len > PACKET_MAX ? -EPROTO : 0;
	len = (size_t)(end - in->data);
	if (in->len - len < 3)
		return 0;
	high = digit(end[1]);
	low = digit(end[2]);
	if (high < 0 || low < 0 || (unsigned)(high << 4 | low) != sum_of(in->data + 1, len - 1))
		return -EPROTO;
	buf_add(out, in->data + 1, len - 1);
	buf_add(out, "", 1);
	out->len--;
	buf_consume(in, len + 3);
	return 1;
}

unsigned stub_stop_cpu(const char *packet)
{
	const char *at = strstr(packet, "thread:");
	unsigned long n;

	if (!at)
		return 0;
	/* "p01.02" with several processes. */
	at += strlen("thread:");
	if (*at == 'p' && strchr(at, '.'))
		at = strchr(at, '.') + 1;
	n = strtoul(at, NULL, 16);
	return n && n < 4096 ? (unsigned)n - 1 : 0;
}

static int put(struct stub *s, const void *bytes, size_t len, struct error *err)
{
	if (send(s->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return error_sys(err, errno,
			"the line to QEMU's debugger is broken; try again, and if it stays so, see kmodlab doctor");
	return 0;
}

/* Takes what has arrived, or arrives until then. 0 or -errno. */
static int pull(struct stub *s, int64_t deadline_us, struct error *err)
{
	struct pollfd fds[] = {
		{.fd = s->fd, .events = POLLIN}, {.fd = interrupt_fd(), .events = POLLIN}};
	char bytes[4096];
	ssize_t n;

	clock_poll(fds, 2, deadline_us);
	if (interrupt_pending())
		return error_set(err, EINTR, "interrupted");
	n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return error_set(err, EPIPE,
			"QEMU's debugger has hung up; try again, and if it stays so, see kmodlab doctor");
	buf_add(&s->in, bytes, (size_t)n);
	return 0;
}

/* The next packet, until `deadline_us`; 0: none has come. */
static int next(struct stub *s, struct buf *packet, int64_t deadline_us, struct error *err)
{
	for (;;) {
		int r = stub_packet(&s->in, packet), left;

		if (r == -EPROTO)
			return error_set(err, EPROTO,
				"what QEMU's debugger says makes no sense; try again, and if it stays so, see kmodlab doctor");
		if (r > 0)
			return put(s, "+", 1, err) ?: 1;
		left = clock_left_ms(deadline_us);
		r = pull(s, deadline_us, err);
		if (r)
			return r;
		if (!left && !memchr(s->in.data ? s->in.data : "", '#', s->in.len))
			return 0;
	}
}

static int say(struct stub *s, const char *text, struct error *err)
{
	AUTO_FREE char *packet = xasprintf("$%s#%02x", text, sum_of(text, strlen(text)));

	return put(s, packet, strlen(packet), err);
}

static int ask(struct stub *s, const char *text, struct buf *answer, struct error *err)
{
	bool stops = !strcmp(text, "?") || !strcmp(text, "s");
	int r = say(s, text, err);

	/* That it has stopped may also be told unasked. */
	if (!r)
		do
			r = next(s, answer, clock_us() + (int64_t)ANSWER_MS * 1000, err);
		while (r > 0 && !stops && answer->data[0] == 'T');
	if (!r)
		return error_set(err, ETIMEDOUT,
			"QEMU's debugger does not answer; try again, and if it stays so, see kmodlab doctor");
	if (r > 0 && answer->data[0] == 'E')
		return error_set(
			err, EIO, "QEMU's debugger refuses '%.40s' (%s)", text, answer->data);
	return r < 0 ? r : 0;
}

__attribute__((format(printf, 3, 4))) static int tell(
	struct stub *s, struct error *err, const char *format, ...)
{
	AUTO_BUF struct buf text = {0}, answer = {0};
	va_list args;
	int r;

	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	r = ask(s, text.data, &answer, err);
	if (!r && strcmp(answer.data, "OK"))
		r = error_set(err, EIO, "QEMU's debugger does not know '%.40s'", text.data);
	return r;
}

int stub_open(struct stub *s, const char *at, struct error *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	AUTO_BUF struct buf answer = {0};
	int r;

	*s = (struct stub){.fd = -1};
	if (strlen(at) >= sizeof name.sun_path)
		return error_set(err, ENAMETOOLONG,
			"%s is too long for a socket's name: set TMPDIR to a shorter path", at);
	strcpy(name.sun_path, at);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&name, sizeof name))
		return error_sys(err, errno, "cannot reach QEMU's debugger");
	/* The answer also says that the machine stands; it may have been told twice. Single registers are written only for
	 * those who have asked what registers there are. */
	r = ask(s, "?", &answer, err);
	return r ?: ask(s, "qXfer:features:read:target.xml:0,ff", &answer, err);
}

int stub_break(struct stub *s, uint64_t at, bool set, struct error *err)
{
	return tell(s, err, "%c0,%llx,1", set ? 'Z' : 'z', (unsigned long long)at);
}

int stub_go(struct stub *s, struct error *err)
{
	s->runs = true;
	return say(s, "c", err);
}

int stub_step(struct stub *s, unsigned cpu, struct error *err)
{
	AUTO_BUF struct buf answer = {0};
	int r = tell(s, err, "Hc%x", cpu + 1);

	return r ?: ask(s, "s", &answer, err);
}

int stub_stopped(struct stub *s, unsigned *cpu, struct error *err)
{
	AUTO_BUF struct buf packet = {0};
	int r = next(s, &packet, 0, err);

	if (r <= 0)
		return r;
	if (packet.data[0] != 'T' && packet.data[0] != 'S')
		return error_set(err, EIO, "the machine has ended (%.40s)", packet.data);
	s->runs = false;
	*cpu = stub_stop_cpu(packet.data);
	return 1;
}

static bool take_bytes(const char *text, void *to, size_t len)
{
	unsigned char *out = to;

	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int stub_registers(struct stub *s, unsigned cpu, uint64_t regs[STUB_REGS], struct error *err)
{
	AUTO_BUF struct buf answer = {0};
	int r = tell(s, err, "Hg%x", cpu + 1);

	r = r ?: ask(s, "g", &answer, err);
	if (!r && !take_bytes(answer.data, regs, STUB_REGS * sizeof *regs))
		r = error_set(err, EPROTO,
			"QEMU's debugger does not tell the registers; try again, and if it stays so, see kmodlab doctor");
	return r;
}

int stub_set_register(struct stub *s, unsigned cpu, unsigned reg, uint64_t value, struct error *err)
{
	int r = tell(s, err, "Hg%x", cpu + 1);

	return r ?: tell(s, err, "P%x=%016llx", reg, (unsigned long long)__builtin_bswap64(value));
}

int stub_read(struct stub *s, uint64_t at, void *to, size_t len, struct error *err)
{
	AUTO_BUF struct buf answer = {0};
	AUTO_FREE char *text = NULL;
	int r;

	for (size_t done = 0, part; done < len; done += part) {
		part = len - done < PIECE ? len - done : PIECE;
		free(text);
		text = xasprintf("m%llx,%zx", (unsigned long long)(at + done), part);
		r = ask(s, text, &answer, err);
		if (!r && !take_bytes(answer.data, (char *)to + done, part))
			r = error_set(err, EPROTO,
				"QEMU's debugger does not tell memory; try again, and if it stays so, see kmodlab doctor");
		if (r)
			return r;
	}
	return 0;
}

int stub_write(struct stub *s, uint64_t at, const void *bytes, size_t len, struct error *err)
{
	AUTO_BUF struct buf text = {0};

	for (size_t i = 0; i < len; i++)
		buf_addf(&text, "%02x", ((const unsigned char *)bytes)[i]);
	return tell(s, err, "M%llx,%zx:%s", (unsigned long long)at, len, text.data);
}

void stub_close(struct stub *s)
{
	close_fd(&s->fd);
	buf_free(&s->in);
}
