/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab log: the last trial's log once more, or a part of it. */
#include "cli/cli.h"

#include "judge/kmsg.h"
#include "report/terminal.h"
#include "trial/lastlog.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: kmodlab log [OPTION...]\n\n"
	"Shows what the kernel logged in the last trial that `kmodlab run` made, or a part of it. Of\n"
	"several trials in one run it is the last of the list.\n\n"
	"  -l, --level LEVEL      only this level and worse: emerg, alert, crit, err, warning, notice,\n"
	"                         info, debug, or 0 to 7. What has no level is shown all the same\n"
	"      --since WHEN       only from then on: seconds as the log shows them, or a call: load,\n"
	"                         exercise, unload, test.sh, 'unload hello'\n"
	"  -g, --grep TEXT        only lines with this text in them\n"
	"      --json             for programs\n"
	"      --help             this\n\n"
	"Exit status: 0 something was shown, 1 nothing was, 2 wrong usage, 3 there is no log.\n";

enum { OPT_SINCE = 256, OPT_JSON, OPT_HELP };

static const struct option options[] = {
	{"level", required_argument, NULL, 'l'},
	{"since", required_argument, NULL, OPT_SINCE},
	{"grep", required_argument, NULL, 'g'},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const char *call_of(const struct lastlog *l, const struct record *r)
{
	return r->call < l->calls.n ? l->calls.v[r->call] : "";
}

static void show_record(struct terminal *term, const struct record *r)
{
	const char *level = r->level == LEVEL_UNKNOWN ? "console"
		: r->level == LEVEL_NONE	      ? "printf"
						      : kmsg_level_name(r->level);
	const char *colour = r->level <= 3 ? RED : r->level == 4 ? YELLOW : "";
	AUTO_FREE char *word = xasprintf("%-8s", level);
	bool first = true;

	for (const char *line = r->text, *end; line; line = *end ? end + 1 : NULL) {
		end = strchrnul(line, '\n');
		if (first) {
			printf("[%5llu.%06llu] ", (unsigned long long)(r->usec / 1000000),
				(unsigned long long)(r->usec % 1000000));
			terminal_paint(term, colour, word);
		} else {
			printf("%24s", "");
		}
		printf(" %.*s\n", (int)(end - line), line);
		first = false;
	}
}

static size_t show(const struct lastlog *l, const struct lastlog_filter *f)
{
	const char *call = NULL;
	struct terminal term;
	size_t shown = 0;

	terminal_setup(&term, stdout);
	terminal_paint(&term, BOLD, l->module);
	printf(" on %s: %s, %s\n", l->target, l->verdict, l->date);
	for (size_t i = 0; i < l->n; i++) {
		const struct record *r = &l->log[i];
		AUTO_FREE char *title = NULL;

		if (!lastlog_wants(f, r))
			continue;
		if (call != call_of(l, r)) {
			call = call_of(l, r);
			title = xasprintf("%s\n", call);
			terminal_paint(&term, DIM, title);
		}
		show_record(&term, r);
		shown++;
	}
	if (l->dropped)
		printf("(%llu records before or between these are lost)\n",
			(unsigned long long)l->dropped);
	if (!shown)
		puts(l->n ? "none of its log lines is as asked for; without options kmodlab log shows them all"
			  : "nothing was logged");
	return shown;
}

static size_t show_json(const struct lastlog *l, const struct lastlog_filter *f)
{
	struct json_object *o = json_object_new_object(), *log = json_object_new_array();
	const char *const heads[][2] = {{"module", l->module}, {"target", l->target},
		{"verdict", l->verdict}, {"date", l->date}};
	size_t shown = 0;

	for (size_t i = 0; i < 4; i++)
		json_object_object_add(o, heads[i][0], json_object_new_string(heads[i][1]));
	json_object_object_add(o, "dropped", json_object_new_int64((int64_t)l->dropped));
	for (size_t i = 0; i < l->n; i++) {
		const struct record *r = &l->log[i];
		struct json_object *one;

		if (!lastlog_wants(f, r))
			continue;
		one = json_object_new_object();
		json_object_object_add(one, "usec", json_object_new_int64((int64_t)r->usec));
		json_object_object_add(one, "level",
			r->level < LEVEL_UNKNOWN ? json_object_new_string(kmsg_level_name(r->level))
						 : NULL);
		json_object_object_add(one, "call", json_object_new_string(call_of(l, r)));
		json_object_object_add(one, "after", json_object_new_boolean(r->after));
		json_object_object_add(one, "text", json_object_new_string(r->text));
		json_object_array_add(log, one);
		shown++;
	}
	json_object_object_add(o, "log", log);
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return shown;
}

int log_main(int argc, char **argv)
{
	struct lastlog_filter f = {.level = LEVEL_NONE};
	const char *since = NULL;
	struct lastlog l = {0};
	bool json = false;
	struct error err;
	int c, status;

	while ((c = getopt_long(argc, argv, "l:g:h", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			if (!lastlog_level(optarg, &f.level))
				return cli_fail(EXIT_USAGE,
					"'%s' is no level; the levels are emerg, alert, crit, err, warning, notice, info, "
					"debug, or 0 to 7",
					optarg);
			break;
		case OPT_SINCE:
			since = optarg;
			break;
		case 'g':
			f.text = optarg;
			break;
		case OPT_JSON:
			json = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return EXIT_PASSED;
		default:
			return cli_see_help("log", options, argv);
		}
	}
	if (optind < argc)
		return cli_fail(EXIT_USAGE,
			"log shows the last trial's and takes no '%s'; see kmodlab log --help",
			argv[optind]);
	if (lastlog_read(&l, &err)) {
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	} else if (since && !lastlog_since(&l, since, &f)) {
		AUTO_BUF struct buf calls = {0};

		for (size_t i = 0; i < l.calls.n; i++)
			buf_addf(&calls, "%s%s", i ? ", " : "", l.calls.v[i]);
		status = cli_fail(EXIT_USAGE,
			"--since %s is neither a time in seconds nor a call of the last trial; its calls: %s",
			since, calls.len ? calls.data : "none, for no machine was started");
	} else {
		status = (json ? show_json(&l, &f) : show(&l, &f)) ? EXIT_PASSED : EXIT_FOUND;
	}
	lastlog_free(&l);
	return status;
}
