/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_PROGRESS_H
#define KMODLAB_CLI_PROGRESS_H
/* How far a long step has come, on standard error: a bar on a terminal, a plain line for each phase
 * elsewhere. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool terminal;
	bool drawn;	     /* a bar stands on the terminal's line */
	const char *subject; /* not owned */
	char *phase;
	int64_t drawn_us;
};

/* `subject` (may be NULL) stands in front of each line, and has to stay until the end. */
void progress_start(struct progress *p, const char *subject);
/* A target_progress_fn, with a struct progress behind `progress`: bytes; `total` 0: not known. */
void progress_show(
	void *progress, const char *what, unsigned long long done, unsigned long long total);
/* Takes the bar off the terminal. Safe on a zeroed one, and again. */
void progress_end(struct progress *p);

/* What progress_show draws on a terminal `width` columns wide, less than that, into `line`. Where
 * it is too narrow, first the bar goes, then the subject, then the end of `what`. */
void progress_line(char *line, size_t size, size_t width, const char *subject, const char *what,
	unsigned long long done, unsigned long long total);

#endif
