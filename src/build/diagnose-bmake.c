/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bmake itself says, and what the tools say that bsd.kmod.mk runs besides compiler and linker.
 * bmake calls itself by the name it was run under: "bmake: …", "bmake[1]: …", or "make" for either.
 */
#include "build/reader.h"

#include "build/advice.h"

#include <ctype.h>

/* What follows "bmake: " or "bmake[2]: "; NULL for other lines. */
static const char *after_name(const char *line)
{
	const char *p = *line == 'b' ? line + 1 : line;

	if (!begins(p, "make"))
		return NULL;
	p += strlen("make");
	if (*p == '[')
		p += strspn(p, "[0123456789]");
	/* GNU make's are read elsewhere. */
	return begins(p, ": ") && !begins(p, ": *** ") ? p + 2 : NULL;
}

static void add_error(struct reader *r, struct place at, char *message)
{
	reader_begin(r, "make-error", SEVERITY_ERROR, at, message,
		advice_for_make(message, r->dir, r->target));
}

/* `"/x/Makefile" line 3: Could not find y.mk`; later bmakes say `/x/Makefile:3: …`. */
static bool read_makefile_line(struct reader *r, const char *text)
{
	AUTO_FREE char *file = *text == '"' ? between(text, "\"", "\" line ") : NULL;
	const char *rest = file ? after(text, "\" line ") : NULL;
	struct place at = {0};

	if (rest && isdigit((unsigned char)*rest)) {
		at.line = (unsigned)strtoul(rest, NULL, 10);
		rest += strspn(rest, "0123456789");
		rest = begins(rest, ": ") ? rest + 2 : NULL;
		at.file = rest ? reader_path(r, file, strlen(file)) : NULL;
	} else {
		rest = reader_place(r, text, &at);
	}
	if (!rest) {
		free(at.file);
		return false;
	}
	if (begins(rest, "warning: "))
		reader_begin(r, "make-warning", SEVERITY_WARNING, at,
			xstrdup(rest + strlen("warning: ")), NULL);
	else
		add_error(r, at, xstrdup(rest));
	return true;
}

/* "don't know how to make absent.c. Stop", with -k "… absent.c (continuing)". */
static bool read_unknown_target(struct reader *r, const char *text)
{
	static const char *const tails[] = {". Stop", " (continuing)"};
	const char *wanted = after(text, "don't know how to make ");
	size_t n = wanted ? strlen(wanted) : 0;
	struct place at = {0};

	if (!wanted)
		return false;
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		size_t len = strlen(tails[i]);

		if (n > len && !strcmp(wanted + n - len, tails[i]))
			n -= len;
	}
	at.file = reader_makefile(r, wanted, n, &at.line);
	add_error(r, at, xasprintf("don't know how to make %.*s", (int)n, wanted));
	return true;
}

/* Words that by themselves mean an error; what is left is progress, or follows from what was said. */
static bool is_error(const char *text)
{
	static const char *const words[] = {
		"no target to make", "cannot open ", "Graph cycles through ", "Unclosed ", NULL};

	for (size_t i = 0; words[i]; i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* "*** [hello.o] Error code 1" follows from what was said before it. */
static bool read_result(struct reader *r, const char *line)
{
	if (!begins(line, "*** ") || !strstr(line, "Error code "))
		return false;
	r->make_failed = true;
	if (strstr(line, "Error code 127"))
		reader_add_not_found(r);
	reader_end(r);
	return true;
}

/* EXPORT_SYMS has a name that no file of the module defines: said by kmod_syms.awk. */
static bool read_export(struct reader *r, const char *line)
{
	AUTO_FREE char *symbol = between(line, "Symbol ", " is not present in ");
	struct place at = {0};

	if (!symbol || !begins(line, "Symbol ") || strchr(symbol, ' '))
		return false;
	at.file = reader_makefile(r, symbol, strlen(symbol), &at.line);
	reader_begin(r, "linker-warning", SEVERITY_WARNING, at,
		xasprintf("EXPORT_SYMS names %s, which the module does not define.", symbol),
		xstrdup("Only functions and variables that are not static can be exported."));
	reader_add(r, line);
	return true;
}

/* "--- hello.o ---", "===> base (all)": where it is at. */
static bool is_progress(const char *line)
{
	size_t n = strlen(line);

	return begins(line, "===> ") ||
		(n > 8 && begins(line, "--- ") && !strcmp(line + n - 4, " ---"));
}

bool read_bmake(struct reader *r, const char *line)
{
	const char *text = after_name(line);

	if (is_progress(line)) {
		reader_end(r);
		return true;
	}
	if (!text)
		return read_result(r, line) || read_export(r, line);
	if (begins(text, "stopped ") || begins(text, "Fatal errors encountered")) {
		r->make_failed = true;
		reader_end(r);
		return true;
	}
	if (read_unknown_target(r, text) || read_makefile_line(r, text)) {
		reader_add(r, line);
		return true;
	}
	if (*line != 'b' || !is_error(text))
		return false;
	add_error(r, (struct place){0}, xstrdup(text));
	reader_add(r, line);
	return true;
}
