/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_SURVEY_H
#define KMODLAB_TRIAL_SURVEY_H
#include "base/error.h"
#include "target/target.h"

/* Boots the target once: proof that its kernel comes up here, that it is the release that the target
 * says, and the occasion to ask for the names of all its symbols (/proc/kallsyms), which are written
 * to t->symbols, sorted, a line each (Linux; a FreeBSD kernel's are in its file). 0, or -errno with the sentence set. */
int trial_survey(const struct target *t, struct error *err);

#endif
