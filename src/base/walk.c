/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/walk.h"

#include "base/buf.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_DEPTH 64

struct walk {
	bool (*wanted)(const char *name);
	bool (*found)(void *arg, const char *path);
	void *arg;
};

/* DT_REG for a file and for a link to one, DT_DIR for a directory, else DT_UNKNOWN. */
static int kind_of(const struct dirent *entry, const char *path)
{
	int kind = entry->d_type;
	struct stat st;

	if (kind == DT_UNKNOWN && !lstat(path, &st))
		kind = IFTODT(st.st_mode);
	if (kind == DT_LNK)
		return !stat(path, &st) && S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
	return kind == DT_REG || kind == DT_DIR ? kind : DT_UNKNOWN;
}

static bool walk(const struct walk *w, const char *dir, int depth)
{
	DIR *stream = depth < MOST_DEPTH ? opendir(dir) : NULL;
	struct dirent *entry;
	bool go_on = true;

	while (stream && go_on && (entry = readdir(stream))) {
		AUTO_FREE char *path = NULL;
		bool wanted = w->wanted(entry->d_name);

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			(!wanted && entry->d_type == DT_REG))
			continue;
		path = xasprintf("%s/%s", dir, entry->d_name);
		switch (kind_of(entry, path)) {
		case DT_DIR:
			go_on = walk(w, path, depth + 1);
			break;
		case DT_REG:
			go_on = !wanted || w->found(w->arg, path);
			break;
		}
	}
	if (stream)
		closedir(stream);
	return go_on;
}

void walk_files(const char *dir, bool (*wanted)(const char *name),
	bool (*found)(void *arg, const char *path), void *arg)
{
	walk(&(struct walk){wanted, found, arg}, dir, 0);
}
