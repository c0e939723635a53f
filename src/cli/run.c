/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/path.h"
#include "report/json.h"
#include "report/terminal.h"
#include "trial/trial.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab run [OPTION...] DIR|FILE.ko... [-- NAME=VALUE...]\n\n"
	"Builds the module in DIR with its own Makefile (or takes the finished FILE.ko), loads it\n"
	"into a real kernel in a throwaway virtual machine, unloads it, and says what it found.\n"
	"DIR is the module's directory, or one that holds it in a directory linux/.\n"
	"What stands after -- are the module's parameters.\n\n"
	"  -t, --target NAME      the kernel to test on; may be repeated (default: the target that\n"
	"                         was added first; see kmodlab target list)\n"
	"      --json             report for programs, on standard output\n"
	"      --strict           a warning fails the trial too\n"
	"      --console          show what the machine's console said\n"
	"      --timeout S        seconds that a load or an unload may take (default 30)\n"
	"      --build-timeout S  seconds that the build may take (default 600)\n"
	"      --boot-timeout S   seconds that the kernel may take to come up (default 120)\n"
	"      --cpus N           processors of the machine (default 2)\n"
	"      --memory MIB       memory of the machine (default 256)\n"
	"      --accel KIND       auto (default), kvm or tcg: what runs the machine\n"
	"      --help             this\n\n"
	"Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_JSON = 256,
	OPT_STRICT,
	OPT_CONSOLE,
	OPT_TIMEOUT,
	OPT_BUILD_TIMEOUT,
	OPT_BOOT_TIMEOUT,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"json", no_argument, NULL, OPT_JSON},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"console", no_argument, NULL, OPT_CONSOLE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
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
	struct strv targets;
	bool json, console;
	char **paths;
	size_t npaths;
};

static bool seconds(const char *text, int *ms)
{
	char *end;
	double s = strtod(text, &end);

	if (!*text || *end || !(s >= 0.1 && s <= 86400))
		return false;
	*ms = (int)(s * 1000);
	return true;
}

static bool take_accel(const char *text, enum accel *out)
{
	static const char *const names[] = {"auto", "kvm", "tcg"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*out = (enum accel)i;
			return true;
		}
	return false;
}

/* Takes the options; EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	struct trial_options *o = &q->trial;
	bool ok = true;
	long n;
	int c;

	/* "--" ends our options and begins the module's parameters. */
	while (ok && (c = getopt_long(argc, argv, "t:h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			strv_add(&q->targets, optarg);
			break;
		case OPT_JSON:
			q->json = true;
			break;
		case OPT_STRICT:
			o->strict = true;
			break;
		case OPT_CONSOLE:
			q->console = true;
			break;
		case OPT_TIMEOUT:
			ok = seconds(optarg, &o->call_timeout_ms);
			break;
		case OPT_BUILD_TIMEOUT:
			ok = seconds(optarg, &o->build_timeout_ms);
			break;
		case OPT_BOOT_TIMEOUT:
			ok = seconds(optarg, &o->boot_timeout_ms);
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
			ok = take_accel(optarg, &o->accel);
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			fputs("kmodlab: see kmodlab run --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (!ok)
		return cli_fail(EXIT_USAGE,
			"'%s' is not a value for that option; see kmodlab run --help", optarg);
	return EXIT_PASSED;
}

/* Sets the targets to use. 0 or an exit status. */
static int choose_targets(
	const struct request *q, const struct targets *all, const struct target ***out, size_t *n)
{
	struct error err;

	if (!all->n)
		return cli_fail(EXIT_INFRASTRUCTURE,
			"there is no target to test on yet; add one with: kmodlab target add "
			"debian:bookworm");
	*n = q->targets.n ? q->targets.n : 1;
	*out = xcalloc(*n, sizeof **out);
	if (!q->targets.n)
		(*out)[0] = &all->items[0];
	for (size_t i = 0; i < q->targets.n; i++) {
		(*out)[i] = target_find(all, q->targets.v[i], &err);
		if (!(*out)[i])
			return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	}
	return EXIT_PASSED;
}

/* What can be seen to be wrong before anything is begun. 0 or EXIT_USAGE. */
static int check_paths(const struct request *q)
{
	struct error err;

	if (!q->npaths)
		return cli_fail(EXIT_USAGE,
			"run what? Give a module's directory or a .ko file; see kmodlab run --help");
	for (size_t i = 0; i < q->npaths; i++) {
		AUTO_FREE char *dir = NULL;

		if (path_is_file(q->paths[i]))
			continue;
		if (!path_is_dir(q->paths[i]))
			return cli_fail(
				EXIT_USAGE, "there is no directory or file %s", q->paths[i]);
		dir = trial_source_dir(q->paths[i], &err);
		if (!dir)
			return cli_fail(EXIT_USAGE, "%s", err.text);
	}
	return EXIT_PASSED;
}

static int status_of(const struct trial *trials, size_t n)
{
	int status = EXIT_PASSED;

	for (size_t i = 0; i < n; i++) {
		if (trials[i].verdict == VERDICT_INFRASTRUCTURE)
			return EXIT_INFRASTRUCTURE;
		if (trials[i].verdict == VERDICT_FAIL)
			status = EXIT_FOUND;
	}
	return status;
}

static int run_all(struct request *q, const struct target **targets, size_t ntargets)
{
	size_t n = q->npaths * ntargets, done = 0;
	struct trial *trials = xcalloc(n, sizeof *trials);
	struct terminal term;
	int status;

	terminal_setup(&term, stdout);
	term.console = q->console;
	if (!q->json) {
		q->trial.watch = terminal_watch;
		q->trial.arg = &term;
	}
	while (done < n && !interrupt_pending()) {
		if (done && !q->json)
			putchar('\n');
		q->trial.path = q->paths[done / ntargets];
		q->trial.target = targets[done % ntargets];
		trial_run(&q->trial, &trials[done]);
		if (!q->json)
			terminal_finish(&term, &trials[done]);
		done++;
	}
	if (q->json && !interrupt_pending())
		json_write(stdout, trials, done);
	else if (!q->json && n > 1)
		terminal_summary(&term, trials, done);
	status = status_of(trials, done);
	for (size_t i = 0; i < done; i++)
		trial_free(&trials[i]);
	free(trials);
	return status;
}

int run_main(int argc, char **argv)
{
	struct request q = {.trial = {.build_timeout_ms = 600000,
				    .call_timeout_ms = 30000,
				    .boot_timeout_ms = 120000,
				    .memory_mib = 256,
				    .cpus = 2}};
	const struct target **targets = NULL;
	struct targets all = {0};
	size_t ntargets = 0;
	struct error err;
	int split = 0, status;

	/* Cut the parameters off first, so that getopt's reordering does not mix them in. */
	while (split < argc && strcmp(argv[split], "--"))
		split++;
	if (split < argc)
		q.trial.params = argv + split + 1;
	status = take_options(split, argv, &q);
	if (status == EXIT_PASSED) {
		q.paths = argv + optind;
		q.npaths = (size_t)(split - optind);
		status = check_paths(&q);
	}
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED)
		status = choose_targets(&q, &all, &targets, &ntargets);
	if (status == EXIT_PASSED)
		status = run_all(&q, targets, ntargets);
	free(targets);
	targets_free(&all);
	strv_free(&q.targets);
	return status < 0 ? EXIT_PASSED : status;
}
