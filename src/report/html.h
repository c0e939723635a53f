/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_HTML_H
#define KMODLAB_REPORT_HTML_H
/*
 * One page without anything from elsewhere: its style and script are in it, and nothing else of a script or style is
 * obeyed (a Content-Security-Policy with their digests), whatever a module writes into its log. All text goes
 * through report/markup.h. Without JavaScript nothing is missing but conveniences.
 */
#include "report/sheet.h"

/* Of more trials than this, those that passed are told by the ends of their logs alone. */
#define HTML_MANY 200
#define HTML_ENDS 10
/* So many of the trials that took longest are in the chart of times, and so many functions in one of stacks. */
#define HTML_SLOWEST 40
#define HTML_FRAMES  40

/* What a trial is: a <details> with all there is to tell. */
void html_trial(struct buf *out, const struct sheet *s, size_t i, const struct trial *t);

/* "passed", "failed", …: the class of an outcome, for the style. Static. */
const char *html_outcome(enum outcome outcome);
/* What stands in a badge: "✓ pass", "✗ crash", "✓ crash, as expected". Escaped. */
void html_badge(struct buf *out, const struct sheet *s, const struct sheet_trial *t);
/* A bar from `from` to `to` of `whole`, as an SVG image that says nothing to those who cannot see it. `kind` is
 * its class. */
void html_bar(struct buf *out, const char *kind, double from, double to, double whole);

/* Whether the file may be shown: it is an ordinary one, below the module's directory `root` (or beside it, where
 * that is linux/ or freebsd/): debug information can name any file. Adds lines around `line` as a table row each.
 * False when there is nothing to show. */
bool html_source(struct buf *out, const char *root, const char *file, unsigned line);

#endif
