/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that is run between load and unload: its output and how it ended are what the outside wants to know. */
#include "guest/exercise.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/os.h"

#define ARGS_MAX 16

/* What it is given to know. */
static const char *const environment[] = {
	"PATH=/tmp:/usr/bin:/bin:/usr/sbin:/sbin:/rescue", "HOME=/tmp", "KMODLAB=1", 0};

static _Noreturn void become(const char *const *argv, const int pipe[2])
{
	static const char sorry[] = "kmodlab agent: the program cannot be started\n";

	ex_dup2(pipe[1], 1);
	ex_dup2(pipe[1], 2);
	os_close(pipe[0]);
	os_close(pipe[1]);
	ex_chdir("/tmp");
	ex_exec(argv[0], argv, environment);
	os_write(2, sorry, sizeof sorry - 1);
	ex_exit(127);
}

/* Passes on what it says until nobody has the other end any more, or until it has ended: what it left running keeps
 * the end open. */
static void listen(int fd, int pid, int *status, int *signal)
{
	static uint8_t bytes[4096];
	int ended = 0;
	long n;

	while (!ended) {
		ended = ex_ended(pid, 0, status, signal);
		while ((n = os_read(fd, bytes, sizeof bytes)) > 0)
			agent_tell(PROTO_OUTPUT, 0, bytes, (size_t)n, 0, 0);
		if (n == 0)
			break;
		if (!ended)
			os_sleep_us(1000);
	}
	if (!ended)
		ex_ended(pid, 1, status, signal);
}

void exercise_run(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	const char *argv[ARGS_MAX + 1] = {0};
	int ends[2], status = 0, signal = 0, pid;
	size_t n = 0;

	at += sizeof(struct proto_run);
	while (at < end && n < ARGS_MAX && (argv[n] = agent_string(&at, end)))
		n++;
	if (!n || ex_pipe(ends) < 0) {
		agent_done(serial, 22 /* EINVAL */, 0, 0);
		return;
	}
	ex_call(EX_FCNTL, ends[0], 4 /* F_SETFL */, ex_nonblock, 0, 0, 0);
	agent_begin(serial);
	pid = ex_fork(0);
	if (!pid)
		become(argv, ends);
	os_close(ends[1]);
	if (pid > 0)
		listen(ends[0], pid, &status, &signal);
	os_close(ends[0]);
	/* Who was killed outright has met an oops; any other signal is the program's own affair. */
	agent_end(pid < 0			? -pid
			: signal && signal != 9 ? PROTO_BY_SIGNAL + signal
						: status,
		signal == 9 ? 9 : 0);
}
