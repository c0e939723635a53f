/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_CLOCK_H
#define KMODLAB_BASE_CLOCK_H
#include <stdint.h>
#include <time.h>

/* Monotonic time in microseconds. */
static inline int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds left until `deadline_us`, for poll(2): never negative, rounded up. */
static inline int clock_left_ms(int64_t deadline_us)
{
	int64_t left = deadline_us - clock_us();

	if (left <= 0)
		return 0;
	return left > 86400000000 ? 86400000 : (int)((left + 999) / 1000);
}

#endif
