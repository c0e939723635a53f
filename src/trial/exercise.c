/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/exercise.h"

int exercise(struct trial *t, const struct trial_options *o, struct machine *m, load_step_fn *step,
	struct error *err)
{
	(void)t, (void)o, (void)m, (void)step, (void)err;
	return 0;
}
