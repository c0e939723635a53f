/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_KERNEL_FREEBSD_H
#define KMODLAB_GUEST_KERNEL_FREEBSD_H
/*
 * FreeBSD's kernel memory, looked at where it lies: the machine's memory through mem(4), and the kernel's page
 * tables, which tell what is where in it. Once a page is mapped, reading it costs no system call, and an
 * address behind which there is nothing is told as such instead of making the kernel stumble.
 */
#include <stddef.h>
#include <stdint.h>

enum kernel_symbol {
	KERNEL_PAGES, /* KPML4phys */
	KERNEL_PCPU,
	KERNEL_DPCPU,
	KERNEL_CALLOUTS,
	KERNEL_CALLMASK,
	KERNEL_HANDLERS,
	KERNEL_MALLOC,
	KERNEL_SYSCTL,
	KERNEL_ZONES,
	KERNEL_RMANS,
	KERNEL_VFS,
	KERNEL_PROCESSES,
	KERNEL_FILES,
	KERNEL_INTRNAMES,
	KERNEL_INTRNAMES_LEN,
	KERNEL_END, /* of the kernel itself */
	KERNEL_SYMBOLS
};

/* Finds the symbols (slow: once at boot) and maps the memory. */
void kernel_prepare(void);
/* Whether the kernel is one whose structures are known here (14.x) and its memory can be looked at. */
int kernel_known(void);
/* A symbol's address. */
uint64_t kernel_symbol(enum kernel_symbol which);
/* `len` bytes at `at`, which are in one page, where they lie; NULL when there is no memory there. */
const void *kernel_at(uint64_t at, size_t len);
/* Copies them, over the end of a page too. 1, or 0. */
int kernel_copy(uint64_t at, void *to, size_t len);
/* The word at `at`; 0 when there is none. */
uint64_t kernel_word(uint64_t at);
/* The string at `at`, cut to fit; "?" when there is none that can be read. */
const char *kernel_text(uint64_t at, char *to, size_t len);

/* What the survey wants of the lists in the kernel's own memory (kernel-freebsd-lists.c). */
void kernel_look(int baseline);
void kernel_lists(int baseline);
/* The kernel's threads among them (threads-freebsd.c). */
void kernel_threads(int baseline);

#endif
