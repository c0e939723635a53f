/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building again without make (build/replay.h): when that may be done, and doing it in the sandbox.
 *
 * If anything fails on the way, what was made is taken away again and make is run: its words are those
 * that the user gets, and a build without replay cannot be told from one where it was tried in vain.
 */
#include "build/job.h"

#include "base/clock.h"
#include "base/path.h"
#include "build/replay.h"

#include <errno.h>
#include <string.h>

#define EXPORTS_MAX (1u << 20)
#define LOG_MAX	    (16u << 20)
#define SCRIPT	    "/tmp/kmodlab-replay"

/* ---- whether ---- */

static bool only_contents_differ(const struct manifest *last, const struct manifest *now)
{
	if (!last->n || last->n != now->n)
		return false;
	for (size_t i = 0; i < now->n; i++) {
		const struct source_entry *a = &last->items[i], *b = &now->items[i];

		if (strcmp(a->path, b->path) || a->kind != b->kind)
			return false;
		if (a->kind == SOURCE_FILE ? a->mode != b->mode : !manifest_entry_same(a, b))
			return false;
	}
	return true;
}

bool again_is_possible(const struct job *j)
{
	return j->system->replay && only_contents_differ(&j->last, &j->now);
}

/* The files that have been copied since the last build. False if one of them is as it was in the user's
 * directory: then it was the build that changed the copy. */
static bool list_changed(const struct job *j, struct strv *changed)
{
	for (size_t i = 0; i < j->now.n; i++) {
		const struct source_entry *a = &j->last.items[i], *b = &j->now.items[i];

		if (b->kind != SOURCE_FILE || a->copied_ns == b->copied_ns)
			continue;
		if (manifest_entry_same(a, b))
			return false;
		strv_add(changed, b->path);
	}
	return changed->n > 0;
}

/* ---- what make exports ---- */

/* One file for all the mirrors of a target; its first string says for which state of the target. */
static char *exports_file(const struct job *j)
{
	const char *slash = strrchr(j->mirror.base, '/');

	return xasprintf("%.*s/exports", (int)(slash - j->mirror.base), j->mirror.base);
}

/* The exports, NUL-terminated each, in `text` from `*from` on. */
static bool read_exports(const struct job *j, struct buf *text, size_t *from)
{
	AUTO_FREE char *path = exports_file(j);
	AUTO_FREE char *who = job_identity(j);

	if (path_read(path, EXPORTS_MAX, text) || !text->len || strcmp(text->data, who))
		return false;
	*from = strlen(who) + 1;
	return *from < text->len && !text->data[text->len - 1];
}

static int run_ask(struct job *j, const char *place)
{
	AUTO_BUF struct buf log = {0};
	int r = job_prepare(j, place);

	if (r)
		return r;
	j->system->ask(&j->sandbox, j->target);
	return job_run(j, &log);
}

int again_ask(struct job *j)
{
	AUTO_FREE char *place = mirror_file(&j->mirror, "ask");
	AUTO_FREE char *path = exports_file(j);
	AUTO_FREE char *who = job_identity(j);
	AUTO_BUF struct buf text = {0}, answer = {0};
	struct error err;
	size_t from;
	int r;

	if (!j->system->ask || read_exports(j, &text, &from))
		return 0;
	buf_free(&text);
	if (path_make_dirs(place, &err))
		return 0;
	r = run_ask(j, place);
	if (!r && !mirror_read(place, "exports", EXPORTS_MAX / 2, &answer, NULL) && answer.len) {
		buf_add(&text, who, strlen(who) + 1);
		buf_add(&text, answer.data, answer.len);
		path_write(path, text.data, text.len, &err);
	}
	path_remove_tree(place);
	return r == -EINTR ? r : 0;
}

/* ---- doing it ---- */

static int run_script(struct job *j, const struct replay *replay, struct buf *log)
{
	AUTO_FREE char *path = mirror_file(&j->mirror, "script");
	int r = path_write(path, replay->script.data, replay->script.len, j->err);

	if (r)
		return r;
	strv_adds(&j->sandbox.argv, "--ro-bind", path, SCRIPT, "/bin/sh", SCRIPT, NULL);
	return job_run(j, log);
}

/* The log of the last build with what was said now in its place. */
static void merge_log(struct job *j, const struct replay *replay, const struct buf *fresh)
{
	AUTO_BUF struct buf last = {0};

	job_read(j, "log", LOG_MAX, &last);
	j->out->log = j->system->merge_log(
		last.data ? last.data : "", fresh->data ? fresh->data : "", replay->inside);
}

static int run_replay(struct job *j, struct replay *replay)
{
	AUTO_BUF struct buf log = {0};
	int r;

	if (!j->system->replay(replay))
		return 0;
	r = run_script(j, replay, &log);
	if (!r) {
		merge_log(j, replay, &log);
		return 1;
	}
	for (size_t i = 0; i < replay->made.n; i++)
		mirror_remove(j->mirror.src, replay->made.v[i]);
	return r > 0 ? 0 : r;
}

int again_replay(struct job *j)
{
	AUTO_STRV struct strv changed = {0};
	AUTO_BUF struct buf exports = {0};
	AUTO_FREE char *records = mirror_file(&j->mirror, MIRROR_RECORDS);
	struct replay replay = {0};
	size_t from = 0;
	int r;

	if (!list_changed(j, &changed) || (j->system->ask && !read_exports(j, &exports, &from)))
		return 0;
	r = job_prepare(j, j->mirror.src);
	if (r)
		return r;
	replay = (struct replay){.src = j->mirror.src,
		.records = records,
		.inside = j->sandbox.inside,
		.build = j->sandbox.build,
		.target = j->target,
		.now = &j->now,
		.changed = &changed,
		.exports = exports.data ? exports.data + from : NULL,
		.exports_len = exports.len - from};
	r = run_replay(j, &replay);
	buf_free(&replay.script);
	strv_free(&replay.made);
	return r;
}
