/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD: the kernel's table of threads (kern.proc.proc with KERN_PROC_INC_THREAD; sys/user.h, struct
 * kinfo_proc of amd64). It is asked for no thread's call chain: to name the functions it would wait for the
 * linker's lock, which a module that hangs in MOD_UNLOAD holds. The outside follows the chains itself.
 */
#include "guest/stuck.h"

#include "guest/bare.h"

#include <stdint.h>

enum { SYS_getpid = 20, SYS_sysctl = 202 };
enum { CTL_KERN = 1, KERN_PROC = 14, KERN_PROC_PROC = 8, KERN_PROC_INC_THREAD = 0x10 };

/* Where things are in struct kinfo_proc. */
enum {
	KI_PID = 72,
	KI_STAT = 388,
	KI_TDNAME = 394,
	KI_WMESG = 411,
	KI_LOCKNAME = 438,
	KI_COMM = 447,
	KI_ONCPU = 568,
	KI_TID = 600,
	KI_PCB = 896,
	KI_KSTACK = 904,
	KI_TDADDR = 920,
	KI_SIZE = 1088
};

static char text[512];
static size_t used;

static void put(const char *s, size_t most)
{
	for (size_t i = 0; i < most && s[i] && used < sizeof text - 2; i++)
		text[used++] = s[i];
}

static void put_number(uint64_t n, unsigned base)
{
	char digits[24];
	size_t len = 0;

	do
		digits[len++] = "0123456789abcdef"[n % base];
	while (n /= base);
	while (len && used < sizeof text - 2)
		text[used++] = digits[--len];
}

static uint32_t number32(const uint8_t *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof n);
	return n;
}

static uint64_t number64(const uint8_t *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof n);
	return n;
}

int stuck_self(void)
{
	return (int)sys0(SYS_getpid);
}

/* "thread TID PID STAT CPU TDADDR PCB KSTACK|COMM|TDNAME|WMESG|LOCKNAME|caller" */
static void tell_thread(const uint8_t *k, int worker, stuck_say_fn *say)
{
	used = 0;
	put("thread ", 8);
	put_number(number32(k + KI_TID), 10);
	put(" ", 1);
	put_number(number32(k + KI_PID), 10);
	put(" ", 1);
	put_number(k[KI_STAT], 10);
	put(" ", 1);
	put_number(number32(k + KI_ONCPU), 10);
	put(" ", 1);
	put_number(number64(k + KI_TDADDR), 16);
	put(" ", 1);
	put_number(number64(k + KI_PCB), 16);
	put(" ", 1);
	put_number(number64(k + KI_KSTACK), 16);
	put("|", 1);
	put((const char *)k + KI_COMM, 19);
	put("|", 1);
	put((const char *)k + KI_TDNAME, 16);
	put("|", 1);
	put((const char *)k + KI_WMESG, 8);
	put("|", 1);
	put((const char *)k + KI_LOCKNAME, 8);
	put("|", 1);
	if ((int)number32(k + KI_PID) == worker)
		put("caller", 6);
	text[used++] = '\n';
	say(text, used);
}

void stuck_tell(int worker, stuck_say_fn *say)
{
	static uint8_t all[512 * KI_SIZE];
	int mib[3] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC | KERN_PROC_INC_THREAD};
	size_t len = sizeof all;

	if (sys6(SYS_sysctl, mib, 3, all, &len, 0, 0) < 0)
		return;
	for (size_t at = 0; at + KI_SIZE <= len && number32(all + at) == KI_SIZE; at += KI_SIZE)
		tell_thread(all + at, worker, say);
}
