/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_PLAN_ROWS_H
#define KMODLAB_CLI_PLAN_ROWS_H
/* The rows of a plan (cli/plan.h): which modules there are. */
#include "cli/plan.h"

/* Adds the modules that a path of the command line stands for. EXIT_PASSED, or another exit status after telling
 * the user why there is none. */
int plan_rows_add(struct plan *p, const char *path);

/* Reads what lies beside the modules: what is to be found of them, and their kmodlab.ini. EXIT_PASSED or an exit status,
 * likewise. */
int plan_rows_read_notes(struct plan *p, const struct plan_request *q);

/* Gives each row its label. */
void plan_rows_label(struct plan *p);

#endif
