/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_FOLDER_H
#define KMODLAB_SPREAD_FOLDER_H
/*
 * The folder that all machines share during a run: what is to be done, and what came of it.
 *
 *	trials.json       the description: every trial, and the options that all have
 *	results/I.json    what came of the I-th trial (from 0), there as soon as it is whole
 *	output/I          what the I-th task (from 1) said, for when it brings no result
 *
 * A task is some trials in a row, which one machine runs. A machine that is to run one needs no more than the folder and the
 * task's number; one that runs it again leaves out the trials whose results are there. When the folder is gone, nobody
 * waits for results any more.
 */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"
#include "trial/trial.h"

#include <stdbool.h>

/* One trial to come. */
struct described {
	char *path; /* as it was typed, seen from `cwd` */
	enum target_os os;
	char *target; /* the full name */
	bool config;  /* its kmodlab.ini holds */
	bool expect;  /* its file expect does */
};

struct description {
	char *version;	     /* of the kmodlab that wrote it */
	char *cwd;	     /* absolute */
	struct strv options; /* of `kmodlab run`: "--cycles=3" */
	bool has_params;     /* the module's parameters were given, maybe none */
	struct strv params;
	struct strv
		given; /* finished modules, of which one may need another; also of other shards */
	struct strv environment; /* "XDG_DATA_HOME=/…": where targets and cache are */
	uint64_t seed;		 /* where none is given */
	unsigned jobs; /* trials at a time in a task; 0: as many as the machine has processors */
	size_t chunk;  /* trials in a task; at least 1 */
	bool frames;   /* as in struct trial_options */
	struct described *trials;
	size_t n;
};

/* How many tasks they are. */
size_t description_tasks(const struct description *d);
/* The trials of the task (from 1): `*first` and how many; 0 if there is no such task. */
size_t description_task(const struct description *d, size_t task, size_t *first);

/* Writes it into the folder. 0, or -errno with the sentence set. */
int description_write(const struct description *d, const char *folder, struct error *err);
/* Reads it. 0; -ENOENT with a sentence when this machine does not see the folder; or another -errno. To be freed in all
 * cases. */
int description_read(struct description *d, const char *folder, struct error *err);
/* The same from such a file's text. */
int description_parse(struct description *d, const char *text, size_t len, struct error *err);
void description_free(struct description *d);
/* Whether it is there still. */
bool folder_stands(const char *folder);

/* "FOLDER/results/7.json"; "FOLDER/output/7". Caller frees. */
char *folder_result(const char *folder, size_t trial);
char *folder_output(const char *folder, size_t task);

/* The machine's name, for people. Caller frees. */
char *node_name(void);

#endif
