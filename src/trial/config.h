/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_CONFIG_H
#define KMODLAB_TRIAL_CONFIG_H
/*
 * kmodlab.ini beside a module: how its trials are run, so that nobody needs to type it. All of it is optional, and
 * the command line overrules it.
 *
 *	[run]
 *	target = debian:bookworm, freebsd:14.0
 *	exercise = auto
 *	[run.linux]
 *	parameter = count=3
 *	[expect]
 *	log = hello: ready
 *
 * [run.linux] and [run.freebsd] hold for that system only and overrule [run]; [expect.linux] and
 * [expect.freebsd] add to [expect]. Lines are at most CONFIG_LINE bytes long; those that begin with ';' or
 * '#' are comments, and so is what stands behind " ;".
 */
#include "base/error.h"
#include "base/finding.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trial_options;

#define CONFIG_NAME "kmodlab.ini"
#define CONFIG_LINE 190

/* What a key's value is. */
enum config_kind {
	CONFIG_TARGETS,	  /* names or patterns, by commas */
	CONFIG_PARAMETER, /* NAME=VALUE */
	CONFIG_SECONDS,
	CONFIG_NUMBER,
	CONFIG_SEED,
	CONFIG_EXERCISE,
	CONFIG_SWITCH, /* yes or no */
	CONFIG_RULES,  /* by commas */
	CONFIG_FINDING,
	CONFIG_TEXT,
};

/* One key there may be, as the reader and the man page know it. */
struct config_key {
	const char *section; /* "run", "check" or "expect" */
	const char *name; /* where it sets an option of the command line, that option's name too */
	enum config_kind kind;
	bool many;	      /* may be repeated; each adds to those before */
	size_t offset;	      /* where it goes, in struct trial_options */
	uint64_t least, most; /* of a number */
	const char *value;    /* for the man page: "_S_" */
	const char *sentence; /* the same */
};

/* The table of them; how many there are. */
size_t config_keys(const struct config_key **out);
/* The man page's words on all keys (scdoc). */
void config_describe(struct buf *out);

#define CONFIG_EVERY_OS (-1)

/* One line of a file. */
struct config_entry {
	const struct config_key *key;
	int os;	    /* enum target_os, or CONFIG_EVERY_OS */
	char *text; /* the value, checked; not empty */
	unsigned line;
};

struct config {
	char *path; /* of the file */
	struct config_entry *entries;
	size_t n;
};

/* Reads text; `path` is for what is said about it. 0, or -EINVAL with a sentence that says which line is wrong and
 * how. `c` is to be freed in any case. */
int config_parse(
	const char *path, const char *text, size_t len, struct config *c, struct error *err);
/* Reads the file that holds for the module in `path`, a directory or a .ko, on this system: beside it, in its
 * linux/ or freebsd/, or above such a directory. -ENOENT without a sentence: there is none; else as
 * config_parse. */
int config_read(const char *path, enum target_os os, struct config *c, struct error *err);
void config_free(struct config *c);

/* Adds the targets named for the system, each with the line that names it before it ("kmodlab.ini:3"): two strings
 * for each. */
void config_targets(const struct config *c, enum target_os os, struct strv *out);
/* Adds the module's parameters, and behind them those that were typed (NULL-terminated, or NULL), which replace
 * those of the same name. */
void config_params(const struct config *c, enum target_os os, char *const *typed, struct strv *out);
/* Sets the options that the file gives, but for those that the user typed (o->typed). */
void config_apply(const struct config *c, enum target_os os, struct trial_options *o);

/* "null-dereference@hello.c:42" taken apart. */
struct config_place {
	char *rule, *file; /* `file` may be NULL */
	unsigned line;	   /* 0: any */
};
/* 0, or -EINVAL with the sentence set. Caller frees rule and file in any case. */
int config_take_place(const char *text, struct config_place *p, struct error *err);

#endif
