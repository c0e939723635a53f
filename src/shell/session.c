/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from standard input go to the shell a piece at a time, the next one when the agent says that the one before was
 * taken: so nothing is lost when the shell does not read, and Ctrl-] is seen all the same.
 */
#include "shell/session.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "judge/kmsg.h"
#include "judge/system.h"
#include "machine/machine.h"
#include "shell/mix.h"
#include "shell/receive.h"
#include "shell/tty.h"
#include "trial/exercise.h"
#include "trial/load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PIECE	  4096	 /* bytes of input in one request */
#define INPUT_MAX 65536	 /* bytes that wait for the shell to read them */
#define TICK_US	  100000 /* the terminal's size is looked at so often */
#define PLACE_MS  30000

/* `get` in the machine; the first line has to name the system's shell. */
static const char get_script[] =
	"# get FILE...: copies files to the directory in which kmodlab was started.\n"
	"[ $# -gt 0 ] || { echo 'usage: get FILE...' >&2; exit 2; }\n"
	"status=0\n"
	"for file; do\n"
	"	copy=" PROTO_GET "$$\n"
	"	if ! cat \"$file\" >$copy; then rm -f $copy; status=1; continue; fi\n"
	"	echo \"$$ ${file##*/}\" >" PROTO_GET "ask\n"
	"	while [ -e $copy ]; do sleep 0.02; done\n"
	"	[ -e $copy.no ] || continue\n"
	"	read -r why <$copy.no\n"
	"	echo \"get: $why\" >&2\n"
	"	rm -f $copy.no\n"
	"	status=1\n"
	"done\n"
	"exit $status\n";

struct session {
	struct trial *t;
	const struct session_options *o;
	struct machine *m;
	struct mix mix;
	struct receive file;
	struct buf input; /* read, and not yet sent */
	bool input_over;  /* no more will be read */
	bool over_sent;
	bool broken;	       /* nobody takes our output */
	uint32_t shell, piece; /* requests under way; 0: none */
	unsigned rows, columns;
};

/* ---- out ---- */

static void write_all(struct session *s, int fd, const char *bytes, size_t len)
{
	while (len && !s->broken) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
		else if (n < 0 && errno != EINTR)
			s->broken = true;
		if (interrupt_pending())
			return;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

static void show_output(struct session *s, const struct message *msg)
{
	AUTO_BUF struct buf out = {0};

	if (!s->o->interactive) {
		write_all(s, STDOUT_FILENO, (const char *)msg->body, msg->length);
		return;
	}
	mix_output(&s->mix, (const char *)msg->body, msg->length, &out);
	write_all(s, STDOUT_FILENO, out.data, out.len);
}

/* A line of ours or of the log. */
static void show_line(struct session *s, const char *mark, const char *text)
{
	AUTO_BUF struct buf out = {0};

	if (s->o->interactive)
		mix_log(&s->mix, mark, text, &out);
	else
		buf_addf(&out, "%s%s%s\n", mark, *mark ? " " : "", text);
	write_all(s, s->o->interactive ? STDOUT_FILENO : STDERR_FILENO, out.data, out.len);
}

static void show_log(struct session *s, size_t from)
{
	for (size_t i = from; i < s->t->run.nlog && !s->o->quiet_log; i++) {
		const struct record *r = &s->t->run.log[i];
		const char *level = kmsg_level_name(r->level);
		AUTO_FREE char *mark = xasprintf("[%s]", *level ? level : "log");

		if (*r->text)
			show_line(s, mark, r->text);
	}
}

static int answer_file(struct session *s, struct error *err)
{
	AUTO_FREE char *why =
		s->file.why ? xasprintf("%s %s", s->file.name, s->file.why) : xstrdup("");
	AUTO_FREE char *got = xasprintf("%s: %llu bytes", s->file.name ? s->file.name : "",
		(unsigned long long)s->file.bytes);
	uint32_t serial;

	if (!s->file.why)
		show_line(s, "[got]", got);
	receive_end(&s->file);
	return machine_send(s->m, PROTO_TOOK, why, strlen(why) + 1, &serial, err);
}

/* ---- in ---- */

/* Takes what the user typed. False: it is Ctrl-]. */
static bool read_input(struct session *s)
{
	char bytes[PIECE];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
	const char *leave;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0) {
		s->input_over = true;
		/* A terminal that is gone. */
		return !s->o->interactive;
	}
	leave = s->o->interactive ? memchr(bytes, SHELL_LEAVE, (size_t)n) : NULL;
	/* What nobody reads is not kept for ever; a terminal drops it, too. */
	if (s->input.len < INPUT_MAX)
		buf_add(&s->input, bytes, (size_t)n);
	return !leave;
}

static int send_input(struct session *s, struct error *err)
{
	size_t len = s->input.len < PIECE ? s->input.len : PIECE;
	int r;

	if (s->piece || (!len && (!s->input_over || s->over_sent)))
		return 0;
	s->over_sent = !len;
	r = machine_send(s->m, PROTO_INPUT, s->input.data, len, &s->piece, err);
	buf_consume(&s->input, len);
	return r;
}

static int send_size(struct session *s, struct error *err)
{
	unsigned rows = s->rows, columns = s->columns;
	struct proto_shell p = {.terminal = 1};
	uint32_t serial;

	if (!s->o->interactive || !tty_size(STDIN_FILENO, &rows, &columns) ||
		(rows == s->rows && columns == s->columns))
		return 0;
	p.rows = s->rows = rows;
	p.columns = s->columns = columns;
	return machine_send(s->m, PROTO_WINDOW, &p, sizeof p, &serial, err);
}

/* ---- both ---- */

/* 1: the shell has ended. */
static int take_done(struct session *s, const struct message *msg, int *status, struct error *err)
{
	struct proto_done done;

	if (msg->serial == s->piece)
		s->piece = 0;
	if (msg->serial != s->shell)
		return 0;
	if (message_done(msg, &done) || done.error < 0)
		return error_set(err, EPROTO,
			"what the machine said last makes no sense: its memory is damaged");
	if (done.error >= PROTO_NOT_STARTED)
		return done.signal
			? error_set(err, EIO,
				  "the agent, which kept the shell, was killed in the machine; start kmodlab shell again")
			: error_set(err, EIO,
				  "no shell can be started in this machine (%s): its kernel may lack pseudo-terminals (CONFIG_UNIX98_PTYS); try another target",
				  strerror(done.error - PROTO_NOT_STARTED));
	*status = done.error >= PROTO_BY_SIGNAL ? 128 + done.error - PROTO_BY_SIGNAL : done.error;
	return 1;
}

static int take_message(
	struct session *s, const struct message *msg, int *status, struct error *err)
{
	size_t from = s->t->run.nlog;

	load_take(s->t, msg, 0);
	show_log(s, from);
	if (msg->type == PROTO_OUTPUT)
		show_output(s, msg);
	if (receive_take(&s->file, msg))
		return answer_file(s, err);
	return msg->type == PROTO_DONE ? take_done(s, msg, status, err) : 0;
}

/* Until one side ends. 0 or -errno. */
static int converse(struct session *s, enum session_end *end, int *status, struct error *err)
{
	struct message msg;
	int r = 0;

	for (;;) {
		struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
		bool may_read = !s->input_over && s->input.len < INPUT_MAX;

		r = send_input(s, err);
		if (r)
			return r;
		/* Ctrl-] has to be seen however much waits. */
		machine_until(s->m,
			may_read || (s->o->interactive && !s->input_over) ? STDIN_FILENO : -1);
		switch (machine_next(s->m, clock_us() + TICK_US, &msg, err)) {
		case MACHINE_MESSAGE:
			r = take_message(s, &msg, status, err);
			*end = SESSION_SHELL;
			if (r)
				return r > 0 ? 0 : r;
			break;
		case MACHINE_OTHER:
		case MACHINE_TIMEOUT:
			tty_keep_raw();
			r = send_size(s, err);
			if (r)
				return r;
			break;
		case MACHINE_ENDED:
			*end = SESSION_ENDED;
			return 0;
		case MACHINE_NONSENSE:
			*end = SESSION_NONSENSE;
			return 0;
		case MACHINE_FAILED:
			return interrupt_pending() ? -EINTR : -EIO;
		}
		if (s->broken)
			return error_set(err, EPIPE, "nobody takes the shell's output");
		if ((may_read || s->o->interactive) && !s->input_over && poll(&in, 1, 0) > 0 &&
			!read_input(s)) {
			*end = SESSION_LEFT;
			return 0;
		}
	}
}

/* ---- before ---- */

static int place(
	struct session *s, const void *bytes, size_t len, const char *name, struct error *err)
{
	int r = load_place(s->t, s->m, bytes, len, name, PLACE_MS, 0, err);

	if (r <= 0)
		return r;
	if (machine_restored(s->m) && !machine_heard(s->m)) {
		machine_drop_snapshot(s->m);
		return error_set(err, EIO,
			"the machine's snapshot did not come to life, and was removed: try once more");
	}
	return error_set(err, EIO,
		"the machine ended, or does not answer, before a shell was there; try again, and if it stays so, see kmodlab doctor");
}

static int place_all(
	struct session *s, const struct session_files *files, struct buf *words, struct error *err)
{
	bool freebsd = s->t->os == TARGET_FREEBSD;
	AUTO_FREE char *script = xasprintf("#!%s/sh\n%s", freebsd ? "/rescue" : "/bin", get_script);
	int r = place(s, script, strlen(script), freebsd ? "/rescue/get" : "/bin/get", err);

	for (size_t i = 0; i < files->n && !r; i++) {
		AUTO_FREE char *name = xasprintf("/module/%s", files->items[i].name);

		r = place(s, files->items[i].bytes, files->items[i].len, name, err);
	}
	if (!r)
		r = exercise_place_shell(s->t, &s->o->trial, s->m, 0, words, err);
	/* Where scripts look for it. */
	if (!r && !freebsd)
		r = place(s, s->t->tests.shell, s->t->tests.shell_len, "/bin/sh", err);
	return r > 0
		? error_set(err, EIO,
			  "the machine does not answer; try again, and if it stays so, see kmodlab doctor")
		: r;
}

static void add_word(struct buf *b, const char *name, const char *value)
{
	buf_adds(b, name);
	buf_adds(b, value);
	buf_add(b, "", 1);
}

static int start_shell(struct session *s, const struct buf *words, struct error *err)
{
	struct proto_shell p = {.terminal = s->o->interactive};
	const char *term = getenv("TERM");
	AUTO_BUF struct buf body = {0}, more = {0};

	s->rows = 24;
	s->columns = 80;
	tty_size(STDIN_FILENO, &s->rows, &s->columns);
	p.rows = s->rows;
	p.columns = s->columns;
	add_word(&more, "PATH=/bin:/sbin:/usr/bin:/usr/sbin:/rescue:/tmp", "");
	add_word(&more, "HOME=/tmp", "");
	add_word(&more, "KMODLAB=1", "");
	add_word(&more, "PS1=\\w # ", "");
	add_word(&more, "TERM=", term && *term && strlen(term) < 64 ? term : "vt100");
	p.variables = 5;
	if (s->t->modules.n) {
		add_word(&more, "KMODLAB_MODULE=", s->t->kos[s->t->modules.n - 1].name);
		p.variables++;
	}
	buf_add(&body, &p, sizeof p);
	buf_add(&body, more.data, more.len);
	buf_add(&body, words->data, words->len);
	return machine_send(s->m, PROTO_SHELL, body.data, body.len, &s->shell, err);
}

static int open_all(
	struct session *s, const struct session_files *files, struct buf *words, struct error *err)
{
	struct trial *t = s->t;
	int r = load_open(t, &s->o->trial, &s->m, err);

	if (r)
		return r;
	t->restored = machine_restored(s->m);
	t->machine_release = xstrdup(machine_hello(s->m)->release);
	t->run.os = t->os;
	t->run.code = code_new();
	for (size_t i = t->nsupporting; i < t->modules.n; i++)
		code_add(t->run.code, t->kos[i].name, t->modules.items[i].bytes,
			t->modules.items[i].len, t->modules.items[i].debug);
	if (machine_without_ring(s->m))
		return error_set(err, ENOTSUP,
			"a shell needs memory shared with the machine (ivshmem), which this QEMU or this kernel has not got; try another target");
	return place_all(s, files, words, err);
}

int session_run(struct trial *t, const struct session_options *o, const struct session_files *files,
	void (*ready)(const struct trial *t, const struct session_files *files),
	enum session_end *end, int *status, struct error *err)
{
	struct session s = {.t = t, .o = o, .file = {.fd = -1}};
	AUTO_BUF struct buf words = {0}, last = {0};
	const char *no_color = getenv("NO_COLOR");
	int r = open_all(&s, files, &words, err);

	s.mix.colour = !(no_color && *no_color);
	*status = 0;
	if (!r && ready)
		ready(t, files);
	if (!r && o->interactive && !tty_raw(STDIN_FILENO))
		r = error_sys(err, errno, "cannot take over the terminal");
	r = r ?: start_shell(&s, &words, err);
	r = r ?: converse(&s, end, status, err);
	if (!r && *end != SESSION_SHELL && *end != SESSION_LEFT) {
		size_t from = t->run.nlog;

		t->run.end = *end == SESSION_ENDED ? RUN_ENDED : RUN_NONSENSE;
		t->run.console = xstrdup(machine_console(s.m));
		judge_system(t->os)->add_console(&t->run, 0);
		show_log(&s, from);
	}
	if (o->interactive) {
		mix_end(&s.mix, &last);
		write_all(&s, STDOUT_FILENO, last.data, last.len);
	}
	tty_restore();
	mix_free(&s.mix);
	receive_end(&s.file);
	buf_free(&s.input);
	machine_close(s.m);
	return r;
}
