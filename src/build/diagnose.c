/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading what make printed. Line by line: each line either begins a finding, belongs to the one
 * before it (a quoted source line, a note), leads to the next one ("In file included from"), or
 * is of no interest. The words of the compiler, the linker, modpost and make are kept; what is
 * added is where it is, and what to do where there is something true and useful to say
 * (build/advice.c).
 *
 * Everything here was printed by a build that ran a stranger's Makefile: any text at all is read.
 */
#include "build/build.h"

#include "build/advice.h"
#include "build/reader.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#define MOST_KEPT      2000 /* findings looked at; the log of a build can hold any number */
#define MESSAGE_MAX    2000 /* bytes */
#define FALLBACK_LINES 20

/* ---- findings ---- */

void reader_end(struct reader *r)
{
	struct finding *f = r->found.n ? &r->found.items[r->found.n - 1] : NULL;

	if (r->in_finding && f && !r->is_twice && r->excerpt.len)
		f->excerpt = buf_take(&r->excerpt);
	buf_free(&r->excerpt);
	buf_free(&r->held);
	r->in_finding = r->takes_all = r->is_twice = false;
}

void reader_add(struct reader *r, const char *line)
{
	if (r->excerpt.len + strlen(line) < EXCERPT_MAX)
		buf_addf(&r->excerpt, "%s%s", r->excerpt.len ? "\n" : "", line);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool met_before(const struct reader *r, const struct finding *f)
{
	for (size_t i = 0; i < r->found.n; i++) {
		const struct finding *g = &r->found.items[i];

		if (g->line == f->line && g->column == f->column && g->rule == f->rule &&
			!strcmp(g->message, f->message) && same_text(g->file, f->file))
			return true;
	}
	return false;
}

void reader_begin(struct reader *r, const char *rule, enum severity severity, struct place at,
	char *message, char *advice)
{
	struct finding f = {.rule = rule, .file = at.file, .line = at.line, .column = at.column};
	struct finding *new;

	reader_end(r);
	if (strlen(message) > MESSAGE_MAX)
		message[MESSAGE_MAX] = 0;
	f.message = message;
	r->in_finding = true;
	r->is_twice = r->found.n >= MOST_KEPT || met_before(r, &f);
	if (r->is_twice) {
		r->skipped += r->found.n >= MOST_KEPT;
		free(at.file);
		free(message);
		free(advice);
		return;
	}
	new = finding_add(&r->found, rule, severity, CLASS_BUILD, message, advice);
	new->file = at.file;
	new->line = at.line;
	new->column = at.column;
}

/* ---- where ---- */

/* Whether a relative path is one of the kernel's own, as named from its build tree. */
static bool is_kernels(const char *dir, const char *path)
{
	static const char *const tops[] = {
		"include/", "arch/", "scripts/", "tools/", "Makefile:", "Kbuild:", NULL};
	AUTO_FREE char *mine = xasprintf("%s/%.*s", dir, (int)strcspn(path, ":"), path);

	for (size_t i = 0; tops[i]; i++)
		if (begins(path, tops[i]))
			return access(mine, F_OK) != 0;
	return false;
}

/* The path as the user knows it. Up to Linux 6.12 Kbuild runs in the build tree and gives the
 * module's files their full path; since then it runs in the module's directory, says so, and names
 * them from there. What is the kernel's is left as it is. */
char *reader_path(const struct reader *r, const char *path, size_t len)
{
	const char *from = r->depth ? r->where[r->depth - 1] : r->dir;
	const char *short_path = begins(path, "./") ? path + 2 : path;
	size_t n = strlen(r->dir);

	if (path[0] == '/' || strncmp(from, r->dir, n) || (from[n] && from[n] != '/') ||
		(!r->depth && is_kernels(r->dir, short_path)))
		return xstrndup(path, len);
	len -= len >= 2 ? (size_t)(short_path - path) : 0;
	return xasprintf("%s/%.*s", from, (int)len, len ? short_path : path);
}

char *reader_makefile(const struct reader *r, const char *word, size_t len, unsigned *line)
{
	AUTO_FREE char *copy = xstrndup(word, len);
	const char *in = r->depth ? r->where[r->depth - 1] : r->dir;
	char *file = source_of_object(in, copy, line);

	return file || !strcmp(in, r->dir) ? file : source_of_object(r->dir, copy, line);
}

static unsigned number(const char **p)
{
	unsigned long n = 0;

	for (; isdigit((unsigned char)**p); ++*p)
		n = n > 100000000 ? n : n * 10 + (unsigned long)(**p - '0');
	return (unsigned)n;
}

const char *reader_place(const struct reader *r, const char *line, struct place *at)
{
	if (isspace((unsigned char)*line))
		return NULL;
	for (const char *colon = strchr(line, ':'); colon; colon = strchr(colon + 1, ':')) {
		const char *p = colon + 1;
		unsigned row, column = 0;

		if (colon == line || !isdigit((unsigned char)*p))
			continue;
		row = number(&p);
		if (p[0] == ':' && isdigit((unsigned char)p[1])) {
			p++;
			column = number(&p);
		}
		if (p[0] != ':' || p[1] != ' ')
			continue;
		*at = (struct place){reader_path(r, line, (size_t)(colon - line)), row, column};
		return p + 2;
	}
	return NULL;
}

/* ---- the compiler ---- */

static const struct kind kinds[] = {
	{"error: ", SEVERITY_ERROR},
	{"fatal error: ", SEVERITY_ERROR},
	{"warning: ", SEVERITY_WARNING},
	{"note: ", SEVERITY_NOTE},
	{"internal compiler error: ", SEVERITY_ERROR},
	{"sorry, unimplemented: ", SEVERITY_ERROR},
	/* the assembler's */
	{"Error: ", SEVERITY_ERROR},
	{"Fatal error: ", SEVERITY_ERROR},
	{"Warning: ", SEVERITY_WARNING},
};

static const struct kind *kind_of(const char *text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (begins(text, kinds[i].word))
			return &kinds[i];
	return NULL;
}

static bool is_makefile(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t n = strlen(base);

	return strcasestr(base, "makefile") || begins(base, "Kbuild") ||
		(n > 3 && !strcmp(base + n - 3, ".mk"));
}

/* "In file included from" lines say how the compiler got there. They are of interest when it got
 * into a header, and noise before an error in the very file that they begin with. */
static void keep_way(struct reader *r, const char *file)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	size_t n = strlen(base);

	if (r->before.len && !(n > 2 && !strcmp(base + n - 2, ".c")))
		reader_add(r, r->before.data);
	buf_free(&r->before);
}

static bool read_compiler(struct reader *r, const char *line)
{
	struct place at = {0};
	const char *text = reader_place(r, line, &at);
	const struct kind *kind = text ? kind_of(text) : NULL;

	if (!kind) {
		free(at.file);
		return false;
	}
	if (kind->severity == SEVERITY_NOTE) {
		free(at.file);
		buf_free(&r->before);
		if (r->in_finding)
			reader_add(r, line);
		return true;
	}
	text += strlen(kind->word);
	reader_begin(r,
		is_makefile(at.file)			   ? "make-warning"
			: kind->severity == SEVERITY_ERROR ? "compiler-error"
							   : "compiler-warning",
		kind->severity, at, xstrdup(text), advice_for_compiler(text, r->dir, r->target));
	/* at.file is the finding's now, if it was new */
	keep_way(r, r->is_twice ? "" : at.file);
	return true;
}

/* "cc1: error: …", "gcc: fatal error: …": without a place. */
static bool read_driver(struct reader *r, const char *line)
{
	static const char *const programs[] = {"gcc", "cc1", "clang", "collect2", "objcopy", NULL};
	size_t n = strcspn(line, ": ");
	AUTO_FREE char *program = xstrndup(line, n);
	const struct kind *kind;

	if (begins(line, "error: ")) {
		reader_begin(r, "compiler-error", SEVERITY_ERROR, (struct place){0},
			xstrdup(line + strlen("error: ")), NULL);
		return true;
	}
	if (line[n] != ':' || line[n + 1] != ' ')
		return false;
	kind = kind_of(line + n + 2);
	for (size_t i = 0; kind && kind->severity != SEVERITY_NOTE && programs[i]; i++) {
		if (!strstr(program, programs[i]))
			continue;
		reader_begin(r,
			kind->severity == SEVERITY_ERROR ? "compiler-error" : "compiler-warning",
			kind->severity, (struct place){0},
			xstrdup(line + n + 2 + strlen(kind->word)), NULL);
		return true;
	}
	return false;
}

static bool is_caret_line(const char *line)
{
	return line[strspn(line, " \t^~")] == 0 && strchr(line, '^');
}

/* gcc's "  12 | source", "     |   ^~~", " +++ |+#include". */
static bool is_quoted_source(const char *line)
{
	const char *p = line + strspn(line, " ");

	if (p == line && !isdigit((unsigned char)*p))
		return false;
	p += *p == '+' ? strspn(p, "+") : strspn(p, "0123456789");
	return p[strspn(p, " ")] == '|';
}

/* "  CC [M]  /path/hello.o": what Kbuild says it is at. */
static bool is_progress(const char *line)
{
	size_t n;

	if (!begins(line, "  ") || !isupper((unsigned char)line[2]))
		return false;
	for (n = 2; isupper((unsigned char)line[n]) || isdigit((unsigned char)line[n]) ||
		line[n] == '_' || line[n] == '-';)
		n++;
	return line[n] == ' ' && (line[n + 1] == ' ' || line[n + 1] == '[');
}

/* ---- make and the shell ---- */

/* "make[2]: Entering directory '/x'"; bmake opens the quotation with "`". */
static bool read_directory(struct reader *r, const char *line)
{
	const char *text = after(line, "make");
	AUTO_FREE char *path = NULL;

	if (!text || text - line > (ptrdiff_t)strlen("bmake"))
		return false;
	if (strstr(text, ": Leaving directory ")) {
		if (r->depth)
			free(r->where[--r->depth]);
		reader_end(r);
		return true;
	}
	path = between(text, ": Entering directory '", "'");
	if (!path)
		path = between(text, ": Entering directory `", "'");
	if (!path)
		return false;
	reader_end(r);
	if (r->depth == DEPTH_MAX) {
		free(r->where[0]);
		memmove(r->where, r->where + 1, sizeof *r->where * --r->depth);
	}
	r->where[r->depth++] = path;
	path = NULL;
	return true;
}

static void add_make_error(struct reader *r, struct place at, const char *text)
{
	AUTO_FREE char *wanted = between(text, "No rule to make target '", "'");
	size_t n = strlen(text);
	char *message;

	if (wanted && !at.file) {
		const char *slash = strrchr(wanted, '/');

		at.file = source_of_object(r->dir, slash ? slash + 1 : wanted, &at.line);
	}
	if (n > 7 && !strcmp(text + n - 7, "  Stop."))
		n -= 7;
	message = xstrndup(text, n);
	reader_begin(r, "make-error", SEVERITY_ERROR, at, message,
		advice_for_make(message, r->dir, r->target));
}

/* A program that the Makefile calls and the target's tree does not have. */
void reader_add_not_found(struct reader *r)
{
	AUTO_FREE char *line = r->not_found;

	if (!line)
		return;
	r->not_found = NULL;
	reader_begin(r, "make-error", SEVERITY_ERROR, (struct place){0}, xstrdup(line),
		xstrdup("The Makefile calls a program that is not there where modules are built: in "
			"the target's tree, for FreeBSD on this machine."));
	reader_add(r, line);
}

static bool read_make(struct reader *r, const char *line)
{
	struct place at = {0};
	const char *text = begins(line, "make") ? after(line, ": *** ") : NULL;

	if (text) {
		r->make_failed = true;
		/* "[Makefile:3: all] Error 2" and "Waiting for unfinished jobs" follow from what was
		 * said before. */
		if (strstr(text, "] Error 127"))
			reader_add_not_found(r);
		if (text[0] == '[' || begins(text, "Waiting for ") ||
			begins(text, "Deleting file ") || begins(text, "exited ") ||
			begins(text, "was killed "))
			reader_end(r);
		else
			add_make_error(r, at, text);
		return true;
	}
	text = reader_place(r, line, &at);
	if (text && begins(text, "*** ")) {
		r->make_failed = true;
		add_make_error(r, at, text + strlen("*** "));
		reader_add(r, line);
		return true;
	}
	free(at.file);
	if (begins(line, "make: ") || begins(line, "make[")) {
		reader_end(r);
		return true;
	}
	if ((begins(line, "/bin/sh: ") || begins(line, "sh: ")) && strstr(line, "not found")) {
		free(r->not_found);
		r->not_found = xstrdup(line);
	}
	return false;
}

/* ---- the log ---- */

/* Lines that go with the last finding, or lead to the next. */
static bool read_context(struct reader *r, const char *line)
{
	if (begins(line, "In file included from ")) {
		buf_free(&r->before);
		buf_adds(&r->before, line);
		return true;
	}
	if (r->before.len && begins(line, "                 from ")) {
		if (r->before.len < EXCERPT_MAX)
			buf_addf(&r->before, "\n%s", line);
		return true;
	}
	if (!r->in_finding)
		return false;
	if (is_quoted_source(line)) {
		reader_add(r, line);
		return true;
	}
	/* Older compilers quote without a margin: a line is source if the next one points at it. */
	if (is_caret_line(line)) {
		if (r->held.len)
			reader_add(r, r->held.data);
		buf_free(&r->held);
		reader_add(r, line);
		return true;
	}
	return false;
}

static void read_line(struct reader *r, const char *line)
{
	if (is_progress(line) || !*line || begins(line, "Skipping BTF generation ")) {
		reader_end(r);
		return;
	}
	if (read_context(r, line) || read_directory(r, line) || read_objtool(r, line) ||
		read_compiler(r, line) || read_bmake(r, line) || read_make(r, line) ||
		read_linker(r, line) || read_driver(r, line) || read_modpost(r, line))
		return;
	if (r->takes_all) {
		reader_add(r, line);
		return;
	}
	buf_free(&r->held);
	buf_adds(&r->held, line);
}

/* Replaces the path that make saw by the user's, wherever it stands as one. */
static char *as_user_sees(const char *log, const char *inside, const char *dir)
{
	size_t n = strlen(inside);
	struct buf out = {0};

	if (!n || !strcmp(inside, dir))
		return xstrdup(log);
	for (const char *p; (p = strstr(log, inside)); log = p + n) {
		bool whole = (p[n] == '/' || !isalnum((unsigned char)p[n])) &&
			(p == log || !(isalnum((unsigned char)p[-1]) || p[-1] == '/'));

		buf_add(&out, log, (size_t)(p - log));
		buf_adds(&out, whole ? dir : inside);
	}
	buf_adds(&out, log);
	return buf_take(&out);
}

/* Nothing in it was recognised: its end is what there is to show. */
static void add_unrecognised(struct reader *r, const char *log)
{
	struct finding *f;
	const char *end = log + strlen(log), *p;
	int lines = 0;

	while (end > log && end[-1] == '\n')
		end--;
	for (p = end; p > log; p--)
		if (p[-1] == '\n' && ++lines == FALLBACK_LINES)
			break;
	f = finding_add(&r->found, "build-failed", SEVERITY_ERROR, CLASS_BUILD,
		xstrdup("make failed; the end of what it printed tells why."), NULL);
	f->excerpt = xstrndup(p, (size_t)(end - p));
}

/* Moves the findings of one severity over, as long as there is room. */
static void hand_on(struct reader *r, enum severity severity, struct findings *out, size_t *left)
{
	for (size_t i = 0; i < r->found.n; i++) {
		struct finding *f = &r->found.items[i];

		if (f->severity != severity || !f->message)
			continue;
		if (*left == 0) {
			r->skipped++;
			continue;
		}
		--*left;
		*ARRAY_ADD(out->items, out->n) = *f;
		*f = (struct finding){0};
	}
}

void build_diagnose(const char *log, const char *inside, const char *dir,
	const struct target *target, struct findings *out)
{
	AUTO_FREE char *text = as_user_sees(log, inside, dir);
	struct reader r = {.dir = dir, .target = target};
	AUTO_BUF struct buf line = {0};
	size_t left = MOST_SHOWN;

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		line.len = 0;
		buf_add(&line, p, n);
		read_line(&r, line.data);
		p += n + (p[n] == '\n');
	}
	reader_end(&r);
	if (r.make_failed && !findings_count(&r.found, SEVERITY_ERROR))
		add_unrecognised(&r, text);
	hand_on(&r, SEVERITY_ERROR, out, &left);
	hand_on(&r, SEVERITY_WARNING, out, &left);
	if (r.skipped)
		finding_add(out, "more-findings", SEVERITY_NOTE, CLASS_PASS,
			xasprintf("The build printed %zu more errors and warnings that are not "
				  "listed.",
				r.skipped),
			xstrdup("Mend the first ones and build again: many follow from one."));
	findings_free(&r.found);
	buf_free(&r.before);
	free(r.not_found);
	while (r.depth)
		free(r.where[--r.depth]);
}
