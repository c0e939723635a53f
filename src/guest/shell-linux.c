/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/shell.h"

#include "guest/bare.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <asm/ioctls.h>
#include <asm/unistd.h>

struct size {
	uint16_t rows, columns, width, height;
};

const int shell_again = 11; /* EAGAIN */

/* devpts (Documentation/filesystems/devpts.rst): mounted when the first shell comes. */
int shell_terminal(int *program)
{
	int zero = 0;
	long fd, other;

	sys2(__NR_mkdir, "/dev/pts", 0755);
	sys5(__NR_mount, "devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	fd = sys3(__NR_open, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return (int)fd;
	sys3(__NR_ioctl, fd, TIOCSPTLCK, &zero);
	other = sys3(__NR_ioctl, fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (other < 0) {
		sys1(__NR_close, fd);
		return (int)other;
	}
	*program = (int)other;
	return (int)fd;
}

void shell_window(int terminal, uint32_t rows, uint32_t columns)
{
	struct size size = {(uint16_t)rows, (uint16_t)columns, 0, 0};

	sys3(__NR_ioctl, terminal, TIOCSWINSZ, &size);
}

void shell_control(int terminal)
{
	sys0(__NR_setsid);
	sys3(__NR_ioctl, terminal, TIOCSCTTY, 0);
}

int shell_pipe(const char *path)
{
	sys3(__NR_mknod, path, S_IFIFO | 0600, 0);
	return (int)sys3(__NR_open, path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
}

void shell_directory(const char *path)
{
	sys2(__NR_mkdir, path, 0700);
}

void shell_unlink(const char *path)
{
	sys1(__NR_unlink, path);
}
