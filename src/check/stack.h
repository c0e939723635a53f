/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_STACK_H
#define KMODLAB_CHECK_STACK_H
/* How much stack a module takes. */
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In bytes; 0: what is usual for the target. */
struct stack_limits {
	uint64_t frame; /* that one function may take */
	uint64_t chain; /* that the module's functions may take together, calling one another */
};

/* One function's. */
struct stack_frame {
	char *function;
	char *file; /* or NULL */
	unsigned line;
	uint64_t bytes;	  /* its own frame */
	uint64_t deepest; /* and that of those it calls in the module, at most */
	bool dynamic;	  /* and more, as it comes: alloca(), an array of variable length */
	bool recursive;	  /* it may call itself, directly or not */
	bool indirect;	  /* it calls through pointers: what they take is not known */
};

/* A module's. */
struct stack_use {
	uint64_t size;	  /* of the target's stacks, bytes; 0: not looked at */
	uint64_t deepest; /* bytes */
	char *chain;	  /* the functions that take them: "hello_init > helper" */
	bool unknown; /* there are calls through pointers, recursion or dynamic frames on the way */
	struct stack_frame *frames; /* by their own bytes, the largest first */
	size_t nframes;
};

void stack_use_free(struct stack_use *use);

#endif
