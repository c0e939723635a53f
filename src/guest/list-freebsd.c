/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's lists: the directories of devfs(5), threads and processes (kern.proc), network interfaces
 * (ifmib(4)), interrupts (hw.intrnames); and what the kernel has in its own memory (kernel-freebsd.h).
 */
#include "guest/bare.h"
#include "guest/kernel-freebsd.h"
#include "guest/list.h"
#include "guest/os.h"

/* sys/kern/syscalls.master */
enum {
	SYS_open = 5,
	SYS_lseek = 478,
	SYS_sysctl = 202,
	SYS_sysctlbyname = 570,
	SYS_getdirentries = 554
};
enum { O_DIRECTORY = 0x20000, O_CLOEXEC = 0x100000 }; /* sys/fcntl.h */
enum { DT_DIR = 4 };				      /* sys/dirent.h */

struct dirent { /* sys/dirent.h */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type, pad0;
	uint16_t namlen, pad1;
	char name[];
};

static const char *const lists[] = {"/dev"};

const char *list_name(unsigned number)
{
	return number < sizeof lists / sizeof *lists ? lists[number] : "?";
}

void list_prepare(void)
{
	kernel_prepare();
}

static void look_at_dir(const char *path, unsigned depth)
{
	static char entries[4][8192] __attribute__((aligned(8)));
	long fd = sys3(SYS_open, path, O_DIRECTORY | O_CLOEXEC, 0), n;

	while (fd >= 0 &&
		(n = sys4(SYS_getdirentries, fd, entries[depth], sizeof entries[depth], 0)) > 0)
		for (long at = 0; at < n;) {
			const struct dirent *e = (const struct dirent *)(entries[depth] + at);
			char name[512];

			at += e->reclen;
			if (e->name[0] == '.' || !e->ino)
				continue;
			LIST_TEXT(name, path, "/", e->name);
			if (e->type != DT_DIR)
				list_see(PROTO_FILES, PROTO_NODE, name, "", 1);
			else if (depth < 3)
				look_at_dir(name, depth + 1);
		}
	if (fd >= 0)
		os_close((int)fd);
}

static size_t get_sysctl(const int *mib, unsigned n, void *to, size_t room)
{
	size_t len = room;

	return sys6(SYS_sysctl, mib, n, to, &len, 0, 0) < 0 ? 0 : len;
}

/* ---- network interfaces: net/if_mib.h ---- */

static void look_at_interfaces(int baseline)
{
	static int had = -1;
	int mib[] = {4 /* CTL_NET */, 18 /* PF_LINK */, 0, 1 /* IFMIB_SYSTEM */,
		1 /* IFMIB_IFCOUNT */, 0};
	int count = 0;

	get_sysctl(mib, 5, &count, sizeof count);
	if (!baseline && count == had)
		return;
	if (baseline)
		had = count;
	mib[3] = 2; /* IFMIB_IFDATA */
	mib[5] = 1; /* IFDATA_GENERAL */
	for (int i = 1; i <= count && i < 4000; i++) {
		static char data[1024];

		mib[4] = i;
		/* struct ifmibdata begins with the name. */
		if (get_sysctl(mib, 6, data, sizeof data) > 16 && data[0]) {
			data[15] = 0;
			list_see(PROTO_OTHERS, PROTO_NETDEV, data, "", 1);
		}
	}
}

void list_look(int baseline)
{
	if (list_enter(0)) {
		look_at_dir("/dev", 0);
		list_leave();
	}
	kernel_look(baseline);
	if (list_wanted() == PROTO_FILES)
		return;
	look_at_interfaces(baseline);
}

void list_loaded(void)
{
}
