/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's FreeBSD side: raw amd64 system calls (numbers of sys/kern/syscalls.master; the error comes in
 * the carry flag), the kernel's message buffer through klog(4), the ivshmem device through io(4) and
 * mem(4). There are no headers of FreeBSD's here: what is needed of its ABI stands below, each with the
 * file it is from.
 */
#include "guest/bare.h"
#include "guest/lend-freebsd.h"
#include "guest/lend.h"
#include "guest/os.h"
#include "guest/protocol.h"

/* sys/kern/syscalls.master */
enum {
	SYS_exit = 1,
	SYS_read = 3,
	SYS_write = 4,
	SYS_open = 5,
	SYS_close = 6,
	SYS_wait4 = 7,
	SYS_link = 9,
	SYS_getpid = 20,
	SYS_ioctl = 54,
	SYS_reboot = 55,
	SYS_rtprio = 166,
	SYS_sysctl = 202,
	SYS_poll = 209,
	SYS_clock_gettime = 232,
	SYS_nanosleep = 240,
	SYS_kldload = 304,
	SYS_kldfind = 306,
	SYS_nmount = 378,
	SYS_kenv = 390,
	SYS_kldunloadf = 444,
	SYS_mmap = 477,
	SYS_pdfork = 518,
	SYS_pdgetpid = 520,
	SYS_sysctlbyname = 570,
};

enum {
	O_RDONLY = 0,
	O_WRONLY = 1,
	O_RDWR = 2,
	O_NONBLOCK = 4,
	O_APPEND = 8,
	O_CREAT = 0x200,
	O_TRUNC = 0x400,
	O_NOCTTY = 0x8000,
	O_CLOEXEC = 0x100000
};							     /* sys/fcntl.h */
enum { POLLIN = 1, POLLHUP = 0x10 };			     /* sys/poll.h */
enum { PROT_RW = 3, MAP_SHARED = 1, MAP_ANON = 0x1000 };     /* sys/mman.h */
enum { CTL_KERN = 1, KERN_OSRELEASE = 2, KERN_VERSION = 4 }; /* sys/sysctl.h */
enum { CTL_HW = 6, HW_MACHINE = 1, HW_NCPU = 3 };	     /* sys/sysctl.h */
enum { KENV_SET = 1 };					     /* sys/kenv.h */
enum { CLOCK_MONOTONIC = 4 };				     /* sys/_clock_id.h */
enum { RB_POWEROFF = 0x4000 };				     /* sys/reboot.h */
enum { EAGAIN_ = 35, EINTR_ = 4 };			     /* sys/errno.h */
#define TIOCGETA 0x402c7413ul				     /* sys/ttycom.h */
#define TIOCSETA 0x802c7414ul
#define FIONREAD 0x4004667ful /* sys/filio.h */

struct termios { /* sys/_termios.h */
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t cc[20];
	uint32_t ispeed, ospeed;
};

struct pollfd { /* sys/poll.h */
	int fd;
	short events, revents;
};

struct span { /* struct timespec */
	int64_t sec, nsec;
};

struct part { /* struct iovec */
	void *base;
	size_t len;
};

/* So that the kernel knows whose program this is (sys/imgact_elf.h; NT_FREEBSD_ABI_TAG). */
__asm__(".section .note.tag, \"a\", @note\n"
	".balign 4\n"
	".long 8, 4, 1\n"
	".asciz \"FreeBSD\"\n"
	".long 1300000\n"
	".text\n");

static int line_fd = -1, log_fd = -1, console_fd = -1;
static int log_size; /* bytes in the message buffer; 0: not known */

/* What was read of the log and not yet given away. The agent's processes share it. */
static struct pending {
	size_t len;
	char bytes[16384];
} * pending;

/* The entry point. Where the number of arguments and the arguments are is in rdi already, which makes it the only
 * argument; rsp may be below that (sys/amd64/amd64/exec_machdep.c, exec_setregs). */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
	"	call agent_main\n"
	"	ud2\n");

/* What the kernel says of a call: a result, or a negative errno. */
long call(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long second = c;
	char failed;

	__asm__ volatile("syscall; setc %1"
			 : "+a"(n), "=q"(failed), "+d"(second), "+r"(r10), "+r"(r8), "+r"(r9)
			 : "D"(a), "S"(b)
			 : "rcx", "r11", "memory", "cc");
	return failed ? -n : n;
}

long os_read(int fd, void *to, size_t len)
{
	return sys3(SYS_read, fd, to, len);
}

long os_write(int fd, const void *from, size_t len)
{
	return sys3(SYS_write, fd, from, len);
}

int os_open_read(const char *file)
{
	return (int)sys3(SYS_open, file, O_RDONLY | O_CLOEXEC, 0);
}

int os_open_append(const char *file)
{
	return (int)sys3(SYS_open, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);
}

int os_link(const char *file, const char *name)
{
	return (int)sys2(SYS_link, file, name);
}

void os_close(int fd)
{
	sys1(SYS_close, fd);
}

void os_say(const char *text)
{
	os_write(console_fd, text, length(text));
}

_Noreturn void os_halt(void)
{
	if (lend_shared)
		lend_exit(1);
	for (;;) {
		sys1(SYS_reboot, RB_POWEROFF);
		os_sleep_us(1000000);
	}
}

uint64_t os_now_us(void)
{
	struct span now = {0, 0};

	sys2(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (uint64_t)now.sec * 1000000 + (uint64_t)now.nsec / 1000;
}

void os_sleep_us(unsigned us)
{
	struct span span = {us / 1000000, (int64_t)(us % 1000000) * 1000};

	sys2(SYS_nanosleep, &span, 0);
}

static void set_number(const char *name, int value)
{
	sys6(SYS_sysctlbyname, name, length(name), 0, 0, &value, sizeof value);
}

static int get_number(const char *name)
{
	size_t len = sizeof(int);
	int value = 0;

	return sys6(SYS_sysctlbyname, name, length(name), &value, &len, 0, 0) < 0 ? 0 : value;
}

static void open_line(void)
{
	struct termios t;

	line_fd = (int)sys3(SYS_open, "/dev/cuau1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
	if (line_fd < 0 || sys3(SYS_ioctl, line_fd, TIOCGETA, &t) < 0) {
		os_say("kmodlab agent: this kernel has no uart(4) driver for the second port\n");
		os_halt();
	}
	t.iflag = t.oflag = t.lflag = 0;
	t.cflag = 0x300 | 0x800 | 0x8000; /* CS8, CREAD, CLOCAL */
	t.cc[16] = 1;			  /* VMIN */
	t.cc[17] = 0;			  /* VTIME */
	t.ispeed = t.ospeed = 115200;
	sys3(SYS_ioctl, line_fd, TIOCSETA, &t);
}

/* A writable place: tmpfs(5) is in GENERIC. */
static void mount_tmpfs(char *where)
{
	struct part parts[] = {
		{"fstype", 7}, {"tmpfs", 6}, {"fspath", 7}, {where, length(where) + 1}};

	sys3(SYS_nmount, parts, 4, 0);
}

/* FreeBSD's kernel starts nothing but init. Whoever else does so without saying what for is not to lose the machine. */
void os_play(const long *stack)
{
	(void)stack;
	if (sys0(SYS_getpid) != 1)
		lend_exit(1);
}

void os_setup(void)
{
	if (lend_shared) {
		console_fd = 2;
		line_fd = lend_line;
		pending = os_common_memory(sizeof *pending);
		lend_log_open();
		return;
	}
	console_fd = (int)sys3(SYS_open, "/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	mount_tmpfs("/tmp");
	mount_tmpfs("/rescue");
	mount_tmpfs("/module");
	open_line();
	log_fd = (int)sys3(SYS_open, "/dev/klog", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (log_fd < 0) {
		os_say("kmodlab agent: this kernel has no klog(4)\n");
		os_halt();
	}
	set_number("kern.log_wakeups_per_second", 100);
	log_size = get_number("kern.msgbufsize");
	pending = os_common_memory(sizeof *pending);
	/* From here on the console's lines are the trial's (judge/msgbuf.h). */
	os_say("kmodlab agent: ready\n");
}

void os_be_first(void)
{
	struct {
		uint16_t type, prio;
	} realtime = {2 /* RTP_PRIO_REALTIME */, 0};

	sys3(SYS_rtprio, 1 /* RTP_SET */, 0, &realtime);
}

void *os_common_memory(size_t bytes)
{
	long at = sys6(SYS_mmap, 0, bytes, PROT_RW, MAP_SHARED | MAP_ANON, -1, 0);

	if (at < 0) {
		os_say("kmodlab agent: no memory\n");
		os_halt();
	}
	return (void *)at;
}

/* ---- the shared memory: PCI configuration through ports 0xcf8 and 0xcfc ---- */

static uint32_t pci_read(unsigned slot, unsigned reg)
{
	uint32_t value;

	__asm__ volatile("outl %0, %1"
			 :
			 : "a"(0x80000000u | slot << 11 | reg), "Nd"((uint16_t)0xcf8));
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)0xcfc));
	return value;
}

static void pci_write(unsigned slot, unsigned reg, uint32_t value)
{
	__asm__ volatile("outl %0, %1"
			 :
			 : "a"(0x80000000u | slot << 11 | reg), "Nd"((uint16_t)0xcf8));
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)0xcfc));
}

void *os_shared_memory(size_t bytes)
{
	/* Having io(4) open is what allows the port instructions. */
	long io, mem, at = -1;

	if (lend_shared)
		return lend_shared;
	io = sys3(SYS_open, "/dev/io", O_RDWR | O_CLOEXEC, 0);
	if (io < 0)
		return 0;
	for (unsigned slot = 0; slot < 32 && at < 0; slot++) {
		uint64_t bar;

		if (pci_read(slot, 0) != 0x11101af4)
			continue;
		pci_write(slot, 4, pci_read(slot, 4) | 2);
		bar = pci_read(slot, 0x18);
		if ((bar & 6) == 4)
			bar |= (uint64_t)pci_read(slot, 0x1c) << 32;
		bar &= ~(uint64_t)15;
		mem = sys3(SYS_open, "/dev/mem", O_RDWR | O_CLOEXEC, 0);
		if (mem >= 0)
			at = sys6(SYS_mmap, 0, bytes, PROT_RW, MAP_SHARED, mem, bar);
		os_close((int)mem);
	}
	os_close((int)io);
	return at < 0 ? 0 : (void *)at;
}

int os_line_fd(void)
{
	return line_fd;
}

unsigned os_wait(unsigned what, int worker)
{
	struct pollfd fds[] = {{what & OS_LINE ? line_fd : -1, POLLIN, 0},
		{what & OS_LOG ? log_fd : -1, POLLIN, 0},
		{what & OS_WORKER ? worker : -1, POLLIN | POLLHUP, 0}};
	/* klog(4) wakes its reader a hundred times a second; while a module works, look oftener. A lent machine's
	 * log is read as a whole. */
	long n = sys3(SYS_poll, fds, 3, !(what & OS_LOG) ? -1 : lend_shared ? 20 : 2);

	if (n < 0)
		return 0;
	return (fds[0].revents ? OS_LINE : 0u) | (fds[1].revents ? OS_LOG : 0u) |
		(fds[2].revents ? OS_WORKER : 0u);
}

/* ---- the log: a stream of bytes, cut into lines here ---- */

static size_t put_number(char *to, uint64_t n)
{
	char digits[24];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	for (size_t i = 0; i < len; i++)
		to[i] = digits[len - 1 - i];
	return len;
}

/* A buffer that is full to the brim has been overrun: klog(4) then goes on with the oldest that is left. */
static int overrun(void)
{
	int waiting = 0;

	return sys3(SYS_ioctl, log_fd, FIONREAD, &waiting) >= 0 && log_size && waiting >= log_size;
}

uint64_t os_log_lost(void)
{
	return 1; /* nothing tells how many */
}

/* "<microseconds>;" and the line as the buffer has it ("<5>text"), without its newline. */
long os_log_read(void *to, size_t len)
{
	char *out = to;
	size_t end = 0, head;
	int lost;
	long n;

	for (;;) {
		while (end < pending->len && pending->bytes[end] != '\n')
			end++;
		if (end < pending->len || end > 4096)
			break;
		lost = !lend_shared && overrun();
		n = lend_shared ? lend_log(pending->bytes + pending->len,
					  sizeof pending->bytes - pending->len)
				: os_read(log_fd, pending->bytes + pending->len,
					  sizeof pending->bytes - pending->len);
		if (n > 0 && lost) {
			pending->len += (size_t)n;
			return -32; /* EPIPE */
		}
		if (n == -EINTR_)
			continue;
		if (n == -32) {
			pending->len = 0; /* its end is lost */
			return n;
		}
		if (n <= 0)
			return 0; /* an unfinished line waits for its end */
		pending->len += (size_t)n;
	}
	head = put_number(out, os_now_us());
	out[head++] = ';';
	n = (long)(end < len - head ? end : len - head);
	memcpy(out + head, pending->bytes, (size_t)n);
	if (end < pending->len)
		end++;
	pending->len -= end;
	memmove(pending->bytes, pending->bytes + end, pending->len);
	return (long)head + n;
}

int os_log_skip(void)
{
	char line[4200];
	int any = 0;
	long n;

	while ((n = os_log_read(line, sizeof line)) > 0 || n == -32)
		any = 1;
	pending->len = 0;
	return any;
}

/* A muted console would be mute in a panic too, so it stays as it is. */
void os_console_loud(int loud)
{
	(void)loud;
}

/* ---- loading ---- */

/* The number is a process descriptor, which poll can wait for. */
int os_fork(void)
{
	int fd = -1;
	long pid = sys2(SYS_pdfork, &fd, 0);

	return pid > 0 ? fd : (int)pid;
}

int os_worker_end(int worker)
{
	int pid = 0, status = 0;
	long r;

	sys2(SYS_pdgetpid, worker, &pid);
	do
		r = sys4(SYS_wait4, pid, &status, 0, 0);
	while (r == -EINTR_);
	os_close(worker);
	return status & 0x7f;
}

/* "name=value" lines into the kernel's environment, where tunables are looked for (kenv(2)). */
static long set_tunables(const char *lines)
{
	static char word[1024];

	while (*lines) {
		size_t len = 0, equals = 0;
		long r;

		while (lines[len] && lines[len] != '\n')
			len++;
		if (len >= sizeof word)
			return -63; /* ENAMETOOLONG */
		memcpy(word, lines, len);
		word[len] = 0;
		while (equals < len && word[equals] != '=')
			equals++;
		word[equals] = 0;
		lend_tunable(word);
		r = sys4(SYS_kenv, KENV_SET, word, word + equals + (equals < len),
			len - equals + (equals == len));
		if (r < 0)
			return r;
		lines += len + (lines[len] == '\n');
	}
	return 0;
}

long os_load_file(const char *file, const char *params)
{
	long r = set_tunables(params);

	return r < 0 ? r : sys1(SYS_kldload, file);
}

/* kldload(2) takes files only. */
long os_load_bytes(const char *name, const void *bytes, size_t len, const char *params)
{
	static char file[512];
	size_t at = length(lend_dir);
	const char *p = bytes;
	long n;
	int fd;

	if (at + length(name) > sizeof file - 2)
		return -63; /* ENAMETOOLONG */
	memcpy(file, lend_dir, at);
	file[at++] = '/';
	memcpy(file + at, name, length(name) + 1);
	fd = (int)sys3(SYS_open, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (n = fd; fd >= 0 && len && (n = os_write(fd, p, len)) > 0; len -= (size_t)n)
		p += n;
	if (fd >= 0)
		os_close(fd);
	return n < 0 ? n : os_load_file(file, params);
}

long os_unload(const char *name)
{
	long id = sys1(SYS_kldfind, name);

	return id < 0 ? id : sys2(SYS_kldunloadf, id, 0 /* LINKER_UNLOAD_NORMAL */);
}

uint32_t os_number(void)
{
	return PROTO_FREEBSD;
}

static size_t get_sysctl(int first, int second, void *to, size_t len)
{
	int mib[2] = {first, second};

	return sys6(SYS_sysctl, mib, 2, to, &len, 0, 0) < 0 ? 0 : len;
}

uint32_t os_cpus(void)
{
	int cpus = 0;

	get_sysctl(CTL_HW, HW_NCPU, &cpus, sizeof cpus);
	return (uint32_t)cpus;
}

size_t os_names(char *to, size_t len)
{
	static const int mibs[][2] = {
		{CTL_KERN, KERN_OSRELEASE}, {CTL_KERN, KERN_VERSION}, {CTL_HW, HW_MACHINE}};
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		static char text[256];
		size_t n = get_sysctl(mibs[i][0], mibs[i][1], text, sizeof text - 1);

		text[n < sizeof text ? n : 0] = 0;
		n = length(text) + 1;
		if (at + n > len)
			break;
		memcpy(to + at, text, n);
		at += n;
	}
	return at;
}
