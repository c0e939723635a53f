/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_SAVES_H
#define KMODLAB_BASE_SAVES_H
/*
 * Hearing of it when somebody saves a source file: directories with all below them are followed by inotify(7),
 * however an editor writes (in place, or beside and renamed). What builds make, what editors and version control
 * keep beside the sources, and hidden files do not count.
 */
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct saves;

/* Follows these directories, or single files, which are there. 0, or -errno with the sentence set. */
int saves_open(char *const *paths, size_t n, struct saves **out, struct error *err);
void saves_close(struct saves *s);

/* Readable when there is something to be taken; to be polled. */
int saves_fd(const struct saves *s);

/* What has happened, the gravest. */
enum saved {
	SAVED_NOTHING, /* nothing that matters */
	SAVED_GONE,    /* a file or a directory went away: perhaps it is about to come again */
	SAVED_WRITTEN, /* a file was written or came from elsewhere */
};
/* Takes all that has happened, without waiting. `*name` gets the last file that matters, without its directory;
 * the caller's to free, and left alone when there is none. */
enum saved saves_take(struct saves *s, char **name);
/* Whether one of the paths that had gone is there again. To be asked now and then. */
bool saves_back(struct saves *s);

/* Whether a file of this name is somebody's source, as far as names tell. */
bool saves_matters(const char *name);

#endif
