/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/proc.h"
#include "rules/rules.h"
#include "target/target.h"

#include <errno.h>
#include <locale.h>
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

int cli_number(const char *text, long least, long most, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return *text && !*end && !errno && *out >= least && *out <= most;
}

int cli_rules(const char *text, struct strv *out)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy, *name;

	while ((name = strsep(&rest, ","))) {
		const char *near;

		if (rule_find(name)) {
			strv_add(out, name);
			continue;
		}
		near = rule_nearest(name);
		return cli_fail(EXIT_USAGE,
			"there is no rule '%s'%s%s%s; kmodlab explain lists them", name,
			near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
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
	      "  kmodlab run examples/hello            try a module on it\n\n"
	      "Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure "
	      "error.\n"
	      "`kmodlab COMMAND --help` says more; so does man kmodlab.\n",
		out);
}

static int run_command(const char *name, int argc, char **argv)
{
	const char *names[NCOMMANDS + 1] = {NULL}, *near;

	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return commands[i].main(argc, argv);
		names[i] = commands[i].name;
	}
	near = nearest_word(name, names);
	return cli_fail(EXIT_USAGE, "there is no command '%s'%s%s%s; see kmodlab --help", name,
		near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
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
	/* For shells, not for people. */
	if (!strcmp(argv[1], "__complete"))
		status = complete_main(argc - 1, argv + 1);
	else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		status = help_main(1, argv);
	else
		status = run_command(argv[1], argc - 1, argv + 1);
	/* Output that went nowhere (a full disk, a closed pipe) is a failure of ours. */
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_PASSED)
		status = cli_fail(
			EXIT_INFRASTRUCTURE, "cannot write the output: %s", strerror(errno));
	proc_reap();
	interrupt_reraise();
	return status;
}
