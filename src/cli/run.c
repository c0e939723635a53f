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
	"DIR is the module's directory, or one that holds it in linux/, freebsd/ or both: then it\n"
	"runs on both. What stands after -- are the module's parameters (FreeBSD: tunables).\n\n"
	"  -t, --target NAME      the kernel to test on; may be repeated (default: the one that was\n"
	"                         added first for each system; see kmodlab target list)\n"
	"      --json             report for programs, on standard output\n"
	"      --strict           a warning fails the trial too\n"
	"      --require          a system without a target is an error (otherwise it is skipped)\n"
	"      --console          show what the machine's console said\n"
	"      --timeout S        seconds that a load or an unload may take (default 30)\n"
	"      --build-timeout S  seconds that the build may take (default 600)\n"
	"      --boot-timeout S   seconds that the kernel may take to come up (default 120)\n"
	"      --cpus N           processors of the machine (default 2)\n"
	"      --memory MIB       memory of the machine (default 256)\n"
	"      --accel KIND       auto (default), kvm or tcg: what runs the machine\n"
	"      --cold             boot a machine anew instead of continuing the target's snapshot\n"
	"      --help             this\n\n"
	"Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_JSON = 256,
	OPT_STRICT,
	OPT_REQUIRE,
	OPT_CONSOLE,
	OPT_TIMEOUT,
	OPT_BUILD_TIMEOUT,
	OPT_BOOT_TIMEOUT,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_COLD,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"json", no_argument, NULL, OPT_JSON},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"require", no_argument, NULL, OPT_REQUIRE},
	{"console", no_argument, NULL, OPT_CONSOLE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"boot-timeout", required_argument, NULL, OPT_BOOT_TIMEOUT},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"cold", no_argument, NULL, OPT_COLD},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct trial_options trial;
	struct strv targets;
	bool json, console, require;
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
		case OPT_REQUIRE:
			q->require = true;
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
		case OPT_COLD:
			o->cold = true;
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

/* One trial to come. */
struct planned {
	char *path;
	enum target_os os;
	const struct target *target; /* NULL: there is none for the system */
};

struct plan {
	struct planned *items;
	size_t n;
};

static void plan_add(struct plan *p, char *path, enum target_os os, const struct target *target)
{
	*ARRAY_ADD(p->items, p->n) = (struct planned){path, os, target};
}

/* The target to use when none was named: the oldest for the system. */
static const struct target *default_target(const struct targets *all, enum target_os os)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].os == os)
			return &all->items[i];
	return NULL;
}

static const char *add_command(enum target_os os)
{
	return os == TARGET_FREEBSD ? "kmodlab target add freebsd:14.3"
				    : "kmodlab target add debian:bookworm";
}

/* Plans the trials of one path. EXIT_PASSED or an exit status. */
static int plan_path(struct plan *p, char *path, const struct request *q, const struct targets *all)
{
	static const enum target_os systems[] = {TARGET_LINUX, TARGET_FREEBSD};
	bool is_for[2], planned = false;
	struct error err;

	if (!path_is_file(path) && !path_is_dir(path))
		return cli_fail(EXIT_USAGE, "there is no directory or file %s", path);
	for (size_t i = 0; i < 2; i++) {
		is_for[i] = trial_is_for(path, systems[i]);
		if (is_for[i] && !q->targets.n)
			plan_add(p, path, systems[i], default_target(all, systems[i]));
	}
	if (!is_for[0] && !is_for[1]) {
		free(trial_source_dir(path, TARGET_LINUX, &err));
		return cli_fail(EXIT_USAGE,
			"%s; nor that of a FreeBSD one, whose Makefile includes bsd.kmod.mk",
			err.text);
	}
	for (size_t i = 0; i < q->targets.n; i++) {
		const struct target *t = target_find(all, q->targets.v[i], &err);

		if (!t)
			return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
		/* A finished .ko goes where it was sent, to be told what it is there. */
		if (!is_for[t->os] && path_is_dir(path))
			continue;
		plan_add(p, path, t->os, t);
		planned = true;
	}
	if (q->targets.n && !planned)
		return cli_fail(EXIT_USAGE, "%s has no source for the system of the target %s (%s)",
			path, q->targets.v[0],
			target_os_name(is_for[0] ? TARGET_FREEBSD : TARGET_LINUX));
	return EXIT_PASSED;
}

/* Plans all trials, and refuses what can be seen to be wrong before anything is begun. */
static int make_plan(struct plan *p, const struct request *q, const struct targets *all)
{
	size_t runnable = 0;
	int status = EXIT_PASSED;

	for (char *const *word = q->trial.params; word && *word; word++)
		if (!**word || **word == '=' || strpbrk(*word, "\"\n"))
			return cli_fail(EXIT_USAGE,
				"the parameter '%s' cannot be passed to a kernel: it is to be name=value, "
				"without double quotes or newlines",
				*word);
	if (!q->npaths)
		return cli_fail(EXIT_USAGE,
			"run what? Give a module's directory or a .ko file; see kmodlab run --help");
	for (size_t i = 0; i < q->npaths && status == EXIT_PASSED; i++)
		status = plan_path(p, q->paths[i], q, all);
	for (size_t i = 0; i < p->n && status == EXIT_PASSED; i++) {
		runnable += p->items[i].target != NULL;
		if (!p->items[i].target && q->require)
			return cli_fail(EXIT_INFRASTRUCTURE,
				"there is no %s target to test %s on; add one with: %s",
				target_os_name(p->items[i].os), p->items[i].path,
				add_command(p->items[i].os));
	}
	if (status == EXIT_PASSED && !runnable)
		return cli_fail(EXIT_INFRASTRUCTURE,
			"there is no target to test on yet; add one with: %s",
			add_command(p->items[0].os));
	return status;
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

static void run_one(struct request *q, const struct planned *p, struct trial *t)
{
	AUTO_FREE char *why = NULL;

	q->trial.path = p->path;
	q->trial.target = p->target;
	if (p->target) {
		trial_run(&q->trial, t);
		return;
	}
	why = xasprintf("there is no %s target; add one with: %s", target_os_name(p->os),
		add_command(p->os));
	trial_skip(&q->trial, p->os, why, t);
}

static int run_all(struct request *q, const struct plan *p)
{
	struct trial *trials = xcalloc(p->n, sizeof *trials);
	struct terminal term;
	size_t done = 0;
	int status;

	terminal_setup(&term, stdout);
	term.console = q->console;
	if (!q->json) {
		q->trial.watch = terminal_watch;
		q->trial.arg = &term;
	}
	while (done < p->n && !interrupt_pending()) {
		if (done && !q->json)
			putchar('\n');
		run_one(q, &p->items[done], &trials[done]);
		if (!q->json)
			terminal_finish(&term, &trials[done]);
		done++;
	}
	if (q->json && !interrupt_pending())
		json_write(stdout, trials, done);
	else if (!q->json && p->n > 1)
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
	struct targets all = {0};
	struct plan plan = {0};
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
	}
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED)
		status = make_plan(&plan, &q, &all);
	if (status == EXIT_PASSED)
		status = run_all(&q, &plan);
	free(plan.items);
	targets_free(&all);
	strv_free(&q.targets);
	return status < 0 ? EXIT_PASSED : status;
}
