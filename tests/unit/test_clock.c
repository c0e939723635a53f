/* SPDX-License-Identifier: BSD-2-Clause */
/* Time in which nobody ran is left out, once, however many notice. */
#include "base/clock.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_wait_that_ends_in_time_leaves_nothing_out(void **state)
{
	int64_t out = clock_left_out_us();

	(void)state;
	clock_held_up(clock_us());
	clock_held_up(clock_us() + 1000000);
	clock_held_up(clock_us() - 100000); /* a busy host */
	assert_true(clock_left_out_us() == out);
}

static void what_a_wait_is_late_by_is_left_out_once(void **state)
{
	int64_t before = clock_us(), out = clock_left_out_us(), due = before - 7000000;

	(void)state;
	clock_held_up(due);
	assert_true(clock_left_out_us() - out >= 7000000);
	assert_true(clock_us() <= before);
	out = clock_left_out_us();
	clock_held_up(due); /* another thread, with the same standstill */
	assert_true(clock_left_out_us() - out < 7000000);
}

static void *late(void *due)
{
	clock_held_up(*(int64_t *)due);
	return NULL;
}

static void threads_that_notice_at_once_leave_it_out_once(void **state)
{
	int64_t out = clock_left_out_us(), due = clock_us() - 100000000;
	pthread_t threads[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, late, &due), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_true(clock_left_out_us() - out >= 100000000);
	assert_true(clock_left_out_us() - out < 200000000);
}

/* A deadline of two seconds, in a process that is stopped for four in between, has not passed when it goes
 * on: what comes then is still in time. */
static void a_process_that_was_stopped_has_missed_nothing(void **state)
{
	int fds[2], status;
	pid_t pid, looker;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		struct pollfd fd = {.fd = fds[0], .events = POLLIN};

		_exit(clock_poll(&fd, 1, clock_us() + 2000000) == 1 ? 0 : 1);
	}
	looker = fork();
	if (!looker) {
		struct pollfd fd = {.fd = fds[0], .events = POLLIN};
		int64_t deadline = clock_us() + 2000000;

		while (poll(&fd, 1, 0) != 1) {
			if (!clock_left_ms(deadline))
				_exit(1);
			clock_sleep(1000);
		}
		_exit(0);
	}
	usleep(300000);
	kill(pid, SIGSTOP);
	kill(looker, SIGSTOP);
	sleep(4);
	kill(pid, SIGCONT);
	kill(looker, SIGCONT);
	usleep(300000);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(looker, &status, 0), looker);
	assert_int_equal(status, 0);
	close(fds[0]);
	close(fds[1]);
}

static void a_deadline_that_has_passed_still_looks_once(void **state)
{
	int fds[2];
	struct pollfd fd;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fd = (struct pollfd){.fd = fds[0], .events = POLLIN};
	assert_int_equal(clock_poll(&fd, 1, clock_us() - 10), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(clock_poll(&fd, 1, clock_us() - 10), 1);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_that_ends_in_time_leaves_nothing_out),
		cmocka_unit_test(what_a_wait_is_late_by_is_left_out_once),
		cmocka_unit_test(threads_that_notice_at_once_leave_it_out_once),
		cmocka_unit_test(a_process_that_was_stopped_has_missed_nothing),
		cmocka_unit_test(a_deadline_that_has_passed_still_looks_once),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
