/* SPDX-License-Identifier: BSD-2-Clause */
/* The table itself is in files beside this one, a file for each part of a trial. Here it is asked and printed. */
#include "rules/rules.h"

#include "target/target.h"

#include <pthread.h>
#include <string.h>

#define WIDTH 80

static const struct {
	const char *title;
	const struct rule *rules;
} parts[] = {
	{"Build", rules_build},
	{"Load, unload and test", rules_load},
	{"For information", rules_hygiene},
	{"In the machine code", rules_code},
	{"Left behind", rules_leak},
	{"Reported by the kernel, which goes on", rules_bug},
	{"Hangs", rules_hang},
	{"Crashes", rules_crash},
};

#define NPARTS (sizeof parts / sizeof *parts)

static const struct rule **all;
static const char **ids; /* NULL-terminated */
static size_t nall;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void gather_all(void)
{
	for (size_t i = 0; i < NPARTS; i++)
		for (const struct rule *r = parts[i].rules; r->id; r++)
			nall++;
	all = xcalloc(nall, sizeof *all);
	ids = xcalloc(nall + 1, sizeof *ids);
	nall = 0;
	for (size_t i = 0; i < NPARTS; i++)
		for (const struct rule *r = parts[i].rules; r->id; r++) {
			ids[nall] = r->id;
			all[nall++] = r;
		}
}

size_t rules_all(const struct rule *const **out)
{
	pthread_once(&once, gather_all);
	*out = all;
	return nall;
}

const struct rule *rule_find(const char *id)
{
	pthread_once(&once, gather_all);
	for (size_t i = 0; i < nall; i++)
		if (!strcmp(all[i]->id, id))
			return all[i];
	return NULL;
}

const char *rule_nearest(const char *typed)
{
	pthread_once(&once, gather_all);
	return nearest_word(typed, ids);
}

char *rule_unknown(const char *typed)
{
	const char *near = rule_nearest(typed);

	return xasprintf("there is no rule '%s'%s%s%s kmodlab explain lists them", typed,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : ";");
}

/* ---- words ---- */

static const char *what_it_does(const struct rule *r)
{
	switch (r->severity) {
	case SEVERITY_NOTE:
		return "a note, which says something and changes nothing";
	case SEVERITY_WARNING:
		return "a warning, which fails the trial under --strict only";
	case SEVERITY_ERROR:
		break;
	}
	return "an error, which fails the trial";
}

/* "any target", or which it takes. NULL: none can. */
static const char *where_seen(enum rule_sight sight, bool freebsd)
{
	switch (sight) {
	case SIGHT_NONE:
		return NULL;
	case SIGHT_STOCK:
		return "any target";
	case SIGHT_DEBUG:
		return freebsd ? "needs a kernel with INVARIANTS and WITNESS: kmodlab target add "
				 "freebsd:14.0/debug --kernel FILE"
			       : "needs a debug kernel: kmodlab target add debian:bookworm/debug";
	case SIGHT_KASAN:
		return freebsd ? "needs a kernel with KASAN: kmodlab target add freebsd:14.0/debug "
				 "--kernel FILE"
			       : "needs a debug kernel: kmodlab target add debian:bookworm/debug";
	case SIGHT_RACE:
		return freebsd
			? "needs a kernel with KCSAN: kmodlab target add freebsd:14.0/race --kernel "
			  "FILE"
			: "needs a kernel that looks for races: kmodlab target add "
			  "debian:bookworm/race";
	}
	return NULL;
}

/* `text` in lines of at most WIDTH characters, each behind `indent` spaces. */
static void wrap(const char *text, size_t indent, struct buf *out)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (column && column + 1 + len > WIDTH) {
			buf_adds(out, "\n");
			column = 0;
		}
		if (!column) {
			buf_addf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			buf_adds(out, " ");
			column++;
		}
		buf_add(out, text, len);
		column += len;
		text += len;
		text += strspn(text, " \n");
	}
	buf_adds(out, "\n");
}

/* The lines of `text`, each behind four spaces, tabs as eight. */
static void put_code(const char *text, struct buf *out)
{
	for (; *text; text += *text == '\n') {
		size_t len = strcspn(text, "\n");

		buf_adds(out, len ? "    " : "");
		for (size_t i = 0; i < len; i++)
			buf_add(out, text[i] == '\t' ? "        " : &text[i],
				text[i] == '\t' ? 8 : 1);
		buf_adds(out, "\n");
		text += len;
	}
}

/* ---- printing ---- */

static void put_example(const char *heading, const char *code, struct buf *out)
{
	if (!code)
		return;
	buf_addf(out, "\n%s\n", heading);
	put_code(code, out);
}

void rule_print(const struct rule *r, struct buf *out)
{
	const char *linux_seen = where_seen(r->on_linux, false);
	const char *freebsd_seen = where_seen(r->on_freebsd, true);

	buf_addf(out, "%s: %s\n\n", r->id, r->title);
	wrap(r->meaning, 0, out);
	put_example(r->freebsd_example ? "Code that gets it, on Linux:" : "Code that gets it:",
		r->linux_example, out);
	put_example(r->linux_example ? "On FreeBSD:" : "Code that gets it, on FreeBSD:",
		r->freebsd_example, out);
	buf_adds(out, "\nWhat to do\n");
	wrap(r->remedy, 4, out);
	buf_adds(out, "\n");
	buf_addf(out, "It is     %s", what_it_does(r));
	if (r->severity == SEVERITY_ERROR)
		buf_addf(out, " as \"%s\"", class_name(r->class));
	buf_adds(out, "\n");
	buf_addf(out, "Linux     %s\n", linux_seen ? linux_seen : "does not have it");
	buf_addf(out, "FreeBSD   %s\n", freebsd_seen ? freebsd_seen : "does not have it");
	buf_addf(out, "Silence   kmodlab run --silence %s\n", r->id);
}

static void put_example_markdown(const char *heading, const char *code, struct buf *out)
{
	if (code)
		buf_addf(out, "%s\n```c\n%s```\n\n", heading, code);
}

void rule_print_markdown(const struct rule *r, struct buf *out)
{
	const char *linux_seen = where_seen(r->on_linux, false);
	const char *freebsd_seen = where_seen(r->on_freebsd, true);

	buf_addf(out, "### %s\n\n**%s**", r->id, r->title);
	if (r->severity == SEVERITY_ERROR)
		buf_addf(out, " (error, %s)\n\n", class_name(r->class));
	else
		buf_addf(out, " (%s)\n\n", severity_name(r->severity));
	buf_addf(out, "%s\n\n", r->meaning);
	put_example_markdown(r->freebsd_example ? "Linux:" : "Gets it:", r->linux_example, out);
	put_example_markdown("FreeBSD:", r->freebsd_example, out);
	buf_addf(out, "*What to do:* %s\n\n", r->remedy);
	buf_addf(out, "*Found on:* Linux: %s. FreeBSD: %s. *Silence:* `--silence %s`\n\n",
		linux_seen ? linux_seen : "there is no such thing",
		freebsd_seen ? freebsd_seen : "there is no such thing", r->id);
}

void rules_print_markdown(struct buf *out)
{
	buf_adds(out,
		"# The rules\n\n"
		"Every finding has a rule. `kmodlab explain RULE` prints what stands here of it; this page is "
		"made by\n`kmodlab explain --all --markdown`. A debug target is a kernel that watches itself: `kmodlab target add debian:bookworm/debug`.\n\n");
	for (size_t i = 0; i < NPARTS; i++) {
		buf_addf(out, "## %s\n\n| rule | what it is |\n| --- | --- |\n", parts[i].title);
		for (const struct rule *r = parts[i].rules; r->id; r++)
			buf_addf(out, "| [`%s`](#%s) | %s |\n", r->id, r->id, r->title);
		buf_adds(out, "\n");
		for (const struct rule *r = parts[i].rules; r->id; r++)
			rule_print_markdown(r, out);
	}
	/* One newline at the end is enough. */
	if (out->len)
		out->data[--out->len] = 0;
}

void rules_print_list(struct buf *out)
{
	size_t width = 0;

	pthread_once(&once, gather_all);
	for (size_t i = 0; i < nall; i++)
		width = strlen(all[i]->id) > width ? strlen(all[i]->id) : width;
	for (size_t i = 0; i < NPARTS; i++) {
		buf_addf(out, "%s%s\n", i ? "\n" : "", parts[i].title);
		for (const struct rule *r = parts[i].rules; r->id; r++)
			buf_addf(out, "  %-*s  %s\n", (int)width, r->id, r->title);
	}
}
