/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs that run inside machines, as bytes in ours. */
	.section .rodata
	.balign 16
	.globl guest_agent_linux, guest_agent_linux_end
guest_agent_linux:
	.incbin AGENT_LINUX
guest_agent_linux_end:
	.byte 0
	.balign 16
	.globl guest_agent_freebsd, guest_agent_freebsd_end
guest_agent_freebsd:
	.incbin AGENT_FREEBSD
guest_agent_freebsd_end:
	.byte 0
	.balign 16
	.globl guest_freebsd_stub, guest_freebsd_stub_end
guest_freebsd_stub:
	.incbin FREEBSD_STUB
guest_freebsd_stub_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
