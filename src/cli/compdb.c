/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab compdb: what an editor needs to know to follow a module's source. */
#include "cli/cli.h"

#include "base/path.h"
#include "build/compdb.h"
#include "cli/plan.h"
#include "target/target.h"
#include "trial/trial.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "compile_commands.json"
#define FILE_MAX  (64u << 20)

static const char help[] =
	"usage: kmodlab compdb [OPTION...] DIR\n\n"
	"Builds the module in DIR and writes DIR/" FILE_NAME ", from which clangd (and so your\n"
	"editor) and other tools learn how each source is compiled and where its headers are: the\n"
	"target's. Of a module for two systems (DIR/linux, DIR/freebsd) the file in DIR has all\n"
	"sources. One that does not build yet has its file too.\n\n"
	"  -t, --target NAME      the kernel to take headers from, for its system only (default: the\n"
	"                         one that was added first for each system; see kmodlab target list)\n"
	"  -o, --output FILE      write FILE instead; - is standard output\n"
	"      --build-timeout S  seconds that a build may take (default 600)\n"
	"      --help             this\n\n"
	"Exit status: 0 written, 1 nothing is known of the module's sources, 2 wrong usage,\n"
	"3 infrastructure error.\n";

enum { OPT_BUILD_TIMEOUT = 256, OPT_HELP };

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"output", required_argument, NULL, 'o'},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	const char *target, *output; /* or NULL */
	char *dir;
	int timeout_ms;
};

/* EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	int c;

	while ((c = getopt_long(argc, argv, "t:o:h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			if (q->target)
				return cli_fail(EXIT_USAGE,
					"compdb takes one target: an editor follows one kernel at a time, so give -t once");
			q->target = optarg;
			break;
		case 'o':
			q->output = optarg;
			break;
		case OPT_BUILD_TIMEOUT:
			if (!cli_seconds(optarg, &q->timeout_ms))
				return cli_bad_value("compdb", argv);
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			return cli_see_help("compdb", options, argv);
		}
	}
	if (!q->timeout_ms)
		q->timeout_ms = 600000;
	if (argc - optind != 1)
		return cli_fail(EXIT_USAGE,
			"compdb of what? Give one module's directory; see kmodlab compdb --help");
	if (!path_is_dir(argv[optind]))
		return cli_fail(EXIT_USAGE,
			path_is_file(argv[optind])
				? "%s is a file: give the directory with the module's Makefile"
				: "there is no directory %s: give the one with the module's Makefile",
			argv[optind]);
	q->dir = realpath(argv[optind], NULL);
	return q->dir ? EXIT_PASSED
		      : cli_fail(EXIT_INFRASTRUCTURE, "cannot look at %s: %s", argv[optind],
				strerror(errno));
}

/* What was collected so far. */
struct collected {
	struct compdb db;
	struct buf targets; /* their names, for the user */
};

static int collect(
	const struct request *q, const char *source, const struct target *t, struct collected *out)
{
	AUTO_FREE char *real = realpath(source, NULL);
	size_t before = out->db.n;
	struct compdb_build build;
	struct error err;

	if (compdb_collect(real ? real : source, t, q->timeout_ms, &out->db, &build, &err)) {
		compdb_build_free(&build);
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	}
	if (!build.ok)
		cli_fail(0, "%s does not build on %s yet (%s)%s; kmodlab run tells why", source,
			t->name, build.why,
			out->db.n > before
				? "; its sources are listed all the same"
				: ", and how its sources would be compiled cannot be found out");
	compdb_build_free(&build);
	buf_addf(&out->targets, "%s%s", out->targets.len ? ", " : "", t->name);
	return EXIT_PASSED;
}

static const struct target *first_of(const struct targets *all, enum target_os os)
{
	return target_default(all, os);
}

/* With a target that was named. */
static int collect_named(const struct request *q, const struct targets *all, struct collected *out)
{
	AUTO_FREE char *source = NULL;
	const struct target *t;
	struct error err;

	t = target_find(all, q->target, &err);
	if (!t)
		return cli_fail(plan_target_status(all, q->target), "%s", err.text);
	source = trial_source_dir(q->dir, t->os, &err);
	if (!source)
		return cli_fail(EXIT_USAGE, "%s", err.text);
	return collect(q, source, t, out);
}

/* With the first target of each system that the module is for. */
static int collect_all(const struct request *q, const struct targets *all, struct collected *out)
{
	static const enum target_os systems[] = {TARGET_LINUX, TARGET_FREEBSD};
	struct error err[2];
	bool found = false;
	int status = EXIT_PASSED;

	for (size_t i = 0; i < 2 && status == EXIT_PASSED; i++) {
		AUTO_FREE char *source = trial_source_dir(q->dir, systems[i], &err[i]);
		const struct target *t = first_of(all, systems[i]);
		struct error why;

		found = found || source;
		if (!source)
			continue;
		if (!t) {
			cli_fail(0, "there is no %s target for %s; add one with: %s",
				target_os_name(systems[i]), source, plan_add_command(systems[i]));
			continue;
		}
		if (!target_find(all, t->name, &why))
			return cli_fail(EXIT_INFRASTRUCTURE, "%s", why.text);
		status = collect(q, source, t, out);
	}
	if (!found)
		return cli_fail(EXIT_USAGE,
			"%s; nor like that of a FreeBSD one, whose Makefile includes bsd.kmod.mk. kmodlab new NAME makes a module to begin with",
			err[0].text);
	if (status == EXIT_PASSED && !out->targets.len)
		return EXIT_INFRASTRUCTURE; /* said already */
	return status;
}

static int write_file(const struct request *q, const struct collected *c, const struct buf *text)
{
	AUTO_FREE char *path = q->output ? xstrdup(q->output) : xasprintf("%s/" FILE_NAME, q->dir);
	AUTO_BUF struct buf before = {0};
	bool was_there = !access(path, F_OK);
	struct error err;

	if (path_is_dir(path))
		return cli_fail(EXIT_USAGE, "%s is a directory: -o takes the name of a file", path);
	/* Editors watch the file, and read everything anew when it changes. */
	if (was_there && !path_read(path, FILE_MAX, &before) && before.len == text->len &&
		!memcmp(before.data, text->data, text->len)) {
		printf("%s is up to date: %zu source%s (%s)\n", path, c->db.n,
			c->db.n == 1 ? "" : "s", c->targets.data);
		return EXIT_PASSED;
	}
	if (path_write(path, text->data, text->len, &err))
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	printf("wrote %s: %zu source%s (%s)%s\n", path, c->db.n, c->db.n == 1 ? "" : "s",
		c->targets.data, was_there ? ", in place of the one that was there" : "");
	return EXIT_PASSED;
}

static int write_out(const struct request *q, const struct collected *c)
{
	AUTO_BUF struct buf text = {0};

	if (!c->db.n)
		return cli_fail(EXIT_FOUND,
			"nothing was written: no source in %s is known to be compiled; see what kmodlab run says of its build",
			q->dir);
	compdb_print(&c->db, &text);
	if (!q->output || strcmp(q->output, "-"))
		return write_file(q, c, &text);
	fwrite(text.data, 1, text.len, stdout);
	return EXIT_PASSED;
}

int compdb_main(int argc, char **argv)
{
	struct request q = {0};
	struct targets all = {0};
	struct collected c = {0};
	struct error err;
	int status = take_options(argc, argv, &q);

	if (status == EXIT_PASSED && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (status == EXIT_PASSED)
		status = q.target ? collect_named(&q, &all, &c) : collect_all(&q, &all, &c);
	if (status == EXIT_PASSED)
		status = write_out(&q, &c);
	compdb_free(&c.db);
	buf_free(&c.targets);
	targets_free(&all);
	free(q.dir);
	return status < 0 ? EXIT_PASSED : status;
}
