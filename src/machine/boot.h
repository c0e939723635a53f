/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_BOOT_H
#define KMODLAB_MACHINE_BOOT_H
/*
 * What QEMU is to boot, for each system: the file for -kernel, the one for -initrd, the kernel's command
 * line. One function per system (boot-linux.c, boot-freebsd.c), chosen in boot_prepare alone.
 */
#include "base/buf.h"
#include "base/error.h"
#include "guest/protocol.h"
#include "machine/initramfs.h"

struct boot {
	char *kernel;  /* a path for QEMU */
	int kernel_fd; /* held open behind that path; -1: it is a file */
	int initrd_fd; /* memfd */
	char *append;  /* NULL: none */
};

/* The firmware extension with which QEMU boots such a kernel (pc-bios/optionrom). Static. */
const char *boot_option_rom(enum proto_os os);
/* Adds lines that change when the same kernel would be booted into another machine. `append` as for
 * boot_prepare. */
void boot_fingerprint(enum proto_os os, const char *kernel, const char *append, struct buf *out);

/* Prepares a boot of the kernel image `kernel` with the agent and the files in the machine's file system.
 * `append` is for the kernel's command line, behind what stands there in any case; NULL: nothing.
 * 0, or -errno with the sentence set: -EINVAL for a kernel that cannot be booted so. */
int boot_prepare(enum proto_os os, const char *kernel, const char *append,
	const struct machine_file *files, size_t nfiles, struct boot *out, struct error *err);
void boot_free(struct boot *b);

void boot_fingerprint_linux(const char *append, struct buf *out);
void boot_fingerprint_freebsd(struct buf *out);
int boot_prepare_linux(const char *kernel, const char *append, const struct machine_file *files,
	size_t nfiles, struct boot *out, struct error *err);
int boot_prepare_freebsd(const char *kernel, const struct machine_file *files, size_t nfiles,
	struct boot *out, struct error *err);

#endif
