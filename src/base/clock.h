/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_CLOCK_H
#define KMODLAB_BASE_CLOCK_H
/*
 * Time, as deadlines need it. A host can stand still for seconds (a virtual machine whose own host is
 * busy, a laptop that slept), and so can we alone (Ctrl-Z): nobody did anything in that time, so no
 * deadline may pass because of it. Whoever waits through clock_poll() notices, and from then on clock_us()
 * has left that time out.
 */
#include <poll.h>
#include <stdint.h>

/* Monotonic time in microseconds, without the time for which we were held up. From any thread. */
int64_t clock_us(void);

/* A wait that was to end at `due_us` is over. What it ended too late by (a quarter of a second at least:
 * what a busy host takes is not meant) is left out from now on. */
void clock_held_up(int64_t due_us);

/* How much was left out until now, in microseconds; never less than before. */
int64_t clock_left_out_us(void);

/* poll(2) until `deadline_us`, in waits short enough for clock_held_up(). What poll(2) returns; 0: the
 * deadline has passed. */
int clock_poll(struct pollfd *fds, nfds_t n, int64_t deadline_us);

/* Sleeps so many microseconds, which are few: what it takes a quarter of a second longer is left out. */
void clock_sleep(int64_t us);

/* Milliseconds left until `deadline_us`, for poll(2): never negative, rounded up. */
static inline int clock_left_ms(int64_t deadline_us)
{
	int64_t left = deadline_us - clock_us();

	if (left <= 0)
		return 0;
	return left > 86400000000 ? 86400000 : (int)((left + 999) / 1000);
}

#endif
