/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_KERNEL_ELF_H
#define KMODLAB_TRIAL_KERNEL_ELF_H
/* A file for a debugger that says where the kernel's functions and variables are, made from what the running kernel
 * says (/proc/kallsyms): of most Linux kernels there is no other one. */
#include "trial/addresses.h"

/* Adds to `out` an x86-64 ELF program with a symbol table and, instead of code and data, sections that only say
 * where these are, and with `frames` (kernel-frames.h; may be NULL). Modules' symbols are left out. `a` NULL: the frames
 * alone. False when there is no kernel among the addresses. */
bool kernel_elf(struct addresses *a, const struct buf *frames, struct buf *out);

#endif
