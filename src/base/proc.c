/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/proc.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_US 100000

static bool kept(const struct proc_options *o, int fd)
{
	for (size_t i = 0; i < o->nkeep; i++)
		if (o->keep[i] == fd)
			return true;
	return false;
}

/* Puts `want` (or /dev/null) at descriptor `at`. In the child, so only plain system calls. */
static int place(int want, int at)
{
	if (want < 0)
		want = open("/dev/null", O_RDWR);
	return want < 0 || dup2(want, at) < 0 ? -1 : 0;
}

/* Leaves open what is to be kept. Other threads may have opened any number of descriptors. */
static void keep_only(const struct proc_options *o, int report)
{
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		for (int fd = 3; fd < 1024; fd++)
			if (fd != report && !kept(o, fd))
				fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < o->nkeep; i++)
		fcntl(o->keep[i], F_SETFD, 0);
}

static void run_child(const struct proc_options *o, const char *file, pid_t parent, int report)
{
	int saved;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* Not the terminal's foreground group: Ctrl-C is ours to pass on. */
	if (!o->foreground)
		setpgid(0, 0);
	/* What a machine touches first is scattered: huge pages would be cleared for next to nothing. */
	if (o->no_huge_pages)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	if (o->workdir && chdir(o->workdir))
		goto fail;
	if (place(o->in, 0) || place(o->out, 1) || place(o->err, 2))
		goto fail;
	keep_only(o, report);
	execv(file, o->argv);
fail:
	saved = errno;
	(void)!write(report, &saved, sizeof saved);
	_exit(127);
}

int proc_start(struct proc *p, const struct proc_options *options, struct error *err)
{
	AUTO_FREE char *file = strchr(options->argv[0], '/') ? xstrdup(options->argv[0])
							     : path_program(options->argv[0]);
	pid_t parent = getpid();
	int report[2], failed = 0;
	ssize_t n;

	*p = (struct proc){.pidfd = -1};
	if (!file)
		return error_set(err, ENOENT,
			"the program %s is not installed; kmodlab doctor says which package has it",
			options->argv[0]);
	if (pipe2(report, O_CLOEXEC))
		return error_sys(err, errno, "cannot start %s", file);
	p->pid = fork();
	if (p->pid < 0) {
		failed = errno;
		close(report[0]);
		close(report[1]);
		p->pid = 0;
		return error_sys(err, failed, "cannot start %s", file);
	}
	if (!p->pid)
		run_child(options, file, parent, report[1]);
	close(report[1]);
	do
		n = read(report[0], &failed, sizeof failed);
	while (n < 0 && errno == EINTR);
	close(report[0]);
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0 && !failed)
		failed = errno;
	if (failed) {
		proc_close(p);
		return error_sys(err, failed, "cannot start %s", file);
	}
	fcntl(p->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static bool reap(struct proc *p, int flags)
{
	struct rusage use;
	pid_t got;

	if (p->ended || !p->pid)
		return true;
	do
		got = wait4(p->pid, &p->status, flags, &use);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return false;
	p->ended = true;
	p->cpu_us = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * INT64_C(1000000) +
		use.ru_utime.tv_usec + use.ru_stime.tv_usec;
	return true;
}

bool proc_ended(struct proc *p)
{
	return reap(p, WNOHANG);
}

void proc_close(struct proc *p)
{
	if (p->pid && !p->ended) {
		kill(p->pid, SIGKILL);
		reap(p, 0);
	}
	if (p->pid && p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
}

/* Killed, and not yet waited for. */
static struct {
	pthread_mutex_t lock;
	pid_t pids[64];
	size_t n;
} dying = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Waits for those that have ended; with `all`, for all of them. With the lock held. */
static void bury(bool all)
{
	size_t left = 0;

	for (size_t i = 0; i < dying.n; i++) {
		pid_t got;

		do
			got = waitpid(dying.pids[i], NULL, all ? 0 : WNOHANG);
		while (got < 0 && errno == EINTR);
		if (!got)
			dying.pids[left++] = dying.pids[i];
	}
	dying.n = left;
}

void proc_kill(struct proc *p)
{
	if (p->pid && !p->ended) {
		kill(p->pid, SIGKILL);
		pthread_mutex_lock(&dying.lock);
		bury(false);
		if (dying.n == sizeof dying.pids / sizeof *dying.pids)
			bury(true);
		dying.pids[dying.n++] = p->pid;
		pthread_mutex_unlock(&dying.lock);
		p->ended = true;
	}
	proc_close(p);
}

void proc_reap(void)
{
	pthread_mutex_lock(&dying.lock);
	bury(true);
	pthread_mutex_unlock(&dying.lock);
}

char *proc_status_text(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return xasprintf("exited with status %d", WEXITSTATUS(status));
}

/* Hands over the complete lines in `b`; with `all`, an unfinished last one too. */
static void give_lines(struct buf *b, bool all, proc_line_fn *line, void *arg)
{
	char *end;

	while (b->len) {
		size_t len;

		end = memchr(b->data, '\n', b->len);
		if (!end && !all && b->len < 65536)
			return;
		len = end ? (size_t)(end - b->data) : b->len;
		b->data[len] = 0;
		if (line)
			line(arg, b->data, len);
		buf_consume(b, end ? len + 1 : len);
	}
}

int proc_start_read(struct proc *p, char *const *argv, int *from, struct error *err)
{
	int pipes[2], r;

	*from = -1;
	if (pipe2(pipes, O_CLOEXEC))
		return error_sys(err, errno, "cannot start %s", argv[0]);
	r = proc_start(p,
		&(struct proc_options){.argv = argv, .in = -1, .out = pipes[1], .err = pipes[1]},
		err);
	close(pipes[1]);
	if (r)
		close(pipes[0]);
	else
		*from = pipes[0];
	return r;
}

int proc_run(char *const *argv, int timeout_ms, proc_line_fn *line, void (*tick)(void *), void *arg,
	int64_t *cpu_us, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	__attribute__((cleanup(proc_close))) struct proc p = {.pidfd = -1};
	AUTO_BUF struct buf text = {0};
	AUTO_CLOSE int from = -1;
	int r = proc_start_read(&p, argv, &from, err);

	if (r)
		return r;
	for (bool open = true; open || !proc_ended(&p);) {
		struct pollfd fds[] = {
			{.fd = open ? from : -1, .events = POLLIN},
			{.fd = open ? -1 : p.pidfd, .events = POLLIN},
			{.fd = interrupt_fd(), .events = POLLIN},
		};
		int left = clock_left_ms(deadline);
		ssize_t n;

		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		if (!left)
			return error_set(err, ETIMEDOUT, "%s did not end within %d s", argv[0],
				timeout_ms / 1000);
		clock_poll(fds, 3,
			tick && deadline > clock_us() + TICK_US ? clock_us() + TICK_US : deadline);
		if (tick)
			tick(arg);
		if (!fds[0].revents)
			continue;
		buf_reserve(&text, 65536);
		n = read(from, text.data + text.len, text.cap - text.len - 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			open = false;
		else
			text.len += (size_t)n;
		give_lines(&text, !open, line, arg);
	}
	if (cpu_us)
		*cpu_us = p.cpu_us;
	return p.status;
}
