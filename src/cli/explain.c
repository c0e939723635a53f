/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include "rules/rules.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab explain [RULE...]\n"
	"       kmodlab explain --all [--markdown]\n\n"
	"Says what a rule means: the word in brackets behind a finding. With an example that gets it,\n"
	"what to do about it, which targets find it and how to silence it. Without RULE: lists them.\n\n"
	"      --all              all of them\n"
	"      --markdown         as a page in Markdown\n"
	"      --help             this\n";

enum { OPT_ALL = 256, OPT_MARKDOWN, OPT_HELP };

static const struct option options[] = {
	{"all", no_argument, NULL, OPT_ALL},
	{"markdown", no_argument, NULL, OPT_MARKDOWN},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void explain_all(bool markdown, struct buf *out)
{
	const struct rule *const *all;
	size_t n = rules_all(&all);

	if (markdown) {
		rules_print_markdown(out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		buf_adds(out, i ? "\n\n" : "");
		rule_print(all[i], out);
	}
}

static int explain_some(char *const *names, bool markdown, struct buf *out)
{
	for (char *const *name = names; *name; name++) {
		const struct rule *r = rule_find(*name);
		AUTO_FREE char *unknown = r ? NULL : rule_unknown(*name);

		if (!r)
			return cli_fail(EXIT_USAGE, "%s", unknown);
		if (name > names)
			buf_adds(out, markdown ? "" : "\n\n");
		if (markdown)
			rule_print_markdown(r, out);
		else
			rule_print(r, out);
	}
	return EXIT_PASSED;
}

int explain_main(int argc, char **argv)
{
	AUTO_BUF struct buf out = {0};
	bool all = false, markdown = false;
	int c, status = EXIT_PASSED;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_ALL:
			all = true;
			break;
		case OPT_MARKDOWN:
			markdown = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return EXIT_PASSED;
		default:
			return cli_see_help("explain", options, argv);
		}
	}
	if (all && optind < argc)
		return cli_fail(EXIT_USAGE,
			"give either --all or the names of rules, not both; kmodlab explain lists them");
	if (all)
		explain_all(markdown, &out);
	else if (optind < argc)
		status = explain_some(argv + optind, markdown, &out);
	else
		rules_print_list(&out);
	if (status == EXIT_PASSED)
		fwrite(out.data, 1, out.len, stdout);
	return status;
}
