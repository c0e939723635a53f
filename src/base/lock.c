/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/lock.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <unistd.h>

int lock_take(const char *path, int timeout_ms, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	AUTO_FREE char *copy = xstrdup(path);
	int r = path_make_dirs(dirname(copy), err);
	int fd;

	if (r)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return error_sys(err, errno, "cannot open the lock %s", path);
	/* flock(2) has no deadline of its own; a held lock is rare and a retry costs nothing. */
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			r = error_sys(err, errno, "cannot lock %s", path);
			break;
		}
		if (interrupt_pending()) {
			r = error_set(err, EINTR, "interrupted");
			break;
		}
		if (!clock_left_ms(deadline)) {
			r = error_set(err, ETIMEDOUT,
				"another kmodlab has held %s for %d s; wait for it, or end it",
				path, timeout_ms / 1000);
			break;
		}
		clock_sleep(5000);
	}
	if (!r)
		return fd;
	close(fd);
	return r;
}
