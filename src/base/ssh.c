/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ssh.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/packages.h"
#include "base/path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#define COMPLAINTS_MAX 4096

/* Letters that neither ssh nor a shell takes for something else. */
static bool is_plain(const char *text, size_t len, const char *more)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(more, text[i]))
			return false;
	return len && *text != '-';
}

/* Cuts `where` into what ssh takes. `user` and `port` are NULL where there is none; all are the caller's. */
static bool cut(const char *where, char **user, char **host, char **port)
{
	const char *at = strrchr(where, '@'), *name = at ? at + 1 : where, *end, *colon;
	bool ok;

	*user = at ? xstrndup(where, (size_t)(at - where)) : NULL;
	*port = *host = NULL;
	if (*name == '[') {
		end = strchr(name, ']');
		ok = end && is_plain(name + 1, (size_t)(end - name - 1), ".:%_-");
		colon = ok && end[1] == ':' ? end + 1 : NULL;
		ok = ok && (colon || !end[1]);
		if (ok)
			*host = xstrndup(name + 1, (size_t)(end - name - 1));
	} else {
		colon = strchr(name, ':');
		end = colon ? colon : name + strlen(name);
		ok = is_plain(name, (size_t)(end - name), "._-");
		*host = xstrndup(name, (size_t)(end - name));
	}
	if (colon)
		*port = xstrdup(colon + 1);
	if (*port)
		ok = ok && strlen(*port) <= 5 && strspn(*port, "0123456789") == strlen(*port) &&
			atoi(*port) > 0 && atoi(*port) < 65536;
	return ok && (!*user || is_plain(*user, strlen(*user), "._-"));
}

bool ssh_is_where(const char *where, struct error *err)
{
	AUTO_FREE char *user = NULL, *host = NULL, *port = NULL;

	if (strlen(where) < 200 && cut(where, &user, &host, &port))
		return true;
	error_set(err, EINVAL,
		"\"ssh:%.200s\" names no machine: it is to be ssh:USER@HOST or ssh:USER@HOST:PORT, as ssh takes them",
		where);
	return false;
}

int ssh_start(struct proc *p, const char *where, const char *script, int in, int out,
	int complaints, struct error *err)
{
	/* A connection that broke is noticed within 20 s. One that somebody else shares is used, but none is
	 * left behind. */
	static const char *const settings[] = {"BatchMode=yes", "ConnectTimeout=15",
		"ServerAliveInterval=5", "ServerAliveCountMax=4", "ControlMaster=no",
		"ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no",
		"PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no", "LogLevel=ERROR",
		NULL};
	AUTO_FREE char *user = NULL, *host = NULL, *port = NULL;
	AUTO_STRV struct strv argv = {0};
	int r;

	*p = (struct proc){.pidfd = -1};
	if (!ssh_is_where(where, err))
		return -EINVAL;
	cut(where, &user, &host, &port);
	strv_add(&argv, "ssh");
	for (size_t i = 0; settings[i]; i++)
		strv_adds(&argv, "-o", settings[i], NULL);
	if (user)
		strv_adds(&argv, "-l", user, NULL);
	if (port)
		strv_adds(&argv, "-p", port, NULL);
	strv_adds(&argv, "--", host, NULL);
	strv_addf(&argv, "exec sh -c '%s'", script);
	r = proc_start(p,
		&(struct proc_options){.argv = argv.v, .in = in, .out = out, .err = complaints},
		err);
	if (r == -ENOENT) {
		AUTO_FREE char *how = packages_for("ssh");

		return error_set(
			err, ENOENT, "there is no ssh here to reach ssh:%s with: %s", where, how);
	}
	return r;
}

/* The last line that is not empty, harmless. Caller frees. */
static char *last_line(const char *text)
{
	size_t end = strlen(text), from;
	char *line;

	while (end && (text[end - 1] == '\n' || text[end - 1] == '\r'))
		end--;
	for (from = end; from && text[from - 1] != '\n';)
		from--;
	line = xstrndup(text + from, end - from < 300 ? end - from : 300);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return line;
}

char *ssh_typed(const char *where)
{
	AUTO_FREE char *user = NULL, *host = NULL, *port = NULL;

	cut(where, &user, &host, &port);
	return xasprintf("%s%s%s%s%s%s", port ? "-p " : "", port ? port : "", port ? " " : "",
		user ? user : "", user ? "@" : "", host ? host : "");
}

int ssh_failed(const char *where, const char *complaints, struct error *err)
{
	AUTO_FREE char *line = last_line(complaints);
	AUTO_FREE char *name = ssh_typed(where);

	if (strstr(complaints, "Permission denied"))
		return error_set(err, EHOSTUNREACH,
			"ssh:%s does not let you in without a password; `ssh-copy-id %s` gives it your key (%s)",
			where, name, line);
	if (strstr(complaints, "verification failed") || strstr(complaints, "IDENTIFICATION"))
		return error_set(err, EHOSTUNREACH,
			"ssh:%s is not known here yet, or is another machine than it was; `ssh %s` once by hand settles that (%s)",
			where, name, line);
	return error_set(err, EHOSTUNREACH,
		"ssh:%s cannot be reached; see that it is switched on and that `ssh %s true` works (%s)",
		where, name, *line ? line : "ssh says no more");
}

/* Takes what is there; false at its end. */
static bool pull(int *fd, struct buf *into, size_t max)
{
	char bytes[16384];
	ssize_t n = read(*fd, bytes, sizeof bytes);

	if (n > 0 && into->len < max)
		buf_add(into, bytes, (size_t)n);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return true;
	close_fd(fd);
	return false;
}

static int attend(struct proc *p, const char *where, int timeout_ms, int *out_fd, struct buf *out,
	size_t max, int *complaints_fd, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	AUTO_BUF struct buf complaints = {0};

	for (;;) {
		bool ended = proc_ended(p);
		struct pollfd fds[] = {{*out_fd, POLLIN, 0}, {*complaints_fd, POLLIN, 0},
			{p->pidfd, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};

		clock_poll(fds, ended ? 2 : 4, ended ? clock_us() : deadline);
		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		if (fds[0].revents)
			pull(out_fd, out, max + 1);
		if (fds[1].revents)
			pull(complaints_fd, &complaints, COMPLAINTS_MAX);
		/* What it left running may hold the pipes open for ever. */
		if (ended && !fds[0].revents && !fds[1].revents)
			break;
		if (!ended && !clock_left_ms(deadline))
			return error_set(err, ETIMEDOUT, "ssh:%s did not answer within %d s", where,
				timeout_ms / 1000);
	}
	if (out->len > max)
		return error_set(err, EFBIG, "ssh:%s says more than it was asked for", where);
	if (WIFEXITED(p->status) && WEXITSTATUS(p->status) != 255)
		return WEXITSTATUS(p->status);
	return ssh_failed(where, complaints.data ? complaints.data : "", err);
}

static int run(const char *where, const char *script, int timeout_ms, int to, size_t max,
	struct buf *out, struct error *err)
{
	int pipes[2][2] = {{-1, -1}, {-1, -1}}, r = 0;
	struct proc p = {.pidfd = -1};

	for (int i = to < 0 ? 0 : 1; i < 2 && !r; i++) {
		if (pipe2(pipes[i], O_CLOEXEC))
			r = error_sys(err, errno, "cannot make a pipe for ssh");
		else
			fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
	}
	if (!r)
		r = ssh_start(&p, where, script, -1, to < 0 ? pipes[0][1] : to, pipes[1][1], err);
	close_fd(&pipes[0][1]);
	close_fd(&pipes[1][1]);
	if (!r)
		r = attend(&p, where, timeout_ms, &pipes[0][0], out, max, &pipes[1][0], err);
	close_fd(&pipes[0][0]);
	close_fd(&pipes[1][0]);
	proc_close(&p);
	return r;
}

int ssh_run(const char *where, const char *script, int timeout_ms, size_t max, struct buf *out,
	struct error *err)
{
	return run(where, script, timeout_ms, -1, max, out, err);
}

int ssh_fetch(const char *where, const char *script, int timeout_ms, int to, struct error *err)
{
	AUTO_BUF struct buf none = {0};

	return run(where, script, timeout_ms, to, 0, &none, err);
}
