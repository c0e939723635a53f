/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux: /proc says where a task stands that does not run (proc(5): stack, wchan, stat), and the kernel's
 * own "Show backtrace of all active CPUs" (Documentation/admin-guide/sysrq.rst) reaches the ones that do,
 * by an NMI, interrupts on or off; it goes to the log.
 */
#include "guest/stuck.h"

#include "guest/bare.h"
#include "guest/os.h"

#include <linux/fcntl.h>
#include <asm/unistd.h>
#include <stdint.h>

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static char text[8192];

int stuck_self(void)
{
	return (int)sys0(__NR_getpid);
}

/* Appends to a string that has room for `room` bytes in all; cut to fit. */
static void append(char *to, size_t room, const char *what)
{
	size_t at = length(to), n = length(what);

	if (n > room - 1 - at)
		n = room - 1 - at;
	memcpy(to + at, what, n);
	to[at + n] = 0;
}

static size_t slurp(const char *dir, const char *leaf, char *to, size_t len)
{
	char path[96] = "";
	long n = -1;
	int fd;

	append(path, sizeof path, dir);
	append(path, sizeof path, leaf);
	fd = os_open_read(path);
	if (fd >= 0) {
		n = os_read(fd, to, len - 1);
		os_close(fd);
	}
	n = n < 0 ? 0 : n;
	to[n] = 0;
	return (size_t)n;
}

static int number(const char *s)
{
	int n = 0;

	while (*s >= '0' && *s <= '9' && n < 100000000)
		n = n * 10 + (*s++ - '0');
	return n;
}

static int has_module(const char *s)
{
	for (; *s; s++)
		if (s[0] == ' ' && s[1] == '[' && s[2] != '<')
			return 1;
	return 0;
}

/* "task TID (COMM): STATE, WCHAN[, caller]", then the frames. */
static void tell_task(const char *dir, const char *tid, int is_worker, stuck_say_fn *say)
{
	static char stat[512], stack[4096];
	char wchan[64], *state = 0;
	size_t n = slurp(dir, "/stat", stat, sizeof stat);

	/* "43 (init) D 1 …"; the name may have anything in it. */
	for (size_t i = 0; i + 2 < n; i++)
		if (stat[i] == ')' && stat[i + 1] == ' ')
			state = stat + i + 2;
	if (!state)
		return;
	slurp(dir, "/stack", stack, sizeof stack);
	/* One that runs has no chain here, but a name. */
	if (!is_worker && *state != 'D' && *state != 'R' && !has_module(stack))
		return;
	slurp(dir, "/wchan", wchan, sizeof wchan);
	state[1] = 0;
	state[-1] = 0;
	text[0] = 0;
	append(text, sizeof text, "task ");
	append(text, sizeof text, tid);
	for (size_t i = 0; i < n; i++)
		if (stat[i] == '(') {
			append(text, sizeof text, " ");
			append(text, sizeof text, stat + i);
			break;
		}
	append(text, sizeof text, ": ");
	append(text, sizeof text, state);
	append(text, sizeof text, ", ");
	append(text, sizeof text, wchan[0] ? wchan : "-");
	append(text, sizeof text, is_worker ? ", caller\n" : "\n");
	append(text, sizeof text, stack);
	say(text, length(text));
}

/* Calls `visit` for each entry of the directory that is a number. */
static void each_number(const char *path, char *entries, size_t len,
	void (*visit)(const char *name, void *arg), void *arg)
{
	int fd = (int)sys3(__NR_open, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long n;

	while (fd >= 0 && (n = sys3(__NR_getdents64, fd, entries, len)) > 0)
		for (long at = 0; at < n;) {
			struct dirent64 *e = (struct dirent64 *)(entries + at);

			if (e->name[0] >= '1' && e->name[0] <= '9')
				visit(e->name, arg);
			at += e->reclen;
		}
	if (fd >= 0)
		os_close(fd);
}

struct place {
	int worker;
	stuck_say_fn *say;
	char dir[64]; /* "/proc/43/task" */
};

static void visit_task(const char *name, void *arg)
{
	struct place *p = arg;
	char dir[80] = "";

	append(dir, sizeof dir, p->dir);
	append(dir, sizeof dir, "/");
	append(dir, sizeof dir, name);
	tell_task(dir, name, number(name) == p->worker, p->say);
}

static void visit_process(const char *name, void *arg)
{
	static char entries[2048] __attribute__((aligned(8)));
	struct place *p = arg;

	if (number(name) == stuck_self())
		return;
	p->dir[0] = 0;
	append(p->dir, sizeof p->dir, "/proc/");
	append(p->dir, sizeof p->dir, name);
	append(p->dir, sizeof p->dir, "/task");
	each_number(p->dir, entries, sizeof entries, visit_task, p);
}

static void trigger(const char *key)
{
	int fd = (int)sys3(__NR_open, "/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC, 0);

	if (fd >= 0) {
		os_write(fd, key, 1);
		os_close(fd);
	}
}

void stuck_tell(int worker, stuck_say_fn *say)
{
	static char entries[4096] __attribute__((aligned(8)));
	struct place p = {worker, say, ""};
	int fd;

	/* A line on the console takes a millisecond, and this is not its last word. */
	os_console_loud(0);
	each_number("/proc", entries, sizeof entries, visit_process, &p);
	/* The other one may wait ten seconds for a processor that does not answer. */
	fd = os_open_read("/proc/lockdep_stats");
	if (fd >= 0) {
		os_close(fd);
		trigger("d");
	}
	trigger("l");
	os_console_loud(1);
}
