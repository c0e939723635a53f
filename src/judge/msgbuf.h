/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_MSGBUF_H
#define KMODLAB_JUDGE_MSGBUF_H
/* FreeBSD's log: lines of the kernel message buffer as the agent sends them, and the serial console's
 * lines. Both are hostile bytes. */
#include "judge/run.h"

/* Reads "<microseconds>;<N>text": the agent's time, and the line as sys/kern/subr_msgbuf.c keeps it, where
 * N is priority and facility (syslog(3)). What printf(9) wrote has no "<N>" and gets LEVEL_NONE.
 * 0, or -EINVAL. `out->text` is the caller's to free. */
int msgbuf_parse(const void *bytes, size_t len, struct record *out);

/* Adds the console's lines after the agent's mark that the log does not have, with the given call. */
void msgbuf_add_console(struct run *r, size_t call);

/* What the agent writes on the console when it begins (guest/os-freebsd.c). */
#define MSGBUF_MARK "kmodlab agent: ready"

#endif
