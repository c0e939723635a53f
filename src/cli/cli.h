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
/* For the machines of an executor, not for people: `__task FOLDER NUMBER` runs that task of the run which is described in the
 * folder (spread/folder.h). */
int task_main(int argc, char **argv);
/* Removes the snapshots that were not used for so many days, or cannot be used any more; says which. Its
 * exit status. */
int prune_snapshots(long days);
/* Removes those of the target with this full name. */
void prune_target(const char *name);

/* Prints "kmodlab: <sentence>" and, for EXIT_USAGE, where help is; returns `status`. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct option;
/* What is to be said behind getopt's own word on an option that is none, or lacks its value: the nearest one, where help
 * is. `argv` and getopt's variables are as it left them. EXIT_USAGE. */
int cli_see_help(const char *command, const struct option *options, char *const *argv);
/* Says that the option that getopt took last does not take this value (optarg). EXIT_USAGE. */
int cli_bad_value(const char *command, char *const *argv);
/* Which of the words it is, by their order; false for none of them. `words` ends with NULL. */
bool cli_word(const char *text, const char *const *words, long *out);
/* What --accel and --exercise take, in the order of enum accel and enum exercise. */
extern const char *const cli_accels[], *const cli_exercises[];
/* What stands behind "--", the module's parameters, is cut off `argv`, so that getopt's reordering does not mix it in.
 * NULL: there is no "--". */
char **cli_cut_params(int *argc, char **argv);
/* Processors that this process may use. */
unsigned cli_processors(void);
/* A whole number of at least `least` and at most `most`; false for anything else. */
int cli_number(const char *text, long least, long most, long *out);
/* Seconds, from a tenth of one to a day; a fraction will do. False for anything else. */
bool cli_seconds(const char *text, int *ms);
/* Adds the rules in "RULE,RULE"; EXIT_PASSED, or EXIT_USAGE when it has said that one does not exist. */
int cli_rules(const char *text, struct strv *out);

/* Why a command does nothing on a real machine: the target, the command, what cannot be done to it. */
#define REAL_REFUSED                                                                               \
	"%s is a real machine, and kmodlab %s is for virtual ones, which can be %s; "              \
	"name another target with -t"

#endif
