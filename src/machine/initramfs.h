/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_INITRAMFS_H
#define KMODLAB_MACHINE_INITRAMFS_H
#include "base/error.h"

#include <stddef.h>

/* A file to put into the machine. Nothing is owned. */
struct machine_file {
	const char *name; /* "hello.ko"; it appears as /m/hello.ko */
	const void *bytes;
	size_t len;
};

/* Makes an initramfs (cpio "newc", Documentation/driver-api/early-userspace/buffer-format.rst)
 * with the agent as /init and the files below /m, in memory. Returns a memfd for the caller to close,
 * or -errno with the sentence set. */
int initramfs_make(const struct machine_file *files, size_t nfiles, struct error *err);

#endif
