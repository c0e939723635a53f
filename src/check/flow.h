/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_FLOW_H
#define KMODLAB_CHECK_FLOW_H
/*
 * What a module's machine code does, function by function, as far as the checks want to know: how much stack it
 * takes, whom it calls with how much of that taken, where it uses the registers for floating point. Read from the
 * instructions alone (x86-64: check/x86.c; another architecture is another such file), so it is there without
 * debug information.
 */
#include "check/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the floating-point registers may be used at a place, that is, whether it lies between
 * kernel_fpu_begin() and kernel_fpu_end(), or fpu_kern_enter() and fpu_kern_leave(). A set: there may be several
 * ways to the place.
 */
enum flow_fpu {
	FPU_AS_ENTERED = 1, /* as in the caller */
	FPU_OUTSIDE = 2,    /* no */
	FPU_INSIDE = 4,	    /* yes */
	FPU_UNKNOWN = FPU_OUTSIDE | FPU_INSIDE,
};

struct flow_call {
	uint64_t offset;  /* of the instruction, in `section` */
	uint32_t section; /* the function's, or its cold part's */
	uint32_t
		function; /* the callee's index among the flow's functions; OBJECT_NONE: not one of the module's */
	uint32_t symbol; /* the callee's, if it is to come from elsewhere; 0: it is not known */
	uint32_t
		depth; /* bytes of the caller's stack taken while it runs, the caller's own return address
			   among them, that of the call not; for a jump that ends the caller what is left then:
			   nothing, mostly */
	bool indirect;	   /* through a pointer */
	bool tail;	   /* a jump */
	unsigned char fpu; /* enum flow_fpu */
};

struct flow_use { /* of a floating-point register */
	uint64_t offset;
	uint32_t section;
	unsigned char fpu; /* enum flow_fpu */
};

struct flow_function {
	const char *name; /* in the file; "": code without a symbol */
	uint32_t section;
	uint64_t start, size;
	uint32_t
		frame; /* bytes at its deepest, with the return address: what gcc's -fstack-usage counts */
	bool dynamic; /* more than that, as it comes: alloca(), an array of variable length */
	uint32_t dynamic_section; /* the instruction that takes it */
	uint64_t dynamic_at;
	bool taken;    /* its address stands in data: anybody may call it */
	bool passed;   /* it stands in code */
	bool exported; /* other modules may call it by name */
	bool strange;  /* there is code in it to which no way was found, or that is none */
	bool guessed;  /* that there is a function here is a guess; it may be data */
	bool cold; /* it is a part of others, "foo.cold", and all it does is among what they do */
	unsigned char
		leaves; /* enum flow_fpu: the state in which it returns; 0: it does not return */
	struct flow_call *calls;
	size_t ncalls;
	struct flow_use *uses;
	size_t nuses;
};

struct flow {
	bool known;   /* whether this architecture's code can be read */
	bool fpu;     /* the module asks the kernel for the registers, somewhere */
	bool own_fpu; /* it keeps them to itself for a whole thread: fpu_kern_thread() */
	bool fpu_calls; /* it hands functions of its own to somebody who calls them with the registers in use */
	struct flow_function *functions; /* by section and start */
	size_t nfunctions;
};

/* Reads the code. `o` has to stay. The time it takes grows with the bytes of code, whatever they are. To be freed
 * with flow_free. */
void flow_read(const struct object *o, struct flow *out);
void flow_free(struct flow *f);

/* The function that has the place, or NULL. */
const struct flow_function *flow_function_at(
	const struct flow *f, uint32_t section, uint64_t offset);

/* Its name for people: the code at a place, if it has none. Caller frees. */
char *flow_name(const struct object *o, const struct flow_function *f);
/* The order of places, as strcmp() has it of strings. */
int flow_compare(uint32_t section, uint64_t offset, uint32_t other_section, uint64_t other_offset);

#endif
