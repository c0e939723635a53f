/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/ahead.h"

#include "base/buf.h"

#include <pthread.h>
#include <string.h>

struct waiting {
	struct machine
		*machine; /* NULL: a free place, or one for a machine that is being started */
	struct machine_options options;
	char *kernel, *append, *name; /* what the options point at */
	bool taken;		      /* the place */
};

struct ahead {
	pthread_mutex_t lock;
	unsigned most;
	struct waiting *places;
};

struct ahead *ahead_new(unsigned most)
{
	struct ahead *a = xcalloc(1, sizeof *a);

	pthread_mutex_init(&a->lock, NULL);
	a->most = most;
	a->places = xcalloc(most, sizeof *a->places);
	return a;
}

static void vacate(struct waiting *w)
{
	free(w->kernel);
	free(w->append);
	free(w->name);
	*w = (struct waiting){0};
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->most; i++) {
		machine_close(a->places[i].machine);
		vacate(&a->places[i]);
	}
	pthread_mutex_destroy(&a->lock);
	free(a->places);
	free(a);
}

/* A place for one more; when all are taken, that of one for other options, which is given up for it
 * (`old`): what is asked for now is wanted next. */
static struct waiting *find_place(
	struct ahead *a, const struct machine_options *o, struct machine **old)
{
	*old = NULL;
	for (unsigned i = 0; i < a->most; i++)
		if (!a->places[i].taken)
			return &a->places[i];
	for (unsigned i = 0; i < a->most; i++) {
		struct waiting *w = &a->places[i];

		if (!w->machine || machine_same_options(&w->options, o))
			continue;
		*old = w->machine;
		vacate(w);
		return w;
	}
	return NULL;
}

void ahead_start(struct ahead *a, const struct machine_options *o)
{
	struct machine *m = NULL, *old;
	struct waiting *w;
	struct error ignored;

	pthread_mutex_lock(&a->lock);
	w = find_place(a, o, &old);
	if (w) {
		w->taken = true;
		w->kernel = xstrdup(o->kernel);
		w->append = o->append ? xstrdup(o->append) : NULL;
		w->name = xstrdup(o->name);
		w->options = *o;
		w->options.kernel = w->kernel;
		w->options.append = w->append;
		w->options.name = w->name;
	}
	pthread_mutex_unlock(&a->lock);
	machine_close(old);
	if (!w)
		return;
	machine_continue(o, &m, &ignored);
	pthread_mutex_lock(&a->lock);
	if (m)
		w->machine = m;
	else
		vacate(w);
	pthread_mutex_unlock(&a->lock);
}

bool ahead_has(struct ahead *a, const struct machine_options *o)
{
	bool has = false;

	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < a->most && !has; i++)
		has = a->places[i].taken && machine_same_options(&a->places[i].options, o);
	pthread_mutex_unlock(&a->lock);
	return has;
}

struct machine *ahead_take(struct ahead *a, const struct machine_options *o)
{
	struct machine *m = NULL;

	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < a->most && !m; i++) {
		struct waiting *w = &a->places[i];

		if (!w->machine || !machine_same_options(&w->options, o))
			continue;
		m = w->machine;
		vacate(w);
		if (machine_is_alive(m))
			continue;
		machine_close(m);
		m = NULL;
	}
	pthread_mutex_unlock(&a->lock);
	if (m)
		machine_taken(m);
	return m;
}
