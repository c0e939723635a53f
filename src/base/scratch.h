/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_SCRATCH_H
#define KMODLAB_BASE_SCRATCH_H
/*
 * A directory that goes away when we do. A small guard process waits at the other end of a pipe:
 * when that closes, because we closed it or because we died (SIGKILL included), it removes the
 * directory. What is worth keeping is renamed out of it before.
 */
#include "base/error.h"

#include <sys/types.h>

struct scratch {
	char *path; /* NULL: none */
	int pipe;
	pid_t guard;
};

/* Makes a new directory named PREFIXxxxxxx, its parents included. 0 or -errno, sentence set. */
int scratch_open(struct scratch *s, const char *prefix, struct error *err);
/* Removes it with all that is in it, and waits until that is done. Safe on a zeroed one. */
void scratch_close(struct scratch *s);

#endif
