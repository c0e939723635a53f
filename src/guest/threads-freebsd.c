/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's kernel threads. kern.proc tells of them, but for a thread that sleeps with a word ("wmesg") of a module
 * that is gone the kernel stumbles over that word. So it is asked at the baseline only; what it says then shows
 * where in the structures the fields are of which more is needed later, and these are read in the kernel's
 * memory.
 */
#include "guest/bare.h"
#include "guest/kernel-freebsd.h"
#include "guest/list.h"
#include "guest/os.h"

enum { SYS_sysctl = 202 }; /* sys/kern/syscalls.master */
enum { P_KPROC = 4 };	   /* sys/proc.h */

/* struct kinfo_proc, sys/user.h: where some of its fields lie. */
enum {
	KI_PROC = 16,
	KI_PID = 72,
	KI_FLAG = 368,
	KI_TDNAME = 394,
	KI_COMM = 447,
	KI_TID = 600,
	KI_THREAD = 920,
	KI_SIZE = 1088
};

/* struct proc begins with its links in allproc and its list of threads; struct thread with its lock, its process
 * and its links in that list (sys/proc.h). */
enum { P_NEXT = 0, P_THREADS = 16, TD_PROC = 8, TD_NEXT = 16 };

#define LOOK_BYTES 1600 /* at the beginning of a structure */

/* Where the fields are; 0: not found. */
static struct fields {
	unsigned pid, flag, comm, tid, name;
} * fields;

static char buffer[256 * 1024] __attribute__((aligned(8)));
static size_t buffer_len;

static uint64_t word_of(const char *k, unsigned at)
{
	uint64_t word;

	memcpy(&word, k + at, sizeof word);
	return word;
}

/* Whether what is at `offset` of the structure that each record's field `from` points to is the same as its
 * field `field`, `len` bytes long (0: a string). */
static int agrees(unsigned from, unsigned offset, unsigned field, size_t len)
{
	char text[24];

	for (size_t at = 0; at + KI_SIZE <= buffer_len; at += KI_SIZE) {
		const char *k = buffer + at;
		uint64_t place = word_of(k, from) + offset;
		/* A long one may be cut here: what the end is does not matter then. */
		size_t n = len ? len : length(k + field), whole = field == KI_TDNAME ? 16 : 19;

		n += !len && n < whole;

		if (n > sizeof text || !kernel_copy(place, text, n))
			return 0;
		for (size_t i = 0; i < n; i++)
			if (text[i] != k[field + i])
				return 0;
	}
	return 1;
}

static unsigned find_field(unsigned from, unsigned field, size_t len)
{
	unsigned step = len ? 4 : 1;

	for (unsigned offset = step; offset < LOOK_BYTES; offset += step)
		if (agrees(from, offset, field, len))
			return offset;
	return 0;
}

static int ask_kernel(void)
{
	/* CTL_KERN, KERN_PROC, KERN_PROC_ALL (sys/sysctl.h): all threads */
	static const int mib[] = {1, 14, 0};
	int32_t size;

	buffer_len = sizeof buffer;
	if (sys6(SYS_sysctl, mib, 3, buffer, &buffer_len, 0, 0) < 0 || buffer_len < KI_SIZE)
		return 0;
	memcpy(&size, buffer, sizeof size);
	return size == KI_SIZE;
}

static void learn(void)
{
	memset(fields, 0, sizeof *fields);
	if (!ask_kernel())
		return;
	fields->pid = find_field(KI_PROC, KI_PID, 4);
	fields->flag = find_field(KI_PROC, KI_FLAG, 4);
	fields->comm = find_field(KI_PROC, KI_COMM, 0);
	fields->tid = find_field(KI_THREAD, KI_TID, 4);
	fields->name = find_field(KI_THREAD, KI_TDNAME, 0);
}

static void see_thread(uint64_t proc, uint64_t thread)
{
	struct proto_thing thing = {.kind = PROTO_THREAD};
	char key[24], name[24];
	uint32_t pid = 0, flag = 0, tid = 0;

	if (!kernel_copy(proc + fields->pid, &pid, 4) ||
		!kernel_copy(proc + fields->flag, &flag, 4) ||
		!kernel_copy(thread + fields->tid, &tid, 4) || !(flag & P_KPROC))
		return;
	if (!list_see(0, PROTO_THREAD, list_number(key, tid), "", 1))
		return;
	thing.count = pid;
	/* The kernel's own process, 0, has many; any other is called as what it does. */
	list_found(&thing,
		kernel_text(pid ? proc + fields->comm : thread + fields->name, name, sizeof name),
		"");
}

void kernel_threads(int baseline)
{
	uint64_t proc = kernel_word(kernel_symbol(KERNEL_PROCESSES));

	if (!fields)
		fields = os_common_memory(sizeof *fields);
	if (baseline)
		learn();
	if (!fields->pid || !fields->flag || !fields->comm || !fields->tid || !fields->name)
		return;
	for (unsigned n = 0; proc && n < 10000; n++, proc = kernel_word(proc + P_NEXT)) {
		uint64_t thread = kernel_word(proc + P_THREADS), k = 0;

		for (; thread && k < 10000; k++, thread = kernel_word(thread + TD_NEXT)) {
			if (kernel_word(thread + TD_PROC) != proc)
				break;
			see_thread(proc, thread);
		}
	}
}
