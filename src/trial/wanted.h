/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_WANTED_H
#define KMODLAB_TRIAL_WANTED_H
/* What a module's kmodlab.ini says is to be found of it and to be in the log, or not to count. */
#include "base/finding.h"
#include "judge/run.h"
#include "target/target.h"
#include "trial/config.h"

/* Silences what the file silences or expects, which is marked so; and adds a finding for each that is missing, and
 * for each line of the log that is missing or not wanted. `run` has no calls if the module never was in
 * a machine: nothing is missed then. */
void wanted_judge(const struct config *c, const struct target *target, const struct run *run,
	struct findings *all);

#endif
