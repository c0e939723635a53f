/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_CLI_H
#define KMODLAB_CLI_CLI_H
/* The subcommands, and what they share. */
#include "base/buf.h"

#include <stdbool.h>

/* Exit statuses, everywhere. */
enum {
	EXIT_PASSED = 0,	 /* all passed */
	EXIT_FOUND = 1,		 /* something was found */
	EXIT_USAGE = 2,		 /* wrong usage */
	EXIT_INFRASTRUCTURE = 3, /* our own failure, never the module's */
};

int run_main(int argc, char **argv);
/* The same, but first gets ready what can be, machines too, and begins when a byte can be read from `go` (or it
 * is closed); -1: at once. */
int run_when_told(int argc, char **argv, int go);
/* Only looks at the options of run: EXIT_PASSED, with its paths and whether it will print JSON; else as
 * run_main, -1 when it showed the help. */
int run_options(int argc, char **argv, struct strv *paths, bool *json);
int watch_main(int argc, char **argv);
int check_main(int argc, char **argv);
int new_main(int argc, char **argv);
int compdb_main(int argc, char **argv);
int target_main(int argc, char **argv);
int judge_main(int argc, char **argv);
int shell_main(int argc, char **argv);
int log_main(int argc, char **argv);
int debug_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int complete_main(int argc, char **argv);
/* Removes the snapshots that were not used for so many days, or cannot be used any more; says which. Its
 * exit status. */
int prune_snapshots(long days);
/* Removes those of the target with this full name. */
void prune_target(const char *name);

/* Prints "kmodlab: <sentence>" and, for EXIT_USAGE, where help is; returns `status`. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A whole number of at least `least` and at most `most`; false for anything else. */
int cli_number(const char *text, long least, long most, long *out);
/* Adds the rules in "RULE,RULE"; EXIT_PASSED, or EXIT_USAGE when it has said that one does not exist. */
int cli_rules(const char *text, struct strv *out);

#endif
