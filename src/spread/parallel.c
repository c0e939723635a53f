/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GNU parallel with ssh logins. It runs one task at a time on each login, and one that fails again on another login (--retries);
 * which login had a task, and how that ended, stands in its job log. What runs over there is ended by parallel when its ssh
 * goes, and ends by itself when the folder is gone.
 */
#include "spread/executor.h"

#include "base/clock.h"
#include "base/path.h"
#include "base/proc.h"
#include "spread/listing.h"
#include "spread/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define CALL_MS	  30000
#define CANCEL_MS 15000
#define LOG_MOST  ((size_t)64 << 20)
/* What takes the task's number's place in the command. */
#define PLACE "KMODLAB-TASK"
/* Nobody is there to type a password; and a machine that is gone is noticed in two minutes. */
#define SSH                                                                                        \
	"ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=20 -o ServerAliveCountMax=6"

struct parallel {
	struct proc proc;
	size_t *tasks; /* that were handed over, in the order of its arguments */
	size_t n;
};

static int begin(struct crew *c, struct error *err)
{
	char *argv[] = {"parallel", "--version", NULL};
	AUTO_BUF struct buf said = {0};
	AUTO_FREE char *path = path_program("parallel");
	int r;

	if (!path)
		return error_set(err, ENOENT,
			"there is no GNU parallel on this machine, which --executor=parallel needs; Debian's "
			"package is parallel");
	buf_adds(&said, "");
	r = program_run(argv, CALL_MS, &said, err);
	if (r < 0)
		return r;
	if (!strstr(said.data, "GNU parallel"))
		return error_set(err, ENOENT,
			"%s is not GNU parallel, which --executor=parallel needs; Debian's package is "
			"parallel",
			path);
	c->own = xcalloc(1, sizeof(struct parallel));
	((struct parallel *)c->own)->proc.pidfd = -1;
	return 0;
}

static int submit(struct crew *c, const size_t *tasks, size_t n, struct error *err)
{
	AUTO_FREE char *program = program_quote(c->program), *folder = program_quote(c->folder);
	AUTO_FREE char *said = xasprintf("%s/parallel", c->folder);
	AUTO_CLOSE int out = open(said, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	AUTO_STRV struct strv argv = {0};
	struct parallel *p = c->own;
	int r;

	if (out < 0)
		return error_sys(err, errno, "cannot write %s", said);
	strv_adds(&argv, "parallel", "--will-cite", "--jobs", "1", "--retries", "3", "-I", PLACE,
		NULL);
	if (!getenv("PARALLEL_SSH"))
		strv_adds(&argv, "--ssh", SSH, NULL);
	strv_adds(&argv, path_is_file(c->logins) ? "--sshloginfile" : "--sshlogin", c->logins,
		"--joblog", NULL);
	strv_addf(&argv, "%s/joblog", c->folder);
	strv_add(&argv, "--results");
	strv_addf(&argv, "%s/output/" PLACE, c->folder);
	strv_addf(&argv, "%s __task %s " PLACE, program, folder);
	strv_add(&argv, ":::");
	for (size_t i = 0; i < n; i++)
		strv_addf(&argv, "%zu", c->tasks[tasks[i]].number);
	proc_close(&p->proc);
	r = proc_start(&p->proc,
		&(struct proc_options){.argv = argv.v, .in = -1, .out = out, .err = out}, err);
	if (r)
		return r;
	free(p->tasks);
	p->tasks = xcalloc(n, sizeof *p->tasks);
	memcpy(p->tasks, tasks, n * sizeof *tasks);
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		c->tasks[tasks[i]].out = true;
		c->tasks[tasks[i]].running = c->tasks[tasks[i]].whole = false;
	}
	return 0;
}

static void take_log(struct crew *c, const char *text)
{
	struct parallel *p = c->own;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		AUTO_FREE char *state = NULL;
		struct logged l;
		struct task *t;

		if (!joblog_take(line, &l) || l.place > p->n)
			continue;
		t = &c->tasks[p->tasks[l.place - 1]];
		t->whole = !l.status && !l.signal;
		state = l.signal ? xasprintf("signal %d", l.signal)
				 : xasprintf("exit status %d", l.status);
		task_says(t, state, l.host);
	}
}

static int look(struct crew *c, struct error *err)
{
	AUTO_FREE char *log = xasprintf("%s/joblog", c->folder);
	AUTO_FREE char *ended = NULL, *state = NULL;
	AUTO_BUF struct buf text = {0};
	struct parallel *p = c->own;

	(void)err;
	/* What the log says of a task may be followed by its next try, as long as parallel runs. */
	if (!proc_ended(&p->proc))
		return 0;
	ended = proc_status_text(p->proc.status);
	state = xasprintf("never begun: parallel %s", ended);
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i].out) {
			c->tasks[i].out = false;
			task_says(&c->tasks[i], state, NULL);
		}
	if (!path_read(log, LOG_MOST, &text) && text.len)
		take_log(c, text.data);
	return 0;
}

static char *what(const struct crew *c)
{
	(void)c;
	return xstrdup("GNU parallel");
}

/* Waits for it to end. */
static bool gone(struct parallel *p, int ms)
{
	struct pollfd fd = {.fd = p->proc.pidfd, .events = POLLIN};

	return proc_ended(&p->proc) || (poll(&fd, 1, ms) > 0 && proc_ended(&p->proc));
}

static bool cancel(struct crew *c)
{
	struct parallel *p = c->own;
	bool ended = true;

	/* The first means: begin nothing more. The second: end what runs. */
	if (p->proc.pid && !proc_ended(&p->proc)) {
		kill(p->proc.pid, SIGTERM);
		if (!gone(p, 200)) {
			kill(p->proc.pid, SIGTERM);
			ended = gone(p, CANCEL_MS);
		}
	}
	proc_close(&p->proc);
	for (size_t i = 0; i < c->n; i++)
		c->tasks[i].out = false;
	return ended;
}

static void end(struct crew *c)
{
	struct parallel *p = c->own;

	if (p) {
		proc_close(&p->proc);
		free(p->tasks);
	}
	free(p);
	c->own = NULL;
}

const struct executor executor_parallel = {
	.name = "parallel",
	.title = "GNU parallel",
	.tries = 1,
	.begin = begin,
	.submit = submit,
	.look = look,
	.what = what,
	.cancel = cancel,
	.end = end,
};
