/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmodlab target: the kernels to test against. A table of four verbs, each with its own options and
 * help; what they do is src/target's, what is here is what is said about it. `add` boots the new
 * target once before it is kept, so that a registered target is one that works on this machine.
 */
#include "cli/cli.h"
#include "cli/progress.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "target/target.h"
#include "trial/survey.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static int add_main(int argc, char **argv);
static int list_main(int argc, char **argv);
static int show_main(int argc, char **argv);
static int remove_main(int argc, char **argv);
static int prune_main(int argc, char **argv);

static const struct verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *arguments, *sentence, *more;
} verbs[] = {
	{"add", add_main, "NAME...", "make kernels ready to test against",
		"\n      --kernel FILE      for freebsd:VERSION/LABEL: a kernel, or a kernel.txz, that was built of\n"
		"                         the same sources with other options (INVARIANTS and WITNESS, say)\n"
		"      --sets DIR         take kernel.txz, src.txz and, if it is there, base.txz of a FreeBSD\n"
		"                         release from this folder\n"
		"      --mirror URL       fetch them from below this URL instead of FreeBSD's own\n"
		"                         https://download.freebsd.org/releases/amd64; file: will do\n"
		"      --tree DIR         for ssh:USER@HOST: the build tree of its kernel (default: that of the\n"
		"                         target with the same kernel, or /lib/modules/RELEASE/build here)\n"
		"      --i-can-lose-this-machine   for ssh:USER@HOST, which is refused without: modules run on a\n"
		"                         real machine, and may crash it, hang it, and destroy what is on its disks\n\n"
		"Each is fetched or found, booted once to see that it works here, and then kept.\n"
		"What ends it before that (an error, Ctrl-C) leaves nothing behind. One that was added\n"
		"already is refused; remove it first to have its system's latest packages.\n"
		"Without a NAME: what there is to add.\n"},
	{"list", list_main, "", "show the targets that were added",
		"      --json             for programs, on standard output\n\n"
		"The target that was added first for its system is the one that `kmodlab run` takes\n"
		"when no -t is given; it is marked with a star.\n"},
	{"show", show_main, "NAME...", "show all that is known of a target",
		"That is what stands in the target's file, and where that file is.\n"},
	{"remove", remove_main, "NAME...", "remove targets with their files",
		"What tree: and host targets were found in is left alone.\n"},
	{"prune", prune_main, "", "remove snapshots that are not used any more",
		"      --days N           not used for N days (default 30; 0: all)\n\n"
		"Each target has a snapshot of a booted machine, 70 MB or so, for every kind of machine\n"
		"that was asked for (--cpus, --memory, --accel). One whose target, kernel or QEMU is\n"
		"gone or has changed goes in any case. What is removed is made again when it is needed.\n"},
};
#define NVERBS (sizeof verbs / sizeof *verbs)

static void list_providers(FILE *out)
{
	static const char *const examples[] = {
		"debian:bookworm           Debian 12's cloud kernel: 120 MB to fetch, 380 MB on disk",
		"debian:trixie/amd64       Debian 13's kernel for real machines",
		"debian:bookworm/debug     Debian 12's, compiled to watch memory, locks and objects",
		"debian:bookworm/race      Debian 12's, compiled to watch for data races",
		"freebsd:14.0              FreeBSD 14.0's kernel: 490 MB to fetch, 740 MB on disk",
		"tree:/home/me/linux       the kernel built there",
		"host                      the kernel that runs here",
		"ssh:root@board            the spare machine of that name, with the kernel that runs there",
	};

	fputs("What can be added:\n", out);
	for (size_t i = 0; target_providers[i]; i++)
		fprintf(out, "  %-25s %s\n", target_providers[i]->syntax,
			target_providers[i]->sentence);
	fputs("\nFor example:\n", out);
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		fprintf(out, "  kmodlab target add %s\n", examples[i]);
}

static void usage(FILE *out)
{
	fputs("usage: kmodlab target VERB [ARGUMENT...]\n\n"
	      "A target is a kernel to test against, with the build tree and compiler that belong to "
	      "it.\n\n",
		out);
	for (size_t i = 0; i < NVERBS; i++)
		fprintf(out, "  %-7s %-8s %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].sentence);
	fputs("\n", out);
	list_providers(out);
	fputs("\nExit status: 0 done, 2 wrong usage, 3 infrastructure error.\n", out);
}

static void verb_help(const struct verb *v)
{
	printf("usage: kmodlab target %s%s%s%s\n\n%c%s.\n%s", v->name,
		v->main == list_main ? " [--json]"
			: v->main == add_main
			? " [--kernel FILE] [--sets DIR | --mirror URL] [--tree DIR]"
			: v->main == prune_main ? " [--days N]"
						: "",
		*v->arguments ? " " : "", v->arguments, v->sentence[0] - 'a' + 'A', v->sentence + 1,
		v->more);
	if (v->main != add_main)
		return;
	fputs("\n", stdout);
	list_providers(stdout);
}

/* What the verbs' options say. */
struct choices {
	bool json; /* list's */
	long days; /* prune's */
	bool bad_days;
	bool consent;		     /* add's, to a real machine */
	struct target_source source; /* add's */
};

/* Notes option `c`; false if this verb has no such option. */
static bool take_option(const struct verb *v, int c, struct choices *into)
{
	if (c == 'j' && v->main == list_main)
		into->json = true;
	else if (c == 's' && v->main == add_main)
		into->source.sets = optarg;
	else if (c == 'k' && v->main == add_main)
		into->source.kernel = optarg;
	else if (c == 't' && v->main == add_main)
		into->source.tree = optarg;
	else if (c == 'l' && v->main == add_main)
		into->consent = true;
	else if (c == 'm' && v->main == add_main)
		into->source.mirror = optarg;
	else if (c == 'd' && v->main == prune_main)
		into->bad_days = !cli_number(optarg, 0, 36500, &into->days);
	else
		return false;
	return true;
}

/* Takes a verb's options; -1 to go on, else the exit status. The names are then argv[optind] and what
 * follows. */
static int take_options(int argc, char **argv, const struct verb *v, struct choices *into)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"sets", required_argument, NULL, 's'},
		{"kernel", required_argument, NULL, 'k'},
		{"mirror", required_argument, NULL, 'm'},
		{"tree", required_argument, NULL, 't'},
		{"i-can-lose-this-machine", no_argument, NULL, 'l'},
		{"days", required_argument, NULL, 'd'},
		{NULL, 0, NULL, 0},
	};
	char *own = argv[0];
	int c;

	argv[0] = xasprintf("kmodlab target %s", v->name);
	optind = 0;
	c = getopt_long(argc, argv, "h", options, NULL);
	while (c != -1 && take_option(v, c, into))
		c = getopt_long(argc, argv, "h", options, NULL);
	free(argv[0]);
	argv[0] = own;
	if (c == 'h') {
		verb_help(v);
		return EXIT_PASSED;
	}
	if (c == 'j')
		return cli_fail(EXIT_USAGE, "--json is only for kmodlab target list");
	if (c == 's' || c == 'm' || c == 'k')
		return cli_fail(EXIT_USAGE,
			"--kernel, --sets and --mirror are only for kmodlab target add");
	if (c == 't' || c == 'l')
		return cli_fail(EXIT_USAGE,
			"--tree and --i-can-lose-this-machine are only for kmodlab target add");
	if (c == 'd')
		return cli_fail(EXIT_USAGE, "--days is only for kmodlab target prune");
	if (c != -1)
		return cli_fail(EXIT_USAGE, "see kmodlab target %s --help", v->name);
	if (into->bad_days)
		return cli_fail(EXIT_USAGE, "--days is to be a whole number, 0 or more");
	return -1;
}

/* Whether number `at` of `all`, which is oldest first, is the default for its OS. */
static bool is_default(const struct targets *all, size_t at)
{
	return target_default(all, all->items[at].os) == &all->items[at];
}

static bool default_name(const char *name)
{
	struct error ignored;
	struct targets all;
	bool found = false;

	if (targets_load(&all, &ignored))
		return false;
	for (size_t i = 0; i < all.n; i++)
		found |= !strcmp(all.items[i].name, name) && is_default(&all, i);
	targets_free(&all);
	return found;
}

/* Makes it, tries it, keeps it. 0 with `*added` to be freed, or -errno with the sentence set. */
static int make_and_keep(const char *name, const struct target_source *source, struct progress *p,
	struct target *added, struct error *err)
{
	struct target_addition *a;
	const struct target *staged;
	int r = target_add_begin(name, source, progress_show, p, &a, err);

	if (r)
		return r;
	staged = target_add_staged(a);
	progress_show(p,
		staged->ssh ? "starting our agent there once, to see that it works"
			    : "booting it once, to see that it works here",
		0, 0);
	r = trial_survey(staged, err);
	if (r) {
		target_add_drop(a);
		return r;
	}
	*added = (struct target){
		.os = staged->os,
		.release = xstrdup(staged->release),
		.note = staged->note ? xstrdup(staged->note) : NULL,
	};
	r = target_add_keep(a, err);
	if (r)
		target_free(added);
	return r;
}

static int add_one(const char *typed, const struct choices *chosen)
{
	const struct target_source *source = &chosen->source;
	__attribute__((cleanup(progress_end))) struct progress p = {0};
	int64_t begun = clock_us();
	struct target added = {0};
	AUTO_FREE char *name = NULL;
	struct error err = {{0}};
	bool first;
	int r;

	name = target_full_name(typed, &err);
	if (!name)
		return cli_fail(EXIT_USAGE, "%s", err.text);
	if (target_is_real(name) && !chosen->consent)
		return cli_fail(EXIT_USAGE,
			"%s is a real machine, which a module may crash, hang or rob of its data; if nothing on it is needed, say so with --i-can-lose-this-machine",
			name);
	if (!target_is_real(name) && chosen->consent)
		return cli_fail(EXIT_USAGE,
			"--i-can-lose-this-machine is for ssh targets; %s is a virtual machine, and costs nothing to lose",
			name);
	if (target_check_source(name, source, &err))
		return cli_fail(EXIT_USAGE, "%s", err.text);
	progress_start(&p, name);
	r = make_and_keep(name, source, &p, &added, &err);
	progress_end(&p);
	if (r && interrupt_pending())
		return cli_fail(EXIT_INFRASTRUCTURE,
			"interrupted; %s was not added, and nothing of it is left: run the same command to begin anew",
			name);
	if (r)
		return cli_fail(r == -EEXIST ? EXIT_USAGE : EXIT_INFRASTRUCTURE, "%s", err.text);
	if (added.note)
		fprintf(stderr, "note: %s\n", added.note);
	first = default_name(name);
	printf("added %s: %s %s, in %.1f s, %.0f MB; now: kmodlab run %s%s%sDIR\n", name,
		target_os_name(added.os), added.release, (double)(clock_us() - begun) / 1e6,
		(double)target_disk_bytes(name) / 1e6, first ? "" : "-t ", first ? "" : name,
		first ? "" : " ");
	fflush(stdout);
	target_free(&added);
	return EXIT_PASSED;
}

static int add_main(int argc, char **argv)
{
	struct choices chosen = {0};
	int status = take_options(argc, argv, &verbs[0], &chosen);

	if (status >= 0)
		return status;
	if (optind == argc) {
		list_providers(stdout);
		return EXIT_PASSED;
	}
	if (chosen.source.sets && chosen.source.mirror)
		return cli_fail(EXIT_USAGE,
			"--sets takes files that are here and --mirror fetches them: give one or the other");
	status = EXIT_PASSED;
	for (int i = optind; i < argc && !interrupt_pending(); i++) {
		int one = add_one(argv[i], &chosen);

		status = one > status ? one : status;
	}
	return status;
}

static json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static json_object *to_json(const struct target *t, bool is_first)
{
	AUTO_FREE char *file = target_file(t->name);
	json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(t->name));
	json_object_object_add(o, "os", json_object_new_string(target_os_name(t->os)));
	json_object_object_add(o, "arch", json_object_new_string(t->arch));
	json_object_object_add(o, "release", json_object_new_string(t->release));
	json_object_object_add(o, "default", json_object_new_boolean(is_first));
	json_object_object_add(o, "added", json_object_new_string(t->added));
	json_object_object_add(
		o, "bytes", json_object_new_int64((int64_t)target_disk_bytes(t->name)));
	json_object_object_add(o, "kernel", json_object_new_string(t->kernel));
	json_object_object_add(o, "root", json_object_new_string(t->root));
	json_object_object_add(o, "build", json_object_new_string(t->build));
	json_object_object_add(o, "ssh", text_or_null(t->ssh));
	json_object_object_add(o, "modules", text_or_null(t->modules));
	json_object_object_add(o, "symbols", text_or_null(t->symbols));
	json_object_object_add(o, "append", text_or_null(t->append));
	json_object_object_add(o, "options", text_or_null(t->options));
	json_object_object_add(o, "memory_mib", json_object_new_int((int)t->memory_mib));
	json_object_object_add(o, "note", text_or_null(t->note));
	json_object_object_add(o, "file", json_object_new_string(file));
	return o;
}

static void list_json(const struct targets *all)
{
	json_object *top = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < all->n; i++)
		json_object_array_add(list, to_json(&all->items[i], is_default(all, i)));
	json_object_object_add(top, "targets", list);
	puts(json_object_to_json_string_ext(top,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

static int widest(int width, const char *text)
{
	int len = (int)strlen(text);

	return len > width ? len : width;
}

static void list_table(const struct targets *all)
{
	int name = 4, kernel = 6;

	if (!all->n) {
		puts("No targets yet. `kmodlab target add debian:bookworm` adds one; `kmodlab target add` "
		     "shows what else there is.");
		return;
	}
	for (size_t i = 0; i < all->n; i++) {
		name = widest(name, all->items[i].name);
		kernel = widest(kernel, all->items[i].release);
	}
	printf("  %-*s  %-*s  ARCH    SIZE     ADDED (UTC)\n", name, "NAME", kernel, "KERNEL");
	for (size_t i = 0; i < all->n; i++) {
		const struct target *t = &all->items[i];

		printf("%c %-*s  %-*s  %-6s  %4.0f MB  %.10s %.5s\n",
			is_default(all, i) ? '*' : ' ', name, t->name, kernel, t->release, t->arch,
			(double)target_disk_bytes(t->name) / 1e6, t->added,
			strlen(t->added) > 16 ? t->added + 11 : "");
	}
	puts("* is what `kmodlab run` takes when no -t is given");
}

static int list_main(int argc, char **argv)
{
	struct choices chosen = {0};
	int status = take_options(argc, argv, &verbs[1], &chosen), r;
	struct error err = {{0}};
	struct targets all;

	if (status >= 0)
		return status;
	if (optind < argc)
		return cli_fail(EXIT_USAGE,
			"kmodlab target list takes no names; kmodlab target show %s", argv[optind]);
	r = targets_load(&all, &err);
	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (chosen.json)
		list_json(&all);
	else
		list_table(&all);
	targets_free(&all);
	return EXIT_PASSED;
}

static void show_one(const struct target *t, bool is_first)
{
	AUTO_FREE char *file = target_file(t->name);

	printf("name     %s%s\n", t->name,
		is_first ? "  (what `kmodlab run` takes without -t)" : "");
	printf("kernel   %s %s, %s\n", target_os_name(t->os), t->release, t->arch);
	if (t->ssh)
		printf("machine  %s, a real one, over ssh: modules may crash it\n", t->ssh);
	else
		printf("image    %s\n", t->kernel);
	printf("root     %s\n", t->root);
	printf("build    %s  (inside root)\n", t->build);
	printf("modules  %s\n", t->modules ? t->modules : "-");
	printf("symbols  %s\n", t->symbols ? t->symbols : "-");
	printf("size     %.0f MB\n", (double)target_disk_bytes(t->name) / 1e6);
	if (t->append)
		printf("append   %s  (to the kernel's command line)\n", t->append);
	if (t->options)
		printf("options  %s\n", t->options);
	if (t->memory_mib)
		printf("memory   %u MiB at least\n", t->memory_mib);
	printf("added    %s\n", t->added);
	if (t->note)
		printf("note     %s\n", t->note);
	printf("file     %s\n", file);
}

static int show_main(int argc, char **argv)
{
	struct choices chosen = {0};
	int status = take_options(argc, argv, &verbs[2], &chosen), r;
	struct error err = {{0}};
	struct targets all;

	if (status >= 0)
		return status;
	if (optind == argc)
		return cli_fail(EXIT_USAGE, "which target? kmodlab target list shows them");
	r = targets_load(&all, &err);
	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	status = EXIT_PASSED;
	for (int i = optind; i < argc && status == EXIT_PASSED; i++) {
		const struct target *t = target_look_up(&all, argv[i], &err);

		if (i > optind)
			putchar('\n');
		if (t)
			show_one(t, is_default(&all, (size_t)(t - all.items)));
		else
			status = cli_fail(EXIT_USAGE, "%s", err.text);
	}
	targets_free(&all);
	return status;
}

/* The name of the target to be removed for what was typed. It need not be readable for that, nor
 * need the others; and what a tree: name stands for may be gone. Caller frees; NULL with the
 * sentence set. */
static char *name_to_remove(const char *typed, struct error *err)
{
	const struct target *t;
	char *name = NULL;
	struct targets all;

	if (targets_load(&all, err)) {
		name = target_full_name(typed, err);
		return name ? name : xstrdup(typed);
	}
	t = target_look_up(&all, typed, err);
	if (t)
		name = xstrdup(t->name);
	targets_free(&all);
	return name;
}

static int remove_one(const char *typed)
{
	struct error err = {{0}};
	AUTO_FREE char *name = name_to_remove(typed, &err);
	unsigned long long bytes;
	int r;

	if (!name)
		return cli_fail(EXIT_USAGE, "%s", err.text);
	bytes = target_disk_bytes(name);
	r = target_remove(name, &err);
	if (r == -ENOENT)
		return cli_fail(EXIT_USAGE, "%s", err.text);
	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	prune_target(name);
	printf("removed %s, %.0f MB\n", name, (double)bytes / 1e6);
	return EXIT_PASSED;
}

static int remove_main(int argc, char **argv)
{
	struct choices chosen = {0};
	int status = take_options(argc, argv, &verbs[3], &chosen);

	if (status >= 0)
		return status;
	if (optind == argc)
		return cli_fail(EXIT_USAGE, "which target? kmodlab target list shows them");
	status = EXIT_PASSED;
	for (int i = optind; i < argc; i++) {
		int one = remove_one(argv[i]);

		status = one > status ? one : status;
	}
	return status;
}

static int prune_main(int argc, char **argv)
{
	struct choices chosen = {.days = 30};
	int status = take_options(argc, argv, &verbs[4], &chosen);

	if (status >= 0)
		return status;
	if (optind < argc)
		return cli_fail(EXIT_USAGE,
			"kmodlab target prune takes no names; see kmodlab target prune --help");
	return prune_snapshots(chosen.days);
}

int target_main(int argc, char **argv)
{
	const char *names[NVERBS + 1] = {NULL}, *near;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_PASSED;
	}
	for (size_t i = 0; i < NVERBS; i++) {
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].main(argc - 1, argv + 1);
		names[i] = verbs[i].name;
	}
	near = nearest_word(argv[1], names);
	if (near)
		return cli_fail(EXIT_USAGE, "there is no 'kmodlab target %s'; did you mean '%s'?",
			argv[1], near);
	return cli_fail(
		EXIT_USAGE, "there is no 'kmodlab target %s'; see kmodlab target --help", argv[1]);
}
