/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files used in all ways there are: by several processes on each processor, which share their descriptors as threads
 * do, with arguments that a hostile program might pass. What a process does is decided by the seed and its
 * number alone, never by what came of it: the same seed does the same again.
 */
#include "guest/exercise.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/os.h"

#define FILES_MAX     64
#define SLOTS	      16 /* descriptors that are open at a time */
#define PROCESSES_MAX 32
#define EACH	      2 /* processes on each processor */
#define PAGE	      4096
#define GRACE_US      2000000 /* for those that were killed to be gone */

struct process {
	uint32_t calls, hash;
	uint32_t file, call; /* what it is at */
	uint32_t over;
};

/* What the processes of one exercise share. */
static struct shared {
	int32_t slots[SLOTS];
	uint32_t of[SLOTS]; /* which file is open there */
	struct process processes[PROCESSES_MAX];
} * shared;

static const char *files[FILES_MAX];
static unsigned nfiles;

static uint64_t state;

/* xorshift64* (Vigna 2016). */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1du;
}

static unsigned below(unsigned n)
{
	return (unsigned)(next() >> 33) % n;
}

/* ---- arguments ---- */

static char *memory; /* two pages, and nothing behind them */

/* Where a call is to read or write: mostly fine, sometimes not. */
static long pointer(void)
{
	switch (below(12)) {
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
		return (long)(memory + 2 * PAGE - 3); /* ends too soon */
	default:
		return (long)(memory + below(PAGE));
	}
}

static long size(void)
{
	static const long sizes[] = {0, 1, 2, 4, 8, 16, 64, 100, 255, 256, 1024, PAGE - 1, PAGE,
		PAGE + 1, 65536, 0x7fffffff, (long)0x80000000u, -1};

	return sizes[below(sizeof sizes / sizeof *sizes)];
}

static long offset(void)
{
	static const long offsets[] = {0, 1, 7, 100, PAGE, -1, 0x7fffffff, 0x80000000l,
		0x7fffffffffffffff, (long)0x8000000000000000u};

	return offsets[below(sizeof offsets / sizeof *offsets)];
}

/* An ioctl's number: what _IO, _IOR, _IOW make of a letter and a small number, or anything. */
static long command(void)
{
	static const unsigned directions[] = {0, 0x20000000, 0x40000000, 0x80000000, 0xc0000000};

	if (!below(4))
		return (long)(next() & 0xffffffff);
	if (!below(3))
		return below(64);
	return (long)(directions[below(5)] | (below(5) * 4) << 16 |
		(below(2) ? 'a' + below(26) : below(256)) << 8 | below(16));
}

static void fill(void)
{
	uint64_t *words = (uint64_t *)memory;

	for (unsigned i = 0; i < 16; i++)
		words[below(2 * PAGE / 8)] = below(3) ? next() : below(2) ? 0 : ~(uint64_t)0;
}

/* ---- calls ---- */

static struct process *self;

static long make(enum ex_call what, long a, long b, long c, long d, long e, long f)
{
	self->call = what;
	self->calls++;
	self->hash = self->hash * 31 + what;
	self->hash = self->hash * 31 + (uint32_t)(state >> 32);
	return ex_call(what, a, b, c, d, e, f);
}

static void open_one(unsigned slot)
{
	static const int modes[] = {0 /* O_RDONLY */, 1 /* O_WRONLY */, 2 /* O_RDWR */, 2};
	unsigned file = below(nfiles);
	/* Half of them may block. */
	int flags = modes[below(4)] | (below(2) ? ex_nonblock : 0);
	long fd;

	self->file = file;
	self->hash = self->hash * 31 + file;
	fd = make(EX_OPEN, (long)files[file], flags, 0, 0, 0, 0);
	if (fd < 0)
		return;
	fd = __atomic_exchange_n(&shared->slots[slot], (int32_t)fd, __ATOMIC_SEQ_CST);
	shared->of[slot] = file;
	if (fd >= 0)
		ex_call(EX_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void close_one(unsigned slot)
{
	long fd = __atomic_exchange_n(&shared->slots[slot], -1, __ATOMIC_SEQ_CST);

	make(EX_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void map_one(long fd)
{
	long length = (1 + below(4)) * PAGE, prot = 1 + below(3), flags = 1 + below(2);
	long at = make(EX_MMAP, 0, length, prot, flags, fd, below(3) ? 0 : offset());
	long pipe_fd = 1;

	if (at < 0 && at > -4096)
		return;
	/* A page that cannot be had is an error of write(2) then, and not a signal. */
	ex_call(EX_WRITE, pipe_fd, at, 0, 0, 0, 0);
	if (prot & 1)
		ex_call(EX_PWRITE, fd, at, 8, 0, 0, 0);
	if (prot & 2)
		ex_call(EX_PREAD, fd, at, 8, 0, 0, 0);
	/* Not counted: whether it comes to this is no matter of the seed. */
	self->call = EX_MUNMAP;
	ex_call(EX_MUNMAP, at, length, 0, 0, 0, 0);
}

static void poll_one(long fd)
{
	struct {
		int fd;
		short events, revents;
	} one = {(int)fd, (short)(1 | 4), 0};

	make(EX_POLL, (long)&one, 1, (long)below(2), 0, 0, 0);
}

static void vector_one(enum ex_call what, long fd)
{
	struct {
		long base, len;
	} parts[3];

	for (unsigned i = 0; i < 3; i++) {
		parts[i].base = pointer();
		parts[i].len = size();
	}
	make(what, fd, (long)parts, 3, 0, 0, 0);
}

static void dup_one(long fd)
{
	long copy = make(EX_DUP, fd, 0, 0, 0, 0, 0);

	if (copy >= 0)
		ex_call(EX_CLOSE, copy, 0, 0, 0, 0, 0);
}

static void use_sysctl(unsigned file)
{
	size_t len = (size_t)size();
	int reads = below(3) != 0, writes = below(2) != 0;
	long to = pointer(), from = pointer(), fromlen = size();

	self->file = file;
	self->call = reads ? EX_READ : EX_WRITE;
	self->calls++;
	self->hash = self->hash * 31 + (uint32_t)len;
	ex_sysctl(files[file], reads ? (void *)to : 0, reads ? &len : 0,
		writes ? (const void *)from : 0, writes ? (size_t)fromlen & 0xffff : 0);
}

/* Does one thing. All that it is made of is drawn first: how often that is must not depend on what comes of it. */
static void step(void)
{
	unsigned slot = below(SLOTS), what = below(32), file = below(nfiles);
	long p = pointer(), n = size(), o = offset(), c = command();
	long fd = shared->slots[slot];

	if (!below(8))
		fill();
	if (files[file][0] != '/') {
		use_sysctl(file);
		return;
	}
	self->file = shared->of[slot];
	switch (what) {
	case 0 ... 6:
		open_one(slot);
		return;
	case 7 ... 8:
		close_one(slot);
		return;
	case 9 ... 12:
		make(EX_READ, fd, p, n, 0, 0, 0);
		return;
	case 13 ... 16:
		make(EX_WRITE, fd, p, n, 0, 0, 0);
		return;
	case 17 ... 22:
		make(EX_IOCTL, fd, c, below(2) ? p : (long)n, 0, 0, 0);
		return;
	case 23:
		make(EX_LSEEK, fd, o, (long)below(5), 0, 0, 0);
		return;
	case 24:
		make(EX_PREAD, fd, p, n, o, 0, 0);
		return;
	case 25:
		make(EX_PWRITE, fd, p, n, o, 0, 0);
		return;
	case 26:
		map_one(fd);
		return;
	case 27:
		poll_one(fd);
		return;
	case 28:
		vector_one(below(2) ? EX_READV : EX_WRITEV, fd);
		return;
	case 29:
		dup_one(fd);
		return;
	case 30:
		make(EX_FSYNC, fd, 0, 0, 0, 0, 0);
		return;
	default:
		if (below(2))
			make(EX_FTRUNCATE, fd, o, 0, 0, 0, 0);
		else
			make(EX_FCNTL, fd, (long)below(2) * 3, ex_nonblock, 0, 0, 0);
	}
}

static _Noreturn void use(unsigned number, uint64_t seed, unsigned rounds)
{
	self = &shared->processes[number];
	state = (seed + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)(number + 1) * 0xbf58476d1ce4e5b9u;
	memory = ex_memory(2 * PAGE);
	ex_pin(number % os_cpus());
	for (unsigned i = 0; memory && i < rounds; i++)
		step();
	self->over = 1;
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

static void say_killed(const struct process *p)
{
	static const char *const names[EX_CALLS] = {"open", "close", "read", "write", "lseek",
		"pread", "pwrite", "ioctl", "mmap", "munmap", "poll", "readv", "writev", "dup",
		"fsync", "ftruncate", "fcntl"};
	char text[1200];
	size_t at = put(text, 0, "a process was killed in ");

	at = put(text, at, p->call < EX_CALLS ? names[p->call] : "a call");
	at = put(text, at, " of ");
	if (p->file < nfiles && length(files[p->file]) < 1000)
		at = put(text, at, files[p->file]);
	text[at++] = '\n';
	agent_tell(PROTO_OUTPUT, 0, text, at, 0, 0);
}

static void say_what_was_done(unsigned processes)
{
	char text[256];
	uint64_t calls = 0;
	uint32_t hash = 0, over = 1;
	size_t at;

	for (unsigned i = 0; i < processes; i++) {
		calls += shared->processes[i].calls;
		hash ^= shared->processes[i].hash;
		over &= shared->processes[i].over;
	}
	at = put_number(text, 0, nfiles);
	at = put(text, at, nfiles == 1 ? " file, " : " files, ");
	at = put_number(text, at, processes);
	at = put(text, at, " processes, ");
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
	static char nodes[16][24];
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
	at = put(nodes[nnodes], 0, "/tmp/char-");
	nodes[nnodes][put_number(nodes[nnodes], at, major % 100000)] = 0;
	if (ex_node(nodes[nnodes], major))
		files[nfiles++] = nodes[nnodes++];
}

/* Waits until they have ended, at most that long; then they are killed. The signal that killed one before, or 0. */
static int wait_for(const int *pids, unsigned n, uint64_t until)
{
	int gone[PROCESSES_MAX] = {0}, signal, status, killed = 0, late = 0;
	unsigned left = n;

	while (left) {
		for (unsigned i = 0; i < n; i++) {
			if (gone[i] || !ex_ended(pids[i], 0, &status, &signal))
				continue;
			gone[i] = 1;
			left--;
			if (signal == 9 && !late) {
				say_killed(&shared->processes[i]);
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

/* In a process of its own, so that its descriptors are not the agent's. */
static _Noreturn void lead(const struct proto_exercise *x)
{
	unsigned n = os_cpus() * EACH;
	int pids[PROCESSES_MAX] = {0}, killed;

	n = n < PROCESSES_MAX ? n : PROCESSES_MAX;
	for (unsigned i = 0; i < n; i++) {
		pids[i] = ex_fork(1);
		if (!pids[i])
			use(i, x->seed, x->rounds);
		if (pids[i] < 0)
			n = i;
	}
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
	if (!shared)
		shared = os_common_memory(sizeof *shared);
	memset(shared, 0, sizeof *shared);
	for (unsigned i = 0; i < SLOTS; i++)
		shared->slots[i] = -1;
	agent_begin(serial);
	pid = nfiles ? ex_fork(0) : 0;
	if (nfiles && !pid)
		lead(&x);
	if (pid > 0)
		ex_ended(pid, 1, &status, &signal);
	agent_end(pid < 0 ? -pid : 0, signal ? signal : status == 9 ? 9 : 0);
}
