/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_JOB_H
#define KMODLAB_BUILD_JOB_H
/* One build under way: what build.c and again.c share, and nobody else needs. */
#include "build/build.h"
#include "build/mirror.h"
#include "build/sandbox.h"
#include "build/system.h"

struct job {
	const char *dir;
	const struct target *target;
	const struct build_system *system;
	int64_t deadline;
	struct mirror mirror;
	struct sandbox sandbox;
	struct manifest last, now;
	struct build *out;
	struct error *err;
};

/* Begins the sandbox anew, with `copy` as the writable source directory. 0 or -errno, sentence set. */
int job_prepare(struct job *j, const char *copy);
/* Runs what was added to the sandbox's arguments. Its wait status with all that it printed in `log`, or
 * -errno, with the sentence set, when that says nothing about the module. */
int job_run(struct job *j, struct buf *log);
/* Of the build's own files beside the mirror: reads at most `max` bytes; false if there is none. */
bool job_read(const struct job *j, const char *name, size_t max, struct buf *text);
/* What the mirror is made for: the target, and how we build. Caller frees. */
char *job_identity(const struct job *j);

/* Whether the mirror differs from the user's directory in the content of files and in nothing else, so
 * that again_replay can be tried once that has been copied. */
bool again_is_possible(const struct job *j);
/* Does again what the last build did with the files that have changed since, without make. 1 when that
 * was done, with the log in `out`; 0 when it is make's, which finds the mirror fit for it; or -errno,
 * sentence set. */
int again_replay(struct job *j);
/* Asks make, once for each target, for what again_replay will need. 0, or -EINTR. */
int again_ask(struct job *j);

#endif
