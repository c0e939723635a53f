/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_FREEBSD_BOOT_H
#define KMODLAB_GUEST_FREEBSD_BOOT_H
/*
 * What machine/freebsd-image.c hands to the stub freebsd-boot.S, as its one multiboot module: this header
 * on a page of its own, then the bytes that are to lie in memory from `load` on. Also read by the
 * assembler, hence the macros.
 */
#define FREEBSD_BOOT_MAGIC  0x464c4d4b /* "KMLF" */
#define FREEBSD_BOOT_PAGE   4096
#define FREEBSD_BOOT_LOAD   4
#define FREEBSD_BOOT_BYTES  8
#define FREEBSD_BOOT_MODULE 12
#define FREEBSD_BOOT_END    16
#define FREEBSD_BOOT_SMAP   20
#define FREEBSD_BOOT_ROOM   24
#define FREEBSD_BOOT_ENTRY  32

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct freebsd_boot {
	uint32_t magic;
	uint32_t load;	  /* physical address of the first byte */
	uint32_t bytes;	  /* how many follow the page; a multiple of 4 */
	uint32_t modulep; /* physical address of the preload metadata */
	uint32_t kernend; /* physical address of the first free page */
	uint32_t smap;	  /* where the stub puts the memory map: offset into the bytes */
	uint32_t room;	  /* … for at most so many entries of 20 bytes */
	uint32_t pad;
	uint64_t entry; /* virtual address to jump to */
};

_Static_assert(offsetof(struct freebsd_boot, load) == FREEBSD_BOOT_LOAD, "as the stub reads it");
_Static_assert(offsetof(struct freebsd_boot, smap) == FREEBSD_BOOT_SMAP, "as the stub reads it");
_Static_assert(offsetof(struct freebsd_boot, room) == FREEBSD_BOOT_ROOM, "as the stub reads it");
_Static_assert(offsetof(struct freebsd_boot, entry) == FREEBSD_BOOT_ENTRY, "as the stub reads it");
#endif

#endif
