/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab check: trials that end when the module was built and looked at, without a machine. */
#include "cli/cli.h"

#include "cli/plan.h"
#include "cli/reports.h"
#include "cli/show.h"
#include "trial/many.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab check [OPTION...] DIR|FILE.ko...\n\n"
	"Says what a finished module (FILE.ko, also .ko.xz, .ko.zst, .ko.gz) tells without being run:\n"
	"whether the target's kernel would load it, how much stack it takes, where it uses floating\n"
	"point, and what else its authors will want to know. The module in DIR is built first. A\n"
	"directory without sources stands for all the .ko files below it.\n\n"
	"  -t, --target NAME      the kernel to check against, or a pattern: 'debian:*', all; may be\n"
	"                         repeated (default: the one that was added first for each\n"
	"                         system; see kmodlab target list)\n"
	"  -j, --jobs N           modules at a time (default: as many as there are processors)\n"
	"  -v, --verbose          tell each module's story, also when there are many\n"
	"      --stack            show how much each function takes\n"
	"      --max-frame BYTES  what one function may take of the stack (default 2048)\n"
	"      --max-stack BYTES  what a module's functions may take together, calling one another\n"
	"                         (default: half of the target's stack, which is 16384)\n"
	"      --json             report for programs, on standard output\n"
	"      --ktap             report as the kernel's own tests write it, on standard output\n"
	"      --junit FILE       also write a report as JUnit's XML, for CI\n"
	"      --html FILE        also write a report as a page for a browser\n"
	"      --strict           a warning fails the check too\n"
	"      --silence RULE     findings of this rule do not count; RULE,RULE for several, may be\n"
	"                         repeated (see kmodlab explain)\n"
	"      --require          a system without a target is an error (otherwise it is skipped)\n"
	"      --shard I/N        of all trials only every N-th, from the I-th on: N machines with the\n"
	"                         same command and another I each do all of them once\n"
	"      --build-timeout S  seconds that a build may take (default 600)\n"
	"      --help             this\n\n"
	"Exit status: 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_STACK = 256,
	OPT_MAX_FRAME,
	OPT_MAX_STACK,
	OPT_JSON,
	OPT_KTAP,
	OPT_JUNIT,
	OPT_HTML,
	OPT_STRICT,
	OPT_SILENCE,
	OPT_REQUIRE,
	OPT_SHARD,
	OPT_BUILD_TIMEOUT,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"jobs", required_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"stack", no_argument, NULL, OPT_STACK},
	{"max-frame", required_argument, NULL, OPT_MAX_FRAME},
	{"max-stack", required_argument, NULL, OPT_MAX_STACK},
	{"json", no_argument, NULL, OPT_JSON},
	{"ktap", no_argument, NULL, OPT_KTAP},
	{"junit", required_argument, NULL, OPT_JUNIT},
	{"html", required_argument, NULL, OPT_HTML},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"silence", required_argument, NULL, OPT_SILENCE},
	{"require", no_argument, NULL, OPT_REQUIRE},
	{"shard", required_argument, NULL, OPT_SHARD},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct trial_options trial;
	struct strv targets, silence, typed;
	unsigned jobs;
	struct wanted reports;
	bool require, verbose, stack;
	const char *shard; /* as typed, or NULL */
	char **paths;
	size_t npaths;
};

/* Takes the options; EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	bool ok = true;
	long n = 0;
	int c, index;

	while (ok && (c = getopt_long(argc, argv, "t:j:vh", options, &index)) != -1) {
		if (c >= OPT_STACK)
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
		case OPT_STACK:
			q->stack = true;
			break;
		case OPT_MAX_FRAME:
			ok = cli_number(optarg, 1, 1 << 20, &n);
			q->trial.limits.frame = (uint64_t)n;
			break;
		case OPT_MAX_STACK:
			ok = cli_number(optarg, 1, 1 << 20, &n);
			q->trial.limits.chain = (uint64_t)n;
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
			q->trial.strict = true;
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
		case OPT_BUILD_TIMEOUT:
			ok = cli_seconds(optarg, &q->trial.build_timeout_ms);
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			return cli_see_help("check", options, argv);
		}
	}
	if (!ok)
		return cli_bad_value("check", argv);
	return EXIT_PASSED;
}

static int check_all(const struct request *q, const struct plan *p)
{
	AUTO_FREE struct many_item *items = xcalloc(p->n, sizeof *items);
	AUTO_FREE char *no_linux = plan_why_skipped(TARGET_LINUX);
	AUTO_FREE char *no_freebsd = plan_why_skipped(TARGET_FREEBSD);
	struct many_options o = {.trial = q->trial, .jobs = q->jobs, .items = items, .n = p->n};
	/* One module on several targets is a row for each; many modules are a table. */
	enum show_kind kind = q->reports.json	  ? SHOW_JSON
		: q->reports.ktap		  ? SHOW_KTAP
		: q->verbose || !plan_is_table(p) ? SHOW_STORIES
		: p->nrows == 1			  ? SHOW_ROWS
						  : SHOW_TABLE;
	struct plan_files *files;
	struct show *show;
	struct error err;
	int status = reports_open(&files, &q->reports, p, "check", false), r;

	if (status)
		return status;
	show = show_new(kind, p, false, false);
	for (size_t i = 0; i < p->n; i++) {
		const struct planned *planned = &p->items[i];
		const struct plan_column *c = &p->columns[planned->column];

		items[i] = (struct many_item){.path = p->rows[planned->row].path,
			.target = c->target,
			.os = c->os,
			.config = planned->config,
			.why = c->os == TARGET_FREEBSD ? no_freebsd : no_linux};
	}
	o.trial.given = p->given;
	o.trial.typed = &q->typed;
	if (q->silence.n)
		o.trial.silence = &q->silence;
	o.trial.frames = q->stack || q->reports.json || q->reports.files.html;
	show_count_notes(show);
	show_stack(show, q->stack);
	show_files(show, reports_files(files));
	show_attach(show, &o);
	r = many_run(&o, &err);
	status = show_end(show);
	show_free(show);
	status = reports_close(files, status);
	return r ? cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text) : status;
}

int check_main(int argc, char **argv)
{
	struct request q = {.trial = {.build_timeout_ms = 600000, .check_only = true},
		.jobs = cli_processors()};
	struct targets all = {0};
	struct plan plan = {0};
	struct error err;
	int status = take_options(argc, argv, &q);

	if (status == EXIT_PASSED) {
		q.paths = argv + optind;
		q.npaths = (size_t)(argc - optind);
	}
	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED)
		status = plan_make(&plan,
			&(struct plan_request){.paths = q.paths,
				.npaths = q.npaths,
				.targets = &q.targets,
				.command = "check",
				.require = q.require,
				.shard = q.shard},
			&all);
	if (status == EXIT_PASSED)
		status = check_all(&q, &plan);
	plan_free(&plan);
	targets_free(&all);
	strv_free(&q.targets);
	strv_free(&q.silence);
	strv_free(&q.typed);
	return status < 0 ? EXIT_PASSED : status;
}
