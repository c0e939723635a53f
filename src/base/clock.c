/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several threads may notice one and the same standstill. The first to say so sets the clock back, and by
 * that clock the others are then not late any more, so it is left out once.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define SLICE_US 250000 /* the longest wait at a time */
#define LATE_US	 250000 /* what is later than this was not a busy host's doing */

static _Atomic int64_t left_out;

static int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_us(void)
{
	return monotonic_us() - atomic_load(&left_out);
}

int64_t clock_left_out_us(void)
{
	return atomic_load(&left_out);
}

void clock_held_up(int64_t due_us)
{
	int64_t before = atomic_load(&left_out), late;

	do {
		late = monotonic_us() - before - due_us;
		if (late < LATE_US)
			return;
	} while (!atomic_compare_exchange_weak(&left_out, &before, before + late));
}

int clock_poll(struct pollfd *fds, nfds_t n, int64_t deadline_us)
{
	for (;;) {
		int64_t now = clock_us(), until = deadline_us;
		int got;

		if (until < now)
			until = now;
		if (until > now + SLICE_US)
			until = now + SLICE_US;
		got = poll(fds, n, (int)((until - now + 999) / 1000));
		clock_held_up(until);
		if (got || until == deadline_us || clock_us() >= deadline_us)
			return got;
	}
}

void clock_sleep(int64_t us)
{
	int64_t due = clock_us() + us;

	usleep((useconds_t)us);
	clock_held_up(due);
}
