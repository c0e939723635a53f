/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine that somebody lends us: a real one, reached over ssh. One ssh is all of it: a line of shell takes the
 * agent out of its standard input, starts it as root, and removes it when it has ended; from then on the same
 * connection is the line to the agent (guest/lend.h). When ssh ends, that is the end of the agent, too, so nothing
 * stays behind whatever we die of.
 *
 * The question here is who ended a machine, as it is for one of QEMU's: the connection may have broken, or the
 * machine may be gone. So it is asked again; one that still runs since the same start was not ended by anybody.
 */
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/ssh.h"
#include "guest/images.h"
#include "machine/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS  3000 /* before we say that we wait for another one */
#define TURN_MS	     (24 * 3600 * 1000)
#define WORDS_MAX    65536 /* bytes that a login may say before it is the script's turn */
#define LEAVE_MS     40000
#define GONE_MS	     10000
#define AGAIN_MS     10000 /* how long a machine that was lost is looked for */
#define AGAIN_ONE_MS 8000
#define READY	     "\nkmodlab-ready "
#define REFUSED	     "\nkmodlab-refused "

/* Which start of the machine this is. FreeBSD's is 16 bytes, which sysctl(8) shows with -x alone. */
#define BOOT_ID                                                                                           \
	"{ cat /proc/sys/kernel/random/boot_id || sysctl -nx kern.boot_id || sysctl -n kern.boottime; } " \
	"2>/dev/null | head -n 1 | tr -dc 0-9a-f | cut -c 1-40"

struct lent {
	char *where, *dir, *boot;
	int turn;
	bool restarted;
};

/* What sh does there: %s is the system, a name that is new, "unwatched" or nothing; %zu, twice, the agent's size: one that
 * was cut off is not started. It has to be one line without single quotes and exclamation marks (base/ssh.h). */
static const char script[] =
	"umask 077; PATH=$PATH:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin; "
	"say() { printf \"\\nkmodlab-%%s\\n\" \"$*\"; }; r=; d=; "
	"if [ \"$(id -u)\" -gt 0 ]; then "
	"if sudo -n true </dev/null >/dev/null 2>&1; then r=\"sudo -n\"; "
	"elif doas -n true </dev/null >/dev/null 2>&1; then r=\"doas -n\"; "
	"else say refused root; exit 1; fi; fi; "
	"case \"$(uname -m)\" in x86_64|amd64) ;; *) say refused arch; exit 1;; esac; "
	"case \"$(uname -s)\" in %s) ;; *) say refused system; exit 1;; esac; "
	"for b in /tmp /var/tmp \"$HOME\"; do d=$b/kmodlab-%s; "
	"mkdir \"$d\" 2>/dev/null && echo exit 0 >\"$d/try\" && chmod 700 \"$d/try\" && \"$d/try\" 2>/dev/null && break; "
	"rm -rf \"$d\"; d=; done; "
	"if [ -z \"$d\" ]; then say refused place; exit 1; fi; "
	"trap : INT TERM HUP; "
	"rm \"$d/try\"; head -c %zu >\"$d/agent\"; chmod 700 \"$d/agent\"; "
	"if [ $(wc -c <\"$d/agent\") -ne %zu ]; then rm -rf \"$d\"; exit 1; fi; "
	"say ready \"$d\" \"$(" BOOT_ID ")\"; "
	"$r \"$d/agent\" --lend \"$d\" %s; s=$?; $r rm -rf \"$d\"; exit $s";

const char *machine_dir(const struct machine *m)
{
	return m->lent ? m->lent->dir : "/tmp";
}

bool machine_restarted(const struct machine *m)
{
	return m->lent && m->lent->restarted;
}

static void drop(struct machine *m)
{
	close_fd(&m->lent->turn);
	free(m->lent->where);
	free(m->lent->dir);
	free(m->lent->boot);
	free(m->lent);
}

/* Waits until no other trial is on that machine. */
static int take_turn(struct lent *l, struct error *err)
{
	AUTO_FREE char *cache = path_cache_dir(), *flat = path_flatten(l->where);
	AUTO_FREE char *path = xasprintf("%s/lent/%s-%08x", cache, flat,
		(unsigned)hash_bytes(HASH_START, l->where, strlen(l->where)));
	char holder[32] = "";

	l->turn = lock_take(path, PATIENCE_MS, err);
	if (l->turn == -ETIMEDOUT) {
		AUTO_BUF struct buf text = {0};

		/* Our own trials wait for each other without a word. */
		if (path_read(path, sizeof holder, &text) || atoi(text.data) != getpid())
			fprintf(stderr,
				"kmodlab: another kmodlab has a trial on ssh:%s; waiting for its end\n",
				l->where);
		l->turn = lock_take(path, TURN_MS, err);
	}
	if (l->turn < 0)
		return l->turn;
	snprintf(holder, sizeof holder, "%d\n", (int)getpid());
	if (ftruncate(l->turn, 0) || pwrite(l->turn, holder, strlen(holder), 0) < 0)
		return 0; /* only a word less */
	return 0;
}

static enum machine_event again(struct machine *m, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)AGAIN_MS * 1000;
	const struct lent *l = m->lent;

	while (clock_left_ms(deadline)) {
		AUTO_BUF struct buf id = {0};
		int r = ssh_run(l->where, BOOT_ID, AGAIN_ONE_MS, 4096, &id, err);

		if (r == -EINTR)
			return MACHINE_FAILED;
		if (!r && id.len) {
			id.data[strcspn(id.data, "\n")] = 0;
			if (strcmp(id.data, l->boot)) {
				m->lent->restarted = true;
				return MACHINE_ENDED;
			}
			error_set(err, EIO,
				"the connection to ssh:%s broke in the middle of its work, and the machine still runs; see that its network is reliable, and try again",
				l->where);
			return MACHINE_FAILED;
		}
		for (int i = 0; i < 10 && !interrupt_pending(); i++)
			clock_sleep(100000);
	}
	return MACHINE_ENDED;
}

static enum machine_event ending(struct machine *m, struct error *err)
{
	if (!m->lent->boot) {
		ssh_failed(m->lent->where, m->complaints.len ? m->complaints.data : "", err);
		return MACHINE_FAILED;
	}
	return again(m, err);
}

static int leave(struct machine *m, struct strv *still, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)LEAVE_MS * 1000;
	struct proto_done done = {0};
	struct message msg;
	uint32_t serial;
	int r = machine_send(m, PROTO_LEAVE, NULL, 0, &serial, err);

	for (bool over = false; !r && !over;) {
		enum machine_event e = machine_next(m, deadline, &msg, err);

		if (e != MACHINE_MESSAGE)
			return interrupt_pending()
				? -EINTR
				: error_set(err, EIO, "ssh:%s did not say whether it is as it was",
					  m->lent->where);
		if (msg.serial != serial)
			continue;
		if (msg.type == PROTO_DATA && msg.length && !msg.body[msg.length - 1])
			strv_add(still, (const char *)msg.body);
		over = msg.type == PROTO_DONE && !message_done(&msg, &done);
	}
	/* The shell there removes its files before it ends. */
	for (deadline = clock_us() + (int64_t)GONE_MS * 1000;
		!r && !proc_ended(&m->proc) && clock_left_ms(deadline) && !interrupt_pending();)
		clock_poll(&(struct pollfd){m->proc.pidfd, POLLIN, 0}, 1, clock_us() + 100000);
	return r ? r : still->n > 0;
}

static const struct machine_kind lent_kind = {.ending = ending, .leave = leave, .drop = drop};

/* ---- its beginning ---- */

static int refused(const char *where, const char *why, struct error *err)
{
	if (!strncmp(why, "root", 4))
		return error_set(err, EPERM,
			"on ssh:%s loading modules takes root, and neither `sudo -n true` nor `doas -n true` works there; let that user do so without a password, or use ssh:root@…",
			where);
	if (!strncmp(why, "arch", 4))
		return error_set(err, ENOTSUP,
			"ssh:%s has another processor; kmodlab tests x86_64 kernels only", where);
	if (!strncmp(why, "system", 6))
		return error_set(err, EINVAL,
			"ssh:%s runs another system than when it was added; `kmodlab target remove ssh:%s`, then add it again",
			where, where);
	return error_set(err, EACCES,
		"ssh:%s has no place for a program: none of /tmp, /var/tmp and the home directory can be written to and run from; mount one without noexec",
		where);
}

/* Takes the line `text` apart: "DIR BOOT". */
static int take_ready(struct lent *l, const char *text, size_t len, struct error *err)
{
	AUTO_FREE char *line = xstrndup(text, len);
	char *blank = strrchr(line, ' ');

	if (*line != '/' || !blank || !blank[1])
		return error_set(err, EPROTO,
			"what ssh:%s says makes no sense; see that `ssh %s true` says nothing",
			l->where, l->where);
	*blank = 0;
	l->dir = xstrdup(line);
	l->boot = xstrdup(blank + 1);
	return 0;
}

/* Looks at what has come, without taking what is behind the script's line. 1: it is there; 0: not yet; -errno. */
static int look_for_ready(struct machine *m, struct buf *words, struct error *err)
{
	char bytes[4096];
	ssize_t n = recv(m->channel.line, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
	size_t before = words->len, from;
	char *at, *end;

	if (n <= 0)
		return 0;
	buf_add(words, bytes, (size_t)n);
	for (size_t i = before; i < words->len; i++)
		if (!words->data[i])
			words->data[i] = '?';
	if ((at = strstr(words->data, REFUSED)) && strchr(at + 1, '\n'))
		return refused(m->lent->where, at + strlen(REFUSED), err);
	at = strstr(words->data, READY);
	end = at ? strchr(at + 1, '\n') : NULL;
	from = end ? (size_t)(end + 1 - words->data) : words->len;
	if (recv(m->channel.line, bytes, from - before, MSG_DONTWAIT) != (ssize_t)(from - before))
		return error_sys(err, errno, "cannot read what ssh says");
	words->len = from;
	words->data[from] = 0;
	if (!end)
		return words->len < WORDS_MAX ? 0 : take_ready(m->lent, "", 0, err);
	at += strlen(READY);
	return take_ready(m->lent, at, (size_t)(end - at), err) ?: 1;
}

/* Sends the agent, and waits for the script's word that it starts it. */
static int start_agent(struct machine *m, const unsigned char *agent, size_t len, int64_t deadline,
	struct error *err)
{
	AUTO_BUF struct buf words = {0};
	size_t sent = 0;
	int r = 0;

	buf_adds(&words, "\n");
	while (!r) {
		bool ended = proc_ended(&m->proc);
		struct pollfd fds[] = {{m->channel.line, POLLIN, 0}, {m->complaints_fd, POLLIN, 0},
			{m->proc.pidfd, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};
		char bytes[1024];
		ssize_t n;

		if (sent < len)
			fds[0].events |= POLLOUT;
		if (!ended)
			clock_poll(fds, 4, deadline);
		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		while ((n = read(m->complaints_fd, bytes, sizeof bytes)) > 0)
			if (m->complaints.len < 4096)
				buf_add(&m->complaints, bytes, (size_t)n);
		if (fds[0].revents & POLLOUT) {
			n = send(m->channel.line, agent + sent, len - sent,
				MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
		}
		r = look_for_ready(m, &words, err);
		if (r)
			break;
		if (ended)
			return ssh_failed(
				m->lent->where, m->complaints.len ? m->complaints.data : "", err);
		if (!clock_left_ms(deadline))
			return error_set(err, ETIMEDOUT,
				"ssh:%s took the connection, but did not start kmodlab's agent in time; see that `ssh %s true` ends by itself",
				m->lent->where, m->lent->where);
	}
	return r < 0 ? r : 0;
}

static int await_hello(struct machine *m, int64_t deadline, struct error *err)
{
	struct message msg;

	for (;;) {
		switch (machine_next(m, deadline, &msg, err)) {
		case MACHINE_MESSAGE:
			if (msg.type == PROTO_HELLO && !message_hello(&msg, &m->hello))
				return 0;
			continue;
		case MACHINE_FAILED:
			if (interrupt_pending())
				return -EINTR;
			/* fall through */
		case MACHINE_TIMEOUT:
		case MACHINE_ENDED:
		case MACHINE_NONSENSE:
		case MACHINE_OTHER:
			if (m->complaints.len)
				m->complaints.data[strcspn(m->complaints.data, "\n")] = 0;
			return error_set(err, EHOSTUNREACH,
				"kmodlab's agent does not start on ssh:%s%s%s; a trial that hangs there is ended by restarting it",
				m->lent->where, m->complaints.len ? ": " : "",
				m->complaints.len ? m->complaints.data : "");
		}
	}
}

static int connect_to(struct machine *m, const char *line, struct error *err)
{
	int pair[2], complaints[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_sys(err, errno, "cannot make a socket for ssh");
	r = channel_open(&m->channel, pair[0], false, err);
	if (!r && pipe2(complaints, O_CLOEXEC))
		r = error_sys(err, errno, "cannot make a pipe for ssh");
	if (!r) {
		m->complaints_fd = complaints[0];
		fcntl(complaints[0], F_SETFL, O_NONBLOCK);
		r = ssh_start(&m->proc, m->lent->where, line, pair[1], pair[1], complaints[1], err);
		close(complaints[1]);
	}
	close(pair[1]);
	m->channel.carried = true;
	return r;
}

int lent_open(const struct machine_options *o, struct machine **out, struct error *err)
{
	bool freebsd = o->os == PROTO_FREEBSD;
	const unsigned char *agent = freebsd ? guest_agent_freebsd : guest_agent_linux;
	const unsigned char *end = freebsd ? guest_agent_freebsd_end : guest_agent_linux_end;
	struct machine *m = machine_new_of(&lent_kind, ACCEL_NONE);
	AUTO_FREE char *name = NULL, *line = NULL;
	int64_t deadline;
	int r;

	*out = NULL;
	m->runs = true;
	m->lent = xcalloc(1, sizeof *m->lent);
	*m->lent = (struct lent){.where = xstrdup(o->lent), .turn = -1};
	name = xasprintf("%d-%08x", (int)getpid(), (unsigned)clock_us());
	line = xasprintf(script, freebsd ? "FreeBSD" : "Linux", name, (size_t)(end - agent),
		(size_t)(end - agent), o->unwatched ? "unwatched" : "");
	r = take_turn(m->lent, err);
	deadline = clock_us() + (int64_t)o->boot_timeout_ms * 1000;
	r = r ?: connect_to(m, line, err);
	r = r ?: start_agent(m, agent, (size_t)(end - agent), deadline, err);
	r = r ?: await_hello(m, deadline, err);
	if (r) {
		machine_close(m);
		return r;
	}
	*out = m;
	return 0;
}
