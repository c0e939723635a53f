/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_LENT_H
#define KMODLAB_TRIAL_LENT_H
/* A trial on a machine that is lent to us, which is not thrown away. On one of our own these do nothing. */
#include "machine/machine.h"
#include "trial/trial.h"

/* Before anything is loaded: whether it still runs what the target's modules are built for. 0, or -errno with the
 * sentence set. */
int lent_begin(struct trial *t, const struct machine *m, struct error *err);
/* What an error comes to: that one of the kernel's own modules is loaded there already is none. */
int lent_error(const struct machine *m, const struct call *c, int error);
/* When nothing more will be done: leaves it as it was, and notes what could not be taken back, and what is to be done
 * about a machine that was lost. */
void lent_end(struct trial *t, struct machine *m);

#endif
