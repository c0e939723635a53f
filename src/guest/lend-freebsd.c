/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/lend.h"

#include "guest/bare.h"
#include "guest/lend-freebsd.h"
#include "guest/os.h"

enum { /* sys/kern/syscalls.master */
	SYS_exit = 1,
	SYS_kill = 37,
	SYS_socketpair = 135,
	SYS_setsid = 147,
	SYS_poll = 209,
	SYS_kenv = 390,
	SYS_sigaction = 416,
	SYS_pdfork = 518,
	SYS_sysctlbyname = 570,
};
enum { SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGKILL = 9, SIGPIPE = 13, SIGTERM = 15 };
enum { KENV_GET = 0, KENV_SET = 1, KENV_UNSET = 2 }; /* sys/kenv.h */

/* Tunables that were set for a module, each with the value before: "name\0value\0", or "name\0\0". Shared by the
 * carrier and the agent. */
static struct tunables {
	uint32_t len;
	char text[8192];
} * tunables;

int lend_wait(struct lend_poll *fds, unsigned n, int ms)
{
	return (int)sys3(SYS_poll, fds, n, ms);
}

int lend_pair(int ends[2])
{
	if (!tunables)
		tunables = os_common_memory(sizeof *tunables);
	/* PF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK (sys/socket.h) */
	return (int)sys4(SYS_socketpair, 1, 1 | 0x10000000 | 0x20000000, 0, ends);
}

int lend_fork(int *pid)
{
	int fd = -1;

	*pid = (int)sys2(SYS_pdfork, &fd, 0);
	if (*pid)
		return *pid > 0 ? fd : *pid;
	sys0(SYS_setsid);
	return 0;
}

int lend_kill(int pid)
{
	return sys2(SYS_kill, -pid, SIGKILL) >= 0;
}

int lend_alive(int pid)
{
	return sys2(SYS_kill, -pid, 0) >= 0;
}

void lend_ignore_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
	struct { /* sys/signal.h */
		long handler;
		int flags;
		uint32_t mask[4];
		int pad;
	} ignore = {1 /* SIG_IGN */, 0, {0}, 0};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sys3(SYS_sigaction, signals[i], &ignore, 0);
}

/* FreeBSD has no mounts of a process's own; nothing is mounted. */
void lend_apart(void)
{
}

/* Whether its value from before is known already. */
static int is_noted(const char *name)
{
	for (uint32_t at = 0; at < tunables->len;) {
		const char *noted = tunables->text + at, *value = noted + length(noted) + 1;
		size_t i = 0;

		while (name[i] && name[i] == noted[i])
			i++;
		if (name[i] == noted[i])
			return 1;
		at += (uint32_t)(length(noted) + length(value) + 2);
	}
	return 0;
}

void lend_tunable(const char *name)
{
	size_t n = length(name) + 1;
	long got;

	if (!tunables || tunables->len + n + 256 > sizeof tunables->text || is_noted(name))
		return;
	memcpy(tunables->text + tunables->len, name, n);
	got = sys4(SYS_kenv, KENV_GET, name, tunables->text + tunables->len + n, 255);
	if (got <= 0)
		got = 0;
	tunables->text[tunables->len + n + (size_t)got] = 0;
	tunables->len += (uint32_t)(n + length(tunables->text + tunables->len + n) + 1);
}

void lend_undo(void)
{
	for (uint32_t at = 0; tunables && at < tunables->len;) {
		char *name = tunables->text + at, *value = name + length(name) + 1;

		if (*value)
			sys4(SYS_kenv, KENV_SET, name, value, length(value) + 1);
		else
			sys4(SYS_kenv, KENV_UNSET, name, 0, 0);
		at += (uint32_t)(length(name) + length(value) + 2);
	}
}

/* ---- the log ---- */

/* What was in the kernel's buffer, up to what was given away. */
static struct seen {
	uint32_t len;
	char bytes[];
} * seen;
static char *now;
static size_t log_max; /* bytes in the kernel's buffer, and the NUL behind them */

void lend_log_open(void)
{
	static const char name[] = "kern.msgbufsize";
	int size = 0;
	size_t len = sizeof size;

	if (sys6(SYS_sysctlbyname, name, sizeof name - 1, &size, &len, 0, 0) < 0 || size <= 0)
		size = 1 << 20;
	log_max = (size_t)size + 1;
	seen = os_common_memory(sizeof *seen + log_max);
	now = os_common_memory(log_max);
}

static int same_bytes(const char *a, const char *b, size_t n)
{
	while (n && *a == *b)
		a++, b++, n--;
	return !n;
}

long lend_log(void *to, unsigned long len)
{
	static const char name[] = "kern.msgbuf";
	size_t n = log_max, from = 0, k = 0;

	if (sys6(SYS_sysctlbyname, name, sizeof name - 1, now, &n, 0, 0) < 0)
		return 0;
	while (n && !now[n - 1])
		n--;
	/* What is old has moved by k bytes to the front, and out of the buffer there. */
	while (k < seen->len &&
		(seen->len - k > n || !same_bytes(seen->bytes + k, now, seen->len - k)))
		k++;
	from = seen->len - k;
	if (seen->len && !from && n) {
		/* What is there is all new, and begins with a whole line (sys/kern/subr_prf.c). */
		seen->len = 0;
		return -32;
	}
	if (n - from < len)
		len = n - from;
	memcpy(to, now + from, len);
	seen->len = (uint32_t)(from + len);
	memcpy(seen->bytes, now, seen->len);
	return (long)len;
}

_Noreturn void lend_exit(int status)
{
	for (;;)
		sys1(SYS_exit, status);
}
