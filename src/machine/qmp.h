/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_QMP_H
#define KMODLAB_MACHINE_QMP_H
/* The QEMU Machine Protocol (docs/interop/qmp-spec.rst), as much of it as we listen to. */
#include "base/buf.h"

#include <stdbool.h>

/* What QEMU has said so far of the guest's end. */
struct qmp {
	int fd;
	struct buf in;
	bool greeted;
	bool shutdown; /* a SHUTDOWN event came */
	bool by_guest; /* … and the guest had brought it about (reset, power off, triple fault) */
	bool failed;   /* the accelerator gave up (run state "internal-error") */
	char reason[64]; /* SHUTDOWN's reason: "guest-reset", "host-signal", … */
};

/* Asks for events. */
void qmp_start(struct qmp *q, int fd);
/* Takes what QEMU has said. False once the connection is closed. */
bool qmp_pull(struct qmp *q);
void qmp_close(struct qmp *q);

#endif
