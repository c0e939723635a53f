/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files used in all ways there are: by several threads on each processor, which share their memory and their
 * descriptors, with arguments that a hostile program might pass. What a thread does is decided by the seed and its
 * number alone, never by what came of it: the same seed does the same again.
 */
#include "guest/exercise.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/lend.h"
#include "guest/os.h"

#define FILES_MAX   64
#define SLOTS	    16 /* descriptors that are open at a time */
#define THREADS_MAX 32
#define EACH	    2 /* threads on each processor */
#define PAGE	    4096
#define STACK	    (4 * PAGE)
#define GRACE_US    2000000 /* for those that were killed to be gone */

/* One of those that use the files. All that only one of them may touch is in here. */
struct thread {
	unsigned number;
	const struct proto_exercise *x;
	uint64_t state; /* of its random numbers */
	char *memory;	/* two pages, and nothing behind them */
	int pipe[2];	/* its own */
	uint32_t calls, hash;
	uint32_t file, call; /* what it is at */
	uint32_t over;
};

/* The descriptors that they share, and which file is open there. */
static int32_t slots[SLOTS];
static uint32_t slot_file[SLOTS];
static struct thread threads[THREADS_MAX];
static const char *files[FILES_MAX];
static unsigned nfiles;

/* xorshift64* (Vigna 2016). */
static uint64_t next(struct thread *t)
{
	t->state ^= t->state >> 12;
	t->state ^= t->state << 25;
	t->state ^= t->state >> 27;
	return t->state * 0x2545f4914f6cdd1du;
}

static unsigned below(struct thread *t, unsigned n)
{
	return (unsigned)(next(t) >> 33) % n;
}

/* ---- arguments ---- */

/* Where a call is to read or write: mostly fine, sometimes not. */
static long pointer(struct thread *t)
{
	switch (below(t, 12)) {
	case 0:
		return 0;
	case 1:
		return 0x1000; /* not mapped */
	case 2:
		return (long)0xffff888000001000u; /* the kernel's */
	case 3:
		return (long)0xffffffff81000000u;
	case 4:
		return (long)0x8000000000000000u; /* nobody's */
	case 5:
		return (long)(t->memory + 2 * PAGE - 3); /* ends too soon */
	default:
		return (long)(t->memory + below(t, PAGE));
	}
}

static long size(struct thread *t)
{
	static const long sizes[] = {0, 1, 2, 4, 8, 16, 64, 100, 255, 256, 1024, PAGE - 1, PAGE,
		PAGE + 1, 65536, 0x7fffffff, (long)0x80000000u, -1};

	return sizes[below(t, sizeof sizes / sizeof *sizes)];
}

static long offset(struct thread *t)
{
	static const long offsets[] = {0, 1, 7, 100, PAGE, -1, 0x7fffffff, 0x80000000l,
		0x7fffffffffffffff, (long)0x8000000000000000u};

	return offsets[below(t, sizeof offsets / sizeof *offsets)];
}

/* An ioctl's number: what _IO, _IOR, _IOW make of a letter and a small number, or anything. */
static long command(struct thread *t)
{
	static const unsigned directions[] = {0, 0x20000000, 0x40000000, 0x80000000, 0xc0000000};

	if (!below(t, 4))
		return (long)(next(t) & 0xffffffff);
	if (!below(t, 3))
		return below(t, 64);
	return (long)(directions[below(t, 5)] | (below(t, 5) * 4) << 16 |
		(below(t, 2) ? 'a' + below(t, 26) : below(t, 256)) << 8 | below(t, 16));
}

static void fill(struct thread *t)
{
	uint64_t *words = (uint64_t *)t->memory;

	for (unsigned i = 0; i < 16; i++)
		words[below(t, 2 * PAGE / 8)] = below(t, 3) ? next(t)
			: below(t, 2)			    ? 0
							    : ~(uint64_t)0;
}

/* ---- calls ---- */

static long make(
	struct thread *t, enum ex_call what, long a, long b, long c, long d, long e, long f)
{
	t->call = what;
	t->calls++;
	t->hash = t->hash * 31 + what;
	t->hash = t->hash * 31 + (uint32_t)(t->state >> 32);
	return ex_call(what, a, b, c, d, e, f);
}

static void open_one(struct thread *t, unsigned slot)
{
	static const int modes[] = {0 /* O_RDONLY */, 1 /* O_WRONLY */, 2 /* O_RDWR */, 2};
	unsigned file = below(t, nfiles);
	/* Half of them may block. */
	int flags = modes[below(t, 4)] | (below(t, 2) ? ex_nonblock : 0);
	long fd;

	t->file = file;
	t->hash = t->hash * 31 + file;
	fd = make(t, EX_OPEN, (long)files[file], flags, 0, 0, 0, 0);
	if (fd < 0)
		return;
	fd = __atomic_exchange_n(&slots[slot], (int32_t)fd, __ATOMIC_SEQ_CST);
	slot_file[slot] = file;
	if (fd >= 0)
		ex_call(EX_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void close_one(struct thread *t, unsigned slot)
{
	long fd = __atomic_exchange_n(&slots[slot], -1, __ATOMIC_SEQ_CST);

	make(t, EX_CLOSE, fd, 0, 0, 0, 0, 0);
}

/* What is left in the thread's pipe would be in the way. */
static void drain(struct thread *t)
{
	while (ex_call(EX_READ, t->pipe[0], (long)t->memory, PAGE, 0, 0, 0) > 0)
		;
}

/* Faults on a page, to read and to write. By way of a pipe: one that cannot be had is an error of the call then, and
 * not a signal. */
static void touch(struct thread *t, long page, long prot)
{
	if (prot & 1)
		ex_call(EX_WRITE, t->pipe[1], page, 1, 0, 0, 0);
	if (prot & 2) {
		ex_call(EX_WRITE, t->pipe[1], (long)t->memory, 1, 0, 0, 0);
		ex_call(EX_READ, t->pipe[0], page, 1, 0, 0, 0);
	}
	drain(t);
}

static void map_one(struct thread *t, long fd)
{
	long length = (below(t, 2) ? 1 : 1 + below(t, 4)) * PAGE, prot = 1 + below(t, 3),
	     flags = 1 + below(t, 2);
	long at = make(t, EX_MMAP, 0, length, prot, flags, fd, below(t, 3) ? 0 : offset(t));

	if (at < 0 && at > -4096)
		return;
	/* Not counted: whether it comes to this is no matter of the seed. */
	for (long page = at; page < at + length; page += PAGE)
		touch(t, page, prot);
	if (prot & 1)
		ex_call(EX_PWRITE, fd, at, 8, 0, 0, 0);
	if (prot & 2)
		ex_call(EX_PREAD, fd, at, 8, 0, 0, 0);
	t->call = EX_MUNMAP;
	ex_call(EX_MUNMAP, at, length, 0, 0, 0, 0);
}

/* From the file to the thread's pipe, or the other way. */
static void splice_one(struct thread *t, long fd, long n, int64_t o)
{
	int to_file = (int)below(t, 2);
	long at = below(t, 2) ? (long)&o : 0;

	if (to_file) {
		ex_call(EX_WRITE, t->pipe[1], (long)t->memory, 64, 0, 0, 0);
		make(t, EX_SPLICE, t->pipe[0], 0, fd, at, n, 2 /* SPLICE_F_NONBLOCK */);
	} else {
		make(t, EX_SPLICE, fd, at, t->pipe[1], 0, n, 2);
	}
	drain(t);
}

static void poll_one(struct thread *t, long fd)
{
	struct {
		int fd;
		short events, revents;
	} one = {(int)fd, (short)(1 | 4), 0};

	make(t, EX_POLL, (long)&one, 1, (long)below(t, 2), 0, 0, 0);
}

static void vector_one(struct thread *t, enum ex_call what, long fd, long at)
{
	struct {
		long base, len;
	} parts[3];

	for (unsigned i = 0; i < 3; i++) {
		parts[i].base = pointer(t);
		parts[i].len = size(t);
	}
	make(t, what, fd, (long)parts, 3, at, 0, 0);
}

static void dup_one(struct thread *t, long fd)
{
	long copy = make(t, EX_DUP, fd, 0, 0, 0, 0, 0);

	if (copy >= 0)
		ex_call(EX_CLOSE, copy, 0, 0, 0, 0, 0);
}

static void use_sysctl(struct thread *t, unsigned file)
{
	size_t len = (size_t)size(t);
	int reads = below(t, 3) != 0, writes = below(t, 2) != 0;
	long to = pointer(t), from = pointer(t), fromlen = size(t);

	t->file = file;
	t->call = reads ? EX_READ : EX_WRITE;
	t->calls++;
	t->hash = t->hash * 31 + (uint32_t)len;
	ex_sysctl(files[file], reads ? (void *)to : 0, reads ? &len : 0,
		writes ? (const void *)from : 0, writes ? (size_t)fromlen & 0xffff : 0);
}

/* Does one thing. All that it is made of is drawn first: how often that is must not depend on what comes of it. */
static void step(struct thread *t)
{
	unsigned slot = below(t, SLOTS), what = below(t, 37), file = below(t, nfiles);
	long p = pointer(t), n = size(t), o = offset(t), c = command(t);
	long fd = slots[slot];

	if (!below(t, 8))
		fill(t);
	if (files[file][0] != '/') {
		use_sysctl(t, file);
		return;
	}
	t->file = slot_file[slot];
	switch (what) {
	case 0 ... 6:
		open_one(t, slot);
		return;
	case 7 ... 8:
		close_one(t, slot);
		return;
	case 9 ... 12:
		make(t, EX_READ, fd, p, n, 0, 0, 0);
		return;
	case 13 ... 16:
		make(t, EX_WRITE, fd, p, n, 0, 0, 0);
		return;
	case 17 ... 22:
		make(t, EX_IOCTL, fd, c, below(t, 2) ? p : (long)n, 0, 0, 0);
		return;
	case 23:
		make(t, EX_LSEEK, fd, o, (long)below(t, 5), 0, 0, 0);
		return;
	case 24:
		make(t, EX_PREAD, fd, p, n, o, 0, 0);
		return;
	case 25:
		make(t, EX_PWRITE, fd, p, n, o, 0, 0);
		return;
	case 26:
		map_one(t, fd);
		return;
	case 27:
		poll_one(t, fd);
		return;
	case 28:
		vector_one(t, below(t, 2) ? EX_READV : EX_WRITEV, fd, 0);
		return;
	case 29:
		dup_one(t, fd);
		return;
	case 30:
		make(t, EX_FSYNC, fd, 0, 0, 0, 0, 0);
		return;
	case 31:
		map_one(t, fd);
		return;
	case 32 ... 33:
		vector_one(t, below(t, 2) ? EX_PREADV : EX_PWRITEV, fd, o);
		return;
	case 34:
		splice_one(t, fd, n, o);
		return;
	case 35:
		make(t, EX_FALLOCATE, fd, (long)below(t, 4), o, n, 0, 0);
		return;
	default:
		if (below(t, 2))
			make(t, EX_FTRUNCATE, fd, o, 0, 0, 0, 0);
		else
			make(t, EX_FCNTL, fd, (long)below(t, 2) * 3, ex_nonblock, 0, 0, 0);
	}
}

static void use(void *arg)
{
	struct thread *t = arg;

	ex_pin(t->number % os_cpus());
	for (unsigned i = 0; i < t->x->rounds; i++)
		step(t);
	t->over = 1;
	ex_exit(0);
}

/* ---- the whole ---- */

static size_t put(char *to, size_t at, const char *text)
{
	size_t n = length(text);

	memcpy(to + at, text, n);
	return at + n;
}

static size_t put_number(char *to, size_t at, uint64_t n)
{
	char digits[24];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	while (len)
		to[at++] = digits[--len];
	return at;
}

static void say_killed(const struct thread *p)
{
	static const char *const names[EX_CALLS] = {"open", "close", "read", "write", "lseek",
		"pread", "pwrite", "ioctl", "mmap", "munmap", "poll", "readv", "writev", "dup",
		"fsync", "ftruncate", "fcntl", "preadv", "pwritev", "splice", "fallocate"};
	char text[1200];
	size_t at = put(text, 0, "a thread was killed in ");

	at = put(text, at, p->call < EX_CALLS ? names[p->call] : "a call");
	at = put(text, at, " of ");
	if (p->file < nfiles && length(files[p->file]) < 1000)
		at = put(text, at, files[p->file]);
	text[at++] = '\n';
	agent_tell(PROTO_OUTPUT, 0, text, at, 0, 0);
}

static void say_what_was_done(unsigned n)
{
	char text[256];
	uint64_t calls = 0;
	uint32_t hash = 0, over = 1;
	size_t at;

	for (unsigned i = 0; i < n; i++) {
		calls += threads[i].calls;
		hash ^= threads[i].hash;
		over &= threads[i].over;
	}
	at = put_number(text, 0, nfiles);
	at = put(text, at, nfiles == 1 ? " file, " : " files, ");
	at = put_number(text, at, n);
	at = put(text, at, " threads, ");
	at = put_number(text, at, calls);
	at = put(text, at, over ? " calls, sequence " : " calls, not all that there were to be");
	if (over)
		at = put_number(text, at, hash);
	text[at++] = '\n';
	agent_tell(PROTO_OUTPUT, 0, text, at, 0, 0);
}

/* "char 245 foo" is a device without a node: gets one. */
static void add_file(const char *name)
{
	static char nodes[16][160];
	static unsigned nnodes;
	unsigned major = 0;
	size_t at;

	if (nfiles >= FILES_MAX)
		return;
	if (name[0] != 'c' || name[1] != 'h' || name[2] != 'a' || name[3] != 'r' ||
		name[4] != ' ') {
		files[nfiles++] = name;
		return;
	}
	for (name += 5; *name >= '0' && *name <= '9'; name++)
		major = major * 10 + (unsigned)(*name - '0');
	nnodes %= 16;
	at = put(nodes[nnodes], 0, lend_dir);
	at = put(nodes[nnodes], at, "/char-");
	nodes[nnodes][put_number(nodes[nnodes], at, major % 100000)] = 0;
	if (ex_node(nodes[nnodes], major))
		files[nfiles++] = nodes[nnodes++];
}

/* Waits until they have ended, at most that long; then they are killed. 9 if one was killed before, or 0. */
static int wait_for(const int *pids, unsigned n, uint64_t until)
{
	int gone[THREADS_MAX] = {0}, signal, status, killed = 0, late = 0;
	unsigned left = n;

	while (left) {
		for (unsigned i = 0; i < n; i++) {
			if (gone[i] || !ex_ended(pids[i], 0, &status, &signal))
				continue;
			gone[i] = 1;
			left--;
			/* An oops does that. */
			if (signal && !late) {
				say_killed(&threads[i]);
				killed = 9;
			}
		}
		if (left && os_now_us() > until) {
			late = 1;
			for (unsigned i = 0; i < n; i++)
				if (!gone[i])
					ex_kill(pids[i]);
			/* One that cannot be killed is waited for: the outside asks where it is. */
			until = os_now_us() + GRACE_US;
		}
		if (left)
			os_sleep_us(1000);
	}
	return killed;
}

/* Whether it has all that it needs, which is there before any of them begins. */
static int prepare(unsigned number, const struct proto_exercise *x, char **stack)
{
	struct thread *t = &threads[number];

	t->number = number;
	t->x = x;
	t->state =
		(x->seed + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)(number + 1) * 0xbf58476d1ce4e5b9u;
	t->memory = ex_memory(2 * PAGE);
	*stack = ex_memory(STACK);
	if (!t->memory || !*stack || ex_pipe(t->pipe) < 0)
		return 0;
	for (int i = 0; i < 2; i++)
		ex_call(EX_FCNTL, t->pipe[i], 4 /* F_SETFL */, ex_nonblock, 0, 0, 0);
	return 1;
}

/* In a process of its own, so that its descriptors and memory are not the agent's. */
static _Noreturn void lead(const struct proto_exercise *x)
{
	unsigned most = os_cpus() * EACH, ready = 0, n = 0;
	int pids[THREADS_MAX] = {0}, killed;
	char *stacks[THREADS_MAX];

	most = most < THREADS_MAX ? most : THREADS_MAX;
	while (ready < most && prepare(ready, x, &stacks[ready]))
		ready++;
	while (n < ready && (pids[n] = ex_thread(use, &threads[n], stacks[n] + STACK)) > 0)
		n++;
	killed = wait_for(pids, n, os_now_us() + (uint64_t)x->timeout_ms * 1000);
	say_what_was_done(n);
	ex_exit(killed);
}

void exercise_auto(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	struct proto_exercise x;
	const char *name;
	int pid, status = 0, signal = 0;

	if ((size_t)(end - at) < sizeof x) {
		agent_done(serial, 22 /* EINVAL */, 0, 0);
		return;
	}
	memcpy(&x, at, sizeof x);
	at += sizeof x;
	nfiles = 0;
	while (at < end && (name = agent_string(&at, end)))
		add_file(name);
	memset(threads, 0, sizeof threads);
	memset(slots, 0xff, sizeof slots);
	agent_begin(serial);
	pid = nfiles ? ex_fork() : 0;
	if (nfiles && !pid)
		lead(&x);
	if (pid > 0)
		ex_ended(pid, 1, &status, &signal);
	agent_end(pid < 0 ? -pid : 0, signal ? signal : status == 9 ? 9 : 0);
}
