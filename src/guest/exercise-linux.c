/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/exercise.h"

#include "guest/bare.h"
#include "guest/os.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/wait.h>
#include <asm/mman.h>
#include <asm/signal.h>
#include <asm/unistd.h>

#define GUARD (UINT64_C(1) << 32) /* bytes; no length that is passed is more */

const int ex_nonblock = O_NONBLOCK;

static const int numbers[EX_CALLS] = {
	[EX_OPEN] = __NR_open,
	[EX_CLOSE] = __NR_close,
	[EX_READ] = __NR_read,
	[EX_WRITE] = __NR_write,
	[EX_LSEEK] = __NR_lseek,
	[EX_PREAD] = __NR_pread64,
	[EX_PWRITE] = __NR_pwrite64,
	[EX_IOCTL] = __NR_ioctl,
	[EX_MMAP] = __NR_mmap,
	[EX_MUNMAP] = __NR_munmap,
	[EX_POLL] = __NR_poll,
	[EX_READV] = __NR_readv,
	[EX_WRITEV] = __NR_writev,
	[EX_DUP] = __NR_dup,
	[EX_FSYNC] = __NR_fsync,
	[EX_FTRUNCATE] = __NR_ftruncate,
	[EX_FCNTL] = __NR_fcntl,
	[EX_PREADV] = __NR_preadv,
	[EX_PWRITEV] = __NR_pwritev,
	[EX_SPLICE] = __NR_splice,
	[EX_FALLOCATE] = __NR_fallocate,
};

long ex_call(enum ex_call what, long a, long b, long c, long d, long e, long f)
{
	return call(numbers[what], a, b, c, d, e, f);
}

int ex_fork(void)
{
	return (int)sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
}

/* No CLONE_THREAD: an oops, a kill and a wait concern one of them alone. */
int ex_thread(void (*begin)(void *arg), void *arg, void *stack_end)
{
	register void (*child)(void *) __asm__("r12") = begin;
	register void *given __asm__("r13") = arg;
	register long tid __asm__("r10") = 0;
	register long tls __asm__("r8") = 0;
	long r;

	__asm__ volatile("syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	xor %%ebp, %%ebp\n"
			 "	mov %%r13, %%rdi\n"
			 "	call *%%r12\n"
			 "	ud2\n"
			 "1:\n"
			 : "=a"(r)
			 : "a"(__NR_clone), "D"(CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD),
			 "S"(stack_end), "d"(0l), "r"(tid), "r"(tls), "r"(child), "r"(given)
			 : "rcx", "r11", "memory", "cc");
	return (int)r;
}

_Noreturn void ex_exit(int status)
{
	for (;;)
		sys1(__NR_exit_group, status);
}

int ex_ended(int pid, int wait, int *status, int *signal)
{
	int how = 0;
	long r;

	do
		r = sys4(__NR_wait4, pid, &how, wait ? 0 : WNOHANG, 0);
	while (r == -4 /* EINTR */);
	if (r == 0)
		return 0;
	*signal = r < 0 ? 0 : how & 0x7f;
	*status = r < 0 ? 0 : how >> 8 & 0xff;
	return pid;
}

void ex_kill(int pid)
{
	sys2(__NR_kill, pid, SIGKILL);
}

void ex_pin(unsigned cpu)
{
	uint64_t mask[16] = {0};

	mask[cpu / 64 % 16] = UINT64_C(1) << cpu % 64;
	sys3(__NR_sched_setaffinity, 0, sizeof mask, mask);
}

int ex_pipe(int ends[2])
{
	return (int)sys2(__NR_pipe2, ends, O_CLOEXEC);
}

void ex_dup2(int from, int to)
{
	sys2(__NR_dup2, from, to);
}

void ex_chdir(const char *directory)
{
	sys1(__NR_chdir, directory);
}

int ex_exec(const char *file, const char *const *argv, const char *const *envp)
{
	return (int)sys3(__NR_execve, file, argv, envp);
}

void *ex_memory(size_t bytes)
{
	long at = sys6(__NR_mmap, 0, bytes + GUARD, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at < 0 && at > -4096)
		return 0;
	return sys3(__NR_mprotect, at, bytes, PROT_READ | PROT_WRITE) < 0 ? 0 : (void *)at;
}

int ex_node(const char *path, unsigned major)
{
	long r = sys3(__NR_mknod, path, S_IFCHR | 0600, (major & 0xfff) << 8);

	return r >= 0 || r == -17 /* EEXIST */;
}

/* Here they are files. */
long ex_sysctl(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen)
{
	(void)name, (void)old, (void)oldlen, (void)new, (void)newlen;
	return -38; /* ENOSYS */
}
