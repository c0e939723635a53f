/* SPDX-License-Identifier: BSD-2-Clause */
/* How a run on many machines begins: what is described, and how it is shared out. */
#include "spread/own.h"

#include "base/clock.h"
#include "base/path.h"

#include <errno.h>
#include <string.h>

#define TASKS_MOST 250
#define CHUNK_MOST 1000

size_t spread_chunk(size_t trials, size_t machines)
{
	size_t tasks = machines ? 4 * machines : TASKS_MOST;
	size_t chunk = trials / tasks + (trials % tasks != 0);

	return !chunk ? 1 : chunk < CHUNK_MOST ? chunk : CHUNK_MOST;
}

static void describe(struct spread *s)
{
	static const char *const kept[] = {"XDG_DATA_HOME", "XDG_CACHE_HOME"};
	const struct many_options *o = s->many;
	struct description *d = &s->d;

	*d = s->o.description;
	d->cwd = getcwd(NULL, 0);
	d->environment = (struct strv){0};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (getenv(kept[i]))
			strv_addf(&d->environment, "%s=%s", kept[i], getenv(kept[i]));
	d->trials = xcalloc(o->n + 1, sizeof *d->trials);
	d->n = 0;
	s->items = xcalloc(o->n + 1, sizeof *s->items);
	for (size_t i = 0; i < o->n; i++) {
		const struct many_item *item = &o->items[i];

		if (!item->target)
			continue;
		s->items[d->n] = i;
		d->trials[d->n++] = (struct described){.path = (char *)item->path,
			.os = item->os,
			.target = item->target->name,
			.config = item->config,
			.expect = item->expected};
	}
}

/* Processors that the hungriest machine wants. */
static unsigned most_cpus(const struct many_options *o)
{
	unsigned most = 1;

	for (size_t i = 0; i < o->n; i++)
		if (o->items[i].target) {
			struct trial_options trial = many_trial(o, i);

			most = trial.cpus > most ? trial.cpus : most;
		}
	return most;
}

/* How many logins those are, for sharing out; a guess is good enough. */
static size_t count_logins(const char *logins)
{
	AUTO_BUF struct buf text = {0};
	size_t n = 0;

	if (!logins)
		return 0;
	if (!path_is_file(logins)) {
		n = 1;
		for (; *logins; logins++)
			n += *logins == ',';
		return n;
	}
	if (path_read(logins, 1 << 20, &text) || !text.len)
		return 1;
	for (const char *line = text.data; *line;
		line += strcspn(line, "\n"), line += *line == '\n')
		n += *line != '\n' && *line != '#';
	return n ? n : 1;
}

static void share_out(struct spread *s)
{
	const struct executor *e = s->o.executor;
	size_t n;

	/* A login is one machine, which has its processors for us. A task in Slurm gets as many as it asked for. */
	s->d.jobs = s->o.jobs ? s->o.jobs : e == &executor_slurm ? 1 : 0;
	s->d.chunk = s->o.chunk ? s->o.chunk : spread_chunk(s->d.n, count_logins(s->o.logins));
	n = description_tasks(&s->d);
	s->crew = (struct crew){.folder = s->folder.path,
		.program = s->program,
		.cpus = most_cpus(s->many) * (s->d.jobs ? s->d.jobs : 1),
		.sbatch = s->o.sbatch,
		.logins = s->o.logins,
		.tasks = xcalloc(n + 1, sizeof *s->crew.tasks),
		.n = n};
	s->fates = xcalloc(n + 1, sizeof *s->fates);
	for (size_t i = 0; i < n; i++) {
		struct fate *f = &s->fates[i];

		s->crew.tasks[i].number = i + 1;
		f->n = f->left = description_task(&s->d, i + 1, &f->first);
	}
}

int spread_submit(struct spread *s, const size_t *which, size_t n, struct error *err)
{
	int r = s->o.executor->submit(&s->crew, which, n, err);

	for (size_t i = 0; i < n; i++) {
		s->fates[which[i]].tries++;
		s->fates[which[i]].ended_us = 0;
	}
	return r;
}

static int submit_all(struct spread *s, struct error *err)
{
	AUTO_FREE size_t *which = xcalloc(s->crew.n + 1, sizeof *which);
	AUTO_FREE char *what = NULL;
	int r;

	if (!s->crew.n)
		return 0;
	for (size_t i = 0; i < s->crew.n; i++)
		which[i] = i;
	r = spread_submit(s, which, s->crew.n, err);
	if (r)
		return r;
	what = s->o.executor->what(&s->crew);
	spread_note(s, "%s: %zu trial%s in %zu task%s", what, s->d.n, s->d.n == 1 ? "" : "s",
		s->crew.n, s->crew.n == 1 ? "" : "s");
	return 0;
}

int spread_open(struct spread **out, const struct spread_options *o,
	const struct many_options *many, struct error *err)
{
	struct spread *s = xcalloc(1, sizeof *s);
	AUTO_FREE char *cache = path_cache_dir();
	AUTO_FREE char *shared =
		o->shared ? realpath(o->shared, NULL) : xasprintf("%s/shared", cache);
	AUTO_FREE char *prefix = NULL;
	int r = shared ? 0 : errno;

	*out = NULL;
	*s = (struct spread){.o = *o, .many = many, .began_us = clock_us()};
	s->slots = xcalloc(many->n + 1, sizeof *s->slots);
	s->told_us = s->answered_us = s->looked_us = s->began_us;
	s->program = realpath("/proc/self/exe", NULL);
	describe(s);
	if (!shared) {
		r = error_set(err, r,
			"cannot use %s as the folder for all machines: %s; --shared takes a directory that is there, and that all of them see",
			o->shared, strerror(r));
		goto fail;
	}
	if (!s->program) {
		r = error_set(err, ENOENT,
			"kmodlab's own program was removed or replaced while it ran; start it again");
		goto fail;
	}
	prefix = xasprintf("%s/kmodlab-run-", shared);
	r = scratch_open(&s->folder, prefix, err);
	if (r)
		goto fail;
	share_out(s);
	r = description_write(&s->d, s->folder.path, err);
	if (!r)
		r = o->executor->begin(&s->crew, err);
	if (!r)
		r = submit_all(s, err);
	if (r)
		goto fail;
	*out = s;
	return 0;
fail:
	spread_close(s);
	return r;
}
