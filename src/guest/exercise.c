/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that is run between load and unload: its output and how it ended are what the outside wants to know. */
#include "guest/exercise.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/lend.h"
#include "guest/os.h"

#define WORDS_MAX 16

/* What it is given to know; the request's variables follow. */
static const char *environment[WORDS_MAX + 4] = {
	"PATH=/tmp:/usr/bin:/bin:/usr/sbin:/sbin:/rescue", "HOME=/tmp", "KMODLAB=1", 0};
#define GIVEN 3

static _Noreturn void become(const char *const *argv, const int pipe[2])
{
	static const char sorry[] = "kmodlab agent: the program cannot be started\n";

	ex_dup2(pipe[1], 1);
	ex_dup2(pipe[1], 2);
	os_close(pipe[0]);
	os_close(pipe[1]);
	ex_chdir(lend_dir);
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
	const char *argv[WORDS_MAX + 1] = {0}, *word;
	int ends[2], status = 0, signal = 0, pid;
	struct proto_run run = {0, 0};
	size_t n = 0, variables = 0;

	if ((size_t)(end - at) >= sizeof run) {
		memcpy(&run, at, sizeof run);
		at += sizeof run;
	}
	while (at < end && (word = agent_string(&at, end))) {
		if (variables < run.variables && variables < WORDS_MAX)
			environment[GIVEN + variables++] = word;
		else if (n < WORDS_MAX)
			argv[n++] = word;
	}
	environment[GIVEN + variables] = 0;
	if (!n || ex_pipe(ends) < 0) {
		agent_done(serial, 22 /* EINVAL */, 0, 0);
		return;
	}
	ex_call(EX_FCNTL, ends[0], 4 /* F_SETFL */, ex_nonblock, 0, 0, 0);
	agent_begin(serial);
	pid = ex_fork();
	if (!pid)
		become(argv, ends);
	os_close(ends[1]);
	if (pid > 0)
		listen(ends[0], pid, &status, &signal);
	os_close(ends[0]);
	/* Whether it was the kernel that killed it, the log has to say. */
	agent_end(pid < 0 ? -pid : signal ? PROTO_BY_SIGNAL + signal : status, 0);
}
