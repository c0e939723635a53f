/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts a FreeBSD kernel from QEMU's multiboot loader (Multiboot Specification 0.6.96), which cannot load
 * a 64-bit kernel itself. All that needs thought was done outside: the one module is a picture of
 * memory with kernel, symbols, root and preload metadata in place (guest/freebsd-boot.h). What is
 * left: fill in the memory map, which only the machine knows; move the picture to where it belongs; go
 * to long mode with the first gigabyte mapped in every slot, as FreeBSD's loader does
 * (stand/i386/libi386/amd64_tramp.S); jump, with the words {return address, modulep, kernend} on the stack.
 *
 * We are linked at 64 MiB, so that QEMU puts the module above that. The move may run over us, so its code
 * goes to low memory first, with the page tables.
 */
#include "guest/freebsd-boot.h"

#define LOW_CODE  0x10000
#define LOW_PML4  0x11000
#define LOW_PDPT  0x12000
#define LOW_PD    0x13000
#define LOW_BOOT  0x14000 /* a copy of the header */
#define LOW_STACK 0x15f00

	.code32
	.section .text
	.balign 4
multiboot:
	.long 0x1badb002	/* magic */
	.long 0x00000002	/* flags: tell us of memory */
	.long -(0x1badb002 + 0x00000002)

	.globl _start
_start:
	cli
	cld
	cmpl $0x2badb002, %eax
	jne refuse
	movl $LOW_STACK, %esp
	movl %ebx, %ebp			/* multiboot information */
	movl (%ebp), %eax
	andl $0x48, %eax		/* modules, memory map */
	cmpl $0x48, %eax
	jne refuse
	cmpl $1, 20(%ebp)		/* one module */
	jne refuse
	movl 24(%ebp), %esi
	movl (%esi), %ebx		/* where it is */
	cmpl $FREEBSD_BOOT_MAGIC, (%ebx)
	jne refuse

	/* The memory map: entries of {size, base, length, type}; FreeBSD wants the last three. */
	movl %ebx, %edi
	addl $FREEBSD_BOOT_PAGE, %edi
	addl FREEBSD_BOOT_SMAP(%ebx), %edi
	movl FREEBSD_BOOT_ROOM(%ebx), %edx
	movl 48(%ebp), %eax
	movl 44(%ebp), %ebp
	addl %eax, %ebp
1:	cmpl %ebp, %eax
	jae 2f
	testl %edx, %edx
	jz 2f
	leal 4(%eax), %esi
	movl $5, %ecx
	rep movsl
	addl (%eax), %eax
	addl $4, %eax
	decl %edx
	jmp 1b
2:
	/* Page tables: every slot of the upper two levels leads to the same gigabyte. */
	movl $LOW_PML4, %edi
	movl $(LOW_PDPT | 7), %eax
	call fill
	movl $(LOW_PDPT), %edi
	movl $(LOW_PD | 7), %eax
	call fill
	movl $LOW_PD, %edi
	movl $0x87, %eax		/* present, writable, user, 2 MiB */
	movl $512, %ecx
3:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $8, %edi
	addl $0x200000, %eax
	loop 3b

	movl %ebx, %esi
	movl $LOW_BOOT, %edi
	movl $16, %ecx
	rep movsl
	movl $low, %esi
	movl $LOW_CODE, %edi
	movl $((low_end - low + 3) / 4), %ecx
	rep movsl

	leal FREEBSD_BOOT_PAGE(%ebx), %esi
	movl FREEBSD_BOOT_LOAD(%ebx), %edi
	movl FREEBSD_BOOT_BYTES(%ebx), %ecx
	shrl $2, %ecx
	movl $LOW_CODE, %eax
	jmp *%eax

fill:	/* 512 entries of %eax at %edi */
	movl $512, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $8, %edi
	loop 1b
	ret

refuse:	/* A word on the serial line; the machine outside has a deadline. */
	movl $words, %esi
	movw $0x3f8, %dx
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	hlt
	jmp 2b
words:	.asciz "kmodlab stub: this is not how I expect to be started\r\n"

	/* From here on at LOW_CODE. */
	.balign 16
low:	rep movsl
	movl $LOW_PML4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx		/* EFER */
	rdmsr
	orl $0x100, %eax		/* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80000001, %eax		/* PG, PE */
	movl %eax, %cr0
	lgdt LOW_CODE + (gdt_at - low)
	ljmp $8, $(LOW_CODE + (long_mode - low))
	.code64
long_mode:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $LOW_STACK, %esp
	movl $0, (%rsp)
	movl LOW_BOOT + FREEBSD_BOOT_MODULE, %eax
	movl %eax, 4(%rsp)
	movl LOW_BOOT + FREEBSD_BOOT_END, %eax
	movl %eax, 8(%rsp)
	movq LOW_BOOT + FREEBSD_BOOT_ENTRY, %rax
	jmp *%rax
	.balign 8
gdt:	.quad 0
	.quad 0x00209a0000000000	/* 64-bit code */
	.quad 0x0000920000000000	/* data */
gdt_at:	.word . - gdt - 1
	.long LOW_CODE + (gdt - low)
	.balign 4
low_end:
	.section .note.GNU-stack, "", @progbits
