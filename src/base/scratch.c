/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/scratch.h"

#include "base/buf.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void guard(const char *path, int pipe)
{
	char c;

	/* A Ctrl-C reaches the whole foreground group; the guard outlives it to clean up. */
	setpgid(0, 0);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "kmodlab-guard");
	/* Nothing else of ours may be held open by a process that outlives us. */
	if (dup2(pipe, 0) < 0)
		_exit(1);
	if (close_range(1, ~0U, 0))
		for (int fd = 1; fd < 1024; fd++)
			close(fd);
	pipe = 0;
	while (read(pipe, &c, 1) < 0 && errno == EINTR)
		;
	/* What was still writing there may need a moment to die with us. */
	for (int attempt = 0; attempt < 50 && path_remove_tree(path); attempt++)
		usleep(100000);
	_exit(0);
}

int scratch_open(struct scratch *s, const char *prefix, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%sXXXXXX", prefix);
	AUTO_FREE char *parent = xstrdup(prefix);
	char *slash = strrchr(parent, '/');
	int ends[2], r;

	*s = (struct scratch){.pipe = -1};
	if (slash && slash != parent) {
		*slash = 0;
		r = path_make_dirs(parent, err);
		if (r)
			return r;
	}
	if (pipe2(ends, O_CLOEXEC))
		return error_sys(err, errno, "cannot make a scratch directory");
	if (!mkdtemp(path)) {
		r = error_sys(err, errno, "cannot make a scratch directory in %s", parent);
		goto fail;
	}
	s->guard = fork();
	if (s->guard < 0) {
		r = error_sys(err, errno, "cannot guard a scratch directory");
		rmdir(path);
		goto fail;
	}
	if (!s->guard) {
		close(ends[1]);
		guard(path, ends[0]);
	}
	close(ends[0]);
	s->pipe = ends[1];
	s->path = xstrdup(path);
	return 0;
fail:
	close(ends[0]);
	close(ends[1]);
	s->guard = 0;
	return r;
}

void scratch_close(struct scratch *s)
{
	if (!s->path)
		return;
	close_fd(&s->pipe);
	while (waitpid(s->guard, NULL, 0) < 0 && errno == EINTR)
		;
	free(s->path);
	*s = (struct scratch){.pipe = -1};
}
