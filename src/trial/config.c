/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table says which keys there are, what their values may be and where they go; the man page is made from the
 * same table. The file is read by inih, line by line through a reader of ours: that counts the lines for what is
 * said about them, and takes the space before a key away, which inih would take for more of the
 * value before.
 */
#include "trial/config.h"

#include "rules/rules.h"
#include "trial/trial.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define SPACES " \t\r"

#define AT(member) offsetof(struct trial_options, member)

static const struct config_key keys[] = {
	{"run", "target", CONFIG_TARGETS, true, 0, 0, 0, "_NAME_[*,* _NAME_...]",
		"The targets, or patterns of their names, as for *-t*; they are not used when there is "
		"a *-t*. May be repeated."},
	{"run", "parameter", CONFIG_PARAMETER, true, 0, 0, 0, "_NAME=VALUE_",
		"A parameter of the module (FreeBSD: a tunable). May be repeated. One of the same name "
		"behind *--* replaces it."},
	{"run", "exercise", CONFIG_EXERCISE, false, AT(exercise), 0, 0, "*tests*|*auto*|*none*",
		"What is done between load and unload."},
	{"run", "seed", CONFIG_SEED, false, AT(seed), 0, 0, "_N_",
		"What *auto* does is drawn from this."},
	{"run", "exercise-timeout", CONFIG_SECONDS, false, AT(exercise_timeout_ms), 0, 0, "_S_",
		"Seconds that each test, and *auto*, may take."},
	{"run", "cycles", CONFIG_NUMBER, false, AT(cycles), 1, 100000, "_N_",
		"Load and unload so often."},
	{"run", "timeout", CONFIG_SECONDS, false, AT(call_timeout_ms), 0, 0, "_S_",
		"Seconds that each load and each unload may take."},
	{"run", "build-timeout", CONFIG_SECONDS, false, AT(build_timeout_ms), 0, 0, "_S_",
		"Seconds that the build may take."},
	{"run", "boot-timeout", CONFIG_SECONDS, false, AT(boot_timeout_ms), 0, 0, "_S_",
		"Seconds that the kernel may take to come up."},
	{"run", "memory", CONFIG_NUMBER, false, AT(memory_mib), 64, 65536, "_MIB_",
		"Memory of the machine."},
	{"run", "cpus", CONFIG_NUMBER, false, AT(cpus), 1, 64, "_N_", "Processors of the machine."},
	{"run", "strict", CONFIG_SWITCH, false, AT(strict), 0, 0, "*yes*|*no*",
		"Whether a warning fails the trial too."},
	{"run", "silence", CONFIG_RULES, true, 0, 0, 0, "_RULE_[*,* _RULE_...]",
		"Findings of these rules do not count; *--silence* adds to them. May be repeated."},
	{"check", "max-frame", CONFIG_NUMBER, false, AT(limits.frame), 1, 1 << 20, "_BYTES_",
		"What one function may take of the stack without a warning."},
	{"check", "max-stack", CONFIG_NUMBER, false, AT(limits.chain), 1, 1 << 20, "_BYTES_",
		"What functions may take that call one another."},
	{"expect", "finding", CONFIG_FINDING, true, 0, 0, 0, "_RULE_[*@*[_FILE_*:*]_LINE_]",
		"This is to be found (in that line): it does not count then, and if it is not found, "
		"that is a finding. One that the target's kernel cannot see (see *explain*) is not "
		"missed there. May be repeated."},
	{"expect", "log", CONFIG_TEXT, true, 0, 0, 0, "_TEXT_",
		"A line with this text is to be in the kernel's log. May be repeated."},
	{"expect", "log-not", CONFIG_TEXT, true, 0, 0, 0, "_TEXT_",
		"No line with this text is to be there. May be repeated."},
};

#define NKEYS (sizeof keys / sizeof *keys)

size_t config_keys(const struct config_key **out)
{
	*out = keys;
	return NKEYS;
}

void config_describe(struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < NKEYS; i++) {
		const struct config_key *k = &keys[i];

		if (strcmp(section, k->section))
			buf_addf(out, "*[%s]*\n\n", k->section);
		section = k->section;
		buf_addf(out, "*%s* = %s\n\t%s\n\n", k->name, k->value, k->sentence);
	}
}

/* ---- values ---- */

static bool take_ms(const char *text, int *out)
{
	char *end;
	double s = strtod(text, &end);

	if (!strchr("0123456789.", *text) || *end || !(s >= 0.1 && s <= 86400))
		return false;
	*out = (int)(s * 1000);
	return true;
}

static bool take_number(const char *text, int base, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, base);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool take_exercise(const char *text, enum exercise *out)
{
	static const char *const names[] = {"tests", "auto", "none"};

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*out = (enum exercise)i;
			return true;
		}
	return false;
}

static int no_rule(const char *name, struct error *err)
{
	AUTO_FREE char *unknown = rule_unknown(name);

	return error_set(err, EINVAL, "%s", unknown);
}

int config_take_place(const char *text, struct config_place *p, struct error *err)
{
	const char *at = strchr(text, '@'), *colon = at ? strrchr(at, ':') : NULL;
	uint64_t line = 0;

	*p = (struct config_place){.rule = xstrndup(text, strcspn(text, "@"))};
	if (!rule_find(p->rule))
		return no_rule(p->rule, err);
	if (!at)
		return 0;
	if (colon)
		p->file = xstrndup(at + 1, (size_t)(colon - at - 1));
	if (!take_number(colon ? colon + 1 : at + 1, 10, &line) || !line || line > 10000000 ||
		(colon && !*p->file))
		return error_set(err, EINVAL,
			"'%s' is no place: it is to be a line, or FILE:LINE, as in %s@hello.c:42",
			at + 1, p->rule);
	p->line = (unsigned)line;
	return 0;
}

/* Adds the words between commas. */
static void split(const char *text, struct strv *out)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy, *word;

	while ((word = strsep(&rest, ","))) {
		size_t len;

		word += strspn(word, SPACES);
		len = strlen(word);
		while (len && strchr(SPACES, word[len - 1]))
			word[--len] = 0;
		strv_add(out, word);
	}
}

static int check_words(const struct config_key *k, const char *text, struct error *err)
{
	AUTO_STRV struct strv words = {0};

	split(text, &words);
	for (size_t i = 0; i < words.n; i++) {
		if (!*words.v[i])
			return error_set(err, EINVAL,
				"%s has nothing before or behind a comma: '%s'", k->name, text);
		if (k->kind == CONFIG_RULES && !rule_find(words.v[i]))
			return no_rule(words.v[i], err);
	}
	return 0;
}

/* Sets the option, if the key has one of its own; false: no such value. */
static bool set_option(const struct config_key *k, const char *text, struct trial_options *o)
{
	void *where = (char *)o + k->offset;
	uint64_t n;

	switch (k->kind) {
	case CONFIG_SECONDS:
		return take_ms(text, where);
	case CONFIG_SEED:
		return take_number(text, 0, where);
	case CONFIG_EXERCISE:
		return take_exercise(text, where);
	case CONFIG_NUMBER:
		if (!take_number(text, 10, &n) || n < k->least || n > k->most)
			return false;
		if (!strcmp(k->section, "check"))
			*(uint64_t *)where = n;
		else
			*(unsigned *)where = (unsigned)n;
		return true;
	case CONFIG_SWITCH:
		*(bool *)where = !strcmp(text, "yes");
		return *(bool *)where || !strcmp(text, "no");
	default:
		return true;
	}
}

/* "seconds, from 0.1 to 86400" */
static void say_values(const struct config_key *k, struct buf *out)
{
	if (k->kind == CONFIG_SECONDS)
		buf_adds(out, "a number of seconds from 0.1 to 86400");
	else if (k->kind == CONFIG_NUMBER)
		buf_addf(out, "a whole number from %llu to %llu", (unsigned long long)k->least,
			(unsigned long long)k->most);
	else if (k->kind == CONFIG_SEED)
		buf_adds(out, "a whole number");
	else if (k->kind == CONFIG_EXERCISE)
		buf_adds(out, "tests, auto or none");
	else
		buf_adds(out, "yes or no");
}

static int check_value(const struct config_key *k, const char *text, struct error *err)
{
	AUTO_BUF struct buf values = {0};
	struct trial_options scratch = {0};
	struct config_place place;
	int r;

	if (!*text)
		return error_set(err, EINVAL, "%s has no value", k->name);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(err, EINVAL,
				"the value of %s has a control character in it", k->name);
	if (k->kind == CONFIG_TARGETS || k->kind == CONFIG_RULES)
		return check_words(k, text, err);
	if (k->kind == CONFIG_FINDING) {
		r = config_take_place(text, &place, err);
		free(place.rule);
		free(place.file);
		return r;
	}
	if (k->kind == CONFIG_PARAMETER &&
		(*text == '=' || !strchr(text, '=') || strchr(text, '"')))
		return error_set(err, EINVAL,
			"a parameter is NAME=VALUE, without double quotes, and not '%s'", text);
	if (set_option(k, text, &scratch))
		return 0;
	say_values(k, &values);
	return error_set(err, EINVAL, "%s is %s, and not '%s'", k->name, values.data, text);
}

/* ---- reading ---- */

struct reading {
	struct config *c;
	const char *at, *end; /* what is still to be read */
	unsigned line;
	bool failed;
	struct error *err;
};

static const char *const sections[] = {"run", "run.linux", "run.freebsd", "check", "expect",
	"expect.linux", "expect.freebsd", NULL};

/* Says what is wrong with the line it is at. */
static void fail(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct reading *r, const char *format, ...)
{
	AUTO_BUF struct buf text = {0};
	va_list args;

	if (r->failed)
		return;
	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	r->failed = true;
	error_set(r->err, EINVAL, "%s:%u: %s", r->c->path, r->line, text.data);
}

static bool is_section(const char *name)
{
	for (size_t i = 0; sections[i]; i++)
		if (!strcmp(sections[i], name))
			return true;
	return false;
}

static void refuse_section(struct reading *r, const char *name)
{
	const char *near = nearest_word(name, sections);

	if (near)
		fail(r, "there is no section [%s]; did you mean [%s]?", name, near);
	else
		fail(r,
			"there is no section [%s]; there are [run], [check] and [expect], and "
			"[run.linux] and the like for one system",
			name);
}

/* A section is looked at when its line is read, since inih tells of those only that have keys. */
static void look_at_section(struct reading *r, const char *line, size_t len)
{
	const char *end = memchr(line, ']', len);
	AUTO_FREE char *name = end ? xstrndup(line + 1, (size_t)(end - line - 1)) : NULL;

	if (name && !is_section(name))
		refuse_section(r, name);
}

/* The next line, as fgets() gives it. */
static char *next_line(char *to, int size, void *stream)
{
	struct reading *r = stream;
	const char *line = r->at, *newline;
	size_t len;

	if (r->at >= r->end || r->failed)
		return NULL;
	newline = memchr(line, '\n', (size_t)(r->end - line));
	len = newline ? (size_t)(newline - line) : (size_t)(r->end - line);
	r->at = newline ? newline + 1 : r->end;
	r->line++;
	while (len && strchr(SPACES, *line))
		line++, len--;
	while (len && strchr(SPACES, line[len - 1]))
		len--;
	if (len && *line == '[')
		look_at_section(r, line, len);
	if (len > CONFIG_LINE || len + 2 > (size_t)size)
		fail(r, "the line is longer than %d characters", CONFIG_LINE);
	if (r->failed)
		return NULL;
	memcpy(to, line, len);
	memcpy(to + len, "\n", 2);
	return to;
}

static const struct config_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < NKEYS; i++)
		if ((!section || !strcmp(keys[i].section, section)) && !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static void refuse_key(struct reading *r, const char *section, const char *name)
{
	const struct config_key *elsewhere = find_key(NULL, name);
	const char *names[NKEYS + 1] = {NULL}, *near;
	size_t n = 0;

	if (elsewhere) {
		fail(r, "%s belongs into [%s]", name, elsewhere->section);
		return;
	}
	for (size_t i = 0; i < NKEYS; i++)
		if (!strcmp(keys[i].section, section))
			names[n++] = keys[i].name;
	near = nearest_word(name, names);
	fail(r, "[%s] has no key '%s'%s%s%s", section, name, near ? "; did you mean '" : "",
		near ? near : "; see man kmodlab, CONFIGURATION", near ? "'?" : "");
}

/* "run.linux" in two; the system. */
static int split_section(const char *section, char **plain)
{
	size_t len = strcspn(section, ".");

	*plain = xstrndup(section, len);
	if (!section[len])
		return CONFIG_EVERY_OS;
	return strcmp(section + len, ".linux") ? TARGET_FREEBSD : TARGET_LINUX;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	AUTO_FREE char *plain = NULL;
	const struct config_key *k;
	struct error why;
	int os;

	if (r->failed)
		return 0;
	if (!*section) {
		fail(r, "'%s' stands before any section; begin with [run]", name);
		return 0;
	}
	if (!is_section(section)) {
		refuse_section(r, section);
		return 0;
	}
	os = split_section(section, &plain);
	k = find_key(plain, name);
	if (!k) {
		refuse_key(r, plain, name);
		return 0;
	}
	for (size_t i = 0; i < r->c->n && !k->many; i++)
		if (r->c->entries[i].key == k && r->c->entries[i].os == os)
			fail(r, "%s stands in line %u already", name, r->c->entries[i].line);
	if (!r->failed && check_value(k, value ? value : "", &why))
		fail(r, "%s", why.text);
	if (r->failed)
		return 0;
	*ARRAY_ADD(r->c->entries, r->c->n) = (struct config_entry){k, os, xstrdup(value), r->line};
	return 1;
}

int config_parse(
	const char *path, const char *text, size_t len, struct config *c, struct error *err)
{
	struct reading r = {.c = c, .at = text, .end = text + len, .err = err};
	int line;

	*c = (struct config){.path = xstrdup(path)};
	if (len && memchr(text, 0, len))
		return error_set(err, EINVAL, "%s is not text", path);
	line = ini_parse_stream(next_line, &r, on_key, &r);
	if (r.failed)
		return -EINVAL;
	if (line)
		return error_set(err, EINVAL,
			"%s:%d: the line is neither [SECTION] nor KEY = VALUE", path, line);
	return 0;
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->entries[i].text);
	free(c->entries);
	free(c->path);
	*c = (struct config){0};
}

/* ---- what it comes to ---- */

static bool holds(const struct config_entry *e, enum target_os os)
{
	return e->os == CONFIG_EVERY_OS || e->os == (int)os;
}

void config_targets(const struct config *c, enum target_os os, struct strv *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct config_entry *e = &c->entries[i];
		AUTO_STRV struct strv words = {0};

		if (e->key->kind != CONFIG_TARGETS || !holds(e, os))
			continue;
		split(e->text, &words);
		for (size_t k = 0; k < words.n; k++) {
			strv_addf(out, "%s:%u", c->path, e->line);
			strv_add(out, words.v[k]);
		}
	}
}

/* Whether one of the typed has the name of "name=value". */
static bool is_replaced(const char *param, char *const *typed)
{
	size_t len = strcspn(param, "=");

	for (; typed && *typed; typed++)
		if (!strncmp(*typed, param, len) && (!(*typed)[len] || (*typed)[len] == '='))
			return true;
	return false;
}

void config_params(const struct config *c, enum target_os os, char *const *typed, struct strv *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct config_entry *e = &c->entries[i];

		if (e->key->kind == CONFIG_PARAMETER && holds(e, os) &&
			!is_replaced(e->text, typed))
			strv_add(out, e->text);
	}
	for (; typed && *typed; typed++)
		strv_add(out, *typed);
}

static bool was_typed(const char *name, const struct strv *typed)
{
	for (size_t i = 0; typed && i < typed->n; i++)
		if (!strcmp(typed->v[i], name))
			return true;
	return false;
}

void config_apply(const struct config *c, enum target_os os, struct trial_options *o)
{
	/* What is said of one system comes behind what is said of all. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < c->n; i++) {
			const struct config_entry *e = &c->entries[i];

			if ((e->os == CONFIG_EVERY_OS) == !pass && holds(e, os) &&
				!was_typed(e->key->name, o->typed))
				set_option(e->key, e->text, o);
		}
	o->config = c;
}
