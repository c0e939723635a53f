/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_LASTLOG_H
#define KMODLAB_TRIAL_LASTLOG_H
/*
 * The log of the last trial, kept in the cache as one file (<cache>/last-log.json), for `kmodlab log`. What stands in
 * it is the guest's words made harmless; it is read as carefully as anything from outside.
 */
#include "judge/run.h"
#include "trial/trial.h"

#define LASTLOG_KEPT 20000 /* records, the last ones */

struct lastlog {
	char *module, *target, *verdict, *date; /* printable, never NULL */
	struct strv calls; /* "load hello", "exercise test.sh", … by the records' `call` */
	struct record *log;
	size_t n;
	uint64_t dropped; /* records that are not there: lost in the machine, or too many */
};

/* Keeps it: the whole file or nothing. That it cannot be kept is no error of the trial's. */
void lastlog_keep(const struct trial *t);
/* 0, or -errno with the sentence set: -ENOENT there is none yet, -EINVAL the file is damaged. To be freed in both
 * cases. */
int lastlog_read(struct lastlog *l, struct error *err);
/* Reads it from such a file's text, which is NUL-terminated. 0 or -EINVAL; to be freed in both cases. */
int lastlog_parse(const char *text, struct lastlog *l);
void lastlog_free(struct lastlog *l);

/* Which records are wanted. */
struct lastlog_filter {
	unsigned
		level; /* this one and worse; LEVEL_NONE: all. What has no level is always wanted */
	uint64_t usec; /* not before */
	size_t call;   /* not before this one */
	const char *text; /* that is in it; NULL: any */
};

bool lastlog_wants(const struct lastlog_filter *f, const struct record *r);
/* "err", "error", "3": the level; false for what is none. */
bool lastlog_level(const char *word, unsigned *level);
/* Sets the time or the call that `word` names: seconds as the log shows them, or a call ("unload", "test.sh", "unload
 * hello"), the first one of several. False for what is neither. */
bool lastlog_since(const struct lastlog *l, const char *word, struct lastlog_filter *f);

#endif
