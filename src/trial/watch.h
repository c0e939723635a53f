/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_WATCH_H
#define KMODLAB_TRIAL_WATCH_H
/* The trial's questions about what a module brings and leaves, and taking the answers. */
#include "machine/message.h"
#include "trial/trial.h"

/* Takes a THING or SECTION that came: a thing goes to run.appeared as long as `loaded`, to run.left else.
 * What makes no sense is left out. */
void watch_take(struct trial *t, const struct message *msg, bool loaded);

#endif
