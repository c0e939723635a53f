/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_REAL_H
#define KMODLAB_CLI_REAL_H
#include "cli/plan.h"

/* Says on standard error which of the plan's targets are real machines, and what may become of them; and which of the
 * options that the user gave (their long names) mean nothing there. */
void real_warn(const struct plan *p, const struct strv *typed);

#endif
