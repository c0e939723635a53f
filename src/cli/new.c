/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab new: a directory to begin with, for a module that builds and passes as it is. */
#include "cli/cli.h"

#include "base/proc.h"
#include "new/new.h"
#include "rules/rules.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: kmodlab new [OPTION...] NAME\n\n"
	"Makes the directory NAME with a module in it that builds, and passes run and check, as it is:\n"
	"its source, a Makefile, a test that run runs, a README, what CI and an editor need. NAME may\n"
	"have directories before it; its last part is the module's name ('-' becomes '_').\n\n"
	"      --linux            for Linux, and (unless --freebsd is given too) for it alone\n"
	"      --freebsd          for FreeBSD likewise; without both, for both: their sources are then\n"
	"                         in NAME/linux and NAME/freebsd, otherwise in NAME itself\n"
	"      --kind KIND        what to begin with (default: hello):\n"
	"                           hello        says hello and goodbye\n"
	"                           chardev      a character device: a buffer that programs write and\n"
	"                                        read, and wait for, on all processors at once\n"
	"                           sysctl-proc  Linux: a file in /proc and a parameter; FreeBSD: sysctl\n"
	"                                        nodes\n"
	"      --author TEXT      whose it is (default: what git config says, or your name here)\n"
	"      --license WORD     bsd (default; on Linux \"Dual BSD/GPL\"), gpl or mit (\"Dual MIT/GPL\")\n"
	"      --help             this\n\n"
	"Exit status: 0 made, 2 wrong usage (NAME is there already, say), 3 infrastructure error.\n";

enum { OPT_LINUX = 256, OPT_FREEBSD, OPT_KIND, OPT_AUTHOR, OPT_LICENSE, OPT_HELP };

static const struct option options[] = {
	{"linux", no_argument, NULL, OPT_LINUX},
	{"freebsd", no_argument, NULL, OPT_FREEBSD},
	{"kind", required_argument, NULL, OPT_KIND},
	{"author", required_argument, NULL, OPT_AUTHOR},
	{"license", required_argument, NULL, OPT_LICENSE},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static int no_such(const char *what, const char *word, const char *const *words)
{
	AUTO_BUF struct buf list = {0};
	const char *near = nearest_word(word, words);

	for (size_t i = 0; words[i]; i++)
		buf_addf(&list, "%s%s", !i ? "" : words[i + 1] ? ", " : " and ", words[i]);
	if (near)
		return cli_fail(EXIT_USAGE, "there is no %s '%s'; did you mean '%s'? (%s)", what,
			word, near, list.data);
	return cli_fail(EXIT_USAGE, "there is no %s '%s'; there are %s", what, word, list.data);
}

/* EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct new_request *q)
{
	bool found;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_LINUX:
			q->is_for[TARGET_LINUX] = true;
			break;
		case OPT_FREEBSD:
			q->is_for[TARGET_FREEBSD] = true;
			break;
		case OPT_KIND:
			q->kind = optarg;
			found = false;
			for (const char *const *k = new_kinds(); *k; k++)
				found |= !strcmp(*k, optarg);
			if (!found)
				return no_such("kind of module", optarg, new_kinds());
			break;
		case OPT_AUTHOR:
			if (new_author_refused(optarg))
				return cli_fail(EXIT_USAGE,
					"'%s' cannot be an author: it is to be one line without double "
					"quotes and backslashes",
					optarg);
			q->author = optarg;
			break;
		case OPT_LICENSE:
			q->license = new_license(optarg);
			if (!q->license)
				return no_such("licence", optarg, new_licenses());
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			return cli_see_help("new", options, argv);
		}
	}
	if (argc - optind != 1)
		return cli_fail(EXIT_USAGE,
			argc == optind ? "new what? Give the module's name; see kmodlab new --help"
				       : "new makes one module at a time; see kmodlab new --help");
	q->dir = argv[optind];
	if (!q->is_for[TARGET_LINUX] && !q->is_for[TARGET_FREEBSD])
		q->is_for[TARGET_LINUX] = q->is_for[TARGET_FREEBSD] = true;
	return EXIT_PASSED;
}

/* ---- whose it is ---- */

static void keep_line(void *arg, const char *line, size_t len)
{
	struct buf *out = arg;

	if (!out->len)
		buf_add(out, line, len);
}

/* What git has been told, or "". */
static void ask_git(const char *key, struct buf *out)
{
	char *argv[] = {"git", "config", "--get", (char *)key, NULL};
	struct error err;

	if (proc_run(argv, 5000, keep_line, NULL, out, NULL, &err))
		buf_consume(out, out->len);
	buf_add(out, "", 0);
}

/* Caller frees. */
static char *author(void)
{
	AUTO_BUF struct buf name = {0}, address = {0}, both = {0};
	struct passwd *me;

	ask_git("user.name", &name);
	ask_git("user.email", &address);
	if (name.len && address.len)
		buf_addf(&both, "%s <%s>", name.data, address.data);
	if (both.len && !new_author_refused(both.data))
		return buf_take(&both);
	if (!new_author_refused(name.data))
		return buf_take(&name);
	me = getpwuid(getuid());
	if (me && me->pw_gecos) {
		/* The first of its fields, which commas separate. */
		AUTO_FREE char *real = xstrndup(me->pw_gecos, strcspn(me->pw_gecos, ","));

		if (!new_author_refused(real))
			return xstrdup(real);
	}
	return xstrdup(me && !new_author_refused(me->pw_name) ? me->pw_name : "unknown");
}

/* ---- ---- */

static void tell(const struct new_request *q, const struct strv *made)
{
	printf("made %s, a module of the kind %s for %s, with:\n", q->dir, q->kind,
		!q->is_for[TARGET_FREEBSD]	   ? "Linux"
			: !q->is_for[TARGET_LINUX] ? "FreeBSD"
						   : "Linux and FreeBSD");
	for (size_t i = 0; i < made->n; i++)
		printf("  %s\n", made->v[i]);
	printf("\nNext:\n"
	       "  kmodlab run %s      build, load, test and unload it\n"
	       "  kmodlab compdb %s   let an editor (clangd) find the kernel's headers\n",
		q->dir, q->dir);
}

int new_main(int argc, char **argv)
{
	struct new_request q = {.kind = "hello", .license = new_license("bsd")};
	AUTO_FREE char *me = NULL;
	AUTO_STRV struct strv made = {0};
	struct error err;
	int status = take_options(argc, argv, &q), r;

	if (status != EXIT_PASSED)
		return status < 0 ? EXIT_PASSED : status;
	if (!q.author)
		q.author = me = author();
	r = new_make(&q, &made, &err);
	if (r)
		return cli_fail(r == -EINVAL || r == -EEXIST || r == -ENOENT ? EXIT_USAGE
									     : EXIT_INFRASTRUCTURE,
			"%s", err.text);
	tell(&q, &made);
	return EXIT_PASSED;
}
