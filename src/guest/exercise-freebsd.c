/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of sys/kern/syscalls.master. */
#include "guest/exercise.h"

#include "guest/bare.h"
#include "guest/os.h"

#define GUARD (UINT64_C(1) << 32) /* bytes; no length that is passed is more */

const int ex_nonblock = 4; /* sys/fcntl.h, O_NONBLOCK */

static const int numbers[EX_CALLS] = {
	[EX_OPEN] = 5,
	[EX_CLOSE] = 6,
	[EX_READ] = 3,
	[EX_WRITE] = 4,
	[EX_LSEEK] = 478,
	[EX_PREAD] = 475,
	[EX_PWRITE] = 476,
	[EX_IOCTL] = 54,
	[EX_MMAP] = 477,
	[EX_MUNMAP] = 73,
	[EX_POLL] = 209,
	[EX_READV] = 120,
	[EX_WRITEV] = 121,
	[EX_DUP] = 41,
	[EX_FSYNC] = 95,
	[EX_FTRUNCATE] = 480,
	[EX_FCNTL] = 92,
	[EX_PREADV] = 289,
	[EX_PWRITEV] = 290,
	[EX_FALLOCATE] = 530, /* posix_fallocate(2): without the mode */
};

long ex_call(enum ex_call what, long a, long b, long c, long d, long e, long f)
{
	if (!numbers[what])
		return -78; /* ENOSYS */
	if (what == EX_FALLOCATE)
		return call(numbers[what], a, c, d, 0, 0, 0);
	return call(numbers[what], a, b, c, d, e, f);
}

/* In the child, the second result register is 1 (the carry flag is clear, rax is the parent's number). */
int ex_fork(void)
{
	long r = 2, second = 0;
	char failed;

	__asm__ volatile("syscall; setc %1"
			 : "+a"(r), "=q"(failed), "+d"(second)
			 :
			 : "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	if (failed)
		return (int)-r;
	return second == 1 ? 0 : (int)r;
}

/* rfork(2) without RFFDG: the table of descriptors is the same one. The child begins on its parent's stack, and leaves
 * it before it touches it. */
int ex_thread(void (*begin)(void *arg), void *arg, void *stack_end)
{
	register void (*child)(void *) __asm__("r12") = begin;
	register void *given __asm__("r13") = arg;
	register void *stack __asm__("r14") = stack_end;
	long r = 251, second = 0;
	char failed;

	__asm__ volatile("syscall\n"
			 "	setc %1\n"
			 "	jc 1f\n"
			 "	cmp $1, %%rdx\n"
			 "	jne 1f\n"
			 "	mov %%r14, %%rsp\n"
			 "	xor %%ebp, %%ebp\n"
			 "	mov %%r13, %%rdi\n"
			 "	call *%%r12\n"
			 "	ud2\n"
			 "1:\n"
			 : "+a"(r), "=&r"(failed), "+d"(second)
			 : "D"(0x30l /* RFPROC, RFMEM */), "r"(child), "r"(given), "r"(stack)
			 : "rcx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	return (int)(failed ? -r : r);
}

_Noreturn void ex_exit(int status)
{
	for (;;)
		sys1(1, status);
}

int ex_ended(int pid, int wait, int *status, int *signal)
{
	int how = 0;
	long r;

	do
		r = sys4(7, pid, &how, wait ? 0 : 1 /* WNOHANG */, 0);
	while (r == -4 /* EINTR */);
	if (r == 0)
		return 0;
	*signal = r < 0 ? 0 : how & 0x7f;
	*status = r < 0 ? 0 : how >> 8 & 0xff;
	return pid;
}

void ex_kill(int pid)
{
	sys2(37, pid, 9 /* SIGKILL */);
}

/* cpuset_setaffinity(2): CPU_LEVEL_WHICH, CPU_WHICH_TID, this thread. */
void ex_pin(unsigned cpu)
{
	uint64_t mask[16] = {0};

	mask[cpu / 64 % 16] = UINT64_C(1) << cpu % 64;
	sys5(488, 3, 1, -1l, 128, mask);
}

int ex_pipe(int ends[2])
{
	return (int)sys2(542, ends, 0x100000 /* O_CLOEXEC */);
}

void ex_dup2(int from, int to)
{
	sys2(90, from, to);
}

void ex_chdir(const char *directory)
{
	sys1(12, directory);
}

int ex_exec(const char *file, const char *const *argv, const char *const *envp)
{
	return (int)sys3(59, file, argv, envp);
}

void *ex_memory(size_t bytes)
{
	long at = sys6(477, 0, bytes + GUARD, 0, 0x2000 /* MAP_GUARD */, -1, 0);

	if (at < 0)
		return 0;
	at = sys6(477, at, bytes, 3, 0x1012 /* MAP_ANON, MAP_PRIVATE, MAP_FIXED */, -1, 0);
	return at < 0 ? 0 : (void *)at;
}

/* devfs(5) has them all. */
int ex_node(const char *path, unsigned major)
{
	(void)path, (void)major;
	return 0;
}

long ex_sysctl(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen)
{
	return sys6(570, name, length(name), old, oldlen, new, newlen);
}
