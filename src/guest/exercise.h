/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_EXERCISE_H
#define KMODLAB_GUEST_EXERCISE_H
/*
 * Using a module while it is loaded: running a program (exercise.c), or using its files in all ways there are, with
 * whatever a hostile program might pass (exercise-auto.c). What that needs of the system is in
 * exercise-linux.c and exercise-freebsd.c.
 */
#include "guest/protocol.h"

#include <stddef.h>

/* The requests PROTO_RUN and PROTO_EXERCISE; `at` to `end` is the body. */
void exercise_run(uint32_t serial, const uint8_t *at, const uint8_t *end);
void exercise_auto(uint32_t serial, const uint8_t *at, const uint8_t *end);

/* System calls by what they do; the numbers differ. ex_call takes their arguments in the order that they have on Linux;
 * one that the system does not have is an error. */
enum ex_call {
	EX_OPEN,
	EX_CLOSE,
	EX_READ,
	EX_WRITE,
	EX_LSEEK,
	EX_PREAD,
	EX_PWRITE,
	EX_IOCTL,
	EX_MMAP,
	EX_MUNMAP,
	EX_POLL,
	EX_READV,
	EX_WRITEV,
	EX_DUP,
	EX_FSYNC,
	EX_FTRUNCATE,
	EX_FCNTL,
	EX_PREADV,
	EX_PWRITEV,
	EX_SPLICE,
	EX_FALLOCATE,
	EX_CALLS
};
long ex_call(enum ex_call what, long a, long b, long c, long d, long e, long f);

extern const int ex_nonblock; /* open(2)'s flag */

/* Another process: 0 in it, its number here, or a negative errno. */
int ex_fork(void);
/* Another process that has the same memory and the same descriptors: a thread, but one that can be waited for and
 * killed alone. It calls begin(arg), which is not to return, on the stack that ends at `stack_end` (a multiple
 * of 16). Its number, or a negative errno. */
int ex_thread(void (*begin)(void *arg), void *arg, void *stack_end);
/* Ends this process. */
_Noreturn void ex_exit(int status);
/* Whether `pid` has ended: its number, 0 if it has not (with `wait`: waits for that). *status gets what it exited with,
 * *signal what killed it, or 0. */
int ex_ended(int pid, int wait, int *status, int *signal);
void ex_kill(int pid);
/* On that processor alone from now on. */
void ex_pin(unsigned cpu);
/* A pipe: [0] is its reading end. Makes `to` mean what `from` does. */
int ex_pipe(int ends[2]);
void ex_dup2(int from, int to);
void ex_chdir(const char *directory);
/* Becomes that program; comes back only on failure, with a negative errno. */
int ex_exec(const char *file, const char *const *argv, const char *const *envp);
/* Zeroed memory, and behind it so much that is not there that nobody who was told to write more reaches anything. */
void *ex_memory(size_t bytes);
/* A node for the character device `major`, minor 0, under this name; whether there is one then. */
int ex_node(const char *path, unsigned major);
/* Reads and writes a node of FreeBSD's sysctl(3), by name. */
long ex_sysctl(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen);

#endif
