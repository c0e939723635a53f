/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_LEND_H
#define KMODLAB_GUEST_LEND_H
/*
 * The agent on a machine that is lent to us: one that somebody uses, reached over ssh. There it is no pid 1, changes
 * no setting, and takes away all that it brought. Started as `agent --lend DIR [unwatched]`, it becomes two:
 * the agent proper, which finds rings and an area in memory as it does in a machine of ours, and the carrier,
 * which carries bytes between those and stdin and stdout. When stdin ends, or is silent for too long, or the outside
 * asks for it (PROTO_LEAVE), the carrier ends the agent and unloads what is still loaded of what was loaded here.
 */
#include <stddef.h>
#include <stdint.h>

struct proto_shared;

/* The memory that stands in for the one shared with the outside; NULL: the machine is one of ours. */
extern struct proto_shared *lend_shared;
/* The agent's end of its line to the carrier. */
extern int lend_line;
/* Where files may be put: /tmp in a machine of ours. No slash at the end. */
extern const char *lend_dir;

/* Whether the program was started so; `stack` as the kernel made it. */
int lend_asked(const long *stack);
/* Becomes the two, and comes back in the agent. */
void lend(const long *stack);
/* Closes one of the first three descriptors, none of which is free then: a program's output has them as its own. */
void lend_let_go(int fd);

/* The module `name`, as os_unload() wants it, is about to be loaded; is not loaded (any more). */
void lend_loading(const char *name);
void lend_unloaded(const char *name);

/* ---- each system's own (lend-linux.c, lend-freebsd.c) ---- */

struct lend_poll { /* struct pollfd */
	int fd;
	short events, revents;
};
enum { LEND_IN = 1, LEND_OUT = 4 };

int lend_wait(struct lend_poll *fds, unsigned n, int ms);
/* Two ends of a line. 0 or a negative errno. */
int lend_pair(int ends[2]);
/* As os_fork, and `*pid` gets the number; the child leads a group of its own. */
int lend_fork(int *pid);
/* Kills the group; whether there is anybody in it. */
int lend_kill(int pid);
int lend_alive(int pid);
/* A write to somebody who is gone is an error and no signal from now on. */
void lend_ignore_signals(void);
/* Called in the agent before anything else: what it mounts is its own. */
void lend_apart(void);
/* Takes back what was set in the kernel for a module (FreeBSD's tunables). */
void lend_undo(void);
_Noreturn void lend_exit(int status);

#endif
