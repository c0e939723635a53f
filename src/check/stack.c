/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/check.h"

void check_stack(struct check *c, struct stack_use *use, struct findings *out)
{
	(void)c, (void)use, (void)out;
}

void stack_use_free(struct stack_use *use)
{
	for (size_t i = 0; i < use->nframes; i++) {
		free(use->frames[i].function);
		free(use->frames[i].file);
	}
	free(use->frames);
	free(use->chain);
	*use = (struct stack_use){0};
}
