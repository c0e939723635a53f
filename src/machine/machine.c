/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine is one QEMU and four descriptors: its console, the line to the agent, QMP, and QEMU's
 * own complaints. machine_next turns what they say into one event at a time. The question it must
 * get right is who ended a machine: QMP's SHUTDOWN event says when the guest did it; every other end
 * of QEMU is ours to answer for.
 */
#include "machine/machine.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/proc.h"
#include "machine/boot.h"
#include "machine/channel.h"
#include "machine/console.h"
#include "machine/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QEMU		 "qemu-system-x86_64"
#define KVM_PROBE_MS	 10000
#define COMPLAINTS_LIMIT 4096

struct machine {
	struct proc qemu;
	struct console console;
	struct channel channel;
	struct qmp qmp;
	int complaints_fd; /* QEMU's stderr */
	struct buf complaints;
	struct hello hello;
	enum accel accel;
	uint32_t serial;
};

static void arguments(struct strv *a, const struct machine_options *o, enum accel accel,
	const struct boot *boot, const struct channel *channel, const int ends[3])
{
	strv_adds(a, QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-name",
		"kmodlab", "-machine", "pc,usb=off,vmport=off,hpet=off", NULL);
	strv_adds(a, "-accel", accel == ACCEL_KVM ? "kvm" : "tcg,thread=multi", "-cpu",
		accel == ACCEL_KVM ? "host" : "max,la57=off", NULL);
	strv_add(a, "-m");
	strv_addf(a, "%u", o->memory_mib);
	strv_add(a, "-smp");
	strv_addf(a, "%u", o->cpus);
	strv_adds(a, "-kernel", boot->kernel, "-initrd", NULL);
	strv_addf(a, "/proc/self/fd/%d", boot->initrd_fd);
	if (boot->append)
		strv_adds(a, "-append", boot->append, NULL);
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=console,fd=%d", ends[0]);
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=line,fd=%d", ends[1]);
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=qmp,fd=%d", ends[2]);
	strv_adds(a, "-serial", "chardev:console", "-serial", "chardev:line", "-mon",
		"chardev=qmp,mode=control", NULL);
	if (!channel->shared)
		return;
	strv_add(a, "-object");
	strv_addf(a,
		"memory-backend-file,id=channel,size=%u,mem-path=/proc/self/fd/%d,share=on,"
		"prealloc=off",
		PROTO_SHARED_BYTES, channel->memory);
	strv_adds(a, "-device", "ivshmem-plain,memdev=channel", NULL);
}

static int start(struct machine *m, const struct machine_options *o, const struct boot *boot,
	struct error *err)
{
	int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1}, complaints[2] = {-1, -1};
	AUTO_STRV struct strv argv = {0};
	int keep[6];
	size_t nkeep = 0;
	int r = 0;

	for (int i = 0; i < 3; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
			r = error_sys(err, errno, "cannot make a socket for the machine");
			break;
		}
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	if (!r && pipe2(complaints, O_CLOEXEC))
		r = error_sys(err, errno, "cannot make a pipe for the machine");
	m->console.fd = ours[0];
	m->complaints_fd = complaints[0];
	if (!r) {
		r = channel_open(&m->channel, ours[1], !o->without_ring, err);
		qmp_start(&m->qmp, ours[2]);
	}
	if (!r) {
		fcntl(complaints[0], F_SETFL, O_NONBLOCK);
		arguments(&argv, o, m->accel, boot, &m->channel, theirs);
		for (int i = 0; i < 3; i++)
			keep[nkeep++] = theirs[i];
		keep[nkeep++] = boot->initrd_fd;
		if (boot->kernel_fd >= 0)
			keep[nkeep++] = boot->kernel_fd;
		if (m->channel.memory >= 0)
			keep[nkeep++] = m->channel.memory;
		r = proc_start(&m->qemu,
			&(struct proc_options){.argv = argv.v,
				.in = -1,
				.out = complaints[1],
				.err = complaints[1],
				.keep = keep,
				.nkeep = nkeep},
			err);
		if (r == -ENOENT)
			r = error_set(err, ENOENT,
				"%s is not installed: apt-get install qemu-system-x86", QEMU);
	}
	for (int i = 0; i < 3; i++)
		close_fd(&theirs[i]);
	close_fd(&complaints[1]);
	return r;
}

static void pull_complaints(struct machine *m)
{
	char bytes[1024];
	ssize_t n;

	while ((n = read(m->complaints_fd, bytes, sizeof bytes)) > 0)
		if (m->complaints.len < COMPLAINTS_LIMIT)
			buf_add(&m->complaints, bytes, (size_t)n);
}

/* QEMU is no more, or is of no more use: says who did it. */
static enum machine_event ending(struct machine *m, struct error *err)
{
	AUTO_FREE char *how = NULL;
	char *said;

	if (m->qmp.failed) {
		error_set(err, EIO, "%s could not go on running the guest", accel_name(m->accel));
		return MACHINE_FAILED;
	}
	if (m->qmp.shutdown && m->qmp.by_guest)
		return MACHINE_ENDED;
	how = proc_status_text(m->qemu.status);
	said = m->complaints.len ? m->complaints.data : NULL;
	for (char *p = said; p && *p; p++)
		if (*p == '\n')
			*p = p[1] ? ';' : 0;
	error_set(err, EIO, "QEMU %s in the middle of its work%s%s", how, said ? ": " : "",
		said ? said : "");
	return MACHINE_FAILED;
}

/* Takes what every descriptor has; 1 if a message may be there, else 0, or -EPROTO. */
static int pull_all(struct machine *m)
{
	size_t before = m->channel.in.len - m->channel.at;
	int r;

	console_pull(&m->console);
	qmp_pull(&m->qmp);
	pull_complaints(m);
	r = channel_pull(&m->channel);
	if (r == -EPROTO)
		return r;
	return m->channel.in.len > before;
}

enum machine_event machine_next(
	struct machine *m, int64_t deadline_us, struct message *msg, struct error *err)
{
	for (;;) {
		bool ended;
		int r = channel_next(&m->channel, msg);

		if (r > 0)
			return MACHINE_MESSAGE;
		/* Asked before the last pull: what it said before its end is then all there. */
		ended = proc_ended(&m->qemu) || m->qmp.failed;
		if (!r)
			r = pull_all(m);
		if (r < 0)
			return MACHINE_NONSENSE;
		if (interrupt_pending()) {
			error_set(err, EINTR, "interrupted");
			return MACHINE_FAILED;
		}
		if (r > 0)
			continue;
		if (ended)
			return ending(m, err);
		if (!clock_left_ms(deadline_us))
			return MACHINE_TIMEOUT;
		if (!channel_may_sleep(&m->channel))
			continue;
		poll(
			(struct pollfd[]){
				{.fd = m->channel.line, .events = POLLIN},
				{.fd = m->console.fd, .events = POLLIN},
				{.fd = m->qmp.fd, .events = POLLIN},
				{.fd = m->qemu.pidfd, .events = POLLIN},
				{.fd = interrupt_fd(), .events = POLLIN},
			},
			5, clock_left_ms(deadline_us));
	}
}

/* Waits for the agent's first word. */
static int await_hello(struct machine *m, int timeout_ms, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	struct message msg;

	for (;;) {
		switch (machine_next(m, deadline, &msg, err)) {
		case MACHINE_MESSAGE:
			if (msg.type != PROTO_HELLO)
				continue;
			if (!message_hello(&msg, &m->hello))
				return 0;
			/* fall through */
		case MACHINE_NONSENSE:
			return error_set(err, EPROTO, "the machine's first words make no sense");
		case MACHINE_TIMEOUT:
			return error_set(err, ETIMEDOUT,
				"the kernel did not come up within %d s (under %s)",
				timeout_ms / 1000, accel_name(m->accel));
		case MACHINE_ENDED:
			return error_set(err, ECONNABORTED,
				"the kernel ended before it had come up (%s, under %s)",
				m->qmp.reason, accel_name(m->accel));
		case MACHINE_FAILED:
			return interrupt_pending() ? -EINTR : -EIO;
		}
	}
}

/* The console's last words, for somebody whose kernel does not come up. */
static void add_console_tail(struct machine *m, struct error *err)
{
	const char *text = machine_console(m), *from = text + strlen(text);
	size_t len = strlen(err->text), lines = 0;

	while (from > text && lines < 6 && text + strlen(text) - from < 480)
		if (*--from == '\n')
			lines++;
	if (*text)
		snprintf(err->text + len, sizeof err->text - len, "; its console's last words:\n%s",
			from);
}

static int boot_once(const struct machine_options *o, enum accel accel, int timeout_ms,
	const struct boot *boot, struct machine **out, struct error *err)
{
	struct machine *m = xcalloc(1, sizeof *m);
	int r;

	*m = (struct machine){.accel = accel, .complaints_fd = -1};
	m->qemu.pidfd = m->console.fd = m->qmp.fd = m->channel.line = m->channel.memory = -1;
	r = start(m, o, boot, err);
	if (!r)
		r = await_hello(m, timeout_ms, err);
	if (r == -ETIMEDOUT || r == -ECONNABORTED || r == -EPROTO)
		add_console_tail(m, err);
	if (r) {
		machine_close(m);
		return r;
	}
	*out = m;
	return 0;
}

int machine_boot(const struct machine_options *o, struct machine **out, struct error *err)
{
	enum accel accel = o->accel == ACCEL_AUTO ? accel_known() : o->accel;
	__attribute__((cleanup(boot_free))) struct boot boot;
	bool probing = accel == ACCEL_AUTO;
	int r = boot_prepare(o->os, o->kernel, o->files, o->nfiles, &boot, err);

	*out = NULL;
	if (r)
		return r;
	if (probing) {
		r = boot_once(o, ACCEL_KVM, KVM_PROBE_MS, &boot, out, err);
		if (!r)
			accel_remember(true);
		if (!r || r == -EINTR || r == -ENOENT)
			return r;
		accel = ACCEL_TCG;
	}
	r = boot_once(o, accel, o->boot_timeout_ms, &boot, out, err);
	if (!r && probing)
		accel_remember(false);
	return r;
}

const struct hello *machine_hello(const struct machine *m)
{
	return &m->hello;
}

enum accel machine_accel(const struct machine *m)
{
	return m->accel;
}

bool machine_without_ring(const struct machine *m)
{
	return m->channel.via != CHANNEL_RING;
}

int machine_send(struct machine *m, enum proto_type type, const void *body, size_t len,
	uint32_t *serial, struct error *err)
{
	int r = channel_send(&m->channel, (uint16_t)type, ++m->serial, body, len);

	*serial = m->serial;
	if (r == -EMSGSIZE)
		return error_set(err, EMSGSIZE,
			"a request of %zu bytes is too long for the agent (at most %d)", len,
			PROTO_BODY_MAX);
	/* A machine that is gone or deaf shows in the next machine_next. */
	return 0;
}

const char *machine_console(struct machine *m)
{
	return console_text(&m->console);
}

void machine_close(struct machine *m)
{
	if (!m)
		return;
	proc_close(&m->qemu);
	console_close(&m->console);
	channel_close(&m->channel);
	qmp_close(&m->qmp);
	close_fd(&m->complaints_fd);
	buf_free(&m->complaints);
	hello_free(&m->hello);
	free(m);
}
