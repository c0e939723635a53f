/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/path.h"
#include "cli/plan.h"
#include "cli/real.h"
#include "cli/reports.h"
#include "cli/request.h"
#include "cli/show.h"
#include "machine/ahead.h"
#include "spread/spread.h"
#include "trial/many.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The plan's trials, as many_run wants them; `why` is what to say where there is no target, by enum target_os. */
static struct many_item *items_of(const struct plan *p, char *const why[2])
{
	struct many_item *items = xcalloc(p->n, sizeof *items);

	for (size_t i = 0; i < p->n; i++) {
		const struct planned *planned = &p->items[i];
		const struct plan_column *c = &p->columns[planned->column];

		items[i] = (struct many_item){.path = p->rows[planned->row].path,
			.target = planned->why ? NULL : c->target,
			.os = c->os,
			.expected = planned->expected,
			.config = planned->config,
			.params = planned->params.v,
			.why = planned->why ? planned->why : why[c->os]};
	}
	return items;
}

/* Hands the trials to other machines. 0, or -errno with the sentence set. */
static int open_spread(const struct request *q, const struct plan *p, enum show_kind kind,
	const struct many_options *o, struct spread **out, struct error *err)
{
	struct spread_options s = {.executor = q->executor,
		.shared = q->shared,
		.sbatch = &q->sbatch,
		.logins = q->logins,
		.chunk = q->chunk,
		.jobs = q->jobs_typed,
		.drawing = (kind == SHOW_TABLE || kind == SHOW_ROWS) && isatty(STDOUT_FILENO)};
	struct description *d = &s.description;

	d->options = q->carried;
	d->given = p->files;
	d->seed = q->trial.seed;
	d->frames = q->reports.files.html;
	d->has_params = q->trial.params;
	d->params.v = (char **)q->trial.params;
	while (d->has_params && d->params.v[d->params.n])
		d->params.n++;
	return spread_open(out, &s, o, err);
}

/* Only this machine knows who is on a real one: there, one trial at a time is the rule. */
static int refuse_real(const struct plan *p)
{
	for (size_t i = 0; i < p->ncolumns; i++)
		if (p->columns[i].target && p->columns[i].target->ssh)
			return cli_fail(EXIT_USAGE,
				"%s is a real machine, to which trials go from here, one at a time: leave out "
				"--executor, or that target",
				p->columns[i].target->name);
	return EXIT_PASSED;
}

static int run_all(const struct request *q, const struct plan *p)
{
	AUTO_FREE char *no_linux = plan_why_skipped(TARGET_LINUX);
	AUTO_FREE char *no_freebsd = plan_why_skipped(TARGET_FREEBSD);
	char *const why[2] = {[TARGET_LINUX] = no_linux, [TARGET_FREEBSD] = no_freebsd};
	AUTO_FREE struct many_item *items = items_of(p, why);
	struct many_options o = {
		.trial = q->trial, .jobs = q->jobs, .items = items, .n = p->n, .ahead = q->ahead};
	bool list = q->expect || (p->expects && plan_is_table(p));
	enum show_kind kind = q->reports.json	  ? SHOW_JSON
		: q->reports.ktap		  ? SHOW_KTAP
		: list && !q->verbose		  ? SHOW_ROWS
		: plan_is_table(p) && !q->verbose ? SHOW_TABLE
						  : SHOW_STORIES;
	struct spread *spread = NULL;
	struct plan_files *files;
	struct show *show;
	struct error err;
	int status = reports_open(&files, &q->reports, p, "run", q->expect), r = 0;

	if (status)
		return status;
	o.trial.keep_log = true;
	o.trial.given = p->given;
	o.trial.frames = q->reports.files.html;
	o.trial.typed = &q->typed;
	if (q->silence.n)
		o.trial.silence = &q->silence;
	/* Before anything is shown: there may be no such executor here. */
	if (q->executor && open_spread(q, p, kind, &o, &spread, &err)) {
		reports_drop(files);
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	}
	real_warn(p, &q->typed);
	show = show_new(kind, p, q->console, q->expect);
	show_files(show, reports_files(files));
	show_attach(show, &o);
	if (spread)
		spread_gather(spread);
	else
		r = many_run(&o, &err);
	status = show_end(show);
	show_free(show);
	spread_close(spread);
	status = reports_close(files, status);
	return r ? cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text) : status;
}

static struct plan_request plan_of(const struct request *q)
{
	return (struct plan_request){.paths = q->paths,
		.npaths = q->npaths,
		.targets = &q->targets,
		.params = q->trial.params,
		.require = q->require,
		.shard = q->shard,
		.command = "run",
		.expect = q->expect};
}

/* Starts the machines that the trials would need as things are now, if they can be run. */
static void start_machines(struct request *q)
{
	struct plan_request request = plan_of(q);
	char *const why[2] = {NULL, NULL};
	struct targets all = {0};
	struct plan plan = {0};
	struct error ignored;

	q->ahead = ahead_new(q->jobs);
	if (!targets_load(&all, &ignored) && plan_make(&plan, &request, &all) == EXIT_PASSED) {
		AUTO_FREE struct many_item *items = items_of(&plan, why);
		struct many_options o = {.trial = q->trial,
			.jobs = q->jobs,
			.items = items,
			.n = plan.n,
			.ahead = q->ahead};

		o.trial.typed = &q->typed;
		many_prepare(&o);
	}
	plan_free(&plan);
	targets_free(&all);
}

/* Makes ready what can be before the word to begin comes from `go`. What is wrong is not told of yet: it may be
 * mended until then. EXIT_PASSED, or -1 when there was a signal instead. */
static int get_ready(struct request *q, int go)
{
	AUTO_CLOSE int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_CLOSE int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	struct pollfd fds[] = {{go, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};

	dup2(nowhere, STDERR_FILENO);
	start_machines(q);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	while (!interrupt_pending() && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return interrupt_pending() ? -1 : EXIT_PASSED;
}

int run_options(int argc, char **argv, struct strv *paths, bool *json)
{
	struct request q;
	int status;

	request_begin(&q, &argc, argv);
	status = request_take(&q, argc, argv);
	for (int i = optind; i < argc && status == EXIT_PASSED; i++)
		strv_add(paths, argv[i]);
	if (status == EXIT_PASSED && q.executor)
		status = cli_fail(
			EXIT_USAGE, "--executor is for kmodlab run; watch runs here, to be fast");
	*json = q.reports.json || q.reports.ktap;
	request_end(&q);
	return status;
}

int run_when_told(int argc, char **argv, int go)
{
	struct request q;
	struct targets all = {0};
	struct plan plan = {0};
	struct error err;
	int status;

	request_begin(&q, &argc, argv);
	status = request_take(&q, argc, argv);
	if (status == EXIT_PASSED) {
		q.paths = argv + optind;
		q.npaths = (size_t)(argc - optind);
	}
	if (status == EXIT_PASSED && go >= 0)
		status = get_ready(&q, go);
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED) {
		struct plan_request request = plan_of(&q);

		status = plan_make(&plan, &request, &all);
	}
	if (status == EXIT_PASSED && q.executor)
		status = refuse_real(&plan);
	if (status == EXIT_PASSED)
		status = run_all(&q, &plan);
	else
		ahead_free(q.ahead);
	plan_free(&plan);
	targets_free(&all);
	request_end(&q);
	return status < 0 ? EXIT_PASSED : status;
}

int run_main(int argc, char **argv)
{
	return run_when_told(argc, argv, -1);
}
