/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge/judge.h"

void judge_leaks(const struct run *r, struct findings *out)
{
	(void)r, (void)out;
}
