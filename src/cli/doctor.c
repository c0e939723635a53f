/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab doctor: what this machine has and lacks, a line for each, and what to type for what lacks. */
#include "cli/cli.h"

#include "base/interrupt.h"
#include "base/packages.h"
#include "doctor/doctor.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
	"usage: kmodlab doctor [OPTION...]\n\n"
	"Says what this machine has and lacks of what kmodlab works with, what each is for, and the\n"
	"command that brings what is missing. Programs are run, the sandbox is made and one target's\n"
	"kernel is booted, so that what is said to work does.\n\n"
	"      --quick            boot nothing\n"
	"      --json             for programs, on standard output\n"
	"      --help             this\n\n"
	"Exit status: 0 kmodlab run can work, 1 something that it needs is missing, 2 wrong usage,\n"
	"3 infrastructure error.\n";

enum { OPT_QUICK = 256, OPT_JSON, OPT_HELP };

static const struct option options[] = {
	{"quick", no_argument, NULL, OPT_QUICK},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static void show_json(const struct checkups *all)
{
	json_object *top = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(top, "kmodlab", json_object_new_string(KMODLAB_VERSION));
	json_object_object_add(
		top, "packages_of", json_object_new_string(packages_name(all->packaging)));
	json_object_object_add(top, "can_run", json_object_new_boolean(doctor_can_run(all)));
	for (size_t i = 0; i < all->n; i++) {
		const struct checkup *c = &all->items[i];
		json_object *o = json_object_new_object();

		json_object_object_add(o, "name", json_object_new_string(c->name));
		json_object_object_add(o, "status", json_object_new_string(health_name(c->health)));
		json_object_object_add(o, "needed", json_object_new_boolean(c->needed));
		json_object_object_add(o, "found", text_or_null(c->found));
		json_object_object_add(o, "purpose", text_or_null(c->purpose));
		json_object_object_add(o, "remedy", text_or_null(c->remedy));
		json_object_array_add(list, o);
	}
	json_object_object_add(top, "checks", list);
	puts(json_object_to_json_string_ext(top,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

static const char *colour(const struct checkup *c)
{
	const char *no = getenv("NO_COLOR");

	if ((no && *no) || !isatty(STDOUT_FILENO))
		return NULL;
	return c->health == HEALTH_OK ? "\033[32m" : c->needed ? "\033[1;31m" : "\033[33m";
}

static void show_one(const struct checkup *c)
{
	const char *in = colour(c);

	printf("%s%-7s%s  %-10s  %s\n", in ? in : "", health_name(c->health), in ? "\033[0m" : "",
		c->name, c->found);
	if (c->health == HEALTH_OK)
		return;
	printf("%21s%s for: %s\n", "", c->needed ? "needed" : "only", c->purpose);
	if (c->remedy)
		printf("%21s→ %s\n", "", c->remedy);
}

static void show(const struct checkups *all)
{
	size_t needed = 0, other = 0;

	for (size_t i = 0; i < all->n; i++) {
		show_one(&all->items[i]);
		if (all->items[i].health == HEALTH_OK)
			continue;
		if (all->items[i].needed)
			needed++;
		else
			other++;
	}
	if (all->missing.n > 1) {
		AUTO_FREE char *command =
			packages_command(all->packaging, (const char *const *)all->missing.v);

		printf("\nAll programs that are missing: %s\n", command);
	}
	if (needed)
		printf("\nkmodlab run cannot work yet: see what is needed above.\n");
	else
		printf("\nkmodlab run can work here%s.\n",
			other ? "; what is missing or broken above is only for what its line names"
			      : "");
}

int doctor_main(int argc, char **argv)
{
	bool json = false, quick = false;
	struct checkups all;
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_QUICK:
			quick = true;
			break;
		case OPT_JSON:
			json = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return EXIT_PASSED;
		default:
			return cli_see_help("doctor", options, argv);
		}
	}
	if (optind < argc)
		return cli_fail(EXIT_USAGE,
			"kmodlab doctor takes no names, and '%s' is one; see kmodlab "
			"doctor --help",
			argv[optind]);
	doctor_look(&all, packages_here(), quick);
	status = doctor_can_run(&all) ? EXIT_PASSED : EXIT_FOUND;
	if (interrupt_pending())
		status = cli_fail(EXIT_INFRASTRUCTURE,
			"interrupted; not everything was looked at: run kmodlab doctor again");
	else if (json)
		show_json(&all);
	else
		show(&all);
	doctor_free(&all);
	return status;
}
