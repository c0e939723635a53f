/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_EXERCISE_H
#define KMODLAB_TRIAL_EXERCISE_H
/* What is done with a module between load and unload. */
#include "trial/load.h"

#include "machine/machine.h"

/* Does what the options ask for, one call (CALL_EXERCISE) for each test. 0: done; 1: a call did not come back or
 * failed in the kernel; -errno: our failure. */
int exercise(struct trial *t, const struct trial_options *o, struct machine *m, load_step_fn *step,
	struct error *err);

/* Lays the shell of t->tests down in the machine, under all its names, and adds the words of a call to it to `body`,
 * each with its NUL. As load_ask. */
int exercise_place_shell(struct trial *t, const struct trial_options *o, struct machine *m,
	size_t at, struct buf *body, struct error *err);

#endif
