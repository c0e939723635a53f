/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int came; /* any thread may take the signal, all ask */
static int wake[2] = {-1, -1};

static void on_signal(int sig)
{
	int saved = errno;

	came = sig;
	(void)!write(wake[1], "!", 1);
	errno = saved;
}

void interrupt_setup(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction old;

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK))
		wake[0] = wake[1] = -1;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		/* nohup(1) and background jobs of plain shells ignore some: leave those ignored. */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

bool interrupt_pending(void)
{
	return came != 0;
}

int interrupt_fd(void)
{
	return wake[0];
}

void interrupt_leave_keys(bool to_child)
{
	static const int keys[] = {SIGINT, SIGQUIT};
	static struct sigaction ours[2];
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (to_child)
			sigaction(keys[i], &ignore, &ours[i]);
		else
			sigaction(keys[i], &ours[i], NULL);
}

void interrupt_reraise(void)
{
	int sig = came;

	if (!sig)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}
