/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a machine of an executor does: some trials of a run that was begun elsewhere. It needs the folder, in which the run is
 * described, and finds everything else where it was there: the same program, directories, targets. Where it does not,
 * the trial is an error of ours that says what this machine lacks. A task that cannot even begin says why and ends
 * with a failure, so that another machine may try.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "cli/plan.h"
#include "cli/request.h"
#include "spread/folder.h"
#include "spread/result.h"
#include "trial/config.h"
#include "trial/expect.h"
#include "trial/many.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LOOK_US INT64_C(1000000)

/* One of its trials: what there is to it, and what the list refers to. */
struct own {
	size_t number; /* in the description */
	struct config config;
	struct expect expect;
	struct strv params;
};

struct task_run {
	const char *folder;
	struct description d;
	struct request q;
	struct targets targets;
	struct many_item *items;
	struct own *own;
	size_t n;
	char *node;
	atomic_bool failed; /* some result could not be written */
	int64_t looked_us;
};

static void write_result(struct task_run *r, size_t number, const struct trial *t)
{
	AUTO_FREE char *path = folder_result(r->folder, number);
	AUTO_FREE char *text = result_print(t, r->node);
	struct error err;

	if (!path_write(path, text, strlen(text), &err))
		return;
	r->failed = true;
	cli_fail(0, "%s", err.text);
}

/* What comes of a trial for which this machine lacks something. */
static void refuse(struct task_run *r, size_t number, const char *why)
{
	const struct described *one = &r->d.trials[number];
	struct trial_options o = {.path = one->path};
	AUTO_FREE char *said = xasprintf("on the machine %s, %s", r->node, why);
	struct trial t;

	trial_skip(&o, one->os, said, &t);
	t.verdict = VERDICT_INFRASTRUCTURE;
	write_result(r, number, &t);
	trial_free(&t);
}

/* Adds the trial to the list. 0, or -errno with a sentence about what is not here. */
static int add(struct task_run *r, size_t number, struct error *err)
{
	const struct described *one = &r->d.trials[number];
	const struct target *target = target_find(&r->targets, one->target, err);
	struct own *own = &r->own[r->n];
	int e;

	if (!target)
		return -ENOENT;
	if (!path_is_dir(one->path) && !path_is_file(one->path))
		return error_set(err, ENOENT,
			"there is no %s%s%s: the module's directory has to be on a file system that all "
			"machines have at the same place",
			*one->path == '/' ? "" : r->d.cwd, *one->path == '/' ? "" : "/", one->path);
	*own = (struct own){.number = number};
	if (one->config) {
		e = config_read(one->path, one->os, &own->config, err);
		if (e == -ENOENT)
			error_set(err, ENOENT, "there is no " CONFIG_NAME " for %s", one->path);
		if (e)
			goto fail;
		config_params(&own->config, one->os, r->d.has_params ? r->d.params.v : NULL,
			&own->params);
	}
	if (one->expect) {
		e = expect_read(one->path, &own->expect, err);
		if (e == -ENOENT)
			error_set(err, ENOENT, "there is no %s/expect", one->path);
		if (e)
			goto fail;
	}
	r->items[r->n++] = (struct many_item){.path = one->path,
		.target = target,
		.os = one->os,
		.expected =
			one->expect ? expect_for(&own->expect, one->os, expect_kind(target)) : NULL,
		.config = one->config ? &own->config : NULL,
		.params = own->params.v};
	return 0;
fail:
	config_free(&own->config);
	expect_free(&own->expect);
	strv_free(&own->params);
	return e;
}

/* The finished modules of the run, of which one may need another. */
static struct shelf *put_on_shelf(const struct description *d)
{
	struct shelf *shelf = shelf_new();

	for (size_t i = 0; i < d->given.n; i++)
		shelf_add(shelf, d->given.v[i],
			trial_is_for(d->given.v[i], TARGET_FREEBSD) ? TARGET_FREEBSD
								    : TARGET_LINUX);
	return shelf;
}

/* Takes the options of the run, as that command line had them. */
static int take_options(struct task_run *r)
{
	AUTO_STRV struct strv argv = {0};
	int status, argc;

	strv_add(&argv, "run");
	for (size_t i = 0; i < r->d.options.n; i++)
		strv_add(&argv, r->d.options.v[i]);
	argc = (int)argv.n;
	request_begin(&r->q, &argc, argv.v);
	r->q.trial.seed = r->d.seed;
	r->q.trial.params = r->d.has_params ? r->d.params.v : NULL;
	optind = 1;
	status = request_take(&r->q, argc, argv.v);
	if (r->d.jobs)
		r->q.jobs = r->d.jobs;
	return status;
}

/* From any worker. */
static void over(void *arg, size_t i, struct trial *t)
{
	struct task_run *r = arg;

	write_result(r, r->own[i].number, t);
}

static void done(void *arg, size_t i, struct trial *t)
{
	(void)arg;
	(void)i;
	(void)t;
}

/* Nobody waits for the results when the folder is gone. */
static void tick(void *arg)
{
	struct task_run *r = arg;
	int64_t now = clock_us();

	if (now - r->looked_us < LOOK_US)
		return;
	r->looked_us = now;
	if (!folder_stands(r->folder) && !interrupt_pending())
		raise(SIGTERM);
}

static int run(struct task_run *r, bool last)
{
	struct shelf *shelf = put_on_shelf(&r->d);
	struct many_options o = {.trial = r->q.trial,
		.jobs = r->q.jobs,
		.items = r->items,
		.n = r->n,
		.over = over,
		.done = done,
		.tick = tick,
		.arg = r};
	struct error err;
	int e;

	o.trial.keep_log = last;
	o.trial.given = shelf;
	o.trial.frames = r->d.frames;
	o.trial.typed = &r->q.typed;
	if (r->q.silence.n)
		o.trial.silence = &r->q.silence;
	e = many_run(&o, &err);
	shelf_free(shelf);
	return e ? cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text) : EXIT_PASSED;
}

/* Goes to where the run was begun. */
static int settle(struct task_run *r)
{
	for (size_t i = 0; i < r->d.environment.n; i++) {
		AUTO_FREE char *name = xstrdup(r->d.environment.v[i]);
		char *value = strchr(name, '=');

		if (!value)
			continue;
		*value++ = 0;
		setenv(name, value, true);
	}
	if (chdir(r->d.cwd))
		return cli_fail(EXIT_INFRASTRUCTURE,
			"the machine %s does not see the directory %s, where the run was begun: it has to be on a "
			"file system that all machines have at the same place",
			r->node, r->d.cwd);
	return EXIT_PASSED;
}

static int run_task(struct task_run *r, size_t task)
{
	struct error err;
	size_t first = 0, n = description_task(&r->d, task, &first);
	int status;

	if (!n)
		return cli_fail(EXIT_USAGE, "there is no task %zu in %s", task, r->folder);
	status = settle(r);
	if (status == EXIT_PASSED)
		status = take_options(r);
	if (status == EXIT_PASSED && targets_load(&r->targets, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status != EXIT_PASSED)
		return status;
	r->items = xcalloc(n, sizeof *r->items);
	r->own = xcalloc(n, sizeof *r->own);
	for (size_t i = first; i < first + n; i++) {
		AUTO_FREE char *path = folder_result(r->folder, i);

		if (!path_is_file(path) && add(r, i, &err))
			refuse(r, i, err.text);
	}
	status = run(r, first + n == r->d.n);
	return status == EXIT_PASSED && r->failed ? EXIT_INFRASTRUCTURE : status;
}

int task_main(int argc, char **argv)
{
	struct task_run r = {0};
	struct error err;
	int status;
	long task;

	if (argc != 3 || !cli_number(argv[2], 1, 100000000, &task))
		return cli_fail(EXIT_USAGE,
			"__task FOLDER NUMBER is for executors; see kmodlab run --help");
	r.folder = argv[1];
	r.node = node_name();
	if (description_read(&r.d, r.folder, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	else
		status = run_task(&r, (size_t)task);
	for (size_t i = 0; i < r.n; i++) {
		config_free(&r.own[i].config);
		expect_free(&r.own[i].expect);
		strv_free(&r.own[i].params);
	}
	free(r.items);
	free(r.own);
	targets_free(&r.targets);
	request_end(&r.q);
	description_free(&r.d);
	free(r.node);
	return status;
}
