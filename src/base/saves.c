/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One inotify descriptor, and a list of what each of its watches is: a directory of sources, or one of which a
 * single file matters. A directory that appears is followed from then on; files that it may hold already
 * are not asked for, since that it appeared is news enough.
 */
#include "base/saves.h"

#include "base/buf.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_WATCHES 4096
#define MOST_DEPTH   16
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR |       \
		IN_EXCL_UNLINK | IN_DELETE_SELF | IN_MOVE_SELF)

struct followed {
	int wd;
	char *dir;
	char *only; /* the one file in it that matters; NULL: all do, and directories below */
	size_t top; /* of which path it is part */
};

struct saves {
	int fd;
	struct strv tops; /* as they were given, but absolute */
	struct followed *items;
	size_t n;
};

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), len = strlen(end);

	return n > len && !strcmp(name + n - len, end);
}

bool saves_matters(const char *name)
{
	/* Kbuild's and bsd.kmod.mk's products; backups and swap files. */
	static const char *const ends[] = {".o", ".ko", ".mod", ".mod.c", ".cmd", ".a", ".symvers",
		".order", ".kld", ".full", ".debug", "_if.h", ".gcno", ".swp", ".swx", ".tmp",
		".orig", ".rej", "~"};
	/* vim writes a file 4913 to see whether it may; the links are bsd.kmod.mk's. */
	static const char *const names[] = {"compile_commands.json", "export_syms", "4913",
		"machine", "x86", "i386", "vnode_if_typedef.h", "vnode_if_newproto.h"};

	if (!*name || *name == '.' || *name == '#')
		return false;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (ends_in(name, ends[i]))
			return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return false;
	return true;
}

/* ---- what is followed ---- */

static int add_watch(
	struct saves *s, const char *dir, const char *only, size_t top, struct error *err)
{
	int wd = inotify_add_watch(s->fd, dir, EVENTS);

	if (wd < 0 && errno == ENOSPC)
		return error_set(err, ENOSPC,
			"too many directories are being watched on this machine; `sysctl "
			"fs.inotify.max_user_watches=65536` (as root) allows more");
	if (wd < 0)
		return error_sys(err, errno, "cannot watch %s", dir);
	/* The same directory has the same number: it may be followed for several reasons. */
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].wd == wd &&
			!strcmp(s->items[i].only ? s->items[i].only : "", only ? only : ""))
			return 0;
	if (s->n >= MOST_WATCHES) {
		inotify_rm_watch(s->fd, wd);
		return error_set(err, E2BIG,
			"there are more than %d directories below %s; name the module's own directory",
			MOST_WATCHES, s->tops.v[top]);
	}
	*ARRAY_ADD(s->items, s->n) =
		(struct followed){wd, xstrdup(dir), only ? xstrdup(only) : NULL, top};
	return 0;
}

/* Links to directories are not followed, nor what is hidden. */
static bool is_below(const char *dir, const struct dirent *e, char **path)
{
	struct stat st;

	if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
		return false;
	*path = xasprintf("%s/%s", dir, e->d_name);
	if (!lstat(*path, &st) && S_ISDIR(st.st_mode))
		return true;
	free(*path);
	return false;
}

static int follow(struct saves *s, const char *dir, size_t top, int depth, struct error *err)
{
	int r = add_watch(s, dir, NULL, top, err);
	DIR *d = !r && depth < MOST_DEPTH ? opendir(dir) : NULL;
	struct dirent *e;
	char *path;

	while (d && !r && (e = readdir(d)))
		if (is_below(dir, e, &path)) {
			r = follow(s, path, top, depth + 1, err);
			/* It may be gone by now. */
			if (r == -ENOENT)
				r = 0;
			free(path);
		}
	if (d)
		closedir(d);
	return r;
}

static char *above(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

static int follow_top(struct saves *s, size_t top, struct error *err)
{
	const char *path = s->tops.v[top];
	AUTO_FREE char *dir = above(path), *base = path_base(path);
	struct error ignored;
	int r;

	if (!path_is_dir(path))
		return add_watch(s, dir, base, top, err);
	r = follow(s, path, top, 0, err);
	/* The configuration of a source for one system is above it. */
	if (!r && (!strcmp(base, "linux") || !strcmp(base, "freebsd")))
		add_watch(s, dir, "kmodlab.ini", top, &ignored);
	return r;
}

int saves_open(char *const *paths, size_t n, struct saves **out, struct error *err)
{
	struct saves *s = xcalloc(1, sizeof *s);
	int r = 0;

	*out = NULL;
	s->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->fd < 0)
		r = error_sys(err, errno, "cannot watch files");
	for (size_t i = 0; i < n && !r; i++) {
		AUTO_FREE char *real = realpath(paths[i], NULL);

		if (!real) {
			r = error_sys(err, errno, "cannot watch %s", paths[i]);
			break;
		}
		strv_add(&s->tops, real);
		r = follow_top(s, i, err);
	}
	if (r)
		saves_close(s);
	else
		*out = s;
	return r;
}

static void forget(struct saves *s, size_t i)
{
	free(s->items[i].dir);
	free(s->items[i].only);
	s->items[i] = s->items[--s->n];
}

void saves_close(struct saves *s)
{
	if (!s)
		return;
	while (s->n)
		forget(s, s->n - 1);
	free(s->items);
	strv_free(&s->tops);
	close_fd(&s->fd);
	free(s);
}

int saves_fd(const struct saves *s)
{
	return s->fd;
}

/* Stops following a directory that went, with all below it. */
static void leave(struct saves *s, const char *dir)
{
	size_t len = strlen(dir);

	for (size_t i = 0; i < s->n;) {
		const char *one = s->items[i].dir;

		if (strncmp(one, dir, len) || (one[len] && one[len] != '/')) {
			i++;
			continue;
		}
		inotify_rm_watch(s->fd, s->items[i].wd);
		forget(s, i);
	}
}

bool saves_back(struct saves *s)
{
	bool back = false;

	for (size_t top = 0; top < s->tops.n; top++) {
		struct error ignored;
		bool followed = false;

		for (size_t i = 0; i < s->n && !followed; i++)
			followed = s->items[i].top == top &&
				(s->items[i].only || !strcmp(s->items[i].dir, s->tops.v[top]));
		if (!followed && !access(s->tops.v[top], F_OK))
			back |= !follow_top(s, top, &ignored);
	}
	return back;
}

/* ---- what has happened ---- */

static bool is_link(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static enum saved in_directory(
	struct saves *s, const struct followed *f, const char *name, uint32_t mask)
{
	AUTO_FREE char *path = xasprintf("%s/%s", f->dir, name);
	size_t top = f->top;
	struct error ignored;

	if (*name == '.')
		return SAVED_NOTHING;
	if (mask & (IN_DELETE | IN_MOVED_FROM)) {
		leave(s, path);
		return SAVED_GONE;
	}
	follow(s, path, top, 1, &ignored);
	return SAVED_WRITTEN;
}

/* A file in a followed directory. */
static enum saved to_file(const struct followed *f, const char *name, uint32_t mask)
{
	if (f->only ? strcmp(f->only, name) != 0 : !saves_matters(name))
		return SAVED_NOTHING;
	if (mask & IN_CREATE) {
		AUTO_FREE char *path = xasprintf("%s/%s", f->dir, name);

		/* A file is told of again when it was written; a link is not. */
		return is_link(path) ? SAVED_WRITTEN : SAVED_NOTHING;
	}
	return mask & (IN_DELETE | IN_MOVED_FROM) ? SAVED_GONE : SAVED_WRITTEN;
}

static enum saved happened(struct saves *s, const struct inotify_event *e)
{
	const char *name = e->len ? e->name : "";
	enum saved worst = SAVED_NOTHING;

	if (e->mask & IN_Q_OVERFLOW)
		return SAVED_WRITTEN;
	for (size_t i = 0; i < s->n; i++) {
		enum saved one;

		if (s->items[i].wd != e->wd)
			continue;
		if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
			AUTO_FREE char *dir = xstrdup(s->items[i].dir);

			leave(s, dir);
			return SAVED_GONE;
		}
		if (e->mask & IN_ISDIR && s->items[i].only)
			continue;
		/* This changes the list. */
		if (e->mask & IN_ISDIR)
			return in_directory(s, &s->items[i], name, e->mask);
		one = to_file(&s->items[i], name, e->mask);
		worst = one > worst ? one : worst;
	}
	return worst;
}

enum saved saves_take(struct saves *s, char **name)
{
	char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	enum saved worst = SAVED_NOTHING;
	ssize_t len;

	while ((len = read(s->fd, bytes, sizeof bytes)) > 0)
		for (char *at = bytes; at < bytes + len;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;
			enum saved one = happened(s, e);

			if (one >= worst && one && e->len) {
				free(*name);
				*name = xstrdup(e->name);
			}
			worst = one > worst ? one : worst;
			at += sizeof *e + e->len;
		}
	return worst;
}
