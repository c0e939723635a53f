/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of a build, as a compilation database.
 *
 * Kbuild writes its record of an object when that was compiled, bmake before. So of a Linux module that does
 * not build, Kbuild is asked again, about a copy of it in which every source is empty: that compiles, by
 * the commands by which the real ones would be.
 */
#include "build/compdb.h"

#include "base/clock.h"
#include "base/path.h"
#include "build/bsd-record.h"
#include "build/build.h"
#include "build/files.h"
#include "build/job.h"
#include "build/record.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX (4u << 20)
#define SOURCE_MAX (256u << 20)

struct collector {
	struct job *job;
	struct compdb *db;
	struct compdb_places places;
	struct strv
		*seen; /* files that have the commands they are to have; NULL: all get new ones */
	size_t found;
};

void compdb_build_free(struct compdb_build *b)
{
	free(b->why);
	*b = (struct compdb_build){0};
}

static void clear_entry(struct compdb_entry *e)
{
	free(e->directory);
	free(e->file);
	strv_free(&e->argv);
	*e = (struct compdb_entry){0};
}

void compdb_free(struct compdb *db)
{
	for (size_t i = 0; i < db->n; i++)
		clear_entry(&db->items[i]);
	free(db->items);
	*db = (struct compdb){0};
}

void compdb_print(const struct compdb *db, struct buf *out)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < db->n; i++) {
		const struct compdb_entry *e = &db->items[i];
		struct json_object *entry = json_object_new_object();
		struct json_object *words = json_object_new_array();

		for (size_t k = 0; k < e->argv.n; k++)
			json_object_array_add(words, json_object_new_string(e->argv.v[k]));
		json_object_object_add(entry, "directory", json_object_new_string(e->directory));
		json_object_object_add(entry, "file", json_object_new_string(e->file));
		json_object_object_add(entry, "arguments", words);
		json_object_array_add(all, entry);
	}
	buf_adds(out,
		json_object_to_json_string_ext(
			all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_adds(out, "\n");
	json_object_put(all);
}

/* ---- one command ---- */

/* The entry for `file`, emptied if there is one. */
static struct compdb_entry *entry_for(struct compdb *db, const char *file)
{
	for (size_t i = 0; i < db->n; i++)
		if (!strcmp(db->items[i].file, file)) {
			clear_entry(&db->items[i]);
			return &db->items[i];
		}
	return ARRAY_ADD(db->items, db->n);
}

static bool is_seen(const struct strv *seen, const char *file)
{
	for (size_t i = 0; seen && i < seen->n; i++)
		if (!strcmp(seen->v[i], file))
			return true;
	return false;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && path[n] == '/';
}

/* A header that the build made is looked for beside the source first, where the editor's is not. */
static void add_beside(const struct compdb_places *p, const char *file, struct strv *argv)
{
	const char *slash = strrchr(file, '/');
	AUTO_FREE char *dir = xstrndup(file, (size_t)(slash - file));
	AUTO_FREE char *inside = NULL;
	AUTO_STRV struct strv words = {0}, more = {0};

	if (strcmp(dir, p->dir) && !is_below(dir, p->dir))
		return;
	inside = xasprintf("%s%s", p->inside, dir + strlen(p->dir));
	strv_adds(&words, "clang", "-iquote", inside, NULL);
	compdb_options(p, "/", &words, &more);
	/* The first is the user's own, where it is looked for in any case. */
	for (size_t i = 2; i < more.n; i++)
		strv_add(argv, more.v[i]);
}

/* Adds what the command in `line`, run in `cwd`, does to a source. */
static void add_command(struct collector *c, const char *cwd, const char *line)
{
	AUTO_STRV struct strv words = {0};
	AUTO_FREE char *file = NULL;
	struct compdb_entry *e;
	const char *source;

	source = compdb_words(line, &words) ? compdb_source(&words) : NULL;
	if (!source)
		return;
	file = compdb_path(&c->places, cwd, source);
	/* What the build made up is nobody's to edit. */
	if (!path_is_file(file) || is_below(file, c->places.mirror) || is_seen(c->seen, file))
		return;
	/* Kbuild adds a file of its own to every module; a FreeBSD driver may be all the kernel's. */
	if (c->job->target->os == TARGET_LINUX && !is_below(file, c->places.dir))
		return;
	e = entry_for(c->db, file);
	e->file = xstrdup(file);
	e->directory = compdb_path(&c->places, cwd, ".");
	strv_add(&e->argv, "clang");
	if (c->job->target->os == TARGET_LINUX)
		strv_addf(&e->argv, "--target=%s-linux-gnu", c->job->target->arch);
	compdb_options(&c->places, cwd, &words, &e->argv);
	add_beside(&c->places, file, &e->argv);
	strv_adds(&e->argv, "-c", file, NULL);
	c->found++;
}

/* ---- Kbuild's records ---- */

/* Where Kbuild ran when it called the object at `path`, below the source directory, `target`: in the
 * kernel's build tree if that is a whole path. NULL if it is about another file. */
static char *kbuild_cwd(const struct sandbox *s, const char *path, const char *target)
{
	AUTO_FREE char *whole = xasprintf("%s/%s", s->inside, path);
	size_t n = strlen(whole), t = strlen(target);

	if (*target == '/')
		return strcmp(target, whole) ? NULL : xstrdup(s->build);
	if (t >= n || strcmp(whole + n - t, target) || whole[n - t - 1] != '/')
		return NULL;
	return xstrndup(whole, n - t - 1);
}

/* "sub/.b.o.cmd" to "sub/b.o". */
static char *object_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return xasprintf("%.*s%.*s", (int)(name - path), path,
		(int)(strlen(name) - 1 - strlen(".cmd")), name + 1);
}

static void on_kbuild_record(void *arg, const char *src, const char *path)
{
	struct collector *c = arg;
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *object = object_of(path), *cwd = NULL;
	struct record r;

	if (mirror_read(src, path, RECORD_MAX, &text, NULL) || !text.len)
		return;
	/* The command alone matters, whatever follows. */
	if (!record_parse(text.data, strcspn(text.data, "\n"), &r))
		return;
	cwd = kbuild_cwd(&c->job->sandbox, object, r.target);
	if (cwd)
		add_command(c, cwd, r.command);
	record_free(&r);
}

/* ---- bmake's records ---- */

struct script {
	char *text;
	struct timespec when;
};

struct scripts {
	struct script *items;
	size_t n;
};

static void on_script(void *arg, const char *dir, const char *path)
{
	struct scripts *all = arg;
	AUTO_BUF struct buf text = {0};
	struct script *s;
	struct stat st;

	if (mirror_read(dir, path, RECORD_MAX, &text, &st) || !text.len)
		return;
	s = ARRAY_ADD(all->items, all->n);
	s->text = buf_take(&text);
	s->when = st.st_mtim;
}

static int by_date(const void *a, const void *b)
{
	const struct timespec *x = &((const struct script *)a)->when,
			      *y = &((const struct script *)b)->when;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* A module's objects lie where its opt_global.h does, and make ran there. Caller frees. */
static char *bmake_cwd(const struct sandbox *s, const char *line)
{
	static const char name[] = "/opt_global.h";
	AUTO_STRV struct strv words = {0};

	compdb_words(line, &words);
	for (size_t i = 1; i < words.n; i++) {
		size_t n = strlen(words.v[i]);

		if (!strcmp(words.v[i - 1], "-include") && *words.v[i] == '/' && n > sizeof name &&
			!strcmp(words.v[i] + n + 1 - sizeof name, name))
			return xstrndup(words.v[i], n + 1 - sizeof name);
	}
	return xstrdup(s->inside);
}

static void take_script(struct collector *c, char *text)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		AUTO_FREE char *cwd = NULL;

		if (!strstr(line, " -c ") || strncmp(line, "clang ", 6))
			continue;
		cwd = bmake_cwd(&c->job->sandbox, line);
		add_command(c, cwd, line);
	}
}

/* The records of all builds are there; the last that has to do with a file counts. */
static void take_scripts(struct collector *c)
{
	AUTO_FREE char *records = mirror_file(&c->job->mirror, MIRROR_RECORDS);
	struct scripts all = {0};

	files_walk(records, "", true, on_script, &all);
	if (all.n)
		qsort(all.items, all.n, sizeof *all.items, by_date);
	for (size_t i = 0; i < all.n; i++) {
		take_script(c, all.items[i].text);
		free(all.items[i].text);
	}
	free(all.items);
}

/* ---- the module emptied ---- */

static int copy_emptied(const struct job *j, const char *to, const struct source_entry *e)
{
	AUTO_FREE char *from = xasprintf("%s/%s", j->dir, e->path);
	AUTO_FREE char *copy = xasprintf("%s/%s", to, e->path);
	size_t n = strlen(e->path);
	bool is_c = n > 2 && !strcmp(e->path + n - 2, ".c");
	AUTO_BUF struct buf bytes = {0};
	int r;

	if (e->kind == SOURCE_DIR)
		return path_make_dirs(copy, j->err);
	if (e->kind == SOURCE_LINK)
		return symlink(e->link, copy) ? error_sys(j->err, errno, "cannot make %s", copy)
					      : 0;
	if (!is_c && path_read(from, SOURCE_MAX, &bytes))
		return 0;
	r = path_write(copy, bytes.data ? bytes.data : "", bytes.len, j->err);
	if (!r)
		chmod(copy, e->mode | 0600);
	return r;
}

static int make_emptied(struct job *j, const char *to)
{
	int r = manifest_scan(j->dir, &j->now, j->err);

	if (!r)
		r = path_make_dirs(to, j->err);
	for (size_t i = 0; i < j->now.n && !r; i++)
		r = copy_emptied(j, to, &j->now.items[i]);
	return r;
}

/* Builds the copy and takes what was recorded of it. 0 or -errno, sentence set. */
static int ask_about(struct collector *c, const char *copy, enum recipe recipe)
{
	AUTO_BUF struct buf log = {0};
	struct job *j = c->job;
	int r = job_prepare(j, copy);

	if (r)
		return r;
	j->system->command(&j->sandbox, recipe, j->dir, j->target);
	r = job_run(j, &log);
	if (r < 0)
		return r;
	files_walk(copy, ".o.cmd", true, on_kbuild_record, c);
	return 0;
}

static int ask_kbuild(struct collector *c)
{
	struct recipes plan = c->job->system->recognise(c->job->dir, NULL);
	AUTO_FREE char *copy = mirror_file(&c->job->mirror, "emptied");
	size_t found = c->found;
	int r;

	path_remove_tree(copy);
	r = make_emptied(c->job, copy);
	if (!r)
		r = ask_about(c, copy, plan.first);
	if (!r && c->found == found && plan.second)
		r = ask_about(c, copy, plan.second);
	path_remove_tree(copy);
	return r;
}

/* ---- the whole ---- */

static void set_places(struct collector *c, const char *links, const char *sources)
{
	const struct job *j = c->job;

	c->places = (struct compdb_places){.inside = j->sandbox.inside,
		.dir = j->dir,
		.mirror = j->mirror.src,
		.links = links,
		.root = j->target->root};
	if (j->target->os == TARGET_FREEBSD) {
		c->places.mounts[0] = (struct compdb_mount){BSD_SOURCES, sources};
		c->places.mounts[1] = (struct compdb_mount){"/usr/src", sources};
	} else if (strcmp(j->target->root, "/")) {
		c->places.mounts[0] = (struct compdb_mount){"", j->target->root};
	}
}

static void note_seen(struct strv *seen, const struct compdb *db, const char *dir)
{
	for (size_t i = 0; i < db->n; i++)
		if (is_below(db->items[i].file, dir))
			strv_add(seen, db->items[i].file);
}

static int collect(struct job *j, struct compdb *db, bool builds)
{
	const char *root = strcmp(j->target->root, "/") ? j->target->root : "";
	AUTO_FREE char *sources = xasprintf("%s%s", root, j->target->build);
	AUTO_FREE char *links = mirror_file(&j->mirror, "links");
	AUTO_FREE char *inside = NULL;
	AUTO_STRV struct strv seen = {0};
	struct collector c = {.job = j, .db = db};
	int r = job_prepare(j, j->mirror.src);

	if (r)
		return r;
	/* job_prepare makes its own anew when it is called again. */
	inside = xstrdup(j->sandbox.inside);
	set_places(&c, links, sources);
	c.places.inside = inside;
	if (j->target->os == TARGET_FREEBSD) {
		take_scripts(&c);
		return 0;
	}
	if (!builds) {
		struct compdb fresh = {0};

		c.db = &fresh;
		r = ask_kbuild(&c);
		note_seen(&seen, &fresh, j->dir);
		for (size_t i = 0; i < fresh.n; i++) {
			struct compdb_entry *e = entry_for(db, fresh.items[i].file);

			*e = fresh.items[i];
			fresh.items[i] = (struct compdb_entry){0};
		}
		compdb_free(&fresh);
		c.db = db;
		c.seen = &seen;
	}
	files_walk(j->mirror.src, ".o.cmd", true, on_kbuild_record, &c);
	return r;
}

static void note_build(const struct build *b, struct compdb_build *out)
{
	out->ok = b->ok;
	for (size_t i = 0; !b->ok && !out->why && i < b->findings.n; i++) {
		const struct finding *f = &b->findings.items[i];

		if (f->severity != SEVERITY_ERROR)
			continue;
		out->why = f->file ? xasprintf("%s:%d: %s", f->file, (int)f->line, f->message)
				   : xstrdup(f->message);
	}
	if (!b->ok && !out->why)
		out->why = xstrdup("make made no module");
}

static int by_file(const void *a, const void *b)
{
	return strcmp(
		((const struct compdb_entry *)a)->file, ((const struct compdb_entry *)b)->file);
}

int compdb_collect(const char *dir, const struct target *target, int timeout_ms, struct compdb *db,
	struct compdb_build *build, struct error *err)
{
	struct build made, dummy = {0};
	struct job j = {.dir = dir,
		.target = target,
		.system = build_system_for(target->os),
		.deadline = clock_us() + (int64_t)timeout_ms * 1000,
		.mirror = {.lock = -1},
		.out = &dummy,
		.err = err};
	int r = build_module(dir, target, timeout_ms, &made, err);

	*build = (struct compdb_build){0};
	if (r)
		return r;
	note_build(&made, build);
	build_free(&made);
	r = mirror_open(&j.mirror, dir, target->name, clock_left_ms(j.deadline), err);
	if (!r)
		r = collect(&j, db, build->ok);
	/* Directories have an order of their own; the same module gives the same file. */
	if (db->n)
		qsort(db->items, db->n, sizeof *db->items, by_file);
	sandbox_free(&j.sandbox);
	manifest_free(&j.now);
	mirror_close(&j.mirror);
	return r;
}
