/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_QEMU_H
#define KMODLAB_MACHINE_QEMU_H
/* Starting QEMU: its command line, and the descriptors that it inherits. */
#include "base/proc.h"
#include "machine/accel.h"
#include "machine/boot.h"

/* One start. Descriptors are not taken over. */
struct qemu_start {
	enum accel accel;
	unsigned memory_mib;
	unsigned cpus;
	const struct boot *boot; /* what to boot; NULL: a saved machine will come in over QMP */
	const char *option_rom;	 /* what that machine had been booted with, see boot.h */
	int ram;		 /* the file that is its memory; -1: memory of QEMU's own */
	bool ram_is_private;	 /* what the guest writes does not get into that file */
	int state;		 /* what will come in; looked at only when `boot` is NULL */
	int channel;		 /* the memory shared with the agent; -1: none */
	int console, line, qmp;	 /* sockets: QEMU's ends */
	int complaints;		 /* QEMU's stdout and stderr */
};

/* Starts it. 0, or -errno with the sentence set (-ENOENT: QEMU is not installed). */
int qemu_start(struct proc *p, const struct qemu_start *s, struct error *err);

/* Adds lines that change when a machine that was saved by one QEMU cannot be continued by another: the
 * program, and all that shapes the machine. */
void qemu_fingerprint(const struct qemu_start *s, struct buf *out);
/* The one of these lines that tells the program. */
void qemu_program_fingerprint(struct buf *out);

#endif
