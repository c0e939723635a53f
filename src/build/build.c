/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One build, from the user's directory to .ko files in memory. Beside the mirror (build/mirror.h)
 * three files say what is in it:
 *
 *	identity	the target, and how we build: another one, and the mirror starts over
 *	stamp		after a build that made modules: the recipe, and the modules with their size
 *			and date. While it holds and the user's directory is as it was, nothing is run
 *	log		what make printed then, so that its warnings show every time
 *
 * The mirror's lock is held until the modules are in memory, so that any number of runs of one
 * module at a time see whole files.
 */
#include "build/build.h"

#include "base/clock.h"
#include "base/path.h"
#include "base/proc.h"
#include "build/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* To be raised when the same source would be built differently. */
#define BUILD_FORMAT "kmodlab build 2"
#define LOG_MAX	     (8u << 20)
#define MODULE_MAX   (256u << 20)
#define STAMP_MAX    (1u << 20)

void module_files_free(struct module_files *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->items[i].name);
		free(m->items[i].path);
		free(m->items[i].debug);
		free(m->items[i].bytes);
	}
	free(m->items);
	*m = (struct module_files){0};
}

void build_free(struct build *b)
{
	module_files_free(&b->modules);
	findings_free(&b->findings);
	free(b->log);
	*b = (struct build){0};
}

static void job_close(struct job *j)
{
	sandbox_free(&j->sandbox);
	manifest_free(&j->last);
	manifest_free(&j->now);
	mirror_close(&j->mirror);
}

/* ---- what the mirror was made for ---- */

char *job_identity(const struct job *j)
{
	const struct target *t = j->target;
	struct buf text = {0};

	buf_addf(&text, "%s\n%s %s %s\n%s %s\n", BUILD_FORMAT, t->name, t->release, t->arch,
		t->root, t->build);
	j->system->identity(t, &text);
	return buf_take(&text);
}

bool job_read(const struct job *j, const char *name, size_t max, struct buf *text)
{
	AUTO_FREE char *path = mirror_file(&j->mirror, name);

	return !path_read(path, max, text) && text->len;
}

static int write_beside(const struct job *j, const char *name, const char *text, size_t len)
{
	AUTO_FREE char *path = mirror_file(&j->mirror, name);

	return path_write(path, text, len, j->err);
}

static void remove_beside(const struct job *j, const char *name)
{
	AUTO_FREE char *path = mirror_file(&j->mirror, name);

	unlink(path);
}

static bool same_identity(const struct job *j)
{
	AUTO_FREE char *now = job_identity(j);
	AUTO_BUF struct buf then = {0};

	return job_read(j, "identity", STAMP_MAX, &then) && !strcmp(then.data, now);
}

/* ---- modules ---- */

static int load_module(struct job *j, const char *path, struct stat *st)
{
	AUTO_BUF struct buf bytes = {0};
	AUTO_FREE char *base = path_base(path);
	struct module_file *m;
	int r = mirror_read(j->mirror.src, path, MODULE_MAX, &bytes, st);

	if (r)
		return r;
	m = ARRAY_ADD(j->out->modules.items, j->out->modules.n);
	m->name = xstrndup(base, strlen(base) - strlen(".ko"));
	m->path = xasprintf("%s/%s", j->mirror.src, path);
	m->debug = xasprintf("%s.debug", m->path);
	if (!path_is_file(m->debug)) {
		free(m->debug);
		m->debug = NULL;
	}
	m->len = bytes.len;
	m->bytes = buf_take(&bytes);
	return 0;
}

static void stamp_module(struct buf *stamp, const char *path, const struct stat *st)
{
	buf_addf(stamp, "%jd %jd.%09ld %s\n", (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec, path);
}

/* Loads what the build made, and writes into `stamp` what that was. */
static void load_products(struct job *j, enum recipe recipe, struct buf *stamp)
{
	AUTO_STRV struct strv paths = {0};
	struct stat st;

	j->system->products(j->mirror.src, j->sandbox.inside, recipe, &paths);
	buf_addf(stamp, "%s\n", recipe == RECIPE_OWN ? "own" : "direct");
	for (size_t i = 0; i < paths.n; i++) {
		int r = load_module(j, paths.v[i], &st);

		if (!r)
			stamp_module(stamp, paths.v[i], &st);
		else
			finding_add(&j->out->findings, "build-failed", SEVERITY_ERROR, CLASS_BUILD,
				xasprintf("The build lists %s among its modules, but it cannot be "
					  "read: %s.",
					paths.v[i], strerror(-r)),
				xstrdup("See that the Makefile makes it, and does not remove it afterwards."));
	}
}

/* Loads the modules of the last build as the stamp has them; false if they are not those. */
static bool load_stamped(struct job *j)
{
	AUTO_BUF struct buf stamp = {0}, seen = {0};
	char *line, *rest;

	if (!job_read(j, "stamp", STAMP_MAX, &stamp))
		return false;
	buf_adds(&seen, stamp.data);
	line = strtok_r(seen.data, "\n", &rest);
	while (line && (line = strtok_r(NULL, "\n", &rest))) {
		AUTO_BUF struct buf now = {0};
		char *path = strchr(line, ' ');
		struct stat st;

		path = path ? strchr(path + 1, ' ') : NULL;
		if (!path || load_module(j, path + 1, &st))
			return false;
		stamp_module(&now, path + 1, &st);
		if (strncmp(now.data, line, now.len - 1))
			return false;
	}
	return j->out->modules.n > 0;
}

/* ---- running make ---- */

struct output {
	struct buf log;
	size_t dropped; /* bytes beyond LOG_MAX */
};

/* What a Makefile prints may be anything; only text is kept. */
static void on_line(void *arg, const char *line, size_t len)
{
	struct output *o = arg;

	if (o->log.len + len + 1 > LOG_MAX) {
		o->dropped += len + 1;
		return;
	}
	buf_reserve(&o->log, len + 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c == '\t' || (c >= ' ' && c != 127))
			o->log.data[o->log.len++] = (char)c;
	}
	buf_adds(&o->log, "\n");
}

static bool says(const struct buf *log, const char *words)
{
	return log->len && strstr(log->data, words);
}

/* Whether a line ends so. Words in the middle of one may be the user's, in a quoted source line. */
static bool a_line_ends(const struct buf *log, const char *words)
{
	AUTO_FREE char *end = xasprintf(": %s\n", words);

	return says(log, end);
}

/* What went wrong without being the module's fault. 0 if nothing did. */
static int own_failure(const struct job *j, const struct buf *log, int status)
{
	if (!status)
		return 0;
	if (log->len && !strncmp(log->data, "bwrap: ", 7)) {
		AUTO_FREE char *line = xstrndup(log->data, strcspn(log->data, "\n"));

		return sandbox_failed(line, j->target, j->err);
	}
	if (a_line_ends(log, "No space left on device"))
		return error_set(j->err, ENOSPC,
			"the disk of %s, or the machine's memory, is full: make room and try again",
			j->mirror.base);
	if (says(log, "fatal error: Killed signal terminated program") ||
		says(log, "unable to execute command: Killed") ||
		a_line_ends(log, "Cannot allocate memory"))
		return error_set(j->err, ENOMEM,
			"the compiler was killed or found no memory: close something, or run fewer trials at a time (-j 1)");
	return 0;
}

int job_prepare(struct job *j, const char *copy)
{
	int r;

	sandbox_free(&j->sandbox);
	r = sandbox_begin(&j->sandbox, j->err);
	if (!r)
		r = j->system->mount(&j->sandbox, j->target, j->mirror.base, j->err);
	if (!r)
		sandbox_add_source(&j->sandbox, j->dir, copy, j->target);
	return r;
}

int job_run(struct job *j, struct buf *log)
{
	struct output o = {0};
	int64_t cpu = 0;
	int r = proc_run(
		j->sandbox.argv.v, clock_left_ms(j->deadline), on_line, NULL, &o, &cpu, j->err);
	int own;

	j->out->cpu_us += cpu;
	if (r == -ETIMEDOUT)
		error_set(j->err, ETIMEDOUT,
			"the build of %s did not end in the time it was given; --build-timeout gives it more",
			j->dir);
	own = r >= 0 ? own_failure(j, &o.log, r) : r;
	if (o.dropped)
		buf_addf(&o.log, "(%zu more bytes of output)\n", o.dropped);
	*log = o.log;
	return own ? own : r;
}

/* One run of make. Its wait status, or -errno when that says nothing about the module. */
static int run_recipe(struct job *j, enum recipe recipe, char **log)
{
	struct buf said = {0};
	int r = job_prepare(j, j->mirror.src);

	if (r)
		return r;
	j->system->forget(j->mirror.base, j->mirror.src, recipe);
	j->system->command(&j->sandbox, recipe, j->dir, j->target);
	r = job_run(j, &said);
	/* make says so itself when it fails; whatever else failed in its place did not. */
	if (r > 0 && !says(&said, "make: ***") && !says(&said, "make: stopped in ")) {
		AUTO_FREE char *how = proc_status_text(r);

		buf_addf(&said, "make: *** %s\n", how);
	}
	*log = buf_take(&said);
	return r;
}

/* Tries the first recipe and, where that cannot have been what the author meant, the second. */
static int run_plan(struct job *j, struct recipes plan, struct buf *stamp)
{
	AUTO_FREE char *log = NULL;
	int status = run_recipe(j, plan.first, &j->out->log);

	if (status < 0)
		return status;
	if (!status)
		load_products(j, plan.first, stamp);
	if (j->out->modules.n || !plan.second)
		return 0;
	if (status && !j->system->makes_missing(j->dir, j->out->log))
		return 0;
	buf_free(stamp);
	status = run_recipe(j, plan.second, &log);
	if (status < 0)
		return status;
	if (!status)
		load_products(j, plan.second, stamp);
	/* When neither made a module, the first one's words are those to be read. */
	if (j->out->modules.n) {
		free(j->out->log);
		j->out->log = log;
		log = NULL;
	}
	return 0;
}

/* ---- the systems ---- */

const struct build_system *build_system_for(enum target_os os)
{
	switch (os) {
	case TARGET_FREEBSD:
		return &bsdmake_system;
	case TARGET_LINUX:
		break;
	}
	return &kbuild_system;
}

bool build_is_source(const char *dir, enum target_os os, struct error *why)
{
	return build_system_for(os)->recognise(dir, why).first != RECIPE_NONE;
}

/* ---- the whole ---- */

static void add_no_module(struct job *j)
{
	finding_add(&j->out->findings, "build-failed", SEVERITY_ERROR, CLASS_BUILD,
		xstrdup("make ended without an error, but made no .ko file."),
		xstrdup(j->system->no_module));
}

static void diagnose(struct job *j)
{
	struct build *b = j->out;

	b->ok = b->modules.n > 0;
	build_diagnose(b->log,
		j->sandbox.inside ? j->sandbox.inside : sandbox_path_for(j->dir, j->target), j->dir,
		j->target, &b->findings);
	if (!b->ok && !findings_count(&b->findings, SEVERITY_ERROR))
		add_no_module(j);
	/* What was said on the way to a module cannot have been the end of it. */
	for (size_t i = 0; b->ok && i < b->findings.n; i++)
		if (b->findings.items[i].severity == SEVERITY_ERROR) {
			b->findings.items[i].severity = SEVERITY_WARNING;
			b->findings.items[i].class = CLASS_PASS;
		}
}

static enum recipe last_recipe(const struct job *j)
{
	AUTO_BUF struct buf recipe = {0};

	if (!job_read(j, "recipe", 64, &recipe))
		return RECIPE_NONE;
	return !strcmp(recipe.data, "own\n") ? RECIPE_OWN : RECIPE_DIRECT;
}

/* What worked last time goes first: after the module's own make has made a header, say, a direct
 * call would find it there, and go on using it when it should be made anew. */
static struct recipes reorder(const struct job *j, struct recipes plan)
{
	if (plan.second && last_recipe(j) == plan.second)
		return (struct recipes){plan.second, plan.first};
	return plan;
}

/* Whether the last build was a good one, and all there is of it is still there. */
static bool may_replay(struct job *j)
{
	bool may = again_is_possible(j) && last_recipe(j) == j->system->replayed && load_stamped(j);

	module_files_free(&j->out->modules);
	return may;
}

static int replay_last(struct job *j, struct buf *stamp)
{
	int r = again_replay(j);

	if (r != 1)
		return r;
	load_products(j, j->system->replayed, stamp);
	j->out->replayed = true;
	return 0;
}

/* The mirror's directory last changed when the last build was over. */
static void let_second_pass(const struct job *j)
{
	struct timespec now, left = {0};
	struct stat st;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!j->system->sees_seconds || stat(j->mirror.base, &st) || st.st_mtime != now.tv_sec)
		return;
	left.tv_nsec = 999999999 - now.tv_nsec + 10000000; /* file systems' clocks lag a tick */
	if (left.tv_nsec > 999999999)
		left = (struct timespec){1, left.tv_nsec - 1000000000};
	nanosleep(&left, NULL);
}

static int make_anew(struct job *j, struct recipes plan)
{
	AUTO_BUF struct buf stamp = {0};
	AUTO_FREE char *who = job_identity(j);
	bool afresh = !same_identity(j), replay;
	int r;

	plan = reorder(j, plan);
	if (j->system->starts_over && j->system->starts_over(&j->last, &j->now))
		afresh = true;
	replay = !afresh && plan.first == j->system->replayed && may_replay(j);
	if (!afresh && j->last.n)
		let_second_pass(j);
	remove_beside(j, "stamp");
	r = mirror_sync(&j->mirror, &j->last, &j->now, afresh, j->err);
	if (!r)
		r = write_beside(j, "identity", who, strlen(who));
	if (!r && replay)
		r = replay_last(j, &stamp);
	if (!r && !j->out->replayed)
		r = run_plan(j, plan, &stamp);
	if (!r && plan.first == j->system->replayed && j->out->modules.n)
		r = again_ask(j);
	if (r)
		return r; /* the mirror stays dirty: make may have been cut off in mid-write */
	j->out->rebuilt = true;
	mirror_settle(&j->mirror);
	if (!j->out->modules.n)
		return 0;
	r = write_beside(j, "log", j->out->log, strlen(j->out->log));
	if (!r)
		r = write_beside(j, "recipe", stamp.data, strcspn(stamp.data, "\n") + 1);
	return r ? r : write_beside(j, "stamp", stamp.data, stamp.len);
}

/* Whether all is as it was, with the modules and the log of last time loaded. */
static bool take_last(struct job *j)
{
	AUTO_BUF struct buf log = {0};

	if (!j->last.n || !manifest_same(&j->last, &j->now) || !same_identity(j) ||
		!load_stamped(j)) {
		module_files_free(&j->out->modules);
		return false;
	}
	job_read(j, "log", LOG_MAX + 4096, &log);
	j->out->log = buf_take(&log);
	return true;
}

static int build_job(struct job *j, struct recipes plan)
{
	int r = mirror_open(
		&j->mirror, j->dir, j->target->name, clock_left_ms(j->deadline), j->err);

	if (!r)
		r = manifest_scan(j->dir, &j->now, j->err);
	if (r)
		return r;
	mirror_last(&j->mirror, &j->last);
	if (!take_last(j))
		r = make_anew(j, plan);
	if (!r)
		diagnose(j);
	return r;
}

int build_module(const char *dir, const struct target *target, int timeout_ms, struct build *out,
	struct error *err)
{
	int64_t start = clock_us();
	struct job j = {.dir = dir,
		.target = target,
		.system = build_system_for(target->os),
		.deadline = start + (int64_t)timeout_ms * 1000,
		.mirror = {.lock = -1},
		.out = out,
		.err = err};
	struct recipes plan;
	int r;

	*out = (struct build){0};
	plan = j.system->recognise(dir, err);
	if (!plan.first)
		return -EINVAL;
	r = build_job(&j, plan);
	out->took_us = clock_us() - start;
	job_close(&j);
	if (r)
		build_free(out);
	return r;
}
