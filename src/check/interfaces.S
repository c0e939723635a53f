/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of interfaces, as bytes in the program. */
	.section .rodata
	.globl interfaces_text, interfaces_text_end
interfaces_text:
	.incbin INTERFACES
interfaces_text_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
