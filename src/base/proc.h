/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_PROC_H
#define KMODLAB_BASE_PROC_H
/*
 * Child processes. Every child is killed by the kernel when we die, whatever we die of
 * (PR_SET_PDEATHSIG), and by us when we are interrupted. "We" is the thread that started it: the kernel
 * sends that signal when that thread ends, so a thread is to outlive the children it started. A child that has children of its own is
 * to be run in a PID namespace (bubblewrap's --die-with-parent), so that those go with it.
 */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc {
	pid_t pid;  /* 0: none */
	int pidfd;  /* readable when it has ended; -1: none */
	int status; /* as of waitpid(2), once `ended` */
	bool ended;
	int64_t cpu_us; /* user and system time of it and what it waited for, once `ended` */
};

struct proc_options {
	char *const *argv; /* argv[0] is looked for on $PATH */
	int in, out, err;  /* descriptors for 0, 1, 2; -1: /dev/null */
	const int *keep;   /* descriptors that stay open under the same number */
	size_t nkeep;
	const char *workdir; /* NULL: ours */
	bool no_huge_pages;  /* no transparent huge pages in it */
	bool foreground;     /* in our process group: the terminal is its own, Ctrl-C included */
};

/* Starts it. 0, or -errno with the sentence set (-ENOENT: no such program). */
int proc_start(struct proc *p, const struct proc_options *options, struct error *err);
/* Starts one with stdin at /dev/null, whose stdout and stderr are to be read: together, from `*from`, which the caller
 * closes. -1 in it and as proc_start when it cannot be started. */
int proc_start_read(struct proc *p, char *const *argv, int *from, struct error *err);
/* True, with `status` set, if it has ended; never waits. */
bool proc_ended(struct proc *p);
/* Kills it (SIGKILL), waits for it and closes the pidfd. Safe on a proc that was never started. */
void proc_close(struct proc *p);
/* The same without waiting: what it had takes the kernel milliseconds to clear away. Some later call of these
 * waits for it, proc_reap() at the latest. */
void proc_kill(struct proc *p);
/* Waits for all that proc_kill() has killed: to be called before the program ends. */
void proc_reap(void);
/* "exited with status 2", "was killed by signal 9 (Killed)". Caller frees. */
char *proc_status_text(int status);

/* Called with each line of output, without its newline; `line` is NUL-terminated. */
typedef void proc_line_fn(void *arg, const char *line, size_t len);

/* Runs to the end with stdin at /dev/null; stdout and stderr together go line by line to `line`
 * (when not NULL). `tick` (when not NULL) is called at least every 100 ms.
 * Returns the wait status (>= 0), or -errno with the sentence set: -ENOENT no such program,
 * -ETIMEDOUT the deadline passed, -EINTR we were interrupted; it is dead by then.
 * `cpu_us` (when not NULL) gets its CPU time. */
int proc_run(char *const *argv, int timeout_ms, proc_line_fn *line, void (*tick)(void *), void *arg,
	int64_t *cpu_us, struct error *err);

#endif
