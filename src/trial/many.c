/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One lock, one list, two conditions: workers wait for permission to begin, the caller's thread for news.
 * A worker does not run further ahead than WINDOW trials of the last one handed over: results that
 * wait for a slow trial are memory, and there may be thousands.
 */
#include "trial/many.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "machine/ahead.h"
#include "trial/config.h"
#include "trial/expect.h"
#include "trial/load.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define WINDOW	256
#define TICK_NS 100000000

enum state {
	WAITING,
	RUNNING,
	ENDED,	   /* the trial is there to be handed over */
	CUT_SHORT, /* by a signal */
};

struct slot {
	enum state state;
	struct trial *trial;
	enum stage stage;
	bool staged; /* `stage` is news */
	bool told;   /* `ended` was called */
};

struct many {
	const struct many_options *o;
	pthread_mutex_t lock;
	pthread_cond_t news;  /* something happened that the caller is to hear of */
	pthread_cond_t going; /* a worker may begin, or is to end */
	struct slot *slots;
	size_t next;   /* the first that no worker has taken */
	size_t handed; /* so many were handed over */
	size_t busy;   /* workers that run a trial */
	bool fresh;    /* there is news that the caller's thread has not looked at */
	bool closed;
	struct ahead *ahead; /* machines for the trials to come; */
};

/* What one worker is at. */
struct work {
	struct many *m;
	size_t i;
};

static void watch(void *arg, const struct trial *t, enum stage stage, const struct step *done)
{
	const struct work *w = arg;
	struct many *m = w->m;

	if (m->o->watch)
		m->o->watch(m->o->arg, w->i, t, stage, done);
	if (done || !m->o->stage)
		return;
	pthread_mutex_lock(&m->lock);
	m->slots[w->i].stage = stage;
	m->slots[w->i].staged = true;
	m->fresh = true;
	pthread_cond_signal(&m->news);
	pthread_mutex_unlock(&m->lock);
}

struct trial_options many_trial(const struct many_options *o, size_t i)
{
	const struct many_item *item = &o->items[i];
	size_t next = i + o->jobs;
	struct trial_options options = o->trial;

	options.path = item->path;
	options.target = item->target;
	options.next_target = next < o->n ? o->items[next].target : NULL;
	options.expected = item->expected;
	if (item->params)
		options.params = item->params;
	if (item->config)
		config_apply(item->config, item->os, &options);
	if (item->expected)
		expect_apply(item->expected, &options);
	return options;
}

static bool run_one(struct work *w, struct trial *t)
{
	const struct many_options *o = w->m->o;
	const struct many_item *item = &o->items[w->i];
	struct trial_options options = many_trial(o, w->i);

	options.ahead = w->m->ahead;
	options.watch = watch;
	options.arg = w;
	for (size_t i = w->i + 1; i < o->n && options.keep_log; i++)
		options.keep_log = !o->items[i].target;
	if (!item->target)
		trial_skip(&options, item->os, item->why, t);
	else if (trial_run(&options, t) == -EINTR)
		return false;
	if (o->over)
		o->over(o->arg, w->i, t);
	return true;
}

/* Waits until the next trial may be begun; false when there is none any more. With the lock held. */
static bool take(struct many *m, size_t *i)
{
	while (m->next < m->o->n && m->next >= m->handed + WINDOW && !interrupt_pending())
		pthread_cond_wait(&m->going, &m->lock);
	if (m->next >= m->o->n || interrupt_pending())
		return false;
	*i = m->next++;
	m->slots[*i].state = RUNNING;
	m->busy++;
	return true;
}

static void *worker(void *arg)
{
	struct work w = {.m = arg};
	struct many *m = arg;

	pthread_mutex_lock(&m->lock);
	while (take(m, &w.i)) {
		struct trial *t = xcalloc(1, sizeof *t);
		bool whole;

		pthread_mutex_unlock(&m->lock);
		whole = run_one(&w, t);
		pthread_mutex_lock(&m->lock);
		m->slots[w.i].trial = t;
		m->slots[w.i].state = whole ? ENDED : CUT_SHORT;
		m->busy--;
		m->fresh = true;
		pthread_cond_signal(&m->news);
	}
	/* Not before all children are closed, also those that others use by now. */
	while (!m->closed)
		pthread_cond_wait(&m->going, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* ---- the caller's thread ---- */

/* Tells of stages and ends, in any order. The lock is given up during each call. */
static void tell(struct many *m)
{
	const struct many_options *o = m->o;

	for (size_t i = m->handed; i < m->next; i++) {
		struct slot *s = &m->slots[i];

		if (s->staged && s->state == RUNNING && o->stage) {
			enum stage stage = s->stage;

			s->staged = false;
			pthread_mutex_unlock(&m->lock);
			o->stage(o->arg, i, stage);
			pthread_mutex_lock(&m->lock);
		}
		if (s->state == ENDED && !s->told) {
			s->told = true;
			pthread_mutex_unlock(&m->lock);
			if (o->ended)
				o->ended(o->arg, i, s->trial);
			pthread_mutex_lock(&m->lock);
		}
	}
}

static void drop(struct slot *s)
{
	if (s->trial)
		trial_free(s->trial);
	free(s->trial);
	s->trial = NULL;
}

/* Hands over those whose turn it is. When all workers have stopped, one that was cut short does not
 * keep back those behind it. */
static void hand_over(struct many *m)
{
	const struct many_options *o = m->o;

	for (; m->handed < m->next; m->handed++) {
		struct slot *s = &m->slots[m->handed];

		if (s->state == RUNNING || (s->state == ENDED && !s->told))
			return;
		pthread_mutex_unlock(&m->lock);
		if (s->state == ENDED)
			o->done(o->arg, m->handed, s->trial);
		drop(s);
		pthread_mutex_lock(&m->lock);
		pthread_cond_broadcast(&m->going);
	}
}

static bool finished(const struct many *m)
{
	return !m->busy && m->handed == m->next && (m->next == m->o->n || interrupt_pending());
}

/* Until the next news, or the next tick. */
static void wait_for_news(struct many *m)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&m->news, &m->lock, &until);
}

static void attend(struct many *m)
{
	const struct many_options *o = m->o;
	int64_t ticked = clock_us();

	while (!finished(m)) {
		m->fresh = false;
		tell(m);
		hand_over(m);
		if (interrupt_pending())
			pthread_cond_broadcast(&m->going);
		if (o->tick && clock_us() - ticked >= TICK_NS / 1000) {
			pthread_mutex_unlock(&m->lock);
			o->tick(o->arg);
			ticked = clock_us();
			pthread_mutex_lock(&m->lock);
		}
		if (!m->fresh && !finished(m))
			wait_for_news(m);
	}
}

static void open_many(struct many *m, const struct many_options *o)
{
	pthread_condattr_t attributes;

	*m = (struct many){.o = o, .slots = xcalloc(o->n, sizeof *m->slots)};
	m->ahead = o->ahead ? o->ahead : ahead_new(o->jobs);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&m->news, &attributes);
	pthread_cond_init(&m->going, NULL);
	pthread_condattr_destroy(&attributes);
}

static void close_many(struct many *m)
{
	pthread_cond_destroy(&m->going);
	pthread_cond_destroy(&m->news);
	pthread_mutex_destroy(&m->lock);
	free(m->slots);
}

void many_prepare(const struct many_options *o)
{
	for (size_t i = 0; i < o->n && i < o->jobs; i++) {
		struct trial_options options = many_trial(o, i);

		options.ahead = o->ahead;
		if (options.target)
			load_prepare(&options);
	}
}

int many_run(const struct many_options *o, struct error *err)
{
	size_t workers = o->jobs < o->n ? o->jobs : o->n, started = 0;
	AUTO_FREE pthread_t *threads = xcalloc(workers, sizeof *threads);
	struct many m;
	int r = 0;

	if (!o->n)
		return 0;
	open_many(&m, o);
	pthread_mutex_lock(&m.lock);
	while (started < workers && !r) {
		r = pthread_create(&threads[started], NULL, worker, &m);
		started += !r;
	}
	/* Fewer than asked for will do. */
	if (started)
		attend(&m);
	pthread_mutex_unlock(&m.lock);
	if (started && o->closing)
		o->closing(o->arg);
	ahead_free(m.ahead);
	pthread_mutex_lock(&m.lock);
	m.closed = true;
	pthread_cond_broadcast(&m.going);
	pthread_mutex_unlock(&m.lock);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	close_many(&m);
	return started ? 0 : error_sys(err, r, "cannot start a thread for the trials");
}
