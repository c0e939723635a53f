/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_FLOW_H
#define KMODLAB_CHECK_FLOW_H
/*
 * What a module's machine code does, function by function, as far as the checks want to know: how much stack it
 * takes, whom it calls with how much of that taken, where it uses the registers for floating point. Read from the
 * instructions alone (x86-64: check/x86.c, with Zydis; another architecture is another file), so it is
 * there without debug information.
 */
#include "check/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the floating-point registers may be used at a place: between kernel_fpu_begin() and
 * kernel_fpu_end(), or fpu_kern_enter() and fpu_kern_leave(). */
enum flow_fpu {
	FPU_OUTSIDE, /* no */
	FPU_INSIDE,  /* yes */
	FPU_UNKNOWN, /* depends on the way there, or on the caller */
};

struct flow_call {
	uint64_t offset; /* of the instruction, in the function's section (or in its cold part's) */
	uint32_t section;
	uint32_t
		function; /* the callee's index among the flow's functions; OBJECT_NONE: not one of the module's */
	const char *name; /* the callee's, if it is to come from elsewhere; NULL: it is not known */
	uint64_t
		depth; /* bytes of the caller's stack taken while it runs, the return address of the call
			      not among them; 8 less for a jump that ends the caller */
	bool indirect;	   /* through a pointer */
	bool tail;	   /* a jump: the caller's frame is gone by then */
	enum flow_fpu fpu; /* as far as the function itself tells, entered FPU_OUTSIDE */
};

struct flow_use { /* of a floating-point register */
	uint64_t offset;
	uint32_t section;
	enum flow_fpu fpu; /* as in struct flow_call */
};

struct flow_function {
	const char *name; /* in the file */
	uint32_t symbol;
	uint32_t section;
	uint64_t start, size;
	uint64_t
		frame; /* bytes at its deepest, with the return address: what gcc's -fstack-usage counts */
	bool dynamic; /* more than that, as it comes: alloca(), an array of variable length */
	uint64_t dynamic_at; /* the instruction */
	bool taken;	     /* its address stands in data or code: it may be called by anybody */
	bool strange;	     /* it could not be followed to its end */
	struct flow_call *calls;
	size_t ncalls;
	struct flow_use *uses;
	size_t nuses;
	enum flow_fpu leaves; /* the state in which it returns, entered FPU_OUTSIDE */
};

struct flow {
	bool known; /* whether this architecture's code can be read */
	struct flow_function *
		functions; /* by section and start; a cold part is one with the function it is of */
	size_t nfunctions;
};

/* Reads the code. `o` has to stay. To be freed with flow_free. */
void flow_read(const struct object *o, struct flow *out);
void flow_free(struct flow *f);

#endif
