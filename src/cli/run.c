/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "cli/plan.h"
#include "cli/reports.h"
#include "cli/show.h"
#include "machine/ahead.h"
#include "trial/many.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab run [OPTION...] DIR|FILE.ko... [-- NAME=VALUE...]\n\n"
	"Builds the module in DIR with its own Makefile (or takes the finished FILE.ko), loads it\n"
	"into a real kernel in a throwaway virtual machine, unloads it, and says what it found.\n"
	"DIR is the module's directory, or one that holds it in linux/, freebsd/ or both: then it\n"
	"runs on both. Any other DIR stands for the modules in the directories below it or, where\n"
	"there are none, for all the .ko files, a kernel's lib/modules for one. What stands after -- are the modules' parameters (FreeBSD: tunables).\n"
	"A kmodlab.ini beside the module may say this and most of the options; see man kmodlab.\n\n"
	"  -t, --target NAME      the kernel to test on, or a pattern: 'debian:*', all; may be\n"
	"                         repeated (default: the one that was added first for each\n"
	"                         system; see kmodlab target list)\n"
	"  -j, --jobs N           trials at a time (default: as many as there are processors)\n"
	"  -v, --verbose          tell each trial's story, also when there are many\n"
	"      --json             report for programs, on standard output\n"
	"      --ktap             report as the kernel's own tests write it, on standard output\n"
	"      --junit FILE       also write a report as JUnit's XML, for CI\n"
	"      --html FILE        also write a report as a page for a browser\n"
	"      --strict           a warning fails the trial too\n"
	"      --expect           check that what is found is what each module's file expect says\n"
	"      --silence RULE     findings of this rule do not count; RULE,RULE for several, may be\n"
	"                         repeated (see kmodlab explain)\n"
	"      --require          a system without a target is an error (otherwise it is skipped)\n"
	"      --shard I/N        of all trials only every N-th, from the I-th on: N machines with the\n"
	"                         same command and another I each do all of them once\n"
	"      --console          show what the machine's console said\n"
	"      --timeout S        seconds that a load or an unload may take (default 30)\n"
	"      --build-timeout S  seconds that the build may take (default 600)\n"
	"      --boot-timeout S   seconds that the kernel may take to come up (default 120)\n"
	"      --exercise WHAT    between load and unload: tests (default: test.c and test.sh beside\n"
	"                         the module), auto (those, and every file that the module made is\n"
	"                         used in all ways), none\n"
	"      --seed N           what auto does is drawn from this (default: another each time)\n"
	"      --exercise-timeout S   seconds that each test, or auto, may take (default 30)\n"
	"      --cycles N         load and unload so often (default 1)\n"
	"      --no-watch         do not look for what the module leaves behind: saves milliseconds\n"
	"      --cpus N           processors of the machine (default 2)\n"
	"      --memory MIB       memory of the machine (default 256)\n"
	"      --accel KIND       auto (default), kvm or tcg: what runs the machine\n"
	"      --cold             boot a machine anew instead of continuing the target's snapshot\n"
	"      --help             this\n\n"
	"Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_JSON = 256,
	OPT_KTAP,
	OPT_JUNIT,
	OPT_HTML,
	OPT_STRICT,
	OPT_EXPECT,
	OPT_SILENCE,
	OPT_REQUIRE,
	OPT_SHARD,
	OPT_CONSOLE,
	OPT_TIMEOUT,
	OPT_BUILD_TIMEOUT,
	OPT_BOOT_TIMEOUT,
	OPT_EXERCISE,
	OPT_SEED,
	OPT_EXERCISE_TIMEOUT,
	OPT_CYCLES,
	OPT_NO_WATCH,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_COLD,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"jobs", required_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"json", no_argument, NULL, OPT_JSON},
	{"ktap", no_argument, NULL, OPT_KTAP},
	{"junit", required_argument, NULL, OPT_JUNIT},
	{"html", required_argument, NULL, OPT_HTML},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"expect", no_argument, NULL, OPT_EXPECT},
	{"silence", required_argument, NULL, OPT_SILENCE},
	{"require", no_argument, NULL, OPT_REQUIRE},
	{"shard", required_argument, NULL, OPT_SHARD},
	{"console", no_argument, NULL, OPT_CONSOLE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"boot-timeout", required_argument, NULL, OPT_BOOT_TIMEOUT},
	{"exercise", required_argument, NULL, OPT_EXERCISE},
	{"seed", required_argument, NULL, OPT_SEED},
	{"exercise-timeout", required_argument, NULL, OPT_EXERCISE_TIMEOUT},
	{"cycles", required_argument, NULL, OPT_CYCLES},
	{"no-watch", no_argument, NULL, OPT_NO_WATCH},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"cold", no_argument, NULL, OPT_COLD},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct trial_options trial;
	struct strv targets, silence, typed;
	unsigned jobs;
	struct wanted reports;
	bool console, require, verbose, expect;
	const char *shard;   /* as typed, or NULL */
	struct ahead *ahead; /* machines that are ready; or NULL */
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

static const char *const accels[] = {"auto", "kvm", "tcg", NULL};
static const char *const exercises[] = {"tests", "auto", "none", NULL};

/* Which of the words it is. */
static bool take_word(const char *text, const char *const *words, long *out)
{
	for (*out = 0; words[*out]; (*out)++)
		if (!strcmp(text, words[*out]))
			return true;
	return false;
}

static bool take_seed(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* Takes the options; EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	struct trial_options *o = &q->trial;
	bool ok = true;
	int c, index;
	long n;

	/* "--" ends our options and begins the module's parameters. */
	while (ok && (c = getopt_long(argc, argv, "t:j:vh", options, &index)) != -1) {
		if (c >= OPT_JSON)
			strv_add(&q->typed, options[index].name);
		switch (c) {
		case 't':
			strv_add(&q->targets, optarg);
			break;
		case 'j':
			ok = cli_number(optarg, 1, 1024, &n);
			q->jobs = (unsigned)n;
			break;
		case 'v':
			q->verbose = true;
			break;
		case OPT_JSON:
			q->reports.json = true;
			break;
		case OPT_KTAP:
			q->reports.ktap = true;
			break;
		case OPT_JUNIT:
			q->reports.files.junit = optarg;
			break;
		case OPT_HTML:
			q->reports.files.html = optarg;
			break;
		case OPT_STRICT:
			o->strict = true;
			break;
		case OPT_EXPECT:
			q->expect = true;
			break;
		case OPT_SILENCE:
			if (cli_rules(optarg, &q->silence))
				return EXIT_USAGE;
			break;
		case OPT_REQUIRE:
			q->require = true;
			break;
		case OPT_SHARD:
			q->shard = optarg;
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
		case OPT_EXERCISE:
			ok = take_word(optarg, exercises, &n);
			o->exercise = (enum exercise)n;
			break;
		case OPT_SEED:
			ok = take_seed(optarg, &o->seed);
			break;
		case OPT_EXERCISE_TIMEOUT:
			ok = seconds(optarg, &o->exercise_timeout_ms);
			break;
		case OPT_CYCLES:
			ok = cli_number(optarg, 1, 100000, &n);
			o->cycles = (unsigned)n;
			break;
		case OPT_NO_WATCH:
			o->no_watch = true;
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
			ok = take_word(optarg, accels, &n);
			o->accel = (enum accel)n;
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

/* Processors that this process may use. */
static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static char *why_skipped(enum target_os os)
{
	return xasprintf("there is no %s target; add one with: %s", target_os_name(os),
		plan_add_command(os));
}

/* The plan's trials, as many_run wants them; `why` is what to say where there is no target, by enum target_os. */
static struct many_item *items_of(const struct plan *p, char *const why[2])
{
	struct many_item *items = xcalloc(p->n, sizeof *items);

	for (size_t i = 0; i < p->n; i++) {
		const struct planned *planned = &p->items[i];
		const struct plan_column *c = &p->columns[planned->column];

		items[i] = (struct many_item){.path = p->rows[planned->row].path,
			.target = planned->why ? NULL : c->target,
			.os = c->os,
			.expected = planned->expected,
			.config = planned->config,
			.params = planned->params.v,
			.why = planned->why ? planned->why : why[c->os]};
	}
	return items;
}

static int run_all(const struct request *q, const struct plan *p)
{
	AUTO_FREE char *no_linux = why_skipped(TARGET_LINUX);
	AUTO_FREE char *no_freebsd = why_skipped(TARGET_FREEBSD);
	char *const why[2] = {[TARGET_LINUX] = no_linux, [TARGET_FREEBSD] = no_freebsd};
	AUTO_FREE struct many_item *items = items_of(p, why);
	struct many_options o = {
		.trial = q->trial, .jobs = q->jobs, .items = items, .n = p->n, .ahead = q->ahead};
	bool list = q->expect || (p->expects && plan_is_table(p));
	enum show_kind kind = q->reports.json	  ? SHOW_JSON
		: q->reports.ktap		  ? SHOW_KTAP
		: list && !q->verbose		  ? SHOW_ROWS
		: plan_is_table(p) && !q->verbose ? SHOW_TABLE
						  : SHOW_STORIES;
	struct plan_files *files;
	struct show *show;
	struct error err;
	int status = reports_open(&files, &q->reports, p, "run", q->expect), r;

	if (status)
		return status;
	show = show_new(kind, p, q->console, q->expect);
	o.trial.keep_log = true;
	o.trial.given = p->given;
	o.trial.frames = q->reports.files.html;
	o.trial.typed = &q->typed;
	if (q->silence.n)
		o.trial.silence = &q->silence;
	show_files(show, reports_files(files));
	show_attach(show, &o);
	r = many_run(&o, &err);
	status = show_end(show);
	show_free(show);
	status = reports_close(files, status);
	return r ? cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text) : status;
}

static struct plan_request plan_of(const struct request *q)
{
	return (struct plan_request){.paths = q->paths,
		.npaths = q->npaths,
		.targets = &q->targets,
		.params = q->trial.params,
		.require = q->require,
		.shard = q->shard,
		.command = "run",
		.expect = q->expect};
}

/* Starts the machines that the trials would need as things are now, if they can be run. */
static void start_machines(struct request *q)
{
	struct plan_request request = plan_of(q);
	char *const why[2] = {NULL, NULL};
	struct targets all = {0};
	struct plan plan = {0};
	struct error ignored;

	q->ahead = ahead_new(q->jobs);
	if (!targets_load(&all, &ignored) && plan_make(&plan, &request, &all) == EXIT_PASSED) {
		AUTO_FREE struct many_item *items = items_of(&plan, why);
		struct many_options o = {.trial = q->trial,
			.jobs = q->jobs,
			.items = items,
			.n = plan.n,
			.ahead = q->ahead};

		o.trial.typed = &q->typed;
		many_prepare(&o);
	}
	plan_free(&plan);
	targets_free(&all);
}

/* Makes ready what can be before the word to begin comes from `go`. What is wrong is not told of yet: it may be
 * mended until then. EXIT_PASSED, or -1 when there was a signal instead. */
static int get_ready(struct request *q, int go)
{
	AUTO_CLOSE int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_CLOSE int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	struct pollfd fds[] = {{go, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};

	dup2(nowhere, STDERR_FILENO);
	start_machines(q);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	while (!interrupt_pending() && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return interrupt_pending() ? -1 : EXIT_PASSED;
}

static void request_begin(struct request *q, int *argc, char **argv)
{
	int split = 0;

	*q = (struct request){.trial = {.build_timeout_ms = 600000,
				      .call_timeout_ms = 30000,
				      .boot_timeout_ms = 120000,
				      .memory_mib = 256,
				      .cpus = 2,
				      .exercise_timeout_ms = 30000,
				      .seed = (uint64_t)clock_us() % 1000000},
		.jobs = processors()};
	/* Cut the parameters off first, so that getopt's reordering does not mix them in. */
	while (split < *argc && strcmp(argv[split], "--"))
		split++;
	if (split < *argc)
		q->trial.params = argv + split + 1;
	*argc = split;
}

static void request_end(struct request *q)
{
	strv_free(&q->targets);
	strv_free(&q->silence);
	strv_free(&q->typed);
}

int run_options(int argc, char **argv, struct strv *paths, bool *json)
{
	struct request q;
	int status;

	request_begin(&q, &argc, argv);
	status = take_options(argc, argv, &q);
	for (int i = optind; i < argc && status == EXIT_PASSED; i++)
		strv_add(paths, argv[i]);
	*json = q.reports.json || q.reports.ktap;
	request_end(&q);
	return status;
}

int run_when_told(int argc, char **argv, int go)
{
	struct request q;
	struct targets all = {0};
	struct plan plan = {0};
	struct error err;
	int status;

	request_begin(&q, &argc, argv);
	status = take_options(argc, argv, &q);
	if (status == EXIT_PASSED) {
		q.paths = argv + optind;
		q.npaths = (size_t)(argc - optind);
	}
	if (status == EXIT_PASSED && go >= 0)
		status = get_ready(&q, go);
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED) {
		struct plan_request request = plan_of(&q);

		status = plan_make(&plan, &request, &all);
	}
	if (status == EXIT_PASSED)
		status = run_all(&q, &plan);
	else
		ahead_free(q.ahead);
	plan_free(&plan);
	targets_free(&all);
	request_end(&q);
	return status < 0 ? EXIT_PASSED : status;
}

int run_main(int argc, char **argv)
{
	return run_when_told(argc, argv, -1);
}
