/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_FILES_H
#define KMODLAB_REPORT_FILES_H
/*
 * Reports that are files, beside what is shown on the terminal. What a format says of a trial is written to a
 * temporary file when the trial is over, so that no trial has to be kept; the report is written from that at
 * the end, also when the run was interrupted, beside its place and then renamed: whoever reads it finds the
 * old one or the new one, and a whole one.
 */
#include "report/sheet.h"

struct files;

/* Where to; NULL: not wanted. */
struct files_wanted {
	const char *junit, *html;
};

/* Makes sure that all can be written, and touches none yet. `s` without `trials` filled in but for row and column
 * (outcome OUTCOME_NOT_RUN); it is copied, what it points to stays the caller's, and has to live as long.
 * 0, or -errno with the sentence set. */
int files_open(
	struct files **out, const struct files_wanted *w, const struct sheet *s, struct error *err);
/* The trial `i` is over. From any thread. */
void files_add(struct files *f, size_t i, const struct trial *t);
/* Writes the files. 0, or -errno with a sentence about the first that could not be written. */
int files_write(struct files *f, bool interrupted, int64_t took_us, struct error *err);
/* NULL is fine. What was not written leaves no trace. */
void files_free(struct files *f);

#endif
