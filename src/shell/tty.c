/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/tty.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios before;
static volatile sig_atomic_t raw_fd = -1, continued;

static void make_raw(void)
{
	struct termios raw = before;

	cfmakeraw(&raw);
	tcsetattr(raw_fd, TCSADRAIN, &raw);
}

void tty_restore(void)
{
	int fd = raw_fd;

	raw_fd = -1;
	if (fd >= 0)
		tcsetattr(fd, TCSADRAIN, &before);
}

static void on_mistake(int sig)
{
	tty_restore();
	/* The handler is gone (SA_RESETHAND). */
	raise(sig);
}

static void on_continue(int sig)
{
	(void)sig;
	continued = 1;
}

bool tty_raw(int fd)
{
	static const int mistakes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	static bool once;

	if (tcgetattr(fd, &before))
		return false;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
		sigaction(mistakes[i],
			&(struct sigaction){
				.sa_handler = on_mistake, .sa_flags = SA_RESETHAND | SA_NODEFER},
			NULL);
	sigaction(SIGCONT, &(struct sigaction){.sa_handler = on_continue, .sa_flags = SA_RESTART},
		NULL);
	if (!once)
		atexit(tty_restore);
	once = true;
	raw_fd = fd;
	make_raw();
	return true;
}

void tty_keep_raw(void)
{
	if (!continued || raw_fd < 0)
		return;
	continued = 0;
	make_raw();
}

bool tty_size(int fd, unsigned *rows, unsigned *columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}
