/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_STUCK_H
#define KMODLAB_TRIAL_STUCK_H
/*
 * What a machine does in which a call does not come back: run.stuck, which judge_hang reads. It is text, a
 * heading and its frames after it, the innermost first:
 *
 *	cpu 1: kernel, interrupts off
 *	  spin_init+0x10 [spin]
 *	  do_one_initcall+0x44
 *	  ~ spin_init+0x14 [spin]
 *	task 43 (init): D, wait_for_completion, caller
 *	  wait_for_completion+0x92
 *	lock my_lock [spin] (mutex): held by task 43 (init)
 *	log: NMI backtrace for cpu 1
 *
 * A processor is "idle", in a "user" program or in the "kernel"; "~" is where it was at another moment. Behind
 * a task's state comes what it waits for ("-": not told), then "lock NAME" when that is a lock with a
 * name, and "caller" when it is the one that makes the call. A frame without an offset is a function that the
 * next one called. A lock is one that somebody waits for; "held by itself": by who waits. "log:" is what the
 * kernel itself said.
 */
#include "machine/machine.h"
#include "trial/trial.h"

/* Looks, and fills run.stuck. What cannot be found out is left out. */
void stuck_look(struct trial *t, const struct trial_options *o, struct machine *m);

#endif
