/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to a module's first instruction goes over QEMU's own debugger (machine/stub.h): the kernel is stopped at a place that each load
 * comes by (the gate), just before the module is called; from there the systems differ. Then we hang up, the
 * machine stands, and gdb takes the line over, with a file of commands that says where everything is. As long as gdb is
 * there, we do what the rest of a trial is, without any haste; when it has gone, the machine goes too.
 */
#include "trial/debug-own.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "judge/kmsg.h"
#include "machine/stuck.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#define GDB	       "gdb"
#define VERSION_MS     10000
#define LINE_MAX_BYTES 4096
#define NO_HURRY_MS    1000000000 /* eleven days */

struct debug_module *debug_add_module(struct session *s, size_t index)
{
	struct debug_module *m = ARRAY_ADD(s->modules, s->nmodules);

	m->index = index;
	return m;
}

void debug_add_place(struct debug_module *m, const char *section, uint64_t at)
{
	*ARRAY_ADD(m->places, m->n) = (struct debug_place){xstrdup(section), at};
}

/* "GNU gdb (Debian 13.1-3) 13.1" */
static void take_version(void *arg, const char *line, size_t len)
{
	unsigned *version = arg;
	const char *blank = strrchr(line, ' ');

	(void)len;
	if (!*version && blank)
		*version = (unsigned)strtoul(blank + 1, NULL, 10);
}

int debug_gdb(unsigned *version, struct error *err)
{
	char *argv[] = {GDB, "-nx", "-nh", "--version", NULL};
	int r;

	*version = 0;
	r = proc_run(argv, VERSION_MS, take_version, NULL, version, NULL, err);
	if (r == -ENOENT)
		return error_set(err, ENOENT, "%s is not installed: apt-get install gdb", GDB);
	return r < 0 ? r : 0;
}

/* ---- on the way ---- */

int debug_gates(struct session *s, bool closed, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < s->ngates && !r; i++)
		r = stub_break(&s->stub, s->gates[i], closed, err);
	return r;
}

int debug_await_stop(struct session *s, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)DEBUG_WAIT_MS * 1000;
	struct message msg;
	int r;

	for (;;) {
		switch (machine_next(s->m, deadline, &msg, err)) {
		case MACHINE_OTHER:
			r = stub_stopped(&s->stub, &s->cpu, err);
			if (r)
				return r;
			break;
		case MACHINE_MESSAGE:
			load_take(s->t, &msg, s->t->run.ncalls - 1);
			if (msg.type == PROTO_DONE && msg.serial == s->serial &&
				!message_done(&msg, s->done))
				return 0;
			break;
		case MACHINE_TIMEOUT:
			return error_set(err, ETIMEDOUT,
				"the kernel did not come to the module within %d s; kmodlab run says what it does instead",
				DEBUG_WAIT_MS / 1000);
		case MACHINE_ENDED:
		case MACHINE_NONSENSE:
			return error_set(err, EIO,
				"the machine ended before it had come to the module; kmodlab run "
				"says why");
		case MACHINE_FAILED:
			return interrupt_pending() ? -EINTR : -EIO;
		}
	}
}

int debug_run_to(struct session *s, const uint64_t *at, size_t n, struct error *err)
{
	struct error ignored;
	int r = 0, stopped;

	for (size_t i = 0; i < n && !r; i++)
		r = stub_break(&s->stub, at[i], true, err);
	r = r ?: stub_go(&s->stub, err);
	if (r)
		return r;
	stopped = debug_await_stop(s, err);
	/* Memory may be gone with an init that has returned. */
	for (size_t i = 0; i < n && !s->stub.runs; i++)
		stub_break(&s->stub, at[i], false, &ignored);
	return stopped;
}

/* Whether it is the module to stop in. */
static bool is_wanted(const struct session *s, const struct trial *t, size_t index)
{
	const char *name = s->options->module;

	return index >= t->nsupporting &&
		(name ? !strcmp(t->kos[index].name, name) : index + 1 == t->modules.n);
}

static int before_load(
	void *arg, struct trial *t, struct machine *m, size_t index, struct error *err)
{
	struct session *s = arg;
	AUTO_FREE char *socket = xasprintf("%s/gdb", s->dir.path);
	int r;

	if (!is_wanted(s, t, index))
		return 0;
	s->t = t;
	s->m = m;
	s->index = index;
	if (!machine_restored(m) && machine_without_ring(m))
		return error_set(err, ENOTSUP,
			"this machine has no memory shared with the agent (ivshmem), which debug needs; try another target");
	r = t->target->os == TARGET_FREEBSD ? debug_learn_freebsd(s, err)
					    : debug_learn_linux(s, err);
	r = r ?: stub_offer(m, socket, err);
	r = r ?: stub_open(&s->stub, socket, err);
	r = r ?: debug_gates(s, true, err);
	r = r ?: stub_go(&s->stub, err);
	machine_until(m, s->stub.fd);
	return r;
}

/* From the gate on. As debug_pass_linux. */
static int pass(struct session *s, struct error *err)
{
	bool freebsd = s->t->target->os == TARGET_FREEBSD;

	for (;;) {
		int r = debug_await_stop(s, err);

		if (r <= 0)
			return r ?: -ECHILD;
		r = freebsd ? debug_pass_freebsd(s, err) : debug_pass_linux(s, err);
		if (r)
			return r;
		/* Somebody else's. */
		r = debug_gates(s, false, err);
		r = r ?: stub_step(&s->stub, s->cpu, err);
		r = r ?: debug_gates(s, true, err);
		r = r ?: stub_go(&s->stub, err);
		if (r)
			return r;
	}
}

/* ---- gdb ---- */

/* For gdb's own reading of words: in double quotes, where a backslash makes the next one plain. */
static void add_quoted(struct buf *out, const char *text)
{
	buf_adds(out, "\"");
	for (; *text; text++)
		buf_addf(out, "%s%c", strchr("\"\\", *text) ? "\\" : "", *text);
	buf_adds(out, "\"");
}

/* A command whose words nobody needs, where gdb can do without them. */
__attribute__((format(printf, 3, 4))) static void add_silent(
	const struct session *s, struct buf *out, const char *format, ...)
{
	va_list args;

	if (s->gdb_version >= 10)
		buf_adds(out, "pipe ");
	va_start(args, format);
	buf_vaddf(out, format, args);
	va_end(args);
	buf_adds(out, s->gdb_version >= 10 ? " | cat >/dev/null\n" : "\n");
}

/* gdb moves the sections of a file in which each says that it is at 0. Some linker scripts leave addresses in them that mean
 * nothing. */
static void clear_addresses(char *bytes, size_t len)
{
	Elf64_Ehdr head;

	if (len < sizeof head)
		return;
	memcpy(&head, bytes, sizeof head);
	for (size_t i = 0; i < head.e_shnum && head.e_shentsize >= sizeof(Elf64_Shdr); i++) {
		uint64_t at = head.e_shoff + i * head.e_shentsize;

		if (head.e_shoff > len || at > len - sizeof(Elf64_Shdr))
			return;
		memset(bytes + at + offsetof(Elf64_Shdr, sh_addr), 0, sizeof(Elf64_Addr));
	}
}

/* The module's file with its symbols, for gdb to read. */
static int add_module(
	const struct session *s, const struct debug_module *m, struct buf *out, struct error *err)
{
	const struct module_file *file = &s->t->modules.items[m->index];
	AUTO_FREE char *path = xasprintf("%s/%s.ko", s->dir.path, file->name);
	AUTO_BUF struct buf line = {0}, bytes = {0};
	int r = 0;

	if (!m->n)
		return 0;
	if (!file->debug) {
		buf_add(&bytes, file->bytes, file->len);
		clear_addresses(bytes.data, bytes.len);
		r = path_write(path, bytes.data, bytes.len, err);
	}
	add_quoted(&line, file->debug ? file->debug : path);
	for (size_t i = 0; i < m->n; i++) {
		buf_adds(&line, " -s ");
		add_quoted(&line, m->places[i].section);
		buf_addf(&line, " 0x%llx", (unsigned long long)m->places[i].at);
	}
	add_silent(s, out, "add-symbol-file %s", line.data);
	return r;
}

static int write_commands(const struct session *s, const char *path, struct error *err)
{
	/* Where a kernel comes by when something is wrong: a Linux oops, a panic, FreeBSD's panic. */
	static const char *const ends[] = {"oops_begin", "panic", "vpanic"};
	AUTO_BUF struct buf out = {0};
	int r = 0;

	/* A gdb for Linux knows no FreeBSD programs, and has not to: a kernel is none. */
	if (s->t->target->os == TARGET_FREEBSD)
		buf_adds(&out, "set osabi none\n");
	/* Nobody has to confirm that a machine which is thrown away anyway will be gone. */
	buf_adds(&out, "set confirm off\nset print symbol-loading off\nfile ");
	add_quoted(&out, s->kernel_file);
	buf_adds(&out, "\n");
	if (s->frames_file)
		add_silent(s, &out, "add-symbol-file \"%s\"", s->frames_file);
	for (size_t i = 0; i < s->nmodules && !r; i++)
		r = add_module(s, &s->modules[i], &out, err);
	buf_adds(&out, "set print symbol-loading full\n");
	add_silent(s, &out, "target remote %s/gdb", s->dir.path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (addresses_named(&s->kernel, ends[i], NULL))
			add_silent(s, &out, "break %s", ends[i]);
	buf_addf(&out, "thread %u\n", s->cpu + 1);
	return r ?: path_write(path, out.data, out.len, err);
}

/* The console's lines, between gdb's. */
static void hear(void *arg, const char *bytes, size_t len)
{
	struct session *s = arg;
	char *end;

	/* It lets the machine go on when it goes. */
	if (proc_ended(&s->gdb))
		return;
	buf_add(&s->heard, bytes, len);
	while (s->heard.len &&
		((end = memchr(s->heard.data, '\n', s->heard.len)) ||
			s->heard.len > LINE_MAX_BYTES)) {
		size_t n = end ? (size_t)(end - s->heard.data) : LINE_MAX_BYTES, text = n;
		AUTO_FREE char *line = NULL;

		while (text && isspace((unsigned char)s->heard.data[text - 1]))
			text--;
		line = record_text(s->heard.data, text);
		fprintf(stderr, "| %s\n", line);
		buf_consume(&s->heard, end ? n + 1 : n);
	}
}

static int start_gdb(struct session *s, struct error *err)
{
	AUTO_FREE char *commands = xasprintf("%s/commands", s->dir.path);
	AUTO_STRV struct strv argv = {0};
	int r = write_commands(s, commands, err);

	strv_adds(&argv, GDB, "-q", "-x", commands, NULL);
	for (char *const *a = s->options->gdb; a && *a; a++)
		strv_add(&argv, *a);
	stub_close(&s->stub);
	/* Ctrl-C is gdb's. */
	interrupt_leave_keys(true);
	if (!s->options->quiet)
		fprintf(stderr,
			"kmodlab: %s on %s is about to begin; quit throws the machine away\n",
			s->t->kos[s->index].name, s->t->target->name);
	fflush(stdout);
	r = r
		?: proc_start(&s->gdb,
			   &(struct proc_options){.argv = argv.v,
				   .in = STDIN_FILENO,
				   .out = STDOUT_FILENO,
				   .err = STDERR_FILENO,
				   .foreground = true},
			   err);
	if (r) {
		interrupt_leave_keys(false);
		return r;
	}
	s->started = true;
	machine_until(s->m, s->gdb.pidfd);
	if (!s->options->quiet)
		machine_hear(s->m, hear, s);
	return 0;
}

static int load_sent(void *arg, struct trial *t, struct machine *m, size_t index, uint32_t serial,
	struct proto_done *done, struct error *err)
{
	struct session *s = arg;
	int r;

	if (!is_wanted(s, t, index))
		return 0;
	s->serial = serial;
	s->done = done;
	r = pass(s, err);
	if (r == -ECHILD && !done->error && !done->signal) {
		/* There is no init. */
		r = t->target->os == TARGET_FREEBSD ? debug_place_freebsd(s, err)
						    : debug_place_linux(s, err);
		r = r ?: machine_freeze(s->m, err);
		r = r ?: start_gdb(s, err);
		return r ?: 1;
	}
	if (r == -ECHILD) {
		stub_close(&s->stub);
		machine_until(m, -1);
		return 1;
	}
	return r < 0 ? r : start_gdb(s, err);
}

/* Nothing more is done: gdb gets its prompt back, and its user the time to look. */
static void wait_for_gdb(void *arg, struct trial *t, struct machine *m)
{
	struct session *s = arg;
	struct message msg;
	struct error err;

	(void)t;
	if (!s->started || proc_ended(&s->gdb) || interrupt_pending())
		return;
	if (machine_is_alive(m)) {
		if (!s->options->quiet)
			fprintf(stderr, "| kmodlab: the trial is over; the machine stands still\n");
		machine_freeze(m, &err);
	}
	/* Takes what the machine says until then. */
	while (machine_is_alive(m) &&
		machine_next(m, clock_us() + (int64_t)NO_HURRY_MS * 1000, &msg, &err) !=
			MACHINE_FAILED &&
		!proc_ended(&s->gdb))
		;
	while (!proc_ended(&s->gdb) && !interrupt_pending()) {
		struct pollfd fds[] = {{.fd = s->gdb.pidfd, .events = POLLIN},
			{.fd = interrupt_fd(), .events = POLLIN}};

		poll(fds, 2, -1);
	}
}

static void free_session(struct session *s)
{
	proc_close(&s->gdb);
	stub_close(&s->stub);
	addresses_free(&s->kernel);
	free(s->kernel_file);
	free(s->frames_file);
	for (size_t i = 0; i < s->nmodules; i++) {
		for (size_t j = 0; j < s->modules[i].n; j++)
			free(s->modules[i].places[j].section);
		free(s->modules[i].places);
	}
	free(s->modules);
	buf_free(&s->heard);
	scratch_close(&s->dir);
}

bool debug_run(const struct trial_options *options, const struct debug_options *d, struct trial *t,
	int *status)
{
	struct session s = {.options = d,
		.gdb_version = d->gdb_version,
		.stub = {.fd = -1},
		.gdb = {.pidfd = -1}};
	struct load_hook hook = {
		.before = before_load, .sent = load_sent, .over = wait_for_gdb, .arg = &s};
	struct trial_options o = *options;
	struct termios before;
	const char *tmp = getenv("TMPDIR");
	AUTO_FREE char *prefix =
		xasprintf("%s/kmodlab-debug-", tmp && strlen(tmp) < 60 ? tmp : "/tmp");
	bool terminal = !tcgetattr(STDIN_FILENO, &before), started;
	struct error err;

	*t = (struct trial){.target = o.target, .os = o.target->os};
	if (scratch_open(&s.dir, prefix, &err)) {
		t->verdict = VERDICT_INFRASTRUCTURE;
		t->error = err;
		t->name = trial_name(o.path);
		t->source = xstrdup(o.path);
		return false;
	}
	o.hook = &hook;
	o.call_timeout_ms = o.exercise_timeout_ms = NO_HURRY_MS;
	trial_run(&o, t);
	started = s.started;
	proc_close(&s.gdb);
	*status = s.gdb.status;
	if (started)
		interrupt_leave_keys(false);
	if (terminal && started)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	free_session(&s);
	return started;
}
