/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shell in the machine for somebody outside. The worker stays in here as long as it runs, and looks at all sides in
 * turn: what the shell wrote, what came for it, what the kernel logged, what `get` wants to have outside. Nothing
 * in here waits for any of them: a program that does not read, or a file that cannot be read, is the shell's trouble.
 */
#include "guest/shell.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/exercise.h"
#include "guest/os.h"
#include "guest/wire.h"

#define WORDS_MAX 32
#define ENV_MAX	  16
#define ROUNDS	  64	/* pieces that are passed on before somebody else has a turn */
#define LAST_US	  50000 /* that the last of what it wrote may take to come */
#define BRISK	  2000	/* looks without any news before they become rare */
#define LOOK_US	  1000
#define RARE_US	  4000
#define CALM_US	  1000000

static struct session {
	int in, out; /* where it reads and writes: one and the same, if that is a terminal */
	int keep;    /* the other end of `in`, a pipe: nobody who writes is killed for it */
	int terminal;
	int ask; /* the pipe from `get`; -1: none */
	/* What came for it and was not written yet. */
	uint32_t serial; /* 0: nothing */
	size_t at, len;
	uint8_t bytes[PROTO_BODY_MAX];
	/* What `get` has asked. */
	size_t line_len;
	char line[512];
	char giving[24]; /* N, while the outside has not answered; "" otherwise */
} s;

static const char *argv[WORDS_MAX + 1], *environment[ENV_MAX + 1];

/* ---- starting it ---- */

static _Noreturn void become(int program_in, int program_out)
{
	static const char sorry[] = "kmodlab agent: the shell cannot be started\n";

	if (s.terminal)
		shell_control(program_in);
	ex_dup2(program_in, 0);
	ex_dup2(program_out, 1);
	ex_dup2(program_out, 2);
	ex_chdir("/module");
	ex_exec(argv[0], argv, environment);
	os_write(2, sorry, sizeof sorry - 1);
	ex_exit(127);
}

static int open_ends(const struct proto_shell *p, int *program_in, int *program_out)
{
	int in[2], out[2], fd;

	s.terminal = p->terminal != 0;
	s.keep = -1;
	if (s.terminal) {
		fd = shell_terminal(program_in);
		s.in = s.out = fd;
		*program_out = *program_in;
		if (fd >= 0)
			shell_window(fd, p->rows, p->columns);
		return fd < 0 ? fd : 0;
	}
	fd = ex_pipe(in);
	if (fd < 0)
		return fd;
	fd = ex_pipe(out);
	if (fd < 0)
		return fd;
	ex_call(EX_FCNTL, in[1], 4 /* F_SETFL */, ex_nonblock, 0, 0, 0);
	ex_call(EX_FCNTL, out[0], 4, ex_nonblock, 0, 0, 0);
	s.keep = *program_in = in[0];
	s.in = in[1];
	s.out = out[0];
	*program_out = out[1];
	return 0;
}

static int start(const struct proto_shell *p)
{
	int program_in = -1, program_out = -1, r = open_ends(p, &program_in, &program_out), pid;

	if (r < 0)
		return r;
	pid = ex_fork();
	if (!pid)
		become(program_in, program_out);
	os_close(program_out);
	return pid;
}

/* ---- what it says and what it is told ---- */

/* Passes on what it wrote: how much of it there was, or what the read came back with. */
static long pass_output(void)
{
	static uint8_t bytes[4096];
	long n = 0, all = 0;

	for (int i = 0; i < ROUNDS && (n = os_read(s.out, bytes, sizeof bytes)) > 0; i++) {
		agent_tell(PROTO_OUTPUT, 0, bytes, (size_t)n, 0, 0);
		all += n;
	}
	return all ? all : n;
}

static void input_done(int error)
{
	agent_done(s.serial, error, 0, 0);
	s.serial = 0;
}

static int push_input(void)
{
	long n = 0;

	if (!s.serial)
		return 0;
	while (s.at < s.len && (n = os_write(s.in, s.bytes + s.at, s.len - s.at)) > 0)
		s.at += (size_t)n;
	if (s.at == s.len)
		input_done(0);
	else if (n < 0 && n != -shell_again)
		input_done((int)-n);
	else
		return 0;
	return 1;
}

static void take_input(const struct proto_header *h, const uint8_t *body)
{
	if (s.serial || s.in < 0) {
		agent_done(h->serial, s.serial ? 16 /* EBUSY */ : 32 /* EPIPE */, 0, 0);
		return;
	}
	s.serial = h->serial;
	s.at = 0;
	s.len = h->length;
	memcpy(s.bytes, body, s.len);
	if (s.len)
		return;
	/* No more will come. */
	if (s.terminal) {
		s.bytes[s.len++] = 4; /* Ctrl-D */
		return;
	}
	os_close(s.in);
	os_close(s.keep);
	s.in = s.keep = -1;
	input_done(0);
}

/* ---- files for the outside ---- */

/* PROTO_GET and N, and what is behind it. */
static const char *get_path(const char *more)
{
	static char path[sizeof PROTO_GET + sizeof s.giving + 8];
	size_t base = sizeof PROTO_GET - 1, n = length(s.giving);

	memcpy(path, PROTO_GET, base);
	memcpy(path + base, s.giving, n);
	memcpy(path + base + n, more, length(more) + 1);
	return path;
}

/* The line `get` wrote: "N NAME". */
static void give(char *line)
{
	static uint8_t bytes[8192];
	size_t n = 0;
	long got = -1;
	int fd;

	while (line[n] >= '0' && line[n] <= '9')
		n++;
	if (!n || n >= sizeof s.giving || line[n] != ' ' || !line[n + 1])
		return;
	memcpy(s.giving, line, n);
	s.giving[n] = 0;
	agent_tell(PROTO_GIVE, 0, line + n + 1, length(line + n + 1) + 1, 0, 0);
	fd = os_open_read(get_path(""));
	while (fd >= 0 && (got = os_read(fd, bytes, sizeof bytes)) > 0)
		agent_tell(PROTO_DATA, 0, bytes, (size_t)got, 0, 0);
	if (fd >= 0)
		os_close(fd);
	agent_tell(PROTO_GIVE, 0, "", 1, 0, 0);
}

static void take_answer(const struct proto_header *h, const uint8_t *body)
{
	const char *why = agent_string(&body, body + h->length);
	int fd = why && *why && s.giving[0] ? os_open_append(get_path(".no")) : -1;

	if (fd >= 0) {
		os_write(fd, why, length(why));
		os_write(fd, "\n", 1);
		os_close(fd);
	}
	if (s.giving[0])
		shell_unlink(get_path(""));
	s.giving[0] = 0;
	agent_done(h->serial, 0, 0, 0);
}

/* One question at a time; the next ones wait in the pipe. */
static int hear_get(void)
{
	while (!s.giving[0] && os_read(s.ask, s.line + s.line_len, 1) == 1) {
		if (s.line[s.line_len] != '\n') {
			/* One that is too long is no file's name. */
			s.line_len += s.line_len < sizeof s.line - 1;
			continue;
		}
		s.line[s.line_len] = 0;
		s.line_len = 0;
		give(s.line);
		return 1;
	}
	return 0;
}

/* ---- all of it ---- */

static int take_requests(void)
{
	struct proto_shell window;
	struct proto_header h;
	const uint8_t *body;
	int any = 0;

	while ((body = agent_take(&h))) {
		any = 1;
		if (h.type == PROTO_INPUT) {
			take_input(&h, body);
		} else if (h.type == PROTO_TOOK) {
			take_answer(&h, body);
		} else if (h.type == PROTO_WINDOW && h.length >= sizeof window) {
			memcpy(&window, body, sizeof window);
			if (s.terminal)
				shell_window(s.out, window.rows, window.columns);
			agent_done(h.serial, 0, 0, 0);
		} else {
			agent_done(h.serial, 16 /* EBUSY */, 0, 0);
		}
	}
	return any;
}

/* Until it has ended and all that it wrote was passed on; what it left running may write for ever. */
static void attend(int pid, int *status, int *signal)
{
	uint64_t calm = os_now_us() + CALM_US, until = 0;
	unsigned quiet = 0;

	for (;;) {
		uint64_t now = os_now_us();
		int news;
		long n;

		if (!until && ex_ended(pid, 0, status, signal))
			until = now + LAST_US;
		n = pass_output();
		if (until && (n == 0 || (n < 0 && n != -shell_again) || now >= until))
			return;
		news = n > 0;
		news |= take_requests();
		news |= push_input();
		news |= hear_get();
		agent_tell_log();
		if (now >= calm) {
			agent_calm();
			calm = now + CALM_US;
		}
		quiet = news ? 0 : quiet + 1;
		if (!news)
			os_sleep_us(quiet < BRISK ? LOOK_US : RARE_US);
	}
}

/* Takes the request's words apart; whether there is a program among them. */
static int take_words(const uint8_t *at, const uint8_t *end, struct proto_shell *p)
{
	size_t variables = 0, n = 0;
	const char *word;

	*p = (struct proto_shell){0};
	if ((size_t)(end - at) < sizeof *p)
		return 0;
	memcpy(p, at, sizeof *p);
	at += sizeof *p;
	while (at < end && (word = agent_string(&at, end))) {
		if (variables < p->variables && variables < ENV_MAX)
			environment[variables++] = word;
		else if (n < WORDS_MAX)
			argv[n++] = word;
	}
	environment[variables] = 0;
	argv[n] = 0;
	return n > 0;
}

void shell_run(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	int status = 0, signal = 0, pid;
	uint64_t began = os_now_us();
	struct proto_shell p;

	/* On the line, one request waits for the other. */
	if (!wire_shared || !take_words(at, end, &p)) {
		agent_done(serial, PROTO_NOT_STARTED + 22 /* EINVAL */, 0, 0);
		return;
	}
	s.serial = 0;
	s.line_len = 0;
	s.giving[0] = 0;
	shell_directory(PROTO_GET);
	s.ask = shell_pipe(PROTO_GET "ask");
	agent_shell(serial);
	pid = start(&p);
	if (pid > 0) {
		attend(pid, &status, &signal);
		if (s.serial)
			input_done(32 /* EPIPE */);
		os_close(s.out);
	}
	if (pid > 0 && !s.terminal && s.in >= 0) {
		os_close(s.in);
		os_close(s.keep);
	}
	os_close(s.ask);
	agent_tell_log();
	agent_shell(0);
	agent_done(serial,
		pid < 0		 ? PROTO_NOT_STARTED - pid
			: signal ? PROTO_BY_SIGNAL + signal
				 : status,
		0, os_now_us() - began);
}
