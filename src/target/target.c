/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of targets, and how a target comes to be: its provider makes it in a scratch directory
 * beside the finished ones, the caller tries it there, and only then it is renamed into place and
 * registered. Whatever ends us before that (an error, Ctrl-C, SIGKILL) leaves nothing behind: the
 * scratch directory has its guard process, and what even that cannot see to (a power cut) the next
 * add sweeps away. A lock per name keeps two adds of one target from doing the work twice.
 */
#include "target/target.h"

#include "base/lock.h"
#include "base/path.h"
#include "base/scratch.h"
#include "target/provider.h"
#include "target/registry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* The longest that one add waits for another of the same target. */
#define TURN_TIMEOUT_MS (2 * 3600 * 1000)
/* The longest word that nearest_word looks at. */
#define WORD_MAX 255

const struct target_provider *const target_providers[] = {
	&target_debian,
	&target_freebsd,
	&target_tree,
	&target_host,
	&target_ssh,
	NULL,
};

struct target_addition {
	struct scratch scratch;
	int turn; /* the lock on the name */
	int live; /* the lock that tells a sweep that the scratch directory is in use */
	char *staging, *final;
	struct target target; /* with paths as they will be */
	struct target staged; /* with paths as they are before it is kept */
};

const char *target_os_name(enum target_os os)
{
	return os == TARGET_FREEBSD ? "FreeBSD" : "Linux";
}

void target_free(struct target *t)
{
	free(t->name);
	free(t->arch);
	free(t->release);
	free(t->kernel);
	free(t->ssh);
	free(t->root);
	free(t->build);
	free(t->modules);
	free(t->symbols);
	free(t->added);
	free(t->append);
	free(t->options);
	free(t->note);
	*t = (struct target){0};
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, drop, replace or swap with their neighbour to make `b` of `a`; both at most
 * WORD_MAX long. Upper and lower case are the same. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 2];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t blen = strlen(b);

	for (size_t j = 0; j <= blen; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			now[j] = least(last[j - 1] + (x != y), least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				y == tolower((unsigned char)a[i - 2]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[blen];
}

const char *nearest_word(const char *typed, const char *const *words)
{
	size_t len = strlen(typed);
	/* A slip of the finger: one letter in three, and never more than three. */
	size_t allowed = least(len / 3 + (len == 2), 3);
	const char *nearest = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		size_t other = strlen(*words), d;

		if (other > WORD_MAX || other > len + allowed || len > other + allowed)
			continue;
		d = distance(typed, *words);
		if (d > allowed || (nearest && d == allowed))
			continue;
		nearest = *words;
		allowed = d;
	}
	return nearest;
}

static const struct target_provider *provider_of(const char *name)
{
	size_t len = strcspn(name, ":");

	for (size_t i = 0; target_providers[i]; i++)
		if (strlen(target_providers[i]->prefix) == len &&
			!strncmp(target_providers[i]->prefix, name, len))
			return target_providers[i];
	return NULL;
}

/* What stands after "prefix:". */
static const char *spec_of(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon ? colon + 1 : "";
}

static char *name_of(const struct target_provider *p, const char *spec)
{
	return *spec ? xasprintf("%s:%s", p->prefix, spec) : xstrdup(p->prefix);
}

/* For "bookworm" where "debian:bookworm" was to be said: the full name under the one provider that
 * would take it, or NULL. */
static char *guess_provider(const char *typed)
{
	for (size_t i = 0; target_providers[i] && *typed && !strchr(typed, ':'); i++) {
		struct error ignored;
		AUTO_FREE char *spec = target_providers[i]->lends
			? NULL
			: target_providers[i]->normalise(typed, &ignored);

		if (spec)
			return xasprintf("%s:%s", target_providers[i]->prefix, typed);
	}
	return NULL;
}

static int unknown_provider(const char *typed, struct error *err)
{
	AUTO_FREE char *guess = guess_provider(typed);
	AUTO_FREE char *prefix = xstrndup(typed, strcspn(typed, ":"));
	AUTO_BUF struct buf syntaxes = {0};
	const char *prefixes[16] = {0}, *nearest;

	for (size_t i = 0; target_providers[i]; i++) {
		prefixes[i] = target_providers[i]->prefix;
		buf_addf(&syntaxes, "%s%s", i ? ", " : "", target_providers[i]->syntax);
	}
	nearest = nearest_word(prefix, prefixes);
	if (!guess && nearest)
		guess = xasprintf("%s%s", nearest, typed + strlen(prefix));
	if (guess)
		return error_set(
			err, EINVAL, "there is no target \"%s\"; did you mean %s?", typed, guess);
	return error_set(err, EINVAL,
		"there is no target \"%s\"; a target is one of %s (kmodlab target list shows yours, kmodlab target add explains them)",
		typed, syntaxes.data);
}

char *target_full_name(const char *typed, struct error *err)
{
	const struct target_provider *p = provider_of(typed);
	AUTO_FREE char *spec = NULL;

	if (!p) {
		unknown_provider(typed, err);
		return NULL;
	}
	spec = p->normalise(spec_of(typed), err);
	return spec ? name_of(p, spec) : NULL;
}

char *target_flat_name(const char *name)
{
	AUTO_FREE char *flat = path_flatten(name);
	const struct target_provider *p = provider_of(name);

	if (p && p != &target_tree && p != &target_ssh && strlen(flat) < 128)
		return xstrdup(flat);
	/* Paths differ in more than survives in a file name: FNV-1a keeps them apart. */
	return xasprintf("%.100s-%016llx", flat,
		(unsigned long long)hash_bytes(HASH_START, name, strlen(name)));
}

bool target_is_real(const char *name)
{
	const struct target_provider *p = provider_of(name);

	return p && p->lends;
}

const struct target *target_default(const struct targets *all, enum target_os os)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].os == os && !all->items[i].ssh)
			return &all->items[i];
	return NULL;
}

static void no_progress(
	void *arg, const char *what, unsigned long long done, unsigned long long total)
{
	(void)arg, (void)what, (void)done, (void)total;
}

static int refuse_registered(const char *name, struct error *err)
{
	AUTO_FREE char *file = target_file(name);

	if (access(file, F_OK))
		return 0;
	return error_set(err, EEXIST,
		"%s is added already; to make it anew, `kmodlab target remove %s` first", name,
		name);
}

static int refuse_full_disk(
	const struct target_provider *p, const char *spec, const char *name, struct error *err)
{
	AUTO_FREE char *data = path_data_dir();
	unsigned long long needed = p->needs(spec), free_bytes = path_free_bytes(data);

	if (free_bytes >= needed)
		return 0;
	return error_set(err, ENOSPC,
		"adding %s takes %llu MB at its fullest, and %llu MB are free for %s; free some, or "
		"set XDG_DATA_HOME to a directory on a larger disk",
		name, needed / 1000000, free_bytes / 1000000, data);
}

/* Waits until nobody else adds or removes `name`. */
static int take_turn(struct target_addition *a, const char *name, target_progress_fn *progress,
	void *arg, struct error *err)
{
	a->turn = registry_take_turn(name, 0, err);
	if (a->turn == -ETIMEDOUT) {
		progress(arg, "waiting for another kmodlab that is adding or removing it", 0, 0);
		a->turn = registry_take_turn(name, TURN_TIMEOUT_MS, err);
	}
	return a->turn < 0 ? a->turn : 0;
}

/* Whether somebody still works in `directory`. */
static bool in_use(const char *directory)
{
	AUTO_FREE char *path = xasprintf("%s/lock", directory);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);
}

/* Removes what adds and removes that were cut short left in `trees`. */
static void sweep(const char *trees)
{
	DIR *dir = opendir(trees);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *path = xasprintf("%s/%s", trees, entry->d_name);

		if (strncmp(entry->d_name, ".adding-", 8) && strncmp(entry->d_name, ".removed-", 9))
			continue;
		if (!in_use(path))
			path_remove_tree(path);
	}
	if (dir)
		closedir(dir);
}

static int open_scratch(struct target_addition *a, struct error *err)
{
	AUTO_FREE char *data = path_data_dir();
	AUTO_FREE char *trees = xasprintf("%s/trees", data);
	AUTO_FREE char *prefix = xasprintf("%s/.adding-", trees);
	AUTO_FREE char *gate = xasprintf("%s/locks/.adding", data);
	AUTO_FREE char *live = NULL;
	/* Held while a new directory has no lock in it yet, so that no sweep meets one such. */
	AUTO_CLOSE int held = lock_take(gate, 60000, err);
	int r;

	if (held < 0)
		return held;
	sweep(trees);
	r = scratch_open(&a->scratch, prefix, err);
	if (r)
		return r;
	live = xasprintf("%s/lock", a->scratch.path);
	a->live = lock_take(live, 1000, err);
	if (a->live < 0)
		return a->live;
	a->staging = xasprintf("%s/tree", a->scratch.path);
	return path_make_dirs(a->staging, err);
}

/* The path below `to` for one below `from`; others as they are. NULL for NULL. */
static char *moved(const char *path, const char *from, const char *to)
{
	size_t len = strlen(from);

	if (!path)
		return NULL;
	if (strncmp(path, from, len) || (path[len] && path[len] != '/'))
		return xstrdup(path);
	return xasprintf("%s%s", to, path + len);
}

static void fill_staged(struct target_addition *a)
{
	const struct target *t = &a->target;

	a->staged = (struct target){
		.name = xstrdup(t->name),
		.os = t->os,
		.arch = xstrdup(t->arch),
		.release = xstrdup(t->release),
		.kernel = moved(t->kernel, a->final, a->staging),
		.ssh = t->ssh ? xstrdup(t->ssh) : NULL,
		.root = moved(t->root, a->final, a->staging),
		.build = xstrdup(t->build),
		.modules = moved(t->modules, a->final, a->staging),
		.symbols = moved(t->symbols, a->final, a->staging),
		.added = xstrdup(t->added),
		.append = t->append ? xstrdup(t->append) : NULL,
		.options = t->options ? xstrdup(t->options) : NULL,
		.memory_mib = t->memory_mib,
		.note = t->note ? xstrdup(t->note) : NULL,
	};
}

static char *now_text(void)
{
	time_t now = time(NULL);
	char text[32];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return xstrdup(text);
}

int target_check_source(const char *name, const struct target_source *source, struct error *err)
{
	const struct target_provider *p = provider_of(name);

	if (!p)
		return unknown_provider(name, err);
	if (source->tree && !p->lends)
		return error_set(err, EINVAL,
			"--tree is for an ssh target, whose kernel's build tree may be anywhere; %s has one of its own",
			name);
	if ((!p->takes_source || p->lends) && (source->sets || source->mirror || source->kernel))
		return error_set(err, EINVAL,
			"%s is not made of such files: --sets, --mirror and --kernel are for freebsd "
			"targets",
			name);
	return p->check_source ? p->check_source(spec_of(name), source, err) : 0;
}

static int begin(struct target_addition *a, const char *name, const struct target_source *source,
	target_progress_fn *progress, void *arg, struct error *err)
{
	const struct target_provider *p = provider_of(name);
	int r;

	if (!p)
		return unknown_provider(name, err);
	a->target.name = xstrdup(name);
	r = take_turn(a, name, progress, arg, err);
	if (!r)
		r = refuse_registered(name, err);
	if (!r)
		r = target_check_source(name, source ? source : &(struct target_source){0}, err);
	if (!r)
		r = refuse_full_disk(p, spec_of(name), name, err);
	if (!r)
		r = open_scratch(a, err);
	if (r)
		return r;
	a->final = registry_tree(name);
	a->target.arch = xstrdup("x86_64");
	a->target.added = now_text();
	r = p->make(spec_of(name), p->takes_source ? source : NULL, a->staging, a->final,
		&a->target, progress, arg, err);
	if (r)
		return r;
	a->target.symbols = xasprintf("%s/symbols", a->final);
	fill_staged(a);
	return 0;
}

int target_add_begin(const char *name, const struct target_source *source,
	target_progress_fn *progress, void *arg, struct target_addition **out, struct error *err)
{
	struct target_addition *a = xcalloc(1, sizeof *a);
	int r;

	*a = (struct target_addition){.scratch.pipe = -1, .turn = -1, .live = -1};
	r = begin(a, name, source, progress ? progress : no_progress, arg, err);
	if (r) {
		target_add_drop(a);
		return r;
	}
	*out = a;
	return 0;
}

const struct target *target_add_staged(const struct target_addition *a)
{
	return &a->staged;
}

static _Thread_local unsigned long long counted;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)type, (void)at;
	counted += (unsigned long long)st->st_blocks * 512;
	return 0;
}

static unsigned long long disk_bytes(const char *directory)
{
	counted = 0;
	nftw(directory, count_file, 32, FTW_PHYS | FTW_MOUNT);
	return counted;
}

static int keep(struct target_addition *a, struct error *err)
{
	unsigned long long bytes;
	int r;

	if (!path_is_file(a->staged.symbols)) {
		free(a->target.symbols);
		a->target.symbols = NULL;
	}
	free(a->target.added);
	a->target.added = now_text();
	/* A tree without a registration is left of a keep that a power cut ended here. */
	path_remove_tree(a->final);
	bytes = disk_bytes(a->staging);
	if (!rmdir(a->staging))
		bytes = 0;
	else if (rename(a->staging, a->final))
		return error_sys(err, errno, "cannot move %s to %s", a->staging, a->final);
	r = registry_write(&a->target, bytes, err);
	if (r)
		path_remove_tree(a->final);
	return r;
}

int target_add_keep(struct target_addition *a, struct error *err)
{
	int r = keep(a, err);

	target_add_drop(a);
	return r;
}

void target_add_drop(struct target_addition *a)
{
	if (!a)
		return;
	scratch_close(&a->scratch);
	close_fd(&a->live);
	registry_end_turn(a->target.name, &a->turn);
	target_free(&a->target);
	target_free(&a->staged);
	free(a->staging);
	free(a->final);
	free(a);
}

/* ---- choosing several ---- */

static const struct target *exactly(const struct targets *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].name, name))
			return &all->items[i];
	return NULL;
}

static void choose(struct target_choices *to, const struct target *t, bool by_pattern)
{
	for (size_t i = 0; i < to->n; i++)
		if (to->items[i].target == t) {
			to->items[i].by_pattern &= by_pattern;
			return;
		}
	*ARRAY_ADD(to->items, to->n) = (struct target_choice){t, by_pattern};
}

static int nothing_fits(const struct targets *all, const char *typed, struct error *err)
{
	AUTO_BUF struct buf names = {0};

	for (size_t i = 0; i < all->n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", all->items[i].name);
	if (!all->n)
		return error_set(err, ENODEV,
			"there is no target to test on yet; add one with: kmodlab target add "
			"debian:bookworm");
	return error_set(err, ENOENT, "no target fits the pattern \"%s\"; the targets are %s",
		typed, names.data);
}

int target_choose(
	const struct targets *all, const char *typed, struct target_choices *to, struct error *err)
{
	bool is_all = !strcmp(typed, "all"), any = false;
	const struct target *t;

	/* The name of a directory's target may itself have such characters. */
	if ((!is_all && !strpbrk(typed, "*?[")) || exactly(all, typed)) {
		if (!target_look_up(all, typed, err))
			return -ENOENT;
		t = target_find(all, typed, err);
		if (!t)
			return -EIO;
		choose(to, t, false);
		return 0;
	}
	for (size_t i = 0; i < all->n; i++) {
		if (!is_all && fnmatch(typed, all->items[i].name, 0))
			continue;
		/* A real machine has to be meant. */
		if (all->items[i].ssh && strncmp(typed, "ssh:", 4))
			continue;
		t = target_find(all, all->items[i].name, err);
		if (!t)
			return -EIO;
		choose(to, t, true);
		any = true;
	}
	return any ? 0 : nothing_fits(all, typed, err);
}
