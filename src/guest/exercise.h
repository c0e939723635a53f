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

/* System calls by what they do; the numbers differ. ex_call takes their arguments in the usual order. */
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
	EX_CALLS
};
long ex_call(enum ex_call what, long a, long b, long c, long d, long e, long f);

extern const int ex_nonblock; /* open(2)'s flag */

/* Another process: 0 in it, its number here, or a negative errno. With `share`, both have the same
 * descriptors: what one opens, the other can use and close. */
int ex_fork(int share);
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
/* Memory that is this process's alone, between pages that are not there. */
void *ex_memory(size_t bytes);
/* A node for the character device `major`, minor 0, under this name; whether there is one then. */
int ex_node(const char *path, unsigned major);
/* Reads and writes a node of FreeBSD's sysctl(3), by name. */
long ex_sysctl(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen);

#endif
