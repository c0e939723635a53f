/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/proc.h"
#include "rules/rules.h"
#include "target/target.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int help_main(int argc, char **argv);

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *sentence;
} commands[] = {
	{"run", run_main, "build, load, unload and judge a module in a throwaway machine"},
	{"watch", watch_main, "run a module again each time that one of its files is saved"},
	{"check", check_main, "say what a finished module tells without being run"},
	{"debug", debug_main, "gdb in the machine, stopped at a module's first instruction"},
	{"new", new_main, "make the directory of a new module that builds and passes as it is"},
	{"compdb", compdb_main, "tell an editor (clangd) how a module's sources are compiled"},
	{"target", target_main, "add, list, show and remove kernels to test against"},
	{"judge", judge_main, "say what a saved kernel log tells, and where in a module's source"},
	{"shell", shell_main, "a shell in a machine, with a module's files"},
	{"log", log_main, "show and filter what the kernel logged in the last trial"},
	{"explain", explain_main, "say what a finding's rule means, and what to do about it"},
	{"doctor", doctor_main, "say what this machine has and lacks, and how to get it"},
	{"help", help_main, "show this, or the help of a command"},
};

#define NCOMMANDS (sizeof commands / sizeof *commands)

int cli_fail(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("kmodlab: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int cli_see_help(const char *command, const struct option *options, char *const *argv)
{
	const char *names[64] = {0}, *near = NULL;
	AUTO_FREE char *word = NULL;

	if (optind > 0 && !strncmp(argv[optind - 1], "--", 2)) {
		word = xstrndup(argv[optind - 1] + 2, strcspn(argv[optind - 1] + 2, "="));
		for (size_t i = 0; options[i].name && i < 63; i++)
			names[i] = options[i].name;
		near = nearest_word(word, names);
	}
	/* The very name: it is its value that is missing. */
	if (near && strcmp(near, word))
		return cli_fail(
			EXIT_USAGE, "did you mean --%s? See kmodlab %s --help", near, command);
	return cli_fail(EXIT_USAGE, "see kmodlab %s --help", command);
}

int cli_bad_value(const char *command, char *const *argv)
{
	bool apart = optarg == argv[optind - 1];
	const char *word = apart ? argv[optind - 2] : argv[optind - 1];

	/* --jobs 0, --jobs=0; -j 0, -j0, -vj 0, -vj0 */
	if (word[1] == '-')
		return cli_fail(EXIT_USAGE, "'%s' is not a value for %.*s; see kmodlab %s --help",
			optarg, (int)strcspn(word, "="), word, command);
	return cli_fail(EXIT_USAGE, "'%s' is not a value for -%c; see kmodlab %s --help", optarg,
		apart ? word[strlen(word) - 1] : optarg[-1], command);
}

const char *const cli_accels[] = {"auto", "kvm", "tcg", NULL};
const char *const cli_exercises[] = {"tests", "auto", "none", NULL};

bool cli_word(const char *text, const char *const *words, long *out)
{
	for (*out = 0; words[*out]; (*out)++)
		if (!strcmp(text, words[*out]))
			return true;
	return false;
}

char **cli_cut_params(int *argc, char **argv)
{
	for (int i = 0; i < *argc; i++)
		if (!strcmp(argv[i], "--")) {
			*argc = i;
			return argv + i + 1;
		}
	return NULL;
}

unsigned cli_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

int cli_number(const char *text, long least, long most, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return *text && !*end && !errno && *out >= least && *out <= most;
}

bool cli_seconds(const char *text, int *ms)
{
	char *end;
	double s = strtod(text, &end);

	if (!*text || *end || !(s >= 0.1 && s <= 86400))
		return false;
	*ms = (int)(s * 1000);
	return true;
}

int cli_rules(const char *text, struct strv *out)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy, *name;

	while ((name = strsep(&rest, ","))) {
		AUTO_FREE char *unknown = NULL;

		if (rule_find(name)) {
			strv_add(out, name);
			continue;
		}
		unknown = rule_unknown(name);
		return cli_fail(EXIT_USAGE, "%s", unknown);
	}
	return EXIT_PASSED;
}

static void usage(FILE *out)
{
	fputs("kmodlab builds, loads, unloads and judges kernel modules in throwaway virtual "
	      "machines.\n\n"
	      "usage: kmodlab COMMAND [ARGUMENT...]\n\n",
		out);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].sentence);
	fputs("\nFirst steps:\n"
	      "  kmodlab doctor                        see what is missing on this machine\n"
	      "  kmodlab target add debian:bookworm    fetch a kernel with its headers and compiler\n"
	      "  kmodlab new demo                      make a module that builds and passes\n"
	      "  kmodlab run demo                      try it in a machine\n\n"
	      "Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure "
	      "error.\n"
	      "`kmodlab COMMAND --help` says more; so does man kmodlab.\n",
		out);
}

static int run_command(const char *name, int argc, char **argv)
{
	const char *names[NCOMMANDS + 1] = {NULL}, *near;
	static char own[32];

	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (!strcmp(commands[i].name, name)) {
			/* getopt begins its complaints with this. */
			snprintf(own, sizeof own, "kmodlab %s", name);
			argv[0] = own;
			return commands[i].main(argc, argv);
		}
		names[i] = commands[i].name;
	}
	near = nearest_word(name, names);
	return cli_fail(EXIT_USAGE, "there is no command '%s'%s%s%s kmodlab --help lists them",
		name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : ";");
}

static int help_main(int argc, char **argv)
{
	char *help[] = {argc > 1 ? argv[1] : NULL, "--help", NULL};

	if (argc > 1 && strcmp(argv[1], "help"))
		return run_command(argv[1], 2, help);
	usage(stdout);
	return EXIT_PASSED;
}

int main(int argc, char **argv)
{
	int status;

	setlocale(LC_CTYPE, "C.UTF-8");
	interrupt_setup();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		puts("kmodlab " KMODLAB_VERSION);
		return EXIT_PASSED;
	}
	/* For shells and for executors, not for people. */
	if (!strcmp(argv[1], "__complete"))
		status = complete_main(argc - 1, argv + 1);
	else if (!strcmp(argv[1], "__task"))
		status = task_main(argc - 1, argv + 1);
	else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		status = help_main(1, argv);
	else
		status = run_command(argv[1], argc - 1, argv + 1);
	/* Output that went nowhere (a full disk, a closed pipe) is a failure of ours. */
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_PASSED)
		status = cli_fail(EXIT_INFRASTRUCTURE,
			"cannot write the output: %s; see where it goes: a full disk, or a program that has ended",
			strerror(errno));
	proc_reap();
	interrupt_reraise();
	return status;
}
