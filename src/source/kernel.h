/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SOURCE_KERNEL_H
#define KMODLAB_SOURCE_KERNEL_H
/*
 * Where in its source a kernel's own code is: a linked ELF file (vmlinux, FreeBSD's kernel.debug) with its symbols and
 * debug information, looked up by function and offset as call traces have it. The file's bytes are foreign.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel;

/* Opens the file, which has to stay until kernel_close. NULL if it is no linked x86-64 ELF file with symbols and
 * debug information. */
struct kernel *kernel_open(const char *path);
/* "kernel/fork.c:123" of `function`+`offset` (its last byte's, with `is_return`: a return address is behind the call);
 * NULL if that is not known, or several functions of that name fit. `size`: the function's, as the trace has it, up to
 * the next one; 0: not known. One that is another size is from another build. Caller frees. */
char *kernel_line(
	struct kernel *k, const char *function, uint64_t offset, uint64_t size, bool is_return);
/* NULL is fine. */
void kernel_close(struct kernel *k);

#endif
