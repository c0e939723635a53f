/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_AHEAD_H
#define KMODLAB_MACHINE_AHEAD_H
/*
 * Machines started ahead of need: QEMU has read their snapshot and waits for the word to run. While one
 * trial runs, the machine for the next gets ready. Any thread may use it; the machines belong to the
 * thread that had them started as far as the kernel is concerned, so that one is to outlive them
 * (base/proc.h).
 */
#include "machine/machine.h"

struct ahead;

/* At most `most` machines wait at a time. */
struct ahead *ahead_new(unsigned most);
/* Kills those that wait. NULL is fine. */
void ahead_free(struct ahead *a);

/* Starts a machine for these options, if there is a snapshot for them and room for one more. That it cannot
 * be started is no error: it will be started when it is needed, and then it is. */
void ahead_start(struct ahead *a, const struct machine_options *o);
/* Whether one for these options waits, or is being started. */
bool ahead_has(struct ahead *a, const struct machine_options *o);
/* Takes one that was started for these options and is still alive, or NULL. As from machine_restore. */
struct machine *ahead_take(struct ahead *a, const struct machine_options *o);

#endif
