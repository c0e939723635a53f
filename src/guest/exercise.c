/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/exercise.h"

#include "guest/agent.h"

void exercise_run(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	(void)at, (void)end;
	agent_done(serial, 38 /* ENOSYS */, 0, 0);
}

void exercise_auto(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	(void)at, (void)end;
	agent_done(serial, 38 /* ENOSYS */, 0, 0);
}
