/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_INTERRUPT_H
#define KMODLAB_BASE_INTERRUPT_H
/*
 * Ctrl-C, SIGTERM and a closed terminal do not end the program where it stands: they make
 * `interrupt_fd` readable and every wait returns -EINTR, so that what was begun is undone on the
 * ordinary way out. main() then ends the process by the same signal, as a shell expects.
 */
#include <stdbool.h>

/* Installs the handlers. Call once, before any other thread or child exists. */
void interrupt_setup(void);
/* True once a signal has come. */
bool interrupt_pending(void);
/* Readable once a signal has come; to be polled beside what is waited for. -1 before setup. */
int interrupt_fd(void);
/* While a child has the terminal, its keys (Ctrl-C, Ctrl-\) are not for us; afterwards they are again. */
void interrupt_leave_keys(bool to_child);
/* If a signal has come, ends this process by it; else returns. */
void interrupt_reraise(void);

#endif
