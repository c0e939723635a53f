/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_OWN_H
#define KMODLAB_MACHINE_OWN_H
/* What a machine is made of: machine.c's, and restore.c's, which makes and continues snapshots. */
#include "base/proc.h"
#include "machine/channel.h"
#include "machine/console.h"
#include "machine/machine.h"
#include "machine/qemu.h"
#include "machine/qmp.h"

/* Where a machine comes from: QEMU (machine.c), or somebody who lends us theirs (lent.c). */
struct machine_kind {
	/* Its process has ended: says who did that. */
	enum machine_event (*ending)(struct machine *m, struct error *err);
	/* As machine_leave. */
	int (*leave)(struct machine *m, struct strv *still, struct error *err);
	/* Frees what is the kind's own. */
	void (*drop)(struct machine *m);
};

struct lent;

struct machine {
	const struct machine_kind *kind;
	struct lent *lent; /* lent.c's; NULL: it is QEMU's */
	struct proc proc;  /* QEMU, or the ssh to a lent one */
	struct console console;
	struct channel channel;
	struct qmp qmp;
	int complaints_fd; /* QEMU's stderr */
	struct buf complaints;
	struct hello hello;
	enum accel accel;
	uint32_t serial;
	char *snapshot; /* the one it comes from; NULL: it was booted */
	bool runs;	/* false: it waits for its first request */

	int64_t taken_us,
		resumed_us; /* when somebody began to use it, and when it ran; 0: not yet */

	int window;	  /* a file for what is read of its memory; -1: none yet */
	int window_there; /* … and its number in QEMU */

	int until; /* machine_until's; -1: none */

	bool awaiting; /* a request has not been answered yet */
	int64_t brisk_until_us, nudge_us, nudge_gap_us;
};

struct machine *machine_new(enum accel accel);
/* One of another kind, of which nothing is open yet. */
struct machine *machine_new_of(const struct machine_kind *kind, enum accel accel);
/* Makes its sockets and channel and starts QEMU with them. 0 or -errno with the sentence set; the machine
 * is to be closed in both cases. */
int machine_start(struct machine *m, struct qemu_start *s, bool ring, struct error *err);
/* As machine_boot, for options that name a lent machine. */
int lent_open(const struct machine_options *o, struct machine **out, struct error *err);
/* As machine_boot, with the file `ram` for memory (-1: memory of QEMU's own). */
int machine_boot_into(
	const struct machine_options *o, int ram, struct machine **out, struct error *err);

#endif
