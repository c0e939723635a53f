/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_LOCK_H
#define KMODLAB_BASE_LOCK_H
#include "base/error.h"

/* Takes an exclusive lock on the file `path` (made if need be, its directory too), waiting for
 * another process that holds it for at most `timeout_ms`. The kernel drops it when we die.
 * Returns a descriptor whose close(2) unlocks, or -errno with the sentence set:
 * -ETIMEDOUT another held it all the time, -EINTR interrupted. */
int lock_take(const char *path, int timeout_ms, struct error *err);

#endif
