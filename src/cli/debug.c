/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab debug: gdb, in the machine, at the module's first instruction. */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/path.h"
#include "cli/plan.h"
#include "report/terminal.h"
#include "target/target.h"
#include "trial/debug.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const char help[] =
	"usage: kmodlab debug [OPTION...] DIR|FILE.ko [-- NAME=VALUE...]\n\n"
	"Builds the module in DIR (or takes the finished FILE.ko), loads it in a throwaway virtual\n"
	"machine, stops at its first instruction (Linux: its init; FreeBSD: its event handler or first\n"
	"SYSINIT function) and starts gdb there, with the kernel's and the modules' symbols at their real\n"
	"addresses. When gdb lets the machine go on, the module's tests (test.c, test.sh) are run and\n"
	"it is unloaded, so that breakpoints in all of it can be reached. Quitting gdb throws the machine\n"
	"away. What stands after -- are the module's parameters (FreeBSD: tunables).\n\n"
	"  -t, --target NAME      the kernel to load it in (default: the one that was added first for\n"
	"                         the module's system, Linux if it is for both)\n"
	"  -m, --module NAME      of several modules that DIR builds, the one to stop in (default:\n"
	"                         the one that is loaded last)\n"
	"  -x, --ex COMMAND       a command for gdb, once it is there; may be repeated\n"
	"      --batch            gdb quits when it has carried these out\n"
	"      --tui              gdb shows the source in a window\n"
	"  -q, --quiet            do not show what the machine's console says\n"
	"      --exercise WHAT    after init: tests (default), auto, none; see kmodlab run --help\n"
	"      --build-timeout S  seconds that the build may take (default 600)\n"
	"      --boot-timeout S   seconds that the kernel may take to come up (default 120)\n"
	"      --cpus N           processors of the machine (default 1: gdb loses a step or finish whose\n"
	"                         thread wakes up on another one)\n"
	"      --memory MIB       memory of the machine (default 256)\n"
	"      --accel KIND       what runs the machine: kvm (the processor itself), tcg (QEMU's\n"
	"                         translator, slower) or auto (default: kvm where it works)\n"
	"      --help             this\n\n"
	"Exit status: 0 gdb ended well, 1 the module did not come to its first instruction (or gdb's\n"
	"commands failed), 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_BATCH = 256,
	OPT_TUI,
	OPT_EXERCISE,
	OPT_BUILD_TIMEOUT,
	OPT_BOOT_TIMEOUT,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"module", required_argument, NULL, 'm'},
	{"ex", required_argument, NULL, 'x'},
	{"batch", no_argument, NULL, OPT_BATCH},
	{"tui", no_argument, NULL, OPT_TUI},
	{"quiet", no_argument, NULL, 'q'},
	{"exercise", required_argument, NULL, OPT_EXERCISE},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"boot-timeout", required_argument, NULL, OPT_BOOT_TIMEOUT},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct trial_options trial;
	struct debug_options debug;
	struct strv gdb;
	const char *target; /* as typed; or NULL */
};

/* EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	struct trial_options *o = &q->trial;
	bool ok = true;
	long n = 0;
	int c;

	while (ok && (c = getopt_long(argc, argv, "t:m:x:qh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			if (q->target)
				return cli_fail(EXIT_USAGE,
					"debug takes one target, because there is one gdb: give -t once");
			q->target = optarg;
			break;
		case 'm':
			q->debug.module = optarg;
			break;
		case 'x':
			strv_adds(&q->gdb, "-ex", optarg, NULL);
			break;
		case OPT_BATCH:
			strv_add(&q->gdb, "--batch");
			break;
		case OPT_TUI:
			strv_add(&q->gdb, "--tui");
			break;
		case 'q':
			q->debug.quiet = true;
			break;
		case OPT_EXERCISE:
			ok = cli_word(optarg, cli_exercises, &n);
			o->exercise = (enum exercise)n;
			break;
		case OPT_BUILD_TIMEOUT:
			ok = cli_seconds(optarg, &o->build_timeout_ms);
			break;
		case OPT_BOOT_TIMEOUT:
			ok = cli_seconds(optarg, &o->boot_timeout_ms);
			break;
		case OPT_CPUS:
			ok = cli_number(optarg, 1, 64, &n);
			o->cpus = (unsigned)n;
			break;
		case OPT_MEMORY:
			ok = cli_number(optarg, 64, 65536, &n);
			o->memory_mib = (unsigned)n;
			break;
		case OPT_ACCEL:
			ok = cli_word(optarg, cli_accels, &n);
			o->accel = (enum accel)n;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			return cli_see_help("debug", options, argv);
		}
	}
	if (!ok)
		return cli_bad_value("debug", argv);
	if (argc - optind != 1)
		return cli_fail(EXIT_USAGE,
			"debug what? Give one module's directory or .ko; see kmodlab debug --help");
	o->path = argv[optind];
	if (access(o->path, F_OK))
		return cli_fail(EXIT_USAGE,
			"there is no directory or file %s: give a module's directory, or its .ko file",
			o->path);
	return EXIT_PASSED;
}

/* The target to use. EXIT_PASSED, or an exit status when it has said why there is none. */
static int choose_target(struct request *q, const struct targets *all)
{
	const char *path = q->trial.path;
	enum target_os os = trial_is_for(path, TARGET_LINUX) ? TARGET_LINUX : TARGET_FREEBSD;
	const struct target *first;
	struct error err, why;

	if (!trial_is_for(path, os)) {
		AUTO_FREE char *dir = trial_source_dir(path, TARGET_LINUX, &why);

		return cli_fail(EXIT_USAGE,
			"%s; nor like that of a FreeBSD one, whose Makefile includes bsd.kmod.mk. kmodlab new NAME makes a module to begin with",
			why.text);
	}
	if (q->target) {
		q->trial.target = target_find(all, q->target, &err);
		if (!q->trial.target)
			return cli_fail(plan_target_status(all, q->target), "%s", err.text);
		if (q->trial.target->ssh)
			return cli_fail(EXIT_USAGE, REAL_REFUSED, q->trial.target->name, "debug",
				"stopped");
		if (!trial_is_for(path, q->trial.target->os))
			return cli_fail(EXIT_USAGE, "%s is not for %s, but %s is", path,
				target_os_name(q->trial.target->os), q->target);
		return EXIT_PASSED;
	}
	first = target_default(all, os);
	if (first)
		q->trial.target = target_find(all, first->name, &err);
	if (!q->trial.target)
		return cli_fail(EXIT_INFRASTRUCTURE, "there is no %s target; add one with: %s",
			target_os_name(os), plan_add_command(os));
	return EXIT_PASSED;
}

static int debug(struct request *q)
{
	struct terminal term;
	struct trial t;
	int status = 0, result;

	if (debug_run(&q->trial, &q->debug, &t, &status)) {
		result = WIFEXITED(status) && !WEXITSTATUS(status) ? EXIT_PASSED : EXIT_FOUND;
	} else {
		terminal_setup(&term, stdout);
		if (t.verdict == VERDICT_PASS) {
			AUTO_BUF struct buf names = {0};

			for (size_t i = t.nsupporting; i < t.modules.n; i++)
				buf_addf(&names, "%s%s", names.len ? ", " : "",
					t.modules.items[i].name);
			result = cli_fail(EXIT_USAGE,
				"%s builds no module of the name '%s'; -m takes one of: %s", t.name,
				q->debug.module ? q->debug.module : "",
				names.len ? names.data : "none");
		} else {
			terminal_finish(&term, &t);
			result = t.verdict == VERDICT_INFRASTRUCTURE ? EXIT_INFRASTRUCTURE
								     : EXIT_FOUND;
		}
	}
	trial_free(&t);
	return result;
}

int debug_main(int argc, char **argv)
{
	struct request q = {.trial = {.build_timeout_ms = 600000,
				    .boot_timeout_ms = 120000,
				    .memory_mib = 256,
				    .cpus = 1}};
	struct targets all = {0};
	struct error err;
	int status;

	q.trial.params = cli_cut_params(&argc, argv);
	status = take_options(argc, argv, &q);
	q.debug.gdb = q.gdb.v;
	if (status == EXIT_PASSED && debug_gdb(&q.debug.gdb_version, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED)
		status = choose_target(&q, &all);
	if (status == EXIT_PASSED)
		status = debug(&q);
	targets_free(&all);
	strv_free(&q.gdb);
	return status < 0 ? EXIT_PASSED : status;
}
