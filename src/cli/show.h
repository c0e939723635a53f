/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_SHOW_H
#define KMODLAB_CLI_SHOW_H
/*
 * The trials of a plan, shown as they come: each trial's story, a table or a list with what was found below it,
 * JSON or KTAP.
 */
#include "cli/plan.h"
#include "report/files.h"
#include "trial/many.h"

#include <stdbool.h>

enum show_kind { SHOW_STORIES, SHOW_TABLE, SHOW_ROWS, SHOW_JSON, SHOW_KTAP };

struct show;

/* For standard output; `console` shows every machine's console in a story; `check` says of each trial whether it
 * found what it was expected to, and that is what counts. The plan stays the caller's. To be freed with
 * show_free. */
struct show *show_new(enum show_kind kind, const struct plan *plan, bool console, bool check);
void show_free(struct show *s);
/* Below a table, only counts the notes of trials that pass. */
void show_count_notes(struct show *s);
/* Also shows, in a story, how much stack each function takes. */
void show_stack(struct show *s, bool each);
/* Also gives every trial to these files when it is over; they stay the caller's, who is to write them after
 * many_run. NULL: none. */
void show_files(struct show *s, struct files *files);
/* Sets the functions in `o` that many_run calls, and their argument. */
void show_attach(struct show *s, struct many_options *o);
/* Ends the report. The exit status that the trials come to. */
int show_end(struct show *s);

#endif
