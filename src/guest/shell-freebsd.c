/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of sys/kern/syscalls.master and sys/ttycom.h. */
#include "guest/shell.h"

#include "guest/bare.h"

enum { SYS_open = 5, SYS_close = 6, SYS_unlink = 10, SYS_ioctl = 54, SYS_fcntl = 92 };
enum { SYS_mkfifo = 132, SYS_mkdir = 136, SYS_setsid = 147, SYS_posix_openpt = 504 };
enum { O_RDWR = 2, O_NONBLOCK = 4, O_NOCTTY = 0x8000, O_CLOEXEC = 0x100000 }; /* sys/fcntl.h */
enum { F_SETFL = 4 };
#define TIOCSWINSZ 0x80087467ul
#define TIOCSCTTY  0x20007461ul
#define FIODGNAME  0x80106678ul /* sys/filio.h: a device's name */

struct size {
	uint16_t rows, columns, width, height;
};

struct name_of { /* struct fiodgname_arg */
	int len;
	void *name;
};

const int shell_again = 35; /* EAGAIN */

/* pts(4): the other side's name is the device's. */
int shell_terminal(int *program)
{
	char name[64] = "/dev/";
	struct name_of of = {sizeof name - 6, name + 5};
	long fd = sys1(SYS_posix_openpt, O_RDWR | O_NOCTTY | O_CLOEXEC), other;

	if (fd < 0)
		return (int)fd;
	other = sys3(SYS_ioctl, fd, FIODGNAME, &of);
	if (other >= 0)
		other = sys3(SYS_open, name, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (other < 0) {
		sys1(SYS_close, fd);
		return (int)other;
	}
	sys3(SYS_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*program = (int)other;
	return (int)fd;
}

void shell_window(int terminal, uint32_t rows, uint32_t columns)
{
	struct size size = {(uint16_t)rows, (uint16_t)columns, 0, 0};

	sys3(SYS_ioctl, terminal, TIOCSWINSZ, &size);
}

void shell_control(int terminal)
{
	sys0(SYS_setsid);
	sys3(SYS_ioctl, terminal, TIOCSCTTY, 0);
}

int shell_pipe(const char *path)
{
	sys2(SYS_mkfifo, path, 0600);
	return (int)sys3(SYS_open, path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
}

void shell_directory(const char *path)
{
	sys2(SYS_mkdir, path, 0700);
}

void shell_unlink(const char *path)
{
	sys1(SYS_unlink, path);
}
