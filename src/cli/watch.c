/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each round is a `kmodlab run` in a process of its own, which is there before it is needed: it has its machines
 * ready, and waits for the word. A save gives it the word; another save while it runs ends it, as Ctrl-C
 * would, and gives the word to the next. So whatever a round does, nothing of it is left here.
 *
 * On a terminal the report is shown on one page with its last line, the verdict, on top; elsewhere each report is
 * written whole.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/saves.h"
#include "cli/screen.h"
#include "report/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
	"usage: kmodlab watch [OPTION...] DIR|FILE.ko... [-- NAME=VALUE...]\n\n"
	"Runs the module as `kmodlab run` does, and again each time that a file in DIR is saved; a save\n"
	"while it runs ends that run and begins anew. The verdict stands on top, with the time that\n"
	"passed since the save. Where the output is no terminal, each report is written in turn.\n\n"
	"Files that builds, editors and version control make are passed over. A kmodlab.ini that is\n"
	"changed counts as well.\n\n"
	"  q, Ctrl-C        leave\n"
	"  Enter, r         run again\n"
	"  arrows, space    scroll\n\n"
	"The options are those of run: see kmodlab run --help.\n";

/* Editors write in several steps; so long after the last one it is taken for done. */
#define SETTLED_US 15000
#define SETTLED_GONE_US                                                                            \
	150000 /* … when the last was that a file went away: it is about to come back */
#define PATIENCE_MS 10000 /* for a round to end by itself when it is told to */
#define OUTPUT_MAX  ((size_t)16 << 20)

struct round {
	pid_t pid; /* 0: there is none */
	int pidfd, go, out;
	struct buf text; /* what it has said */
};

struct watch {
	int argc;
	char **argv;
	bool page; /* a terminal to draw on */
	bool json;
	struct saves *saves;
	struct round current, next;
	/* A save that no round has begun for: */
	bool waiting;
	int64_t saved_us, due_us;
	/* The current round, and what it is for: */
	int64_t began_us;
	char *name; /* the file that was saved; NULL: nobody saved anything */
	unsigned rounds;
	/* What is shown: */
	struct buf verdict, took, body;
};

/* ---- rounds ---- */

static void run_child(const struct watch *w, int go, int out, pid_t parent)
	__attribute__((noreturn));
static void run_child(const struct watch *w, int go, int out, pid_t parent)
{
	int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC), status;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_INFRASTRUCTURE);
	signal(SIGWINCH, SIG_DFL);
	/* Signals are this process's own from here. */
	interrupt_setup();
	dup2(nowhere, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (w->page)
		terminal_colour_anyway();
	optind = 0;
	status = run_when_told(w->argc, w->argv, go);
	fflush(stdout);
	proc_reap();
	_exit(status);
}

static void round_forget(struct round *r)
{
	close_fd(&r->pidfd);
	close_fd(&r->go);
	close_fd(&r->out);
	buf_free(&r->text);
	*r = (struct round){.pidfd = -1, .go = -1, .out = -1};
}

/* Starts a round that waits for the word. */
static int round_start(const struct watch *w, struct round *r, struct error *err)
{
	int go[2] = {-1, -1}, out[2] = {-1, -1};
	pid_t parent = getpid(), pid;

	*r = (struct round){.pidfd = -1, .go = -1, .out = -1};
	if (pipe2(go, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		close_fd(&go[0]);
		close_fd(&go[1]);
		return error_sys(err, errno, "cannot make a pipe");
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(go[1]);
		close(out[0]);
		run_child(w, go[0], out[1], parent);
	}
	close(go[0]);
	close(out[1]);
	r->go = go[1];
	r->out = out[0];
	if (pid < 0) {
		round_forget(r);
		return error_sys(err, errno, "cannot start a process");
	}
	r->pid = pid;
	r->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

/* Waits for its end; the status that it ended with. */
static int round_reap(struct round *r)
{
	int status = 0;

	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
	return status;
}

/* Ends it as Ctrl-C would (which a shell may have us ignore; this one is not), so that it takes with it what it
 * has. */
static void round_end(struct round *r)
{
	struct pollfd fd = {r->pidfd, POLLIN, 0};
	int64_t deadline = clock_us() + PATIENCE_MS * 1000;

	if (!r->pid)
		return;
	/* What it still says goes nowhere. */
	close_fd(&r->out);
	kill(r->pid, SIGTERM);
	while (r->pidfd >= 0 && poll(&fd, 1, clock_left_ms(deadline)) < 0 && errno == EINTR)
		;
	if (r->pidfd < 0 || !fd.revents)
		kill(r->pid, SIGKILL);
	round_reap(r);
	round_forget(r);
}

static int begin(struct watch *w, struct error *err)
{
	int r = 0;

	round_end(&w->current);
	w->current = w->next;
	w->next = (struct round){.pidfd = -1, .go = -1, .out = -1};
	if (!w->current.pid)
		r = round_start(w, &w->current, err);
	if (r)
		return r;
	(void)!write(w->current.go, "!", 1);
	w->waiting = false;
	w->began_us = w->saved_us;
	w->rounds++;
	screen_rewind();
	return 0;
}

/* ---- what is shown ---- */

static void set_text(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_text(struct buf *b, const char *format, ...)
{
	va_list args;

	buf_free(b);
	va_start(args, format);
	buf_vaddf(b, format, args);
	va_end(args);
}

static double since(int64_t us)
{
	return (double)(clock_us() - us) / 1e6;
}

/* The last line of a report goes in front: it is the verdict. What is before it is the body. */
static void take_apart(const struct buf *text, struct buf *verdict, struct buf *body)
{
	size_t end = text->len, from;

	while (end && text->data[end - 1] == '\n')
		end--;
	from = end;
	while (from && text->data[from - 1] != '\n')
		from--;
	buf_free(verdict);
	buf_free(body);
	buf_add(verdict, text->len ? text->data + from : "", end - from);
	buf_add(body, text->len ? text->data : "", from);
}

static void draw(struct watch *w)
{
	AUTO_BUF struct buf head = {0}, foot = {0};
	const struct round *r = &w->current;

	if (!w->page)
		return;
	if (r->pid) {
		buf_addf(&head, "\033[1mrunning…\033[0m  ");
		if (w->name)
			buf_addf(&head, "%s was saved %.1f s ago\n", w->name, since(w->began_us));
		else
			buf_addf(&head, "for %.1f s\n", since(w->began_us));
		if (w->verdict.len)
			buf_addf(&head, "\033[2mbefore:\033[0m %s\n", w->verdict.data);
	} else {
		buf_addf(&head, "%s\n%s\n", w->verdict.len ? w->verdict.data : "",
			w->took.len ? w->took.data : "");
	}
	buf_adds(&head, "\n");
	buf_addf(&foot, "q quits, Enter runs it again");
	screen_draw(head.data,
		r->pid ? (r->text.len ? r->text.data : "") : (w->body.len ? w->body.data : ""),
		foot.data);
}

/* The current round has ended by itself. */
static void finish(struct watch *w)
{
	AUTO_FREE char *what = w->name ? xasprintf("the save of %s", w->name)
		: w->rounds > 1	       ? xstrdup("the key")
				       : xstrdup("the start");
	time_t now = time(NULL);
	char at[16] = "";
	struct tm tm;
	int status = round_reap(&w->current);

	/* It may have been killed while it waited, if memory is short. */
	if (!WIFEXITED(status)) {
		AUTO_FREE char *how = proc_status_text(status);

		buf_addf(&w->current.text, "kmodlab: this run %s; Enter runs it again\n", how);
	}
	if (localtime_r(&now, &tm))
		strftime(at, sizeof at, "%H:%M:%S", &tm);
	set_text(&w->took, "%.2f s from %s to this (at %s, run %u)", since(w->began_us), what, at,
		w->rounds);
	take_apart(&w->current.text, &w->verdict, &w->body);
	if (!w->page) {
		fwrite(w->current.text.data, 1, w->current.text.len, stdout);
		if (!w->json)
			printf("-- %s\n\n", w->took.data);
		fflush(stdout);
	}
	round_forget(&w->current);
}

/* Takes what the current round says; true when it has ended. */
static bool hear(struct watch *w)
{
	struct round *r = &w->current;
	char bytes[65536];
	ssize_t n = read(r->out, bytes, sizeof bytes);

	if (n < 0)
		return errno != EINTR && errno != EAGAIN;
	if (r->text.len < OUTPUT_MAX)
		buf_add(&r->text, bytes, (size_t)n);
	return !n;
}

/* ---- the loop ---- */

static void want_round(struct watch *w, int64_t settled_us)
{
	int64_t now = clock_us();

	if (!w->waiting)
		w->saved_us = now;
	w->waiting = true;
	w->due_us = now + settled_us;
}

static void look_at_saves(struct watch *w)
{
	char *name = NULL;
	enum saved what = saves_take(w->saves, &name);

	if (what == SAVED_NOTHING) {
		free(name);
		return;
	}
	free(w->name);
	w->name = name ? name : xstrdup("the directory");
	want_round(w, what == SAVED_GONE ? SETTLED_GONE_US : SETTLED_US);
	/* What it would say is not of what is there now. */
	round_end(&w->current);
}

/* False: leave. */
static bool look_at_keys(struct watch *w)
{
	int key = screen_key();

	if (key == 'q')
		return false;
	if (key == 'r' || key == '\n' || key == '\r') {
		free(w->name);
		w->name = NULL;
		want_round(w, 0);
	}
	draw(w);
	return true;
}

/* How long nothing will need to be done. */
static int idle_ms(const struct watch *w)
{
	if (w->waiting)
		return clock_left_ms(w->due_us);
	return w->current.pid && w->page ? 100 : 1000;
}

static int step(struct watch *w, bool *over, struct error *err)
{
	struct pollfd fds[] = {{interrupt_fd(), POLLIN, 0}, {saves_fd(w->saves), POLLIN, 0},
		{w->current.pid ? w->current.out : -1, POLLIN, 0},
		{w->page ? STDIN_FILENO : -1, POLLIN, 0},
		/* Of a pipe, only that nobody reads any more. */
		{w->page ? -1 : STDOUT_FILENO, 0, 0}};
	int n = poll(fds, 5, idle_ms(w)), r = 0;

	if (n < 0 && errno != EINTR)
		return error_sys(err, errno, "cannot wait for files to change");
	if (interrupt_pending()) {
		*over = true;
		return 0;
	}
	if (n <= 0)
		memset(fds, 0, sizeof fds);
	if (fds[1].revents)
		look_at_saves(w);
	else if (!n && saves_back(w->saves))
		want_round(w, SETTLED_GONE_US);
	if (fds[2].revents && w->current.pid && hear(w)) {
		finish(w);
		draw(w);
		if (!w->waiting)
			r = round_start(w, &w->next, err);
	}
	if (fds[3].revents & (POLLHUP | POLLERR) || (fds[3].revents && !look_at_keys(w)))
		*over = true;
	if (fds[4].revents & POLLERR || ferror(stdout))
		*over = true;
	if (!r && !*over && w->waiting && clock_us() >= w->due_us)
		r = begin(w, err);
	if (n <= 0 || w->current.pid)
		draw(w);
	return r;
}

static int watch(struct watch *w, char *const *paths, size_t n)
{
	bool over = false;
	struct error err;
	int r = saves_open(paths, n, &w->saves, &err);

	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	w->page = !w->json && screen_open();
	want_round(w, 0);
	while (!r && !over)
		r = step(w, &over, &err);
	screen_close();
	round_end(&w->current);
	round_end(&w->next);
	if (w->page && w->verdict.len)
		printf("%s\n", w->verdict.data);
	saves_close(w->saves);
	free(w->name);
	buf_free(&w->verdict);
	buf_free(&w->took);
	buf_free(&w->body);
	return r ? cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text) : EXIT_PASSED;
}

int watch_main(int argc, char **argv)
{
	struct watch w = {.argc = argc,
		.argv = argv,
		.current = {.pidfd = -1, .go = -1, .out = -1},
		.next = {.pidfd = -1, .go = -1, .out = -1}};
	AUTO_STRV struct strv paths = {0};
	int status;

	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return EXIT_PASSED;
		}
	status = run_options(argc, argv, &paths, &w.json);
	if (status != EXIT_PASSED)
		return status < 0 ? EXIT_PASSED : status;
	if (!paths.n)
		return cli_fail(EXIT_USAGE,
			"watch what? Give a module's directory; see kmodlab watch --help");
	for (size_t i = 0; i < paths.n; i++)
		if (access(paths.v[i], F_OK))
			return cli_fail(EXIT_USAGE,
				"there is no directory or file %s: give a module's directory, or its .ko file",
				paths.v[i]);
	return watch(&w, paths.v, paths.n);
}
