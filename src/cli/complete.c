/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a shell offers when Tab is pressed. The shells' own files (contrib/completion) only ask: they call
 * `kmodlab __complete WORD...`, the last word being the one that is being typed, and get a line for each thing
 * that it can become, with a sentence behind a tab. Commands and options are read out of the help texts, so
 * that nothing has to be kept in step with them. ":files" and ":dirs" stand for the shell's own completion
 * of paths.
 */
#include "cli/cli.h"

#include "base/proc.h"
#include "rules/rules.h"
#include "target/target.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HELP_MS 5000

/* Options whose values are a few words that their help does not list by themselves. */
static const struct {
	const char *option;
	const char *words[10];
} choices[] = {
	{"--accel", {"auto", "kvm", "tcg"}},
	{"--executor", {"slurm", "parallel"}},
	{"--exercise", {"tests", "auto", "none"}},
	{"--kind", {"hello", "chardev", "sysctl-proc"}},
	{"--level", {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}},
	{"--license", {"bsd", "gpl", "mit"}},
};

/* The lines of a help text. */
static void take_line(void *arg, const char *line, size_t len)
{
	(void)len;
	strv_add(arg, line);
}

/* The help of `kmodlab first [second]`; none of its lines if there is no such command. */
static void help_of(const char *first, const char *second, struct strv *lines)
{
	char *argv[] = {"/proc/self/exe", (char *)first, (char *)(second ? second : "--help"),
		second ? "--help" : NULL, NULL};
	struct error err;

	if (proc_run(first ? argv : (char *[]){argv[0], "--help", NULL}, HELP_MS, take_line, NULL,
		    lines, NULL, &err))
		strv_free(lines);
}

/* Whether a help text has words in it. */
static bool says(const struct strv *help, const char *words)
{
	for (size_t i = 0; i < help->n; i++)
		if (strstr(help->v[i], words))
			return true;
	return false;
}

/* What is typed, and what of it stands in front of the part that is completed ("--target="). */
struct typed {
	const char *before, *part;
	int nbefore;
};

static void offer(const struct typed *t, const char *word, size_t len, const char *sentence)
{
	if (strlen(t->part) > len || strncmp(word, t->part, strlen(t->part)) != 0)
		return;
	printf("%.*s%.*s\t%s\n", t->nbefore, t->before, (int)len, word, sentence);
}

static void offer_targets(const struct typed *t, bool patterns)
{
	struct targets all = {0};
	struct error err;

	if (targets_load(&all, &err))
		return;
	for (size_t i = 0; i < all.n; i++)
		offer(t, all.items[i].name, strlen(all.items[i].name), all.items[i].release);
	if (patterns)
		offer(t, "all", 3, "every target");
	targets_free(&all);
}

/* "RULE,RULE": the one behind the last comma. */
static void offer_rules(struct typed t)
{
	const char *comma = strrchr(t.part, ',');
	AUTO_FREE char *before = NULL;
	const struct rule *const *all;
	size_t n = rules_all(&all);

	if (comma) {
		before = xasprintf(
			"%.*s%.*s", t.nbefore, t.before, (int)(comma + 1 - t.part), t.part);
		t = (struct typed){before, comma + 1, (int)strlen(before)};
	}
	for (size_t i = 0; i < n; i++)
		offer(&t, all[i]->id, strlen(all[i]->id), all[i]->title);
}

/* The first block of lines "  name  arguments  sentence" at the left edge of a help text: commands or verbs. */
static void offer_names(const struct typed *t, const struct strv *help)
{
	bool begun = false;

	for (size_t i = 0; i < help->n; i++) {
		const char *line = help->v[i];
		size_t len = 0;

		if (!strncmp(line, "  ", 2) && islower((unsigned char)line[2]))
			len = strspn(line + 2, "abcdefghijklmnopqrstuvwxyz-");
		if (!len && begun)
			return;
		if (!len || line[2 + len] != ' ')
			continue;
		begun = true;
		line += 2 + len;
		line += strspn(line, " ");
		/* A verb's arguments are no part of the sentence. */
		if (isupper((unsigned char)*line)) {
			line += strcspn(line, " ");
			line += strspn(line, " ");
		}
		offer(t, help->v[i] + 2, len, line);
	}
}

/* An option in a line of a help text: "  -t, --target NAME   sentence". */
struct option_line {
	const char *shorter, *longer, *value, *sentence;
	size_t nshorter, nlonger, nvalue;
};

static bool read_option(const char *line, struct option_line *o)
{
	const char *p = line + strspn(line, " ");

	*o = (struct option_line){0};
	if (p == line || *p != '-')
		return false;
	if (p[1] != '-') {
		o->shorter = p;
		o->nshorter = strcspn(p, " ,");
		p += o->nshorter;
		p += strspn(p, ", ");
	}
	if (!strncmp(p, "--", 2)) {
		o->longer = p;
		o->nlonger = strcspn(p, " =");
		p += o->nlonger;
	}
	if (!o->longer && !o->shorter)
		return false;
	/* One blank and no lower-case word: the value. "--os linux|freebsd" is one too. */
	if ((*p == ' ' || *p == '=') && p[1] != ' ' && p[1]) {
		size_t n = strcspn(p + 1, " ");
		bool is_value = isupper((unsigned char)p[1]) || memchr(p + 1, '|', n);

		if (is_value) {
			o->value = p + 1;
			o->nvalue = n;
			p += 1 + n;
		}
	}
	o->sentence = p + strspn(p, " ");
	return true;
}

static void offer_options(const struct typed *t, const struct strv *help)
{
	struct option_line o;
	bool has_help = false;

	for (size_t i = 0; i < help->n; i++) {
		if (!read_option(help->v[i], &o))
			continue;
		has_help |= o.nlonger == 6 && !strncmp(o.longer, "--help", 6);
		if (o.longer)
			offer(t, o.longer, o.nlonger, o.sentence);
		else
			offer(t, o.shorter, o.nshorter, o.sentence);
	}
	if (!has_help)
		offer(t, "--help", 6, "this command's help");
}

/* Whether the option called `name` takes a value: then its line is in `o`. */
static bool takes_value(
	const struct strv *help, const char *name, size_t len, struct option_line *o)
{
	for (size_t i = 0; i < help->n; i++)
		if (read_option(help->v[i], o) && o->value &&
			((o->nlonger == len && !strncmp(o->longer, name, len)) ||
				(o->nshorter == len && !strncmp(o->shorter, name, len))))
			return true;
	return false;
}

static bool value_is(const struct option_line *o, const char *what)
{
	size_t len = strlen(what);

	return o->nvalue >= len && !strncmp(o->value, what, len);
}

static bool offer_choices(const struct typed *t, const struct option_line *o)
{
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		if (strlen(choices[i].option) != o->nlonger ||
			strncmp(choices[i].option, o->longer, o->nlonger) != 0)
			continue;
		for (size_t k = 0; choices[i].words[k]; k++)
			offer(t, choices[i].words[k], strlen(choices[i].words[k]), "");
		return true;
	}
	return false;
}

static void offer_value(const struct typed *t, const struct option_line *o)
{
	const char *p = o->value, *end = o->value + o->nvalue;

	if (o->longer && o->nlonger == 8 && !strncmp(o->longer, "--target", 8)) {
		offer_targets(t, true);
	} else if (value_is(o, "RULE")) {
		offer_rules(*t);
	} else if (value_is(o, "DIR")) {
		puts(":dirs");
	} else if (value_is(o, "FILE") || value_is(o, "PATH")) {
		puts(":files");
	} else if (!o->longer || !offer_choices(t, o)) {
		/* "linux|freebsd", and "hello|chardev|..." */
		for (size_t n; memchr(o->value, '|', o->nvalue) && p < end; p += n + 1) {
			n = 0;
			while (p + n < end && p[n] != '|')
				n++;
			if (islower((unsigned char)*p))
				offer(t, p, n, "");
		}
	}
}

/* What `kmodlab target add` is shown with in its own help. */
static void offer_addable(const struct typed *t, const struct strv *help)
{
	static const char start[] = "  kmodlab target add ";

	for (size_t i = 0; i < help->n; i++) {
		const char *word = help->v[i] + strlen(start);
		size_t len;

		if (strncmp(help->v[i], start, strlen(start)) != 0)
			continue;
		len = strcspn(word, " ");
		offer(t, word, len, word + len + strspn(word + len, " "));
	}
}

/* What stands where no option does, by the usage line. */
static void offer_argument(
	const struct typed *t, const char *command, const char *verb, const struct strv *help)
{
	const char *usage = help->n ? help->v[0] : "";

	if (!strcmp(command, "help")) {
		AUTO_STRV struct strv top = {0};

		help_of(NULL, NULL, &top);
		offer_names(t, &top);
	} else if (!strcmp(command, "target")) {
		if (verb && !strcmp(verb, "add"))
			offer_addable(t, help);
		else if (strstr(usage, "NAME..."))
			offer_targets(t, false);
	} else if (strstr(usage, "[RULE")) {
		offer_rules(*t);
	} else if (strstr(usage, "DIR") || strstr(usage, "FILE")) {
		puts(":files");
	}
}

static void complete_command(char *const *words, int n)
{
	struct typed t = {"", words[n - 1], 0};
	AUTO_STRV struct strv help = {0};
	const char *verb = NULL, *equals = strchr(t.part, '=');
	struct option_line o;

	help_of(words[0], NULL, &help);
	if (help.n && strstr(help.v[0], " VERB")) {
		if (n == 2) {
			offer_names(&t, &help);
			return;
		}
		verb = words[1];
		strv_free(&help);
		help_of(words[0], verb, &help);
	}
	if (says(&help, "options are those of run"))
		help_of("run", NULL, &help);
	/* What comes behind -- is the module's. */
	for (int i = 1; i < n - 1; i++)
		if (!strcmp(words[i], "--"))
			return;
	if (takes_value(&help, words[n - 2], strlen(words[n - 2]), &o)) {
		offer_value(&t, &o);
	} else if (*t.part == '-' && equals) {
		t = (struct typed){t.part, equals + 1, (int)(equals + 1 - t.part)};
		if (takes_value(&help, t.before, (size_t)(equals - t.before), &o))
			offer_value(&t, &o);
	} else if (*t.part == '-') {
		offer_options(&t, &help);
	} else {
		offer_argument(&t, words[0], verb, &help);
	}
}

int complete_main(int argc, char **argv)
{
	struct typed t = {"", argc > 1 ? argv[argc - 1] : "", 0};

	if (argc > 2) {
		complete_command(argv + 1, argc - 1);
	} else {
		AUTO_STRV struct strv help = {0};

		help_of(NULL, NULL, &help);
		offer_names(&t, &help);
		if (*t.part == '-') {
			offer(&t, "--help", 6, "the commands");
			offer(&t, "--version", 9, "which kmodlab this is");
		}
	}
	return EXIT_PASSED;
}
