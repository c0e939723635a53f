/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/request.h"

#include "base/clock.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab run [OPTION...] DIR|FILE.ko... [-- NAME=VALUE...]\n\n"
	"Builds the module in DIR with its own Makefile (or takes the finished FILE.ko), loads it\n"
	"into a real kernel in a throwaway virtual machine, unloads it, and says what it found.\n"
	"DIR is the module's directory, or one that holds it in linux/, freebsd/ or both: then it\n"
	"runs on both. Any other DIR stands for the modules in the directories below it or, where\n"
	"there are none, for all the .ko files, a kernel's lib/modules for one. What stands after\n"
	"-- are the modules' parameters (FreeBSD: tunables).\n"
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
	"      --executor WHERE   run the trials on other machines: slurm (as a job array) or parallel\n"
	"                         (GNU parallel with ssh logins); all of them need kmodlab, the module,\n"
	"                         the targets and a shared directory at the same paths\n"
	"      --shared DIR       the directory that all those machines see (default: kmodlab's cache)\n"
	"      --logins LIST      for parallel: user@host,..., or a file with one in a line\n"
	"      --sbatch OPTIONS   for slurm: more options for sbatch; may be repeated\n"
	"      --chunk N          trials that one machine runs in a row (default: what fits)\n"
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
	"      --accel KIND       what runs the machine: kvm (the processor itself), tcg (QEMU's\n"
	"                         translator, slower) or auto (default: kvm where it works)\n"
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
	OPT_EXECUTOR,
	OPT_SHARED,
	OPT_LOGINS,
	OPT_SBATCH,
	OPT_CHUNK,
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
	{"executor", required_argument, NULL, OPT_EXECUTOR},
	{"shared", required_argument, NULL, OPT_SHARED},
	{"logins", required_argument, NULL, OPT_LOGINS},
	{"sbatch", required_argument, NULL, OPT_SBATCH},
	{"chunk", required_argument, NULL, OPT_CHUNK},
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

static bool take_seed(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* Whether an option says how a trial is run, and not which ones, or what is shown of them. */
static bool is_carried(int c)
{
	return c == OPT_STRICT || c == OPT_SILENCE || (c >= OPT_TIMEOUT && c <= OPT_COLD);
}

/* Words with blanks between them. */
static void take_words(const char *text, struct strv *out)
{
	while (*(text += strspn(text, " \t"))) {
		strv_addf(out, "%.*s", (int)strcspn(text, " \t"), text);
		text += strcspn(text, " \t");
	}
}

/* Options that only make sense with others. */
static int refuse_executor(const struct request *q)
{
	if (!q->executor && (q->shared || q->logins || q->sbatch.n || q->chunk))
		return cli_fail(EXIT_USAGE,
			"%s is for other machines: it needs --executor=slurm or --executor=parallel",
			q->shared	      ? "--shared"
				: q->logins   ? "--logins"
				: q->sbatch.n ? "--sbatch"
					      : "--chunk");
	if (q->logins && q->executor != &executor_parallel)
		return cli_fail(
			EXIT_USAGE, "--logins is for --executor=parallel; Slurm has its own nodes");
	if (q->sbatch.n && q->executor != &executor_slurm)
		return cli_fail(EXIT_USAGE, "--sbatch is for --executor=slurm");
	if (q->executor == &executor_parallel &&
		(!q->logins || !q->logins[strspn(q->logins, ", \t")]))
		return cli_fail(EXIT_USAGE,
			"--executor=parallel needs --logins: user@host,user@host, or a file with one login in "
			"a line");
	return EXIT_PASSED;
}

int request_take(struct request *q, int argc, char **argv)
{
	struct trial_options *o = &q->trial;
	bool ok = true;
	int c, index;
	long n;

	/* "--" ends our options and begins the module's parameters. */
	while (ok && (c = getopt_long(argc, argv, "t:j:vh", options, &index)) != -1) {
		if (c >= OPT_JSON)
			strv_add(&q->typed, options[index].name);
		if (is_carried(c))
			strv_addf(&q->carried, "--%s%s%s", options[index].name, optarg ? "=" : "",
				optarg ? optarg : "");
		switch (c) {
		case 't':
			strv_add(&q->targets, optarg);
			break;
		case 'j':
			ok = cli_number(optarg, 1, 1024, &n);
			q->jobs = q->jobs_typed = (unsigned)n;
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
		case OPT_EXECUTOR:
			q->executor = executor_find(optarg);
			ok = q->executor != NULL;
			break;
		case OPT_SHARED:
			q->shared = optarg;
			break;
		case OPT_LOGINS:
			q->logins = optarg;
			break;
		case OPT_SBATCH:
			take_words(optarg, &q->sbatch);
			break;
		case OPT_CHUNK:
			ok = cli_number(optarg, 1, 100000, &n);
			q->chunk = (size_t)n;
			break;
		case OPT_CONSOLE:
			q->console = true;
			break;
		case OPT_TIMEOUT:
			ok = cli_seconds(optarg, &o->call_timeout_ms);
			break;
		case OPT_BUILD_TIMEOUT:
			ok = cli_seconds(optarg, &o->build_timeout_ms);
			break;
		case OPT_BOOT_TIMEOUT:
			ok = cli_seconds(optarg, &o->boot_timeout_ms);
			break;
		case OPT_EXERCISE:
			ok = cli_word(optarg, cli_exercises, &n);
			o->exercise = (enum exercise)n;
			break;
		case OPT_SEED:
			ok = take_seed(optarg, &o->seed);
			break;
		case OPT_EXERCISE_TIMEOUT:
			ok = cli_seconds(optarg, &o->exercise_timeout_ms);
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
			ok = cli_word(optarg, cli_accels, &n);
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
			return cli_see_help("run", options, argv);
		}
	}
	if (!ok)
		return cli_bad_value("run", argv);
	return refuse_executor(q);
}

void request_begin(struct request *q, int *argc, char **argv)
{
	*q = (struct request){.trial = {.build_timeout_ms = 600000,
				      .call_timeout_ms = 30000,
				      .boot_timeout_ms = 120000,
				      .memory_mib = 256,
				      .cpus = 2,
				      .exercise_timeout_ms = 30000,
				      .seed = (uint64_t)clock_us() % 1000000},
		.jobs = cli_processors()};
	q->trial.params = cli_cut_params(argc, argv);
}

void request_end(struct request *q)
{
	strv_free(&q->targets);
	strv_free(&q->silence);
	strv_free(&q->typed);
	strv_free(&q->sbatch);
	strv_free(&q->carried);
}
