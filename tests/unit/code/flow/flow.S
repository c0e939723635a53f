/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions whose stack and floating point a test knows; see test_flow.c. */
.macro function name
	.balign 16
	.type \name, @function
\name:
.endm
.macro finish name
	.size \name, . - \name
.endm

	.text
function leaf
	call __fentry__
	mov %edi, %eax
	jmp __x86_return_thunk
finish leaf

function pushes			/* 8 + 16 + 100 + 4 arguments */
	push %rbp
	push %rbx
	sub $104, %rsp
	push $1
	push $2
	call leaf
	add $16, %rsp
	pushf
	pop %rax
	add $104, %rsp
	pop %rbx
	pop %rbp
	ret
finish pushes

function framed			/* 8 + 8 + 64, and a call at that depth */
	push %rbp
	mov %rsp, %rbp
	sub $64, %rsp
	call pushes
	leave
	jmp pushes
finish framed

function aligned		/* 16, up to 64, and 32 */
	push %rbp
	mov %rsp, %rbp
	and $-64, %rsp
	sub $32, %rsp
	call leaf
	leave
	ret
finish aligned

function realigned		/* 8, up to 64, three pushes */
	lea 8(%rsp), %r10
	and $-64, %rsp
	push -8(%r10)
	push %rbp
	mov %rsp, %rbp
	push %r10
	call leaf
	mov -8(%rbp), %r10
	leave
	lea -8(%r10), %rsp
	ret
finish realigned

function variable
	push %rbp
	mov %rsp, %rbp
	sub %rdi, %rsp
	call leaf
	leave
	ret
finish variable

function lowered		/* the same as clang has it */
	push %rbp
	mov %rsp, %rbp
	mov %rsp, %rax
	sub %rdi, %rax
	mov %rax, %rsp
	call leaf
	mov %rbp, %rsp
	pop %rbp
	ret
finish lowered

function early			/* what follows a ret is not as deep as what is before it */
	test %edi, %edi
	jne 1f
	sub $40, %rsp
	call leaf
	add $40, %rsp
	ret
1:	push %rbx
	call __stack_chk_fail
	push %rbp		/* not reached: another piece would be here */
finish early

function warns
	test %edi, %edi
	je 1f
2:	ud2
	sub $72, %rsp
	call leaf
	add $72, %rsp
1:	ret
	.pushsection __bug_table, "aw"
	.long 2b - .
	.long table - .
	.word 33, 1
	.popsection
finish warns

function switches		/* a jump through a table */
	push %rbx
	cmp $2, %edi
	ja 3f
	jmp *table(, %rdi, 8)
1:	sub $56, %rsp
	call leaf
	add $56, %rsp
2:	pop %rbx
	ret
3:	pop %rbx
	ret
	.pushsection .rodata, "a"
table:	.quad 1b, 2b
	.popsection
finish switches

function keyed			/* code that only a static key leads to */
1:	.byte 0x0f, 0x1f, 0x44, 0, 0
	ret
2:	sub $88, %rsp
	call leaf
	add $88, %rsp
	ret
	.pushsection __jump_table, "aw"
	.long 1b - ., 2b - .
	.quad 0
	.popsection
finish keyed

function self
	push %rbx
	sub $504, %rsp
	call self
	add $504, %rsp
	pop %rbx
	ret
finish self

function ping
	sub $24, %rsp
	call pong
	add $24, %rsp
	ret
finish ping

function pong
	sub $40, %rsp
	call ping
	call *%rax
	add $40, %rsp
	ret
finish pong

function big
	sub $9000, %rsp
	add $9000, %rsp
	ret
finish big

function top
	sub $4200, %rsp
	call middle
	add $4200, %rsp
	ret
finish top

function middle
	sub $4200, %rsp
	call pushes
	add $4200, %rsp
	ret
finish middle

function partly			/* its rest is elsewhere */
	test %edi, %edi
	jne partly.cold
1:	ret
finish partly
	.pushsection .text.unlikely, "ax"
function partly.cold
	sub $1000, %rsp
	call leaf
	movd %edi, %xmm3
	add $1000, %rsp
	jmp 1b
finish partly.cold
	.popsection

/* ---- floating point ---- */

function outside
	mulsd %xmm1, %xmm0
	fld1
	ret
finish outside

function inside
	call kernel_fpu_begin
	call helper
	pxor %mm0, %mm1
	call kernel_fpu_end
	ret
finish inside

function helper			/* called from inside only */
	vaddpd %ymm0, %ymm1, %ymm2
	ret
finish helper

function after
	call kernel_fpu_begin_mask
	call kernel_fpu_end
	movaps %xmm0, (%rdi)
	ret
finish after

function begins
	jmp kernel_fpu_begin
finish begins

function by_wrapper
	call begins
	addps %xmm0, %xmm1
	call kernel_fpu_end
	ret
finish by_wrapper

function perhaps		/* on one way inside, on the other not */
	test %edi, %edi
	je 1f
	call kernel_fpu_begin
1:	addps %xmm0, %xmm1
	ret
finish perhaps

function both			/* called from inside and outside */
	addps %xmm0, %xmm1
	ret
finish both

function calls_both
	call both
	call kernel_fpu_begin
	call both
	call kernel_fpu_end
	ret
finish calls_both

function harmless		/* vector prefixes, system instructions, no such register */
	prefetcht0 (%rdi)
	movnti %rax, (%rdi)
	lfence
	mfence
	sfence
	clflush (%rdi)
	popcnt %rax, %rax
	crc32q %rax, %rdx
	andn %rax, %rbx, %rcx
	mulx %rax, %rbx, %rcx
	rorx $3, %rax, %rbx
	bextr %rax, %rbx, %rcx
	adcx %rax, %rbx
	movbe (%rdi), %rax
	xgetbv
	rdrand %rax
	cmpxchg16b (%rdi)
	rdfsbase %rax
	vmread %rax, %rbx
	tzcnt %rax, %rbx
	nopw 0(%rax, %rax)
	ret
finish harmless

function unused
	addps %xmm0, %xmm1
	ret
finish unused

	.data
	.quad leaf, pushes, framed, aligned, realigned, variable, lowered, early, warns, switches
	.quad keyed, self, ping, big, top, partly, outside, inside, after, by_wrapper, perhaps
	.quad calls_both, harmless
