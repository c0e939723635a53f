/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many trials at a time, without machines: modules that are not there end at once, and the workers'
 * own callback makes some take longer than others.
 */
#include "unit.h"

#include "base/buf.h"
#include "trial/many.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define TRIALS 2000

static struct target target = {.name = (char *)"debian:bookworm/cloud",
	.os = TARGET_LINUX,
	.arch = (char *)"x86_64",
	.release = (char *)"6.1.0",
	.kernel = (char *)"/nowhere/vmlinuz"};

struct seen {
	size_t done, ended, closed;
	bool told[TRIALS];
	bool in_order, told_first;
	pthread_t caller;
	bool on_caller;
	unsigned slow; /* one in so many trials takes long */
	atomic_int running, most;
	int ahead; /* the furthest that a trial ended ahead of the ones handed over */
};

static void over(void *arg, size_t i, struct trial *t)
{
	struct seen *s = arg;
	int now = atomic_fetch_add(&s->running, 1) + 1;

	(void)t;
	if (now > atomic_load(&s->most))
		atomic_store(&s->most, now);
	if (s->slow && i % s->slow == 0)
		usleep(3000);
	atomic_fetch_sub(&s->running, 1);
}

static void ended(void *arg, size_t i, const struct trial *t)
{
	struct seen *s = arg;

	assert_int_equal(t->verdict, VERDICT_INFRASTRUCTURE);
	s->told[i] = true;
	s->ended++;
	if ((int)(i - s->done) > s->ahead)
		s->ahead = (int)(i - s->done);
	s->on_caller = s->on_caller && pthread_equal(pthread_self(), s->caller);
}

static void done(void *arg, size_t i, struct trial *t)
{
	struct seen *s = arg;

	assert_non_null(t->name);
	s->in_order = s->in_order && i == s->done;
	s->told_first = s->told_first && s->told[i];
	s->on_caller = s->on_caller && pthread_equal(pthread_self(), s->caller);
	s->done++;
}

static void closing(void *arg)
{
	struct seen *s = arg;

	s->closed = s->done;
}

static int run(struct seen *s, unsigned jobs, size_t n)
{
	struct many_item *items = xcalloc(n, sizeof *items);
	struct many_options o = {.items = items,
		.n = n,
		.jobs = jobs,
		.over = over,
		.ended = ended,
		.done = done,
		.closing = closing,
		.arg = s};
	struct error err;
	int r;

	for (size_t i = 0; i < n; i++)
		items[i] = (struct many_item){.path = "/nowhere/hello.ko", .target = &target};
	s->in_order = s->told_first = s->on_caller = true;
	s->caller = pthread_self();
	r = many_run(&o, &err);
	free(items);
	return r;
}

static void results_come_in_the_order_of_the_list_whatever_takes_how_long(void **state)
{
	static const unsigned slow[] = {0, 7, 50, 1};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (unsigned jobs = 1; jobs <= 16; jobs *= 4) {
			size_t n = slow[i] == 1 ? 40 : TRIALS;
			struct seen s = {.slow = slow[i]};

			assert_int_equal(run(&s, jobs, n), 0);
			assert_int_equal(s.done, n);
			assert_int_equal(s.ended, n);
			assert_int_equal(s.closed, n);
			assert_true(s.in_order && s.told_first && s.on_caller);
			assert_true(atomic_load(&s.most) <= (int)jobs);
		}
}

static void results_that_wait_for_a_slow_trial_are_not_many(void **state)
{
	struct seen s = {.slow = TRIALS};

	(void)state;
	/* Only the first is slow, so the others run ahead of it. */
	assert_int_equal(run(&s, 4, TRIALS), 0);
	assert_int_equal(s.done, TRIALS);
	assert_true(s.ahead <= 260);
}

static void nothing_to_run_is_no_error(void **state)
{
	struct seen s = {0};

	(void)state;
	assert_int_equal(run(&s, 4, 0), 0);
	assert_int_equal(s.done, 0);
}

static void skipped(void *arg, size_t i, struct trial *t)
{
	(void)i;
	assert_int_equal(t->verdict, VERDICT_SKIPPED);
	assert_string_equal(t->error.text, "there is none");
	assert_int_equal(t->os, TARGET_FREEBSD);
	++*(int *)arg;
}

static void without_a_target_a_trial_is_skipped_and_says_why(void **state)
{
	int n = 0;
	struct many_item item = {.path = "/", .os = TARGET_FREEBSD, .why = "there is none"};
	struct many_options o = {.items = &item, .n = 1, .jobs = 2, .done = skipped, .arg = &n};
	struct error err;

	(void)state;
	assert_int_equal(many_run(&o, &err), 0);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_in_the_order_of_the_list_whatever_takes_how_long),
		cmocka_unit_test(results_that_wait_for_a_slow_trial_are_not_many),
		cmocka_unit_test(nothing_to_run_is_no_error),
		cmocka_unit_test(without_a_target_a_trial_is_skipped_and_says_why),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL);
}
