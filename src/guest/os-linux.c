/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's Linux side: raw x86-64 system calls (man 2 syscall; numbers of
 * arch/x86/entry/syscalls/syscall_64.tbl), /dev/kmsg records (Documentation/ABI/testing/dev-kmsg),
 * the ivshmem device through its sysfs resource file (Documentation/PCI/sysfs-pci.rst).
 */
#include "guest/bare.h"
#include "guest/lend.h"
#include "guest/os.h"
#include "guest/protocol.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <linux/wait.h>
#include <asm/mman.h>
#include <asm/signal.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <asm/unistd.h>

#define EINTR_ 4

static int line_fd = -1, log_fd = -1, console_fd = -1;

/* The entry point: a stack aligned as the ABI wants it; what was on it (the number of arguments, then the
 * arguments) is the only argument. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call agent_main\n"
	"	ud2\n");

long call(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

long os_read(int fd, void *to, size_t len)
{
	return sys3(__NR_read, fd, to, len);
}

long os_write(int fd, const void *from, size_t len)
{
	return sys3(__NR_write, fd, from, len);
}

int os_open_read(const char *file)
{
	return (int)sys3(__NR_open, file, O_RDONLY | O_CLOEXEC, 0);
}

int os_open_append(const char *file)
{
	return (int)sys3(__NR_open, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);
}

int os_link(const char *file, const char *name)
{
	return (int)sys2(__NR_link, file, name);
}

void os_close(int fd)
{
	sys1(__NR_close, fd);
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
		sys4(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_POWER_OFF, 0);
		os_sleep_us(1000000);
	}
}

uint64_t os_now_us(void)
{
	struct __kernel_timespec now = {0};

	sys2(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void os_sleep_us(unsigned us)
{
	struct __kernel_timespec span = {us / 1000000, (long)(us % 1000000) * 1000};

	sys2(__NR_nanosleep, &span, 0);
}

static void open_line(void)
{
	struct termios t;

	line_fd = (int)sys3(__NR_open, "/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0);
	if (line_fd < 0 || sys3(__NR_ioctl, line_fd, TCGETS, &t) < 0) {
		os_say("kmodlab agent: this kernel has no serial driver for ttyS1 (8250, built in)\n");
		os_halt();
	}
	t.c_iflag = t.c_oflag = t.c_lflag = 0;
	t.c_cflag = B115200 | CS8 | CREAD | CLOCAL;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	sys3(__NR_ioctl, line_fd, TCSETS, &t);
}

/* The kernel starts /sbin/modprobe -q -- NAME when some code in it asks for a module or a service by name
 * (kernel/kmod.c). There are none in the machine; but what was asked for is worth knowing. */
void os_play(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	char line[256] = "<14>" PROTO_ASKED;
	size_t at = length(line);
	int fd;

	if (sys0(__NR_getpid) == 1)
		return;
	fd = (int)sys3(__NR_open, "/dev/kmsg", O_WRONLY, 0);
	if (stack[0] == 4 && at + length(argv[3]) < sizeof line) {
		memcpy(line + at, argv[3], length(argv[3]));
		at += length(argv[3]);
		line[at++] = '\n'; /* without, the record would wait for more */
		os_write(fd, line, at);
	}
	for (;;)
		sys1(__NR_exit_group, 1);
}

/* The machine's own places: there are some already on one that is lent. */
static void make_places(void)
{
	sys2(__NR_mkdir, "/dev", 0755);
	sys2(__NR_mkdir, "/proc", 0755);
	sys2(__NR_mkdir, "/sys", 0755);
	sys2(__NR_mkdir, "/tmp", 01777);
	/* For a shell. */
	sys2(__NR_mkdir, "/bin", 0755);
	sys2(__NR_mkdir, "/module", 0755);
	sys5(__NR_mount, "dev", "/dev", "devtmpfs", 0, 0);
	sys5(__NR_mount, "proc", "/proc", "proc", 0, 0);
	sys5(__NR_mount, "sys", "/sys", "sysfs", 0, 0);
}

void os_setup(void)
{
	if (lend_shared) {
		console_fd = 2;
		line_fd = lend_line;
	} else {
		make_places();
		console_fd = (int)sys3(__NR_open, "/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
		open_line();
	}
	log_fd = (int)sys3(__NR_open, "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (log_fd < 0) {
		os_say("kmodlab agent: this kernel has no /dev/kmsg (CONFIG_PRINTK, devtmpfs)\n");
		os_halt();
	}
}

void os_be_first(void)
{
	int priority = 0;

	/* Of real-time tasks, one that wakes stays on the processor where it ran last, and if that is the one
	 * that hangs in the kernel, it never runs again. An ordinary one is moved to another.
	 * SCHED_RESET_ON_FORK: what we start is ordinary again. */
	sys3(__NR_sched_setscheduler, 0, SCHED_NORMAL | SCHED_RESET_ON_FORK, &priority);
	sys3(__NR_setpriority, 0 /* PRIO_PROCESS */, 0, -20);
}

void *os_common_memory(size_t bytes)
{
	long at = sys6(
		__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at < 0 && at > -4096) {
		os_say("kmodlab agent: no memory\n");
		os_halt();
	}
	return (void *)at;
}

/* man 2 syslog, SYSLOG_ACTION_CONSOLE_LEVEL. An oops or a panic is shown at any level. */
void os_console_loud(int loud)
{
	if (!lend_shared)
		sys3(__NR_syslog, 8, 0, loud ? 8 : 1);
}

/* Reads a small file; returns its length, 0 on any failure. */
static size_t slurp(const char *file, char *to, size_t len)
{
	int fd = os_open_read(file);
	long n = -1;

	if (fd >= 0) {
		n = os_read(fd, to, len - 1);
		os_close(fd);
	}
	if (n < 0)
		n = 0;
	to[n] = 0;
	return (size_t)n;
}

static int starts(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return 0;
	return 1;
}

/* "<base>/<name>/<leaf>" into `to`; 0 when it does not fit. */
static int path3(char *to, size_t len, const char *name, const char *leaf)
{
	static const char base[] = "/sys/bus/pci/devices/";
	size_t nlen = length(name), llen = length(leaf);

	if (sizeof base + nlen + 1 + llen > len)
		return 0;
	memcpy(to, base, sizeof base - 1);
	memcpy(to + sizeof base - 1, name, nlen);
	to[sizeof base - 1 + nlen] = '/';
	memcpy(to + sizeof base + nlen, leaf, llen + 1);
	return 1;
}

static int is_ivshmem(const char *device)
{
	char path[128], text[16];

	if (!path3(path, sizeof path, device, "vendor") || !slurp(path, text, sizeof text) ||
		!starts(text, "0x1af4"))
		return 0;
	return path3(path, sizeof path, device, "device") && slurp(path, text, sizeof text) &&
		starts(text, "0x1110");
}

static void *map_device(const char *device, size_t bytes)
{
	char path[128];
	long fd, at;

	if (!path3(path, sizeof path, device, "enable"))
		return 0;
	fd = sys3(__NR_open, path, O_WRONLY, 0);
	if (fd >= 0) {
		os_write((int)fd, "1", 1);
		os_close((int)fd);
	}
	if (!path3(path, sizeof path, device, "resource2"))
		return 0;
	fd = sys3(__NR_open, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	at = sys6(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	os_close((int)fd);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

void *os_shared_memory(size_t bytes)
{
	static char entries[4096] __attribute__((aligned(8)));
	int fd;
	void *found = 0;
	long n;

	if (lend_shared)
		return lend_shared;
	fd = (int)sys3(__NR_open, "/sys/bus/pci/devices", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return 0;
	while (!found && (n = sys3(__NR_getdents64, fd, entries, sizeof entries)) > 0)
		for (long at = 0; at < n && !found;) {
			struct dirent64 *e = (struct dirent64 *)(entries + at);

			if (e->name[0] != '.' && is_ivshmem(e->name))
				found = map_device(e->name, bytes);
			at += e->reclen;
		}
	os_close(fd);
	return found;
}

int os_line_fd(void)
{
	return line_fd;
}

unsigned os_wait(unsigned what, int worker)
{
	struct pollfd fds[] = {{what & OS_LINE ? line_fd : -1, POLLIN, 0},
		{what & OS_LOG ? log_fd : -1, POLLIN, 0},
		{what & OS_WORKER ? worker : -1, POLLIN, 0}};
	long n = sys3(__NR_poll, fds, 3, -1);

	if (n <= 0)
		return 0;
	return (fds[0].revents ? OS_LINE : 0u) | (fds[1].revents ? OS_LOG : 0u) |
		(fds[2].revents ? OS_WORKER : 0u);
}

long os_log_read(void *to, size_t len)
{
	long n = os_read(log_fd, to, len);

	return n == -11 /* EAGAIN */ ? 0 : n;
}

uint64_t os_log_lost(void)
{
	return 0;
}

int os_log_skip(void)
{
	struct pollfd fd = {log_fd, POLLIN, 0};
	long n = sys3(__NR_poll, &fd, 1, 0);

	sys3(__NR_lseek, log_fd, 0, 2 /* SEEK_END */);
	return n > 0;
}

/* The number is a pidfd, which poll can wait for. */
int os_fork(void)
{
	int pidfd = -1;
	long pid = sys5(__NR_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);

	/* With its carrier, all of an agent goes. */
	if (!pid && lend_shared)
		sys2(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL);
	return pid > 0 ? pidfd : (int)pid;
}

int os_worker_end(int worker)
{
	int info[32] = {0}; /* siginfo_t: signo, errno, code, pad, pid, uid, status */
	long r;

	do
		r = sys5(__NR_waitid, 3 /* P_PIDFD */, worker, info, WEXITED, 0);
	while (r == -EINTR_);
	os_close(worker);
	return r < 0 || info[2] == 1 /* CLD_EXITED */ ? 0 : info[6];
}

long os_load_bytes(const char *name, const void *bytes, size_t len, const char *params)
{
	(void)name;
	return sys3(__NR_init_module, bytes, len, params);
}

long os_load_file(const char *file, const char *params)
{
	int fd = os_open_read(file);
	long r = fd < 0 ? fd : sys3(__NR_finit_module, fd, params, 0);

	if (fd >= 0)
		os_close(fd);
	return r;
}

long os_unload(const char *name)
{
	/* O_NONBLOCK: a module that is in use says so at once. */
	return sys2(__NR_delete_module, name, O_NONBLOCK);
}

uint32_t os_number(void)
{
	return PROTO_LINUX;
}

uint32_t os_cpus(void)
{
	uint64_t mask[16] = {0};
	long n = sys3(__NR_sched_getaffinity, 0, sizeof mask, mask);
	uint32_t cpus = 0;

	for (long i = 0; n > 0 && i < n / 8; i++)
		for (uint64_t m = mask[i]; m; m &= m - 1)
			cpus++;
	return cpus;
}

size_t os_names(char *to, size_t len)
{
	static struct new_utsname names;
	const char *const parts[] = {names.release, names.version, names.machine};
	size_t at = 0;

	sys1(__NR_uname, &names);
	for (int i = 0; i < 3; i++) {
		size_t n = length(parts[i]) + 1;

		if (at + n > len)
			break;
		memcpy(to + at, parts[i], n);
		at += n;
	}
	return at;
}
