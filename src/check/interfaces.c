/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces to think twice about: those in the list, and double underscores. A kernel's own functions whose
 * names begin with two underscores leave out a check or a lock that those without them have; but most calls to
 * them are made by macros and inline functions that are there for everybody. So only a call that stands in
 * the module's own source is told, or, where the source cannot be read, one that the list does not know.
 */
#include "check/interfaces.h"

#include "base/path.h"
#include "check/check.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_MAX ((size_t)16 << 20)
/* A call's arguments may stand on lines of their own, before and behind the one that the compiler names. */
#define LINES_BEFORE 3
#define LINES_BEHIND 6
#define NAMES_TOLD   8 /* of those without a line, in one finding */

extern const char interfaces_text[], interfaces_text_end[];

/* ---- the list ---- */

struct entry {
	enum target_os os;
	struct text name;
	struct interface what;
};

static struct entry *entries;
static size_t nentries;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int compare_names(struct text a, struct text b)
{
	int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->os != y->os ? (x->os < y->os ? -1 : 1) : compare_names(x->name, y->name);
}

static struct text word(struct text *line)
{
	const char *blank = memchr(line->p, ' ', line->len);
	struct text w = {line->p, blank ? (size_t)(blank - line->p) : line->len};

	line->p += w.len + (blank != NULL);
	line->len -= w.len + (blank != NULL);
	return w;
}

static bool is(struct text t, const char *what)
{
	return t.len == strlen(what) && !memcmp(t.p, what, t.len);
}

static void read_list(void)
{
	struct text rest = {interfaces_text, (size_t)(interfaces_text_end - interfaces_text)};
	struct text line;

	while (text_line(&rest, &line)) {
		struct text os, kind;
		struct entry *e;

		if (!line.len || *line.p == '#')
			continue;
		os = word(&line);
		kind = word(&line);
		e = ARRAY_ADD(entries, nentries);
		e->os = is(os, "freebsd") ? TARGET_FREEBSD : TARGET_LINUX;
		e->what.kind = is(kind, "unsafe") ? INTERFACE_UNSAFE
			: is(kind, "deprecated")  ? INTERFACE_DEPRECATED
			: is(kind, "discouraged") ? INTERFACE_DISCOURAGED
						  : INTERFACE_HEADER;
		e->name = word(&line);
		e->what.since = word(&line);
		e->what.instead = line;
	}
	qsort(entries, nentries, sizeof *entries, by_name);
}

bool interface_find(enum target_os os, const char *name, struct interface *out)
{
	struct entry key = {.os = os, .name = {name, strlen(name)}};
	const struct entry *e;

	pthread_once(&once, read_list);
	e = bsearch(&key, entries, nentries, sizeof *entries, by_name);
	if (e)
		*out = e->what;
	return e != NULL;
}

/* ---- whose choice a call was ---- */

enum written { WRITTEN, NOT_WRITTEN, CANNOT_TELL };

struct source {
	char *path;
	struct buf text; /* empty if it cannot be read */
};

struct sources {
	struct source *items;
	size_t n;
};

static struct text source_text(struct sources *all, const char *path)
{
	struct source *s;

	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].path, path))
			return (struct text){all->items[i].text.data, all->items[i].text.len};
	s = ARRAY_ADD(all->items, all->n);
	s->path = xstrdup(path);
	if (path_read(path, SOURCE_MAX, &s->text))
		buf_free(&s->text);
	return (struct text){s->text.data, s->text.len};
}

static void sources_free(struct sources *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->items[i].path);
		buf_free(&all->items[i].text);
	}
	free(all->items);
}

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Whether the name stands in the line as a whole word. */
static bool line_has(struct text line, const char *name)
{
	size_t len = strlen(name);
	const char *p = line.p, *end = line.p + line.len;

	while ((p = memmem(p, (size_t)(end - p), name, len))) {
		if ((p == line.p || !is_name_byte(p[-1])) &&
			(p + len == end || !is_name_byte(p[len])))
			return true;
		p += len;
	}
	return false;
}

static enum written is_written(struct sources *all, const struct finding *place, const char *name)
{
	struct text text, line;
	unsigned number = 0;

	if (!place->file || !place->line)
		return CANNOT_TELL;
	text = source_text(all, place->file);
	if (!text.len)
		return CANNOT_TELL;
	while (text_line(&text, &line)) {
		number++;
		if (number + LINES_BEFORE < place->line)
			continue;
		if (number > place->line + LINES_BEHIND)
			break;
		if (line_has(line, name))
			return WRITTEN;
	}
	return NOT_WRITTEN;
}

/* ---- the findings ---- */

struct seen {
	const char *name;
	const struct flow_call
		*call; /* the first, or one that is written; NULL: there is no call */
	const struct flow_function *from;
	size_t calls;
};

static int seen_by_name(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* What is called or referred to from outside the module, by name, each once. */
static struct seen *collect(const struct check *c, size_t *n)
{
	struct seen *all = NULL;

	*n = 0;
	for (uint32_t i = 1; i < c->object->nsymbols; i++)
		if (c->object->symbols[i].undefined && *c->object->symbols[i].name)
			ARRAY_ADD(all, *n)->name = c->object->symbols[i].name;
	if (*n)
		qsort(all, *n, sizeof *all, seen_by_name);
	for (size_t i = 0; i < c->flow->nfunctions; i++) {
		const struct flow_function *f = &c->flow->functions[i];

		for (size_t k = 0; k < f->ncalls; k++) {
			struct seen key = {.name = c->object->symbols
						    ? c->object->symbols[f->calls[k].symbol].name
						    : ""},
				    *s;

			s = f->calls[k].symbol && *n
				? bsearch(&key, all, *n, sizeof *all, seen_by_name)
				: NULL;
			if (!s)
				continue;
			if (!s->calls++) {
				s->call = &f->calls[k];
				s->from = f;
			}
		}
	}
	return all;
}

static void tell(struct check *c, const struct seen *s, const char *rule, char *message,
	char *advice, struct findings *out)
{
	struct finding *f = finding_add(out, rule, SEVERITY_NOTE, CLASS_PASS, message, advice);

	if (!s->call)
		return;
	f->function = xstrdup(s->from->name);
	check_place(c, f, s->call->section, s->call->offset);
}

static void tell_listed(
	struct check *c, const struct seen *s, const struct interface *i, struct findings *out)
{
	static const struct {
		const char *rule, *words;
	} kinds[] = {
		[INTERFACE_UNSAFE] = {"interface-unsafe",
			"is easily used so that it writes too far"},
		[INTERFACE_DEPRECATED] = {"interface-deprecated", "is not for new code"},
		[INTERFACE_DISCOURAGED] = {"interface-discouraged",
			"is rarely what a module should use"},
	};
	bool gone = !is(i->since, "-");
	const char *system = target_os_name(c->q->target->os);
	AUTO_FREE char *times = s->calls > 1 ? xasprintf(" (%zu calls)", s->calls) : xstrdup("");
	char *message = gone ? xasprintf("%s uses %s%s, which %s %.*s took away", c->q->ko->name,
				       s->name, times, system, (int)i->since.len, i->since.p)
			     : xasprintf("%s uses %s%s, which %s", c->q->ko->name, s->name, times,
				       kinds[i->kind].words);

	tell(c, s, kinds[i->kind].rule, message, xstrndup(i->instead.p, i->instead.len), out);
}

/* A name with two underscores that is in no list: told by its line if it stands there, else gathered. */
static void tell_underscored(struct check *c, struct sources *sources, const struct seen *s,
	struct buf *gathered, size_t *ngathered, struct findings *out)
{
	struct finding place = {0};
	enum written written;

	if (!s->call)
		return;
	check_place(c, &place, s->call->section, s->call->offset);
	written = is_written(sources, &place, s->name);
	free(place.file);
	free(place.function);
	if (written == NOT_WRITTEN)
		return;
	if (written == CANNOT_TELL) {
		if ((*ngathered)++ < NAMES_TOLD)
			buf_addf(gathered, "%s%s", gathered->len ? ", " : "", s->name);
		return;
	}
	tell(c, s, "double-underscore",
		xasprintf("%s calls %s, which the two underscores mark as not for everybody",
			c->q->ko->name, s->name),
		xstrdup("Use the function without them, which checks or locks what this one does not; or "
			"make sure that its conditions hold here."),
		out);
}

static bool is_underscored(const char *name)
{
	static const char *const others[] = {"__x86_", "__SCT__", "__SCK__", "__asan_", "__tsan_",
		"__kcsan_", "__hwasan_", "__ubsan_", "__sanitizer_", "__tracepoint_",
		"__traceiter_", "__start_", "__stop_", "__this_module", "__kcfi_", "__pi_"};

	if (strncmp(name, "__", 2))
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!strncmp(name, others[i], strlen(others[i])))
			return false;
	return true;
}

void check_interfaces(struct check *c, struct findings *out)
{
	AUTO_BUF struct buf gathered = {0};
	struct sources sources = {0};
	size_t n, ngathered = 0;
	struct seen *all = collect(c, &n);

	for (size_t i = 0; i < n; i++) {
		struct interface what;

		if (i && !strcmp(all[i].name, all[i - 1].name))
			continue;
		if (interface_find(c->q->target->os, all[i].name, &what)) {
			if (what.kind != INTERFACE_HEADER)
				tell_listed(c, &all[i], &what, out);
			continue;
		}
		if (is_underscored(all[i].name))
			tell_underscored(c, &sources, &all[i], &gathered, &ngathered, out);
	}
	if (ngathered)
		finding_add(out, "double-underscore", SEVERITY_NOTE, CLASS_PASS,
			xasprintf(
				"%s calls functions that two underscores mark as not for everybody, "
				"itself or through a header: %s%s",
				c->q->ko->name, gathered.data, ngathered > NAMES_TOLD ? ", …" : ""),
			xstrdup("Check with its source at hand (kmodlab check DIR) to see which calls "
				"are its own."));
	free(all);
	sources_free(&sources);
}
