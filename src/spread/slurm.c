/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slurm: a job array for the tasks, another one for those that have to be run again. What has become of them is asked of
 * sacct where Slurm keeps accounts, and of squeue where it does not, or where the accounts do not have a task yet; squeue
 * lists a task that has ended for some minutes. Why tasks wait is not in the accounts: while none runs, squeue is asked
 * too.
 */
#include "spread/executor.h"

#include "base/clock.h"
#include "base/path.h"
#include "spread/listing.h"
#include "spread/program.h"

#include <errno.h>
#include <string.h>

#define CALL_MS	      60000
#define CANCEL_MS     30000
#define UNSEEN_MAX    3
#define LOOK_AGAIN_US 1000000
/* For so long sacct is not asked again when it did not answer. */
#define ACCOUNTS_US INT64_C(300000000)

int slurm_accounts_ms = 10000;

struct slurm {
	struct strv jobs;  /* "17" */
	bool no_accounts;  /* sacct said so */
	int64_t silent_us; /* when it did not answer, or 0 */
};

static int begin(struct crew *c, struct error *err)
{
	static const char *const programs[] = {"sbatch", "squeue", "scancel"};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		AUTO_FREE char *path = path_program(programs[i]);

		if (!path)
			return error_set(err, ENOENT,
				"there is no %s on this machine: --executor=slurm is for a machine that submits "
				"jobs to a Slurm cluster; Debian's package slurm-client has the program, the "
				"cluster's administrator its configuration",
				programs[i]);
	}
	c->own = xcalloc(1, sizeof(struct slurm));
	return 0;
}

/* A file name pattern of Slurm's that is this very name. Caller frees. */
static char *pattern(const char *path)
{
	struct buf out = {0};

	for (; *path; path++)
		buf_addf(&out, *path == '%' ? "%%%%" : "%c", *path);
	return buf_take(&out);
}

static int write_script(const struct crew *c, const char *path, struct error *err)
{
	AUTO_FREE char *program = program_quote(c->program), *folder = program_quote(c->folder);
	AUTO_FREE char *text = xasprintf(
		"#!/bin/sh\nexec %s __task %s \"$SLURM_ARRAY_TASK_ID\"\n", program, folder);

	return path_write(path, text, strlen(text), err);
}

/* The job's number in what sbatch said, which may have warned of something before it; NULL if there is none. Caller
 * frees. */
static char *job_in(const char *text)
{
	const char *last = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (*line >= '0' && *line <= '9')
			last = line;
	return last ? xstrndup(last, strspn(last, "0123456789")) : NULL;
}

static int submit(struct crew *c, const size_t *tasks, size_t n, struct error *err)
{
	AUTO_FREE char *script = xasprintf("%s/task.sh", c->folder);
	AUTO_FREE char *folder = pattern(c->folder), *list = tasks_list(c, tasks, n);
	AUTO_FREE char *job = NULL;
	AUTO_STRV struct strv argv = {0};
	AUTO_BUF struct buf said = {0};
	struct slurm *s = c->own;
	int r = write_script(c, script, err);

	if (r)
		return r;
	strv_adds(&argv, "sbatch", "--parsable", "--job-name=kmodlab", "--open-mode=append",
		"--no-requeue", "--export=ALL", "--input=none", NULL);
	strv_addf(&argv, "--cpus-per-task=%u", c->cpus);
	for (size_t i = 0; i < c->sbatch->n; i++)
		strv_add(&argv, c->sbatch->v[i]);
	strv_addf(&argv, "--array=%s", list);
	strv_addf(&argv, "--output=%s/output/%%a", folder);
	strv_add(&argv, script);
	buf_adds(&said, "");
	r = program_run(argv.v, CALL_MS, &said, err);
	if (r < 0)
		return r;
	job = job_in(said.data);
	if (r || !job) {
		AUTO_FREE char *tail = program_tail(said.data, said.len, 600);

		return error_set(err, EINVAL, "Slurm does not take the job: %s",
			*tail ? tail : "sbatch says nothing");
	}
	strv_add(&s->jobs, job);
	for (size_t i = 0; i < n; i++) {
		struct task *t = &c->tasks[tasks[i]];

		t->out = true;
		t->running = t->whole = false;
		t->job = strtoull(job, NULL, 10);
		t->unseen = 0;
		task_says(t, NULL, NULL);
	}
	return 0;
}

/* Puts down what a listing says of the tasks that are out. */
static void take_listing(struct crew *c, const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct listed l;

		if (!listing_take(line, &l))
			continue;
		for (size_t i = 0; i < c->n; i++) {
			struct task *t = &c->tasks[i];
			AUTO_FREE char *state = NULL;

			if (!t->out || t->job != l.job || !listing_has(&l, t->number))
				continue;
			t->unseen = 0;
			t->running = !strcmp(l.state, "RUNNING");
			t->whole = !strcmp(l.state, "COMPLETED");
			t->out = !listing_is_final(l.state);
			/* A reason is what one waits for; the other words of squeue are in the state. */
			state = *l.more && strcmp(l.more, "None") && strcmp(l.more, "0:0")
				? xasprintf("%s (%s)", l.state, l.more)
				: xstrdup(l.state);
			task_says(t, state, l.node);
		}
	}
}

/* "17,18": the jobs that have tasks which are out. Caller frees. */
static char *jobs_out(const struct crew *c)
{
	const struct slurm *s = c->own;
	struct buf out = {0};

	for (size_t i = 0; i < s->jobs.n; i++) {
		uint64_t job = strtoull(s->jobs.v[i], NULL, 10);

		for (size_t k = 0; k < c->n; k++)
			if (c->tasks[k].out && c->tasks[k].job == job) {
				buf_addf(&out, "%s%s", out.len ? "," : "", s->jobs.v[i]);
				break;
			}
	}
	return buf_take(&out);
}

static void ask_sacct(struct crew *c, const char *jobs)
{
	char *argv[] = {"sacct", "--noheader", "--parsable2", "--allocations", "-j", (char *)jobs,
		"--format=JobID,State,NodeList,ExitCode", NULL};
	AUTO_BUF struct buf said = {0};
	struct slurm *s = c->own;
	struct error err;
	int r;

	if (s->no_accounts || (s->silent_us && clock_us() - s->silent_us < ACCOUNTS_US))
		return;
	buf_adds(&said, "");
	r = program_run(argv, slurm_accounts_ms, &said, &err);
	s->silent_us = r == -ETIMEDOUT ? clock_us() : 0;
	if (r == -ENOENT || (r > 0 && strstr(said.data, "accounting storage is disabled")))
		s->no_accounts = true;
	if (!r)
		take_listing(c, said.data);
}

static int ask_squeue(struct crew *c, const char *jobs, struct error *err)
{
	char *argv[] = {"squeue", "--noheader", "--array", "--states=all", "-j", (char *)jobs,
		"--format=%i|%T|%N|%r", NULL};
	AUTO_BUF struct buf said = {0};
	AUTO_FREE char *tail = NULL;
	int r;

	buf_adds(&said, "");
	r = program_run(argv, CALL_MS, &said, err);
	if (r < 0)
		return r;
	/* A job that it has forgotten is listed as well as nothing. */
	if (!r || strstr(said.data, "Invalid job id")) {
		take_listing(c, said.data);
		return 0;
	}
	tail = program_tail(said.data, said.len, 600);
	return error_set(err, EIO, "Slurm does not answer: %s", tail);
}

static int look(struct crew *c, struct error *err)
{
	AUTO_FREE char *jobs = jobs_out(c);
	bool unseen = false, runs = false, waits = false;
	struct error ignored;
	int r = 0;

	if (!*jobs)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		c->tasks[i].unseen++;
	ask_sacct(c, jobs);
	for (size_t i = 0; i < c->n; i++) {
		unseen |= c->tasks[i].out && c->tasks[i].unseen;
		runs |= c->tasks[i].running;
		waits |= c->tasks[i].out;
	}
	if (unseen)
		r = ask_squeue(c, jobs, err);
	else if (waits && !runs)
		ask_squeue(c, jobs, &ignored);
	for (size_t i = 0; i < c->n; i++) {
		struct task *t = &c->tasks[i];

		if (r && t->unseen)
			t->unseen--;
		if (t->out && t->unseen >= UNSEEN_MAX) {
			t->out = t->running = false;
			task_says(t, "a job that Slurm does not know any more", NULL);
		}
	}
	return r;
}

static char *what(const struct crew *c)
{
	const struct slurm *s = c->own;

	return s->jobs.n ? xasprintf("Slurm job %s", s->jobs.v[s->jobs.n - 1]) : xstrdup("Slurm");
}

static bool any_out(const struct crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i].out)
			return true;
	return false;
}

static bool cancel(struct crew *c)
{
	int64_t deadline = clock_us() + CANCEL_MS * INT64_C(1000);
	struct slurm *s = c->own;
	AUTO_STRV struct strv argv = {0};
	AUTO_BUF struct buf said = {0};
	struct error err;

	if (!any_out(c))
		return true;
	strv_add(&argv, "scancel");
	for (size_t i = 0; i < s->jobs.n; i++)
		strv_add(&argv, s->jobs.v[i]);
	program_run(argv.v, CALL_MS, &said, &err);
	while (any_out(c) && clock_us() < deadline) {
		clock_sleep(LOOK_AGAIN_US);
		look(c, &err);
	}
	return !any_out(c);
}

static void end(struct crew *c)
{
	struct slurm *s = c->own;

	if (s)
		strv_free(&s->jobs);
	free(s);
	c->own = NULL;
}

const struct executor executor_slurm = {
	.name = "slurm",
	.title = "Slurm",
	.tries = 3,
	.begin = begin,
	.submit = submit,
	.look = look,
	.what = what,
	.cancel = cancel,
	.end = end,
};
