/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_STUCK_H
#define KMODLAB_GUEST_STUCK_H
/* Where every task is that has to do with a call which does not come back: a file per system. */
#include <stddef.h>

/* Says a piece of text: the lines that trial/stuck.h describes. */
typedef void stuck_say_fn(const char *text, size_t len);

/* Called by the watcher. `worker` is the process that makes the call. */
void stuck_tell(int worker, stuck_say_fn *say);
/* The number of this process. */
int stuck_self(void);

#endif
