/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_QMP_H
#define KMODLAB_MACHINE_QMP_H
/* The QEMU Machine Protocol (docs/interop/qmp-spec.rst), as much of it as we need. */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What QEMU has said so far of the guest's life and end. */
struct qmp {
	int fd;
	struct buf in;
	bool resumed;  /* a RESUME event came: the guest runs, or ran */
	bool shutdown; /* a SHUTDOWN event came */
	bool by_guest; /* … and the guest had brought it about (reset, power off, triple fault) */
	bool failed;   /* the accelerator gave up (run state "internal-error") */
	char reason[64]; /* SHUTDOWN's reason: "guest-reset", "host-signal", … */

	unsigned asked, answered; /* numbers of our last question and of its answer */
	bool refused;		  /* the answer was an error; then… */
	char detail[256];	  /* … this is its sentence, else a "status" in it */
	struct buf
		returned; /* what the answer returned: a string as it is, anything else as JSON */
};

/* Takes the socket over, and asks for events. */
void qmp_start(struct qmp *q, int fd);
/* Takes what QEMU has said. False once the connection is closed. */
bool qmp_pull(struct qmp *q);
/* Sends a command without waiting for what comes of it: `arguments` is a JSON object, or NULL. */
void qmp_say(struct qmp *q, const char *command, const char *arguments);
/* Sends it and waits for the answer, until `deadline_us`; `fd` (or -1) goes with it. 0, with `detail` the
 * answer's "status" if it has one, or -errno with the sentence set. */
int qmp_ask(struct qmp *q, const char *command, const char *arguments, int fd, int64_t deadline_us,
	struct error *err);
void qmp_close(struct qmp *q);

#endif
