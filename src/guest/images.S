/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs that run inside machines, as bytes in ours. */
	.section .rodata
	.balign 16
	.globl guest_agent_linux, guest_agent_linux_end
guest_agent_linux:
	.incbin AGENT_LINUX
guest_agent_linux_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
