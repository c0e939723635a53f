/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/gather.h"

#include "report/columns.h"

#include <ctype.h>
#include <string.h>

/* What stands for the module's name in a sentence about several. */
#define NAME "MODULE"
/* Lists of modules longer than this are cut. */
#define LIST_MAX 12

struct place {
	size_t row, column;
};

/* One thing that was found. */
struct group {
	uint64_t hash;
	char *key;		/* what makes it the same as another */
	struct finding finding; /* owned; as it was found first */
	char *message, *advice; /* the same without the module's name; advice may be NULL */
	struct place *places;
	size_t nplaces;
};

struct gather {
	const char *const *rows;
	struct strv columns;
	struct group *groups;
	size_t n;
	size_t silenced;
	bool count_notes;
	size_t notes; /* not shown */
};

struct gather *gather_new(const char *const *rows, const char *const *columns, size_t ncolumns)
{
	struct gather *g = xcalloc(1, sizeof *g);

	g->rows = rows;
	column_names(columns, ncolumns, &g->columns);
	return g;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		struct group *a = &g->groups[i];

		free(a->key);
		free(a->message);
		free(a->advice);
		free(a->places);
		free(a->finding.file);
		free(a->finding.message);
		free(a->finding.advice);
		free(a->finding.excerpt);
		free(a->finding.trace);
		free(a->finding.function);
	}
	free(g->groups);
	strv_free(&g->columns);
	free(g);
}

/* ---- what is the same ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* How many characters of `at` are the name, which files may spell with '-' for '_'; 0: it is another. */
static size_t name_at(const char *at, const char *name)
{
	size_t n = 0;

	while (name[n] && (at[n] == name[n] || (name[n] == '_' && at[n] == '-')))
		n++;
	return name[n] || is_word(at[n]) ? 0 : n;
}

/* `text` with the module's name, where it stands as a word, taken out. NULL for NULL. */
static char *without_name(const char *text, const char *name)
{
	struct buf out = {0};

	if (!text)
		return NULL;
	for (const char *p = text; *p;) {
		size_t n = *name && (p == text || !is_word(p[-1])) ? name_at(p, name) : 0;

		buf_add(&out, n ? NAME : p, n ? strlen(NAME) : 1);
		p += n ? n : 1;
	}
	return buf_take(&out);
}

/* Takes out of a sentence what differs from one boot to the next: process and processor numbers, and
 * addresses in the kernel (not small ones: those tell how a pointer was wrong). In place. */
static void drop_chance(char *text)
{
	static const char *const words[] = {"PID: ", "CPU: ", "ffff"};
	char *to = text;

	for (const char *p = text; *p;) {
		size_t n = 0;

		for (size_t i = 0; i < sizeof words / sizeof *words && !n; i++)
			if (!strncmp(p, words[i], strlen(words[i])) &&
				(p == text || !is_word(p[-1]) ||
					(p - text > 1 && p[-1] == 'x' && p[-2] == '0')))
				n = strlen(words[i]);
		if (!n) {
			*to++ = *p++;
			continue;
		}
		memmove(to, p, n);
		to += n;
		for (p += n; isxdigit((unsigned char)*p); p++)
			;
	}
	*to = 0;
}

static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void add_place(struct group *a, size_t row, size_t column)
{
	const struct place *last = a->nplaces ? &a->places[a->nplaces - 1] : NULL;

	/* A trial may have found it more than once. */
	if (last && last->row == row && last->column == column)
		return;
	if ((a->nplaces & (a->nplaces - 1)) == 0)
		a->places = xreallocarray(
			a->places, a->nplaces ? 2 * a->nplaces : 1, sizeof *a->places);
	a->places[a->nplaces++] = (struct place){row, column};
}

static void add(
	struct gather *g, size_t row, size_t column, const char *name, const struct finding *f)
{
	AUTO_FREE char *message = without_name(f->message, name);
	AUTO_FREE char *advice = without_name(f->advice, name);
	AUTO_FREE char *key = xasprintf("%s %d %s:%u:%u %s\n%s", f->rule, f->severity,
		f->file ? f->file : "", f->line, f->column, message, advice ? advice : "");
	uint64_t h;
	struct group *a;
	size_t i = 0;

	drop_chance(key);
	h = hash(key);
	while (i < g->n && (g->groups[i].hash != h || strcmp(g->groups[i].key, key)))
		i++;
	if (i == g->n) {
		a = ARRAY_ADD(g->groups, g->n);
		a->hash = h;
		a->key = key;
		a->message = message;
		a->advice = advice;
		key = message = advice = NULL;
		a->finding = *f;
		a->finding.file = copy(f->file);
		a->finding.message = copy(f->message);
		a->finding.advice = copy(f->advice);
		a->finding.excerpt = copy(f->excerpt);
		a->finding.trace = copy(f->trace);
		a->finding.function = copy(f->function);
	}
	add_place(&g->groups[i], row, column);
}

void gather_count_notes(struct gather *g)
{
	g->count_notes = true;
}

void gather_add(struct gather *g, size_t row, size_t column, const struct trial *t)
{
	for (size_t i = 0; i < t->findings.n; i++)
		if (t->findings.items[i].silenced)
			g->silenced++;
		else if (g->count_notes && t->verdict == VERDICT_PASS &&
			t->findings.items[i].severity == SEVERITY_NOTE)
			g->notes++;
		else
			add(g, row, column, t->name, &t->findings.items[i]);
	if (t->retried)
		add(g, row, column, t->name,
			&(struct finding){.rule = "retried",
				.severity = SEVERITY_NOTE,
				.message = t->retried,
				.advice =
					(char *)"It was run again in another machine, and that is "
						"what counts."});
	if (t->verdict == VERDICT_INFRASTRUCTURE)
		add(g, row, column, t->name,
			&(struct finding){.rule = "infrastructure",
				.severity = SEVERITY_ERROR,
				.message = (char *)t->error.text,
				.advice =
					(char *)"This is not the module's doing, and no verdict on it."});
	if (t->verdict == VERDICT_SKIPPED)
		add(g, row, column, t->name,
			&(struct finding){.rule = "skipped",
				.severity = SEVERITY_NOTE,
				.message = (char *)t->error.text});
}

/* ---- showing it ---- */

/* Where the places of one row end that begin at `i`. */
static size_t row_end(const struct group *a, size_t i)
{
	size_t end = i;

	while (end < a->nplaces && a->places[end].row == a->places[i].row)
		end++;
	return end;
}

static bool same_columns(const struct group *a, size_t i, size_t k)
{
	size_t n = row_end(a, i) - i;

	if (row_end(a, k) - k != n)
		return false;
	for (size_t c = 0; c < n; c++)
		if (a->places[i + c].column != a->places[k + c].column)
			return false;
	return true;
}

/* " on bookworm, trixie"; nothing where there is one target only. */
static void add_columns(const struct gather *g, const struct group *a, size_t i, struct buf *out)
{
	size_t end = row_end(a, i);

	for (size_t k = i; k < end && g->columns.n > 1; k++)
		buf_addf(out, "%s%s", k == i ? " on " : ", ", g->columns.v[a->places[k].column]);
}

/* A line for those modules that have it on the targets that the row at `i` has it on. */
static void add_heading(const struct gather *g, const struct group *a, size_t i, struct buf *out)
{
	AUTO_BUF struct buf names = {0};
	size_t n = 0;

	for (size_t k = i; k < a->nplaces; k = row_end(a, k)) {
		if (!same_columns(a, i, k))
			continue;
		if (n++ < LIST_MAX)
			buf_addf(&names, "%s%s", n > 1 ? ", " : "", g->rows[a->places[k].row]);
	}
	if (n > LIST_MAX)
		buf_addf(&names, " and %zu more", n - LIST_MAX);
	if (n == 1) {
		buf_adds(out, names.data);
		add_columns(g, a, i, out);
	} else {
		buf_addf(out, "%zu modules", n);
		add_columns(g, a, i, out);
		buf_addf(out, ": %s", names.data);
	}
	buf_adds(out, "\n");
}

/* Whether an earlier row has it on the same targets, so that it has been named. */
static bool was_named(const struct group *a, size_t i)
{
	for (size_t k = 0; k < i; k = row_end(a, k))
		if (same_columns(a, k, i))
			return true;
	return false;
}

static char *heading(const struct gather *g, const struct group *a)
{
	struct buf out = {0};

	for (size_t i = 0; i < a->nplaces; i = row_end(a, i))
		if (!was_named(a, i))
			add_heading(g, a, i, &out);
	return buf_take(&out);
}

void gather_show(const struct gather *g, struct terminal *term)
{
	AUTO_FREE char *last = xstrdup("");

	for (size_t i = 0; i < g->n; i++) {
		const struct group *a = &g->groups[i];
		bool several = row_end(a, 0) < a->nplaces;
		struct finding f = a->finding;
		char *head = heading(g, a);

		if (several) {
			f.message = a->message;
			f.advice = a->advice;
		}
		if (strcmp(head, last)) {
			fputc('\n', term->out);
			terminal_paint(term, BOLD, head);
		}
		terminal_finding(term, &f);
		free(last);
		last = head;
	}
	if (g->silenced)
		fprintf(term->out, "\n%zu finding%s silenced\n", g->silenced,
			g->silenced == 1 ? "" : "s");
	if (g->notes)
		fprintf(term->out, "\n%zu note%s not shown here; -v or --json shows all\n",
			g->notes, g->notes == 1 ? "" : "s");
	fflush(term->out);
}
