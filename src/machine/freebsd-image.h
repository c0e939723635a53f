/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_FREEBSD_IMAGE_H
#define KMODLAB_MACHINE_FREEBSD_IMAGE_H
/*
 * A picture of memory as FreeBSD's loader would leave it, for the stub guest/freebsd-boot.S: kernel
 * segments, symbol table, root file system, environment, preload metadata. The sources of the formats
 * are in doc/freebsd-boot.md.
 */
#include "base/buf.h"
#include "base/error.h"

/* Makes the picture of the kernel (an amd64 ELF file) with the memory disk `root` and the environment
 * (name=value strings), behind its header page. 0; -EINVAL with the sentence set for bytes that are no such
 * kernel, cut off, or laid out as no kernel of FreeBSD's is. `name` is what the sentence calls the kernel. */
int freebsd_image(const char *name, const void *kernel, size_t kernel_len, const void *root,
	size_t root_len, const struct strv *environment, struct buf *out, struct error *err);

#endif
