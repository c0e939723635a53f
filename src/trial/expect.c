/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file `expect` is written by people and read by words. Places are not written in it as line numbers,
 * which an edit moves, but marked in the source: the file and the line of a finding are right when that
 * line has the mark.
 */
#include "trial/expect.h"

#include "base/path.h"
#include "base/walk.h"
#include "trial/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX   65536
#define SOURCE_MAX ((size_t)1 << 20)
#define MARK	   "expect:"
#define SPACES	   " \t\r"

static const struct {
	const char *name;
	enum target_kind kind;
} kinds[] = {{"stock", KIND_STOCK}, {"debug", KIND_DEBUG}, {"race", KIND_RACE}, {"any", KIND_ANY}};

#define NKINDS (sizeof kinds / sizeof *kinds)

/* ---- options ---- */

static bool take_number(const char *value, double least, double most, double *out)
{
	char *end;

	*out = strtod(value, &end);
	return *value && !*end && *out >= least && *out <= most;
}

static bool take_exercise(const char *value, enum exercise *out)
{
	static const char *const names[] = {"tests", "auto", "none"};

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(value, names[i])) {
			*out = (enum exercise)i;
			return true;
		}
	return false;
}

/* Sets one "name=value" in `o`; false: it is none of ours. */
static bool set_option(const char *text, struct trial_options *o)
{
	size_t len = strcspn(text, "=");
	AUTO_FREE char *name = xstrndup(text, len);
	const char *value = text[len] ? text + len + 1 : "";
	double n;

	if (!strcmp(name, "exercise"))
		return take_exercise(value, &o->exercise);
	if (!strcmp(name, "seed") && take_number(value, 0, 9e15, &n))
		o->seed = (uint64_t)n;
	else if (!strcmp(name, "timeout") && take_number(value, 0.1, 86400, &n))
		o->call_timeout_ms = (int)(n * 1000);
	else if (!strcmp(name, "exercise-timeout") && take_number(value, 0.1, 86400, &n))
		o->exercise_timeout_ms = (int)(n * 1000);
	else if (!strcmp(name, "cycles") && take_number(value, 1, 1e6, &n))
		o->cycles = (unsigned)n;
	else if (!strcmp(name, "cpus") && take_number(value, 1, 64, &n))
		o->cpus = (unsigned)n;
	else
		return false;
	return true;
}

static bool was_typed(const char *option, const struct strv *typed)
{
	size_t len = strcspn(option, "=");

	for (size_t i = 0; typed && i < typed->n; i++)
		if (strlen(typed->v[i]) == len && !strncmp(typed->v[i], option, len))
			return true;
	return false;
}

void expect_apply(const struct expected *e, struct trial_options *o)
{
	for (size_t i = 0; i < e->options.n; i++)
		if (!was_typed(e->options.v[i], o->typed))
			set_option(e->options.v[i], o);
}

/* ---- reading ---- */

static bool take_kinds(char *text, unsigned *out)
{
	char *at = text, *word;

	*out = 0;
	while ((word = strsep(&at, ","))) {
		size_t i = 0;

		while (i < NKINDS && strcmp(kinds[i].name, word))
			i++;
		if (i == NKINDS)
			return false;
		*out |= kinds[i].kind;
	}
	return true;
}

static bool is_rule(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz-")];
}

static bool take_rules(char *text, struct expected *e)
{
	char *at = text, *word;

	if (!strcmp(text, "nothing"))
		return true;
	while ((word = strsep(&at, ","))) {
		struct expected_rule *r = ARRAY_ADD(e->rules, e->nrules);
		char *place = strchr(word, '@');

		r->placed = !place;
		if (place)
			*place++ = 0;
		r->rule = xstrdup(word);
		if (!is_rule(word) || (place && strcmp(place, "none")))
			return false;
	}
	return true;
}

/* Takes one line apart; NULL, or what is wrong with it. */
static const char *take_line(char *line, struct expect *e)
{
	struct trial_options scratch;
	struct expected *x;
	char *rest = NULL, *os = strtok_r(line, SPACES, &rest), *kind, *rules, *option;

	if (!os)
		return NULL;
	kind = strtok_r(NULL, SPACES, &rest);
	rules = strtok_r(NULL, SPACES, &rest);
	x = ARRAY_ADD(e->lines, e->n);
	if (!rules)
		return "a line is: SYSTEM KIND RULE [OPTION=VALUE...]";
	if (strcmp(os, "linux") && strcmp(os, "freebsd"))
		return "the system is linux or freebsd";
	x->os = !strcmp(os, "freebsd") ? TARGET_FREEBSD : TARGET_LINUX;
	if (!take_kinds(kind, &x->kinds))
		return "the kind of target is stock, debug, race or any";
	if (!take_rules(rules, x))
		return "a rule is what kmodlab explain lists, with @none behind it where it has no "
		       "place";
	while ((option = strtok_r(NULL, SPACES, &rest))) {
		if (!set_option(option, &scratch))
			return "the options are timeout, exercise-timeout, exercise, seed, cycles and cpus, "
			       "as kmodlab run has them";
		strv_add(&x->options, option);
	}
	return NULL;
}

int expect_read(const char *dir, struct expect *e, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/expect", dir);
	AUTO_BUF struct buf text = {0};
	char *rest, *line;
	unsigned number = 0;

	*e = (struct expect){0};
	if (!path_is_file(path))
		return -ENOENT;
	if (path_read(path, FILE_MAX, &text))
		return error_set(err, EINVAL, "cannot read %s", path);
	buf_add(&text, "", 1);
	rest = text.data;
	while ((line = strsep(&rest, "\n"))) {
		const char *wrong;

		number++;
		line[strcspn(line, "#")] = 0;
		wrong = take_line(line, e);
		if (wrong)
			return error_set(err, EINVAL, "%s:%u: %s", path, number, wrong);
	}
	return 0;
}

void expect_free(struct expect *e)
{
	for (size_t i = 0; i < e->n; i++) {
		for (size_t k = 0; k < e->lines[i].nrules; k++)
			free(e->lines[i].rules[k].rule);
		free(e->lines[i].rules);
		strv_free(&e->lines[i].options);
	}
	free(e->lines);
	*e = (struct expect){0};
}

/* ---- which line ---- */

enum target_kind expect_kind(const struct target *target)
{
	const char *end = strrchr(target->name, '/');

	for (size_t i = 0; end && i < NKINDS; i++)
		if (kinds[i].kind != KIND_ANY && !strcmp(kinds[i].name, end + 1))
			return kinds[i].kind;
	return KIND_STOCK;
}

const char *expect_kind_name(enum target_kind kind)
{
	size_t i = 0;

	while (kinds[i].kind != kind && i + 1 < NKINDS)
		i++;
	return kinds[i].name;
}

const struct expected *expect_for(const struct expect *e, enum target_os os, enum target_kind kind)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->lines[i].os == os && e->lines[i].kinds & kind)
			return &e->lines[i];
	return NULL;
}

unsigned expect_kinds(const struct expect *e, enum target_os os)
{
	unsigned all = 0;

	for (size_t i = 0; i < e->n; i++)
		if (e->lines[i].os == os)
			all |= e->lines[i].kinds;
	return all;
}

/* ---- places ---- */

struct mark {
	char *file; /* below the source's directory */
	unsigned line;
};

struct search {
	const char *dir, *rule;
	struct mark *marks;
	size_t n;
};

static bool has_source_name(const char *name)
{
	static const char *const ends[] = {".c", ".h", ".S", ".s", ".rs", ".sh"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t n = strlen(ends[i]);

		/* What Kbuild makes is no source. */
		if (len > n && !strcmp(name + len - n, ends[i]))
			return len < 6 || strcmp(name + len - 6, ".mod.c");
	}
	return !strcmp(name, "Makefile") || !strcmp(name, "Kbuild");
}

/* Whether the words behind a mark in the line, up to the end of the comment, have `rule` among them. */
static bool line_has_mark(const char *line, const char *rule)
{
	const char *at = strstr(line, MARK);
	size_t len = strlen(rule);

	if (!at)
		return false;
	for (at += strlen(MARK); *at && strncmp(at, "*/", 2);) {
		size_t n = strcspn(at, " \t,");

		if (n == len && !strncmp(at, rule, len))
			return true;
		at += n;
		at += strspn(at, " \t,");
	}
	return false;
}

static bool search_file(void *arg, const char *path)
{
	struct search *s = arg;
	AUTO_BUF struct buf text = {0};
	unsigned number = 0;
	char *rest, *line;

	if (path_read(path, SOURCE_MAX, &text) || !text.len)
		return true;
	rest = text.data;
	while ((line = strsep(&rest, "\n"))) {
		number++;
		if (line_has_mark(line, s->rule))
			*ARRAY_ADD(s->marks, s->n) =
				(struct mark){xstrdup(path + strlen(s->dir) + 1), number};
	}
	return true;
}

static void find_marks(const char *dir, const char *rule, struct search *s)
{
	*s = (struct search){.dir = dir, .rule = rule};
	walk_files(dir, has_source_name, search_file, s);
}

static void free_marks(struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->marks[i].file);
	free(s->marks);
}

/* Whether `file`, however it was named, is the mark's. */
static bool is_file(const char *file, const char *mark)
{
	size_t n = strlen(file), len = strlen(mark);

	return n >= len && !strcmp(file + n - len, mark) && (n == len || file[n - len - 1] == '/');
}

static bool is_at_mark(const struct finding *f, const struct search *s)
{
	for (size_t i = 0; f->file && i < s->n; i++)
		if (f->line == s->marks[i].line && is_file(f->file, s->marks[i].file))
			return true;
	return false;
}

/* ---- comparing ---- */

static void say_place(const struct finding *f, struct buf *out)
{
	AUTO_FREE char *base = f->file ? path_base(f->file) : NULL;

	buf_adds(out, f->rule);
	if (base)
		buf_addf(out, " at %s:%u", base, f->line);
}

static bool rule_met(const struct expected_rule *r, const char *dir, const struct finding *f)
{
	struct search s;
	bool met;

	if (strcmp(f->rule, r->rule))
		return false;
	if (!r->placed)
		return true;
	find_marks(dir, r->rule, &s);
	met = is_at_mark(f, &s);
	free_marks(&s);
	return met;
}

static bool any_meets(const struct expected_rule *r, const char *dir, const struct findings *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (!found->items[i].silenced && rule_met(r, dir, &found->items[i]))
			return true;
	return false;
}

static void say_rule(const struct expected_rule *r, const char *dir, struct buf *out)
{
	struct search s;

	buf_adds(out, r->rule);
	if (!r->placed)
		return;
	find_marks(dir, r->rule, &s);
	for (size_t i = 0; i < s.n; i++)
		buf_addf(out, "%s%s:%u", i ? " or " : " at ", s.marks[i].file, s.marks[i].line);
	if (!s.n)
		buf_addf(out, " at a line with the comment \"" MARK " %s\", which there is not",
			r->rule);
	free_marks(&s);
}

bool expect_met(
	const struct expected *e, const char *dir, const struct findings *found, struct buf *why)
{
	const struct finding *leading = findings_leading(found);

	if (!e->nrules && leading) {
		buf_adds(why, "found ");
		say_place(leading, why);
		return false;
	}
	if (!e->nrules)
		return true;
	if (!leading) {
		buf_adds(why, "found nothing");
		return false;
	}
	if (!rule_met(&e->rules[0], dir, leading)) {
		buf_adds(why, "found ");
		say_place(leading, why);
		return false;
	}
	for (size_t i = 1; i < e->nrules; i++)
		if (!any_meets(&e->rules[i], dir, found)) {
			buf_adds(why, "did not find ");
			say_rule(&e->rules[i], dir, why);
			return false;
		}
	return true;
}

char *expect_text(const struct expected *e, const char *dir)
{
	struct buf out = {0};

	if (!e->nrules)
		buf_adds(&out, "nothing");
	for (size_t i = 0; i < e->nrules; i++) {
		buf_adds(&out, i ? ", " : "");
		say_rule(&e->rules[i], dir, &out);
	}
	return buf_take(&out);
}
