/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's kernel threads, among the processes of /proc. */
#include "guest/bare.h"
#include "guest/list.h"
#include "guest/os.h"

/* What the kernel starts and ends as it pleases. */
static int is_kernels_own(const char *name)
{
	static const char *const own[] = {"kworker/", "ksoftirqd/", "migration/", "cpuhp/", "rcu",
		"irq/", "idle_inject/", "kthreadd"};

	if (list_begins(name, "kworker/R-"))
		return 0; /* somebody's workqueue has it */
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (list_begins(name, own[i]))
			return 1;
	return 0;
}

/* man 5 proc, /proc/PID/stat: "pid (name) state ppid pgrp session tty tpgid flags …". */
void list_process(const char *pid)
{
	static char stat[512];
	char path[64], *name = 0, *end = 0, *p;
	struct proto_thing thing = {.kind = PROTO_THREAD};
	uint64_t flags = 0;
	int fd;
	long n;

	if (!list_wanted()) {
		list_knows(PROTO_THREAD, pid);
		return;
	}
	if (!(list_wanted() & PROTO_OTHERS) || list_knows(PROTO_THREAD, pid))
		return;
	fd = os_open_read(LIST_TEXT(path, "/proc/", pid, "/stat"));
	n = fd < 0 ? 0 : os_read(fd, stat, sizeof stat - 1);
	if (fd >= 0)
		os_close(fd);
	stat[n > 0 ? n : 0] = 0;
	for (p = stat; *p; p++) {
		if (*p == '(' && !name)
			name = p + 1;
		if (*p == ')')
			end = p;
	}
	if (!name || !end || end < name)
		return;
	p = end;
	for (unsigned spaces = 0; *p && spaces < 7; p++)
		spaces += *p == ' ';
	for (; *p >= '0' && *p <= '9'; p++)
		flags = flags * 10 + (uint64_t)(*p - '0');
	*end = 0;
	if (!(flags & 0x00200000 /* PF_KTHREAD */) || is_kernels_own(name))
		return;
	for (p = stat; *p >= '0' && *p <= '9'; p++)
		thing.count = thing.count * 10 + (uint64_t)(*p - '0');
	list_found(&thing, name, "");
}
