/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/reports.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "cli/cli.h"

#include <time.h>
#include <unistd.h>

static void free_all(struct plan_files *f)
{
	files_free(f->files);
	free(f->rows);
	free(f->paths);
	free(f->columns);
	free(f->trials);
	free(f->cwd);
	free(f);
}

/* The plan as the reports have it. */
static void lay_out(struct plan_files *f, const struct plan *p)
{
	f->rows = xcalloc(p->nrows, sizeof *f->rows);
	f->paths = xcalloc(p->nrows, sizeof *f->paths);
	f->columns = xcalloc(p->ncolumns, sizeof *f->columns);
	f->trials = xcalloc(p->n, sizeof *f->trials);
	for (size_t i = 0; i < p->nrows; i++) {
		f->rows[i] = p->rows[i].label;
		f->paths[i] = p->rows[i].path;
	}
	for (size_t i = 0; i < p->ncolumns; i++) {
		const struct plan_column *c = &p->columns[i];

		f->columns[i].target = c->target;
		f->columns[i].name = c->target ? c->target->name : target_os_name(c->os);
	}
	for (size_t i = 0; i < p->n; i++)
		f->trials[i] = (struct sheet_trial){.row = p->items[i].row,
			.column = p->items[i].column,
			.outcome = OUTCOME_NOT_RUN};
}

int reports_open(struct plan_files **out, const struct wanted *w, const struct plan *p,
	const char *command, bool check)
{
	struct plan_files *f;
	struct error err;

	*out = NULL;
	if (w->json && w->ktap)
		return cli_fail(EXIT_USAGE,
			"--json and --ktap both write to standard output; use one of them");
	if (!w->files.junit && !w->files.html)
		return EXIT_PASSED;
	f = xcalloc(1, sizeof *f);
	f->began_us = clock_us();
	f->cwd = getcwd(NULL, 0);
	lay_out(f, p);
	if (files_open(&f->files, &w->files,
		    &(struct sheet){.command = command,
			    .rows = f->rows,
			    .paths = f->paths,
			    .nrows = p->nrows,
			    .columns = f->columns,
			    .ncolumns = p->ncolumns,
			    .trials = f->trials,
			    .n = p->n,
			    .check = check,
			    .cwd = f->cwd,
			    .began = time(NULL)},
		    &err)) {
		free_all(f);
		return cli_fail(EXIT_USAGE, "%s", err.text);
	}
	*out = f;
	return EXIT_PASSED;
}

struct files *reports_files(const struct plan_files *f)
{
	return f ? f->files : NULL;
}

int reports_close(struct plan_files *f, int status)
{
	struct error err;

	if (!f)
		return status;
	if (files_write(f->files, interrupt_pending(), clock_us() - f->began_us, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	free_all(f);
	return status;
}

void reports_drop(struct plan_files *f)
{
	if (f)
		free_all(f);
}
