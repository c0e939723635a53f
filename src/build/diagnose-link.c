/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes after the compiler: objtool, the linker, and modpost, whose sentences about symbols are
 * put in the words of check/symbols.h, since why a symbol is not to be had is what matters. None
 * of them says where in the source it is: that is looked up (build/advice.h).
 */
#include "build/reader.h"

#include "build/advice.h"
#include "check/symbols.h"

/* ---- objtool, the linker ---- */

bool read_objtool(struct reader *r, const char *line)
{
	const char *text = after(line, ": warning: objtool: ");
	enum severity severity = SEVERITY_WARNING;

	if (!text) {
		text = after(line, ": error: objtool: ");
		severity = SEVERITY_ERROR;
	}
	if (!text)
		return false;
	reader_begin(r, "objtool", severity, (struct place){0}, xstrdup(text), NULL);
	reader_add(r, line);
	r->takes_all = true;
	return true;
}

/* "ld: …", "x86_64-linux-gnu-ld: …", "ld.lld: …": what follows, or NULL. */
static const char *after_ld(const char *line)
{
	static const char *const names[] = {"ld", "ld.bfd", "ld.lld", "ld.gold"};
	size_t n = strcspn(line, ": ");

	if (line[n] != ':' || line[n + 1] != ' ')
		return NULL;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (n >= len && !memcmp(line + n - len, names[i], len) &&
			(n == len || line[n - len - 1] == '-' || line[n - len - 1] == '/'))
			return line + n + 2;
	}
	return NULL;
}

static bool is_link_error(const char *text)
{
	return strstr(text, "multiple definition of ") || strstr(text, "undefined reference to ") ||
		strstr(text, "duplicate symbol: ");
}

/* lld's second line: ">>> defined at hello.c:10 (/path/hello.c:10)". */
static bool read_lld_place(struct reader *r, const char *line)
{
	const char *text = after(line, ">>> defined at ");
	struct finding *f = r->found.n ? &r->found.items[r->found.n - 1] : NULL;
	AUTO_FREE char *place = NULL;
	struct place at = {0};

	if (!text || !begins(line, ">>> ") || !r->in_finding)
		return false;
	place = xasprintf("%.*s: ", (int)strcspn(text, " "), text);
	if (f && !r->is_twice && !f->file && reader_place(r, place, &at)) {
		f->file = at.file;
		f->line = at.line;
		at.file = NULL;
	}
	free(at.file);
	reader_add(r, line);
	return true;
}

bool read_linker(struct reader *r, const char *line)
{
	const char *mine = after_ld(line), *text, *rest;
	enum severity severity = SEVERITY_ERROR;
	struct place at = {0};

	text = mine ? mine : line;
	if (read_lld_place(r, line))
		return true;
	if (!mine && !is_link_error(line))
		return false;
	/* "x.o: in function `f':" leads to the line that says what is wrong there. */
	if (strstr(text, ": in function `")) {
		reader_end(r);
		return true;
	}
	if (begins(text, "NOTE: ") && r->in_finding) {
		reader_add(r, line);
		return true;
	}
	rest = reader_place(r, text, &at);
	if (rest)
		text = rest;
	if (begins(text, "warning: ")) {
		severity = SEVERITY_WARNING;
		text += strlen("warning: ");
	} else if (begins(text, "error: ")) {
		text += strlen("error: ");
	}
	reader_begin(r, severity == SEVERITY_ERROR ? "linker-error" : "linker-warning", severity,
		at, xstrdup(text), advice_for_linker(text));
	reader_add(r, line);
	r->takes_all = true;
	return true;
}

/* ---- modpost ---- */

/* "/path/hello.ko", "hello.o", "hello" to "hello". Caller frees. */
static char *module_of(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *dot = strrchr(base, '.');

	if (dot && (!strcmp(dot, ".ko") || !strcmp(dot, ".o")))
		return xstrndup(base, (size_t)(dot - base));
	return xstrdup(base);
}

/* Where the source names `symbol`, as near as its text tells. */
static struct place place_of(const struct reader *r, const char *symbol)
{
	struct place at = {0};

	at.file = source_of_word(r->dir, symbol, &at.line);
	return at;
}

/* `"foo" [/path/hello.ko] undefined!` */
static bool read_undefined(struct reader *r, const char *text, enum severity severity)
{
	AUTO_FREE char *symbol = between(text, "\"", "\"");
	AUTO_FREE char *path = between(text, "[", "]");
	AUTO_FREE char *module = path ? module_of(path) : NULL;
	struct symbol_info info = {.state = SYMBOL_UNKNOWN};
	char *message, *advice;

	if (text[0] != '"' || !symbol || !path || !strstr(text, "undefined!"))
		return false;
	if (r->target && r->found.n < MOST_SHOWN)
		symbol_look_up(r->target, symbol, &info);
	symbol_explain(module, symbol, &info, &message, &advice);
	symbol_info_free(&info);
	reader_begin(r, "symbol-unknown", severity, place_of(r, symbol), message, advice);
	return true;
}

/* `GPL-incompatible module hello.ko uses GPL-only symbol 'foo'` */
static bool read_gpl(struct reader *r, const char *text, enum severity severity)
{
	AUTO_FREE char *path = between(text, "GPL-incompatible module ", " ");
	AUTO_FREE char *symbol = between(text, "symbol '", "'");
	AUTO_FREE char *module = path ? module_of(path) : NULL;
	struct symbol_info info = {.state = SYMBOL_GPL_ONLY};
	char *message, *advice;

	if (!path || !symbol)
		return false;
	symbol_explain(module, symbol, &info, &message, &advice);
	reader_begin(r, "license-gpl", severity, place_of(r, symbol), message, advice);
	return true;
}

/* `module hello uses symbol foo from namespace BAR, but does not import it.` */
static bool read_namespace(struct reader *r, const char *text, enum severity severity)
{
	AUTO_FREE char *path = between(text, "module ", " uses symbol ");
	AUTO_FREE char *symbol = between(text, "uses symbol ", " from namespace ");
	AUTO_FREE char *namespace = between(text, "from namespace ", ", but does not import it");
	AUTO_FREE char *module = path ? module_of(path) : NULL;

	if (!path || !symbol || !namespace)
		return false;
	reader_begin(r, "namespace-import", severity, place_of(r, symbol),
		xasprintf("%s uses %s, which is in the symbol namespace %s, and does not import "
			  "that.",
			module, symbol, namespace),
		advice_for_namespace(namespace, r->target));
	return true;
}

/* `missing MODULE_LICENSE() in /path/hello.o` */
static bool read_license(struct reader *r, const char *text, enum severity severity)
{
	const char *path = after(text, "missing MODULE_LICENSE() in ");
	AUTO_FREE char *module = path ? module_of(path) : NULL;
	struct place at = {0};

	if (!path)
		return false;
	at.file = source_of_module(r->dir, module);
	reader_begin(r, "license-missing", severity, at,
		xasprintf("%s has no MODULE_LICENSE().", module),
		xstrdup("Add MODULE_LICENSE(\"GPL\"), or the licence that the code is under, to one "
			"of its files."));
	return true;
}

/* Everything else that modpost says, in its own words. */
static void read_other(struct reader *r, const char *text, enum severity severity)
{
	/* "section mismatch in reference: f+0x5 (section: …", before Linux 6.2 "… from the function
	 * f() to …" */
	AUTO_FREE char *symbol = between(text, "in reference: ", " ");
	const char *object = after(text, "missing MODULE_DESCRIPTION() in ");
	struct place at = {0};

	if (!symbol)
		symbol = between(text, "from the function ", "(");
	if (symbol) {
		symbol[strcspn(symbol, "+.")] = 0;
		at = place_of(r, symbol);
	} else if (object) {
		AUTO_FREE char *module = module_of(object);

		at.file = source_of_module(r->dir, module);
	}
	reader_begin(r, "modpost", severity, at, xstrdup(text), advice_for_modpost(text));
	r->takes_all = true; /* up to Linux 6.0 a section mismatch takes several lines */
}

bool read_modpost(struct reader *r, const char *line)
{
	static const struct kind heads[] = {{"ERROR: ", SEVERITY_ERROR},
		{"FATAL: ", SEVERITY_ERROR}, {"WARNING: ", SEVERITY_WARNING}};
	const struct kind *head = NULL;
	const char *text;

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (begins(line, heads[i].word))
			head = &heads[i];
	if (!head)
		return false;
	text = line + strlen(head->word);
	if (begins(text, "modpost: "))
		text += strlen("modpost: ");
	if (!read_undefined(r, text, head->severity) && !read_gpl(r, text, head->severity) &&
		!read_namespace(r, text, head->severity) && !read_license(r, text, head->severity))
		read_other(r, text, head->severity);
	reader_add(r, line);
	return true;
}
