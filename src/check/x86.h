/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_X86_H
#define KMODLAB_CHECK_X86_H
/*
 * One x86-64 instruction at a time, and no more of it than check/flow-walk.c has a use for: how long it is, where
 * it goes, what it does to the stack pointer, and whether it touches floating-point registers. After the Intel
 * 64 and IA-32 Architectures Software Developer's Manual, volume 2, and AMD's for what only AMD has.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The registers' numbers. */
enum { X86_RSP = 4, X86_RBP = 5 };

enum x86_kind {
	X86_OTHER,
	X86_CALL,	   /* value: to where, from its own end */
	X86_JUMP,	   /* the same */
	X86_BRANCH,	   /* the same, and it may go on behind it */
	X86_CALL_ANYWHERE, /* through a register or memory */
	X86_JUMP_ANYWHERE,
	X86_RETURN,
	X86_TRAP,	/* ud2, int3: does not go on, unless somebody sees to that */
	X86_TAKE,	/* value: bytes more of the stack, or less */
	X86_PUSH_FLAGS, /* the same, by code that no compiler counts */
	X86_SAVE,	/* reg = rsp + value */
	X86_RESTORE,	/* rsp = reg + value */
	X86_LEAVE,
	X86_ENTER,     /* value: bytes, behind the saved rbp */
	X86_ALIGN,     /* to a multiple of value */
	X86_LOWER,     /* reg is made smaller */
	X86_TAKE_MORE, /* bytes that only the machine knows */
};

struct x86_insn {
	unsigned char length; /* at most 15 */
	unsigned char kind;   /* enum x86_kind */
	unsigned char reg;
	bool floating; /* uses a register for floating point: x87, MMX, SSE, AVX */
	int64_t value;
};

/* Reads the one at `at`, of which `len` bytes are there. False if there is none. */
bool x86_read(const unsigned char *at, size_t len, struct x86_insn *out);
/* The same, all of it by the library: for a test of the shorter way. */
bool x86_read_slowly(const unsigned char *at, size_t len, struct x86_insn *out);

/* Whether the instruction stands between pieces of code only: nop, int3, ud2. */
bool x86_is_padding(const unsigned char *at, const struct x86_insn *i);

/* It in words: "mulsd xmm0, qword ptr [rip]". `at` is where it stands, `len` as above. Caller frees; never NULL. */
char *x86_text(const unsigned char *at, size_t len);

#endif
