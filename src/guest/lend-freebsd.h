/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_LEND_FREEBSD_H
#define KMODLAB_GUEST_LEND_FREEBSD_H
/* What is about to be set on a lent machine is to be set back (lend.h). */

/* The tunable `name` is about to be set. */
void lend_tunable(const char *name);

/* The kernel's log, which syslogd(8) reads through klog(4) there, and only one can: kern.msgbuf is the whole
 * buffer. Takes what has come since the last time: bytes, 0, or -32 when some were lost. */
long lend_log(void *to, unsigned long len);
/* Before the first: gets its memory. */
void lend_log_open(void);

#endif
