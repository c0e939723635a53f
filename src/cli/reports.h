/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_REPORTS_H
#define KMODLAB_CLI_REPORTS_H
/* Which reports were asked for, beside what is shown: --junit, --html, --ktap, --json. */
#include "cli/plan.h"
#include "report/files.h"

#include <stdbool.h>

struct wanted {
	struct files_wanted files;
	bool json, ktap; /* instead of what is shown, on standard output */
};

/* The trials of a plan, and the files that they are written to. */
struct plan_files {
	struct files *files;
	const char **rows, **paths;
	struct sheet_column *columns;
	struct sheet_trial *trials;
	char *cwd;
	int64_t began_us;
};

/* Makes sure, before anything is run, that the reports can be written. `command` is "run" or "check", `check` says that
 * a trial passes when it found what was expected. EXIT_PASSED, with `*out` NULL when no file is wanted, or
 * another exit status after telling the user why. */
int reports_open(struct plan_files **out, const struct wanted *w, const struct plan *p,
	const char *command, bool check);
/* The files, for show_files; NULL if there are none. */
struct files *reports_files(const struct plan_files *f);
/* Writes them and frees all. The exit status: `status`, or that of an infrastructure error after telling the user what
 * could not be written. NULL is fine. */
int reports_close(struct plan_files *f, int status);
/* Frees all and writes nothing. NULL is fine. */
void reports_drop(struct plan_files *f);

#endif
