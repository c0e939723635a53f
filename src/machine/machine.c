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
#include "machine/own.h"
#include "machine/qemu.h"
#include "machine/qmp.h"
#include "machine/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KVM_PROBE_MS	 10000
#define KVM_ASKED_MS	 20000 /* somebody wants KVM and nothing else, so it gets longer */
#define COMPLAINTS_LIMIT 4096

/* An answer is mostly there within milliseconds. As long as it may be, we look every so often rather
 * than have the guest wake us, which under an emulator takes it longer than many an answer. */
#define BRISK_US 150000
#define LOOK_NS	 250000
/* After so long without a word the watcher is asked; again after four times as long, … at most that. */
#define NUDGE_US      100000
#define NUDGE_MOST_US 1600000

/* Makes sockets and channel, and starts QEMU with them; `s` gets its descriptors here. */
int machine_start(struct machine *m, struct qemu_start *s, bool ring, struct error *err)
{
	int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1}, complaints[2] = {-1, -1};
	int r = 0;

	for (int i = 0; i < 3 && !r; i++) {
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
	if (!r)
		r = channel_open(&m->channel, ours[1], ring, err);
	if (!r) {
		qmp_start(&m->qmp, ours[2]);
		fcntl(complaints[0], F_SETFL, O_NONBLOCK);
		s->accel = m->accel;
		s->channel = m->channel.memory;
		s->console = theirs[0];
		s->line = theirs[1];
		s->qmp = theirs[2];
		s->complaints = complaints[1];
		r = qemu_start(&m->proc, s, err);
	}
	for (int i = 0; i < 3; i++)
		close_fd(&theirs[i]);
	close_fd(&complaints[1]);
	return r;
}

struct machine *machine_new_of(const struct machine_kind *kind, enum accel accel)
{
	struct machine *m = xcalloc(1, sizeof *m);

	*m = (struct machine){
		.kind = kind, .accel = accel, .complaints_fd = -1, .window = -1, .until = -1};
	m->proc.pidfd = m->console.fd = m->qmp.fd = m->channel.line = m->channel.memory = -1;
	return m;
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
		error_set(err, EIO,
			"%s could not go on running the guest; --accel tcg does without KVM",
			accel_name(m->accel));
		return MACHINE_FAILED;
	}
	if (m->qmp.shutdown && m->qmp.by_guest)
		return MACHINE_ENDED;
	how = proc_status_text(m->proc.status);
	said = m->complaints.len ? m->complaints.data : NULL;
	for (char *p = said; p && *p; p++)
		if (*p == '\n')
			*p = p[1] ? ';' : 0;
	/* It ended by itself before the guest ran: what it was given to continue is no good. */
	if (m->snapshot && !m->qmp.resumed && WIFEXITED(m->proc.status)) {
		machine_drop_snapshot(m);
		error_set(err, EIO,
			"QEMU could not continue the snapshot %s, which was removed; the next run makes a new one%s%s",
			m->snapshot, said ? ": " : "", said ? said : "");
		return MACHINE_FAILED;
	}
	error_set(err, EIO, "QEMU %s in the middle of its work%s%s", how, said ? ": " : "",
		said ? said : "");
	return MACHINE_FAILED;
}

static const struct machine_kind qemu_kind = {.ending = ending};

struct machine *machine_new(enum accel accel)
{
	return machine_new_of(&qemu_kind, accel);
}

/* Takes what every descriptor has; 1 if a message may be there, else 0, or -EPROTO. */
static int pull_all(struct machine *m)
{
	size_t before = m->channel.in.len - m->channel.at;
	int r;

	console_pull(&m->console);
	qmp_pull(&m->qmp);
	if (m->qmp.resumed && !m->resumed_us)
		m->resumed_us = clock_us();
	pull_complaints(m);
	r = channel_pull(&m->channel);
	if (r == -EPROTO)
		return r;
	return m->channel.in.len > before;
}

/* Asks the agent's watcher when nothing has come for long. Microseconds until it is to be asked next. */
static int64_t nudge(struct machine *m, int64_t now)
{
	if (!m->awaiting)
		return NUDGE_MOST_US;
	if (now >= m->nudge_us) {
		channel_nudge(&m->channel);
		m->nudge_gap_us =
			m->nudge_gap_us < NUDGE_MOST_US / 4 ? 4 * m->nudge_gap_us : NUDGE_MOST_US;
		m->nudge_us = now + m->nudge_gap_us;
	}
	return m->nudge_us - now;
}

/* Waits a while for something new. */
static void rest(struct machine *m, int64_t deadline_us)
{
	struct pollfd fds[] = {
		{.fd = m->proc.pidfd, .events = POLLIN},
		{.fd = interrupt_fd(), .events = POLLIN},
		{.fd = m->until, .events = POLLIN},
		{.fd = m->channel.line, .events = POLLIN},
		{.fd = m->console.fd, .events = POLLIN},
		{.fd = m->qmp.fd, .events = POLLIN},
	};
	int64_t now = clock_us(), wait = nudge(m, now);

	if (m->awaiting && m->channel.via == CHANNEL_RING && now < m->brisk_until_us) {
		ppoll(fds, 3, &(struct timespec){.tv_nsec = LOOK_NS}, NULL);
		clock_held_up(now + LOOK_NS / 1000);
		return;
	}
	if (!channel_may_sleep(&m->channel))
		return;
	if (wait > deadline_us - now)
		wait = deadline_us - now;
	clock_poll(fds, 6, now + wait);
}

/* What else is waited for is there. */
static bool other_is_there(const struct machine *m)
{
	struct pollfd fd = {.fd = m->until, .events = POLLIN};

	return m->until >= 0 && poll(&fd, 1, 0) > 0;
}

static void begin_waiting(struct machine *m)
{
	int64_t now = clock_us();

	m->brisk_until_us = now + BRISK_US;
	m->nudge_gap_us = NUDGE_US;
	m->nudge_us = now + NUDGE_US;
}

enum machine_event machine_next(
	struct machine *m, int64_t deadline_us, struct message *msg, struct error *err)
{
	for (;;) {
		bool ended;
		int r = channel_next(&m->channel, msg);

		if (r > 0) {
			if (msg->type == PROTO_DONE)
				m->awaiting = false;
			begin_waiting(m);
			return MACHINE_MESSAGE;
		}
		/* Asked before the last pull: what it said before its end is then all there. */
		ended = proc_ended(&m->proc) || m->qmp.failed;
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
		if (other_is_there(m))
			return MACHINE_OTHER;
		if (ended)
			return m->kind->ending(m, err);
		if (!clock_left_ms(deadline_us))
			return MACHINE_TIMEOUT;
		rest(m, deadline_us);
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
			return error_set(err, EPROTO,
				"what the machine's agent says first makes no sense; try --cold, and if it stays so remove the target and add it again (kmodlab target)");
		case MACHINE_TIMEOUT:
			return error_set(err, ETIMEDOUT,
				"the kernel did not come up within %g s (under %s); --boot-timeout gives it longer",
				timeout_ms / 1000.0, accel_name(m->accel));
		case MACHINE_ENDED:
			return error_set(err, ECONNABORTED,
				"the kernel ended before it had come up (%s, under %s); try it with more --memory",
				m->qmp.reason, accel_name(m->accel));
		case MACHINE_FAILED:
		case MACHINE_OTHER:
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

static int boot_once(const struct machine_options *o, enum accel accel, int timeout_ms, int ram,
	const struct boot *boot, struct machine **out, struct error *err)
{
	struct qemu_start s = {
		.memory_mib = o->memory_mib, .cpus = o->cpus, .boot = boot, .ram = ram};
	struct machine *m = machine_new(accel);
	int r;

	m->runs = true;
	r = machine_start(m, &s, !o->without_ring, err);
	if (m->channel.shared)
		m->channel.shared->unwatched = o->unwatched;
	if (!r)
		r = await_hello(m, timeout_ms, err);
	if (r == -ETIMEDOUT || r == -ECONNABORTED || r == -EPROTO)
		add_console_tail(m, err);
	if (r && m->complaints.len && strstr(m->complaints.data, "ivshmem"))
		r = -ENODEV;
	if (r) {
		machine_close(m);
		return r;
	}
	*out = m;
	return 0;
}

/* Boots under KVM, which somebody asked for by name and which is not known to work here. What does not work once is
 * not tried again: many trials would each wait as long. */
static int boot_kvm(const struct machine_options *o, int ram, const struct boot *boot,
	struct machine **out, struct error *err)
{
	static atomic_bool fails;
	int ms = o->boot_timeout_ms < KVM_ASKED_MS ? o->boot_timeout_ms : KVM_ASKED_MS;
	const char *closed = accel_kvm_closed();
	struct error why = {{0}};
	int r = 0;

	if (closed)
		snprintf(why.text, sizeof why.text, "%s", closed);
	else if (atomic_load(&fails))
		snprintf(why.text, sizeof why.text, "it brought up no guest before");
	else
		r = boot_once(o, ACCEL_KVM, ms, ram, boot, out, &why);
	if (!r && !closed && !why.text[0])
		accel_remember(true);
	if (r == -ETIMEDOUT)
		snprintf(why.text, sizeof why.text, "no guest came up under it within %g s",
			ms / 1000.0);
	if (r == -EINTR || r == -ENOENT || r == -ENODEV || !why.text[0]) {
		*err = why;
		return r;
	}
	atomic_store(&fails, true);
	return error_set(err, ENXIO,
		"KVM does not work here: %.700s; leave --accel kvm out, and QEMU's translator (TCG) does it",
		why.text);
}

/* Boots under the accelerator asked for; if that is not known to work, finds out. */
static int boot_under(
	const struct machine_options *o, int ram, struct machine **out, struct error *err)
{
	enum accel accel = o->accel == ACCEL_AUTO ? accel_known() : o->accel;
	__attribute__((cleanup(boot_free))) struct boot boot;
	bool probing = accel == ACCEL_AUTO;
	int r = boot_prepare(
		o->os, o->kernel, o->append, o->files, o->without_ring ? o->nfiles : 0, &boot, err);

	if (r)
		return r;
	if (probing) {
		r = boot_once(o, ACCEL_KVM, KVM_PROBE_MS, ram, &boot, out, err);
		if (!r)
			accel_remember(true);
		if (!r || r == -EINTR || r == -ENOENT)
			return r;
		accel = ACCEL_TCG;
	}
	if (o->accel == ACCEL_KVM && accel_known() != ACCEL_KVM)
		return boot_kvm(o, ram, &boot, out, err);
	r = boot_once(o, accel, o->boot_timeout_ms, ram, &boot, out, err);
	if (!r && probing)
		accel_remember(false);
	return r;
}

int machine_boot_into(
	const struct machine_options *o, int ram, struct machine **out, struct error *err)
{
	struct machine_options plain = *o;
	int r = boot_under(o, ram, out, err);

	if (o->without_ring || (r && r != -ENODEV) || (!r && !machine_without_ring(*out)))
		return r;
	/* This QEMU has no such device, or this kernel makes no use of it. */
	if (!r)
		machine_close(*out);
	*out = NULL;
	plain.without_ring = true;
	return boot_under(&plain, ram, out, err);
}

int machine_boot(const struct machine_options *o, struct machine **out, struct error *err)
{
	*out = NULL;
	return o->lent ? lent_open(o, out, err) : machine_boot_into(o, -1, out, err);
}

bool machine_same_options(const struct machine_options *a, const struct machine_options *b)
{
	return a->os == b->os && !strcmp(a->kernel, b->kernel) &&
		!strcmp(a->append ? a->append : "", b->append ? b->append : "") &&
		a->memory_mib == b->memory_mib && a->cpus == b->cpus && a->accel == b->accel &&
		a->unwatched == b->unwatched;
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
	return m->channel.via != CHANNEL_RING && !m->channel.carried;
}

bool machine_is_lent(const struct machine *m)
{
	return m->lent != NULL;
}

int machine_leave(struct machine *m, struct strv *still, struct error *err)
{
	return m->kind->leave ? m->kind->leave(m, still, err) : 0;
}

bool machine_is_alive(struct machine *m)
{
	return !proc_ended(&m->proc);
}

bool machine_restored(const struct machine *m)
{
	return m->snapshot != NULL;
}

int64_t machine_start_us(const struct machine *m)
{
	return m->resumed_us > m->taken_us ? m->resumed_us - m->taken_us : 0;
}

void machine_taken(struct machine *m)
{
	m->taken_us = clock_us();
}

bool machine_heard(struct machine *m)
{
	return channel_taken(&m->channel);
}

void machine_drop_snapshot(struct machine *m)
{
	if (m->snapshot)
		snapshot_drop(m->snapshot);
}

void machine_lay(struct machine *m, const void *bytes, size_t len)
{
	channel_lay(&m->channel, bytes, len);
}

int machine_send(struct machine *m, enum proto_type type, const void *body, size_t len,
	uint32_t *serial, struct error *err)
{
	int r = channel_send(&m->channel, (uint16_t)type, ++m->serial, body, len);

	*serial = m->serial;
	m->awaiting = true;
	begin_waiting(m);
	if (!m->runs)
		qmp_say(&m->qmp, "cont", NULL);
	m->runs = true;
	if (r == -EMSGSIZE)
		return error_set(err, EMSGSIZE,
			"a request of %zu bytes is too long for the agent (at most %d): give fewer or shorter parameters",
			len, PROTO_BODY_MAX);
	/* A machine that is gone or deaf shows in the next machine_next. */
	return 0;
}

const char *machine_console(struct machine *m)
{
	const char *text = console_text(&m->console);

	return text ? text : "";
}

void machine_until(struct machine *m, int fd)
{
	m->until = fd;
}

void machine_nudge(struct machine *m)
{
	channel_nudge(&m->channel);
}

void machine_hear(
	struct machine *m, void (*hear)(void *arg, const char *bytes, size_t len), void *arg)
{
	m->console.hear = hear;
	m->console.arg = arg;
}

void machine_close(struct machine *m)
{
	if (!m)
		return;
	proc_kill(&m->proc);
	if (m->kind->drop)
		m->kind->drop(m);
	console_close(&m->console);
	channel_close(&m->channel);
	qmp_close(&m->qmp);
	close_fd(&m->complaints_fd);
	close_fd(&m->window);
	buf_free(&m->complaints);
	hello_free(&m->hello);
	free(m->snapshot);
	free(m);
}
