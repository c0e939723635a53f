/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/lend.h"

#include "guest/bare.h"
#include "guest/os.h"

#include <linux/mount.h>
#include <linux/sched.h>
#include <asm/signal.h>
#include <asm/unistd.h>

int lend_wait(struct lend_poll *fds, unsigned n, int ms)
{
	return (int)sys3(__NR_poll, fds, n, ms);
}

int lend_pair(int ends[2])
{
	/* AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK: a carrier that does not look is not waited for. */
	return (int)sys4(__NR_socketpair, 1, 1 | 02000000 | 04000, 0, ends);
}

int lend_fork(int *pid)
{
	int pidfd = -1;

	*pid = (int)sys5(__NR_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
	if (*pid)
		return *pid > 0 ? pidfd : *pid;
	sys0(__NR_setsid);
	sys2(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL);
	return 0;
}

int lend_kill(int pid)
{
	return sys2(__NR_kill, -pid, SIGKILL) >= 0;
}

int lend_alive(int pid)
{
	return sys2(__NR_kill, -pid, 0) >= 0;
}

void lend_ignore_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
	struct {
		long handler;
		unsigned long flags;
		long restorer;
		unsigned long mask;
	} ignore = {1 /* SIG_IGN */, 0, 0, 0};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sys4(__NR_rt_sigaction, signals[i], &ignore, 0, 8);
}

void lend_apart(void)
{
	if (sys1(__NR_unshare, CLONE_NEWNS) >= 0 &&
		sys5(__NR_mount, "none", "/", 0, MS_REC | MS_PRIVATE, 0) >= 0)
		return;
	os_say("kmodlab agent: root may not have mounts of its own here (is it a container?)\n");
	os_halt();
}

void lend_undo(void)
{
}

_Noreturn void lend_exit(int status)
{
	for (;;)
		sys1(__NR_exit_group, status);
}
