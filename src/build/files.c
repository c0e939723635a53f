/* SPDX-License-Identifier: BSD-2-Clause */
#include "build/files.h"

#include "base/path.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKEFILE_MAX (1u << 20)
#define MOST_DEPTH   32

bool makefile_read(const char *dir, const char *name, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return !path_read(path, MAKEFILE_MAX, text);
}

bool makefile_mentions(const struct buf *text, const char *word)
{
	const char *p = text->data;

	while (p && (p = strstr(p, word))) {
		const char *line = p;

		while (line > text->data && line[-1] != '\n' && line[-1] != '#')
			line--;
		if (line == text->data || line[-1] != '#')
			return true;
		p++;
	}
	return false;
}

char *files_source_below(const char *dir, bool (*is_source)(const char *dir, int depth), int depth)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	char *found = NULL;

	while (stream && !found && (entry = readdir(stream))) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, entry->d_name);

		if (entry->d_name[0] != '.' && is_source(path, depth))
			found = xstrdup(path);
	}
	if (stream)
		closedir(stream);
	return found;
}

/* ---- walking ---- */

struct walk {
	const char *src, *name;
	bool is_end;
	file_found_fn *found;
	void *arg;
};

static bool fits(const struct walk *w, const char *name)
{
	size_t n = strlen(name), end = strlen(w->name);

	return n >= end && (w->is_end || n == end) && !strcmp(name + n - end, w->name);
}

static void walk(const struct walk *w, const char *prefix, int depth)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", w->src, prefix);
	DIR *stream = opendir(dir);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		AUTO_FREE char *path =
			xasprintf("%s%s%s", prefix, *prefix ? "/" : "", entry->d_name);
		AUTO_FREE char *full = xasprintf("%s/%s", w->src, path);
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || lstat(full, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth < MOST_DEPTH)
			walk(w, path, depth + 1);
		if (S_ISREG(st.st_mode) && fits(w, entry->d_name))
			w->found(w->arg, w->src, path);
	}
	if (stream)
		closedir(stream);
}

void files_walk(const char *src, const char *name, bool is_end, file_found_fn *found, void *arg)
{
	walk(&(struct walk){src, name, is_end, found, arg}, "", 0);
}

static void remove_one(void *arg, const char *src, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/%s", src, path);

	(void)arg;
	unlink(full);
}

void files_remove(const char *src, const char *name, bool is_end)
{
	files_walk(src, name, is_end, remove_one, NULL);
}

/* ---- modules ---- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static size_t slashes(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static void add_module(void *arg, const char *src, const char *path)
{
	struct strv *paths = arg;

	(void)src;
	for (size_t i = 0; i < paths->n; i++) {
		if (strcmp(base_of(paths->v[i]), base_of(path)))
			continue;
		if (slashes(path) < slashes(paths->v[i])) {
			free(paths->v[i]);
			paths->v[i] = xstrdup(path);
		}
		return;
	}
	if (paths->n < FILES_MOST_MODULES)
		strv_add(paths, path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void files_modules(const char *src, struct strv *paths)
{
	files_walk(src, ".ko", true, add_module, paths);
	if (paths->n)
		qsort(paths->v, paths->n, sizeof *paths->v, by_name);
}

void files_identity(struct buf *to, const char *path)
{
	struct stat st;

	if (!stat(path, &st))
		buf_addf(to, "%s %jd %jd.%09ld\n", base_of(path), (intmax_t)st.st_size,
			(intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}
