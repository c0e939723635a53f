/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_TOLD_H
#define KMODLAB_REPORT_TOLD_H
/* What was found and logged in a trial as plain text, for reports whose format has no place of its own for it. */
#include "trial/trial.h"

/* At most so many log records of a trial are told: those from the beginning and those from the end. */
#define TOLD_FIRST 1000
#define TOLD_LAST  4000
/* ... and so much of a longer text (output, console, build log): bytes. */
#define TOLD_TEXT 262144

/* "info", "taint", "kernel", "console", "printf": what stands before a log line. Static. */
const char *told_label(const struct record *r);
/* "error: hello.c:7: what was found [rule]", then trace, excerpt and advice, a line each. */
void told_finding(struct buf *out, const struct finding *f);
/* The findings that count, in their order. */
void told_findings(struct buf *out, const struct trial *t);
/* The stages with their times, what was logged and put out during each, the console if there is no log. */
void told_story(struct buf *out, const struct trial *t);
/* `text`, or its first and last part and how much lies between. */
void told_text(struct buf *out, const char *text);
/* How a step went where "ok" and "failed" do not say it: "unchanged", "refused", … Static; may be "". */
const char *told_step(const struct trial *t, const struct step *s);

#endif
