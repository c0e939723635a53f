/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_STANDS_H
#define KMODLAB_JUDGE_STANDS_H
/* Where processors and tasks stand: run.stuck (src/trial/stuck.h) read back, with what the kernel's own
 * traces in it say put in their places. */
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define STAND_CALLED UINT64_MAX

struct stand_frame {
	char *function;
	uint64_t offset; /* bytes into it; STAND_CALLED: it is only known that it was called */
	char *module;	 /* or NULL: the kernel's own */
	bool other;	 /* of a processor at another moment: only where it was */
};

enum stand_state { STAND_IDLE, STAND_USER, STAND_KERNEL, STAND_SLEEPS, STAND_READY };

/* A processor or a task. */
struct stand {
	bool cpu;
	unsigned number; /* the processor's; a task's process's */
	char *name;	 /* "cpu 1", "task 43 (init)" */
	char *waits;	 /* what a task waits for, in the kernel's short words; NULL: not told */
	char *lock;	 /* … when that is a lock with a name; or NULL */
	bool caller;	 /* it makes the call */
	bool interrupts; /* a processor's */
	enum stand_state state;
	struct stand_frame *frames; /* the innermost first */
	size_t nframes;
};

struct stand_lock {
	char *kind;  /* "mutex" */
	char *name;  /* "my_lock" */
	char *owner; /* "task 43 (init)", "itself": who waits; or NULL: not known */
};

/* A lock that a task has, or waits for: that is then the last of its. */
struct stand_held {
	unsigned task;
	char *owner; /* "task 43 (init)" */
	uint64_t address;
	char *name;		   /* "my_lock" */
	struct stand_frame *frame; /* where it was taken; NULL: that makes no sense */
};

struct stands {
	struct stand *items;
	size_t n;
	struct stand_held *
		held; /* Linux with lockdep: of tasks that sleep, each one's in the order of taking */
	size_t nheld;
	/* While it is read: whose locks come next. */
	unsigned holder;
	char *holder_name;
	struct stand_lock *locks;
	size_t nlocks;
};

/* Reads `text`; what makes no sense in it is left out. Free with stands_free. */
void stands_parse(const char *text, struct stands *out);
void stands_free(struct stands *s);

#endif
