/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_KERNEL_FRAMES_H
#define KMODLAB_TRIAL_KERNEL_FRAMES_H
/* How to go from a Linux kernel function to its caller: the tables that the kernel has for itself (ORC,
 * Documentation/arch/x86/orc-unwinder.rst), put into a debugger's words. The tables are foreign bytes. */
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Adds a .debug_frame section (DWARF 2, 6.4) for the `n` entries of .orc_unwind (6 bytes each, `orc`) that belong to the addresses in
 * .orc_unwind_ip (4 bytes each, `ip`, which are at `ip_at` in the machine). `newer`: since Linux 6.4 the types are
 * numbered otherwise. */
void kernel_frames(const uint8_t *ip, uint64_t ip_at, const uint8_t *orc, size_t n, bool newer,
	struct buf *out);

/* The same for the piece of FreeBSD's kernel, `from` to `to`, that has pushed a struct trapframe and called trap():
 * calltrap. */
void trap_frames(uint64_t from, uint64_t to, struct buf *out);

#endif
