/* SPDX-License-Identifier: BSD-2-Clause */
#include "build/bsd-record.h"

#include <ctype.h>
#include <string.h>

static const char *past(const char *text, const char *with)
{
	size_t n = strlen(with);

	return strncmp(text, with, n) ? NULL : text + n;
}

static bool ends(const char *text, const char *tail)
{
	size_t n = strlen(text), t = strlen(tail);

	return n > t && !strcmp(text + n - t, tail);
}

/* Whether it is a file name that neither make nor the shell takes for more than one word. */
static bool is_plain(const char *name)
{
	return *name && *name != '-' && !strpbrk(name, " \t\n:$#%\\'\"`*?[]{}()<>|&;~!\r");
}

void bsd_script_free(struct bsd_script *s)
{
	free(s->output);
	free(s->source);
	strv_free(&s->objects);
	*s = (struct bsd_script){0};
}

/* ---- scripts ---- */

static void split(const char *text, const char *by, struct strv *parts)
{
	while (*text) {
		size_t n = strcspn(text, by);
		AUTO_FREE char *part = xstrndup(text, n);

		if (n)
			strv_add(parts, part);
		text += n + (text[n] != 0);
	}
}

/* The lines that do something; make hides and shows commands with `set`. */
static void significant(const char *text, struct strv *lines)
{
	AUTO_STRV struct strv all = {0};

	split(text, "\n", &all);
	for (size_t i = 0; i < all.n; i++) {
		const char *line = all.v[i];

		if (line[strspn(line, " \t")] && strcmp(line, "set -") && strcmp(line, "set -v"))
			strv_add(lines, line);
	}
}

static bool has_word(const struct strv *words, const char *format, const char *name)
{
	AUTO_FREE char *word = xasprintf("%s%s", format, name);

	for (size_t i = 0; i < words->n; i++)
		if (!strcmp(words->v[i], word))
			return true;
	return false;
}

/* "clang … -MD -MF.depend.OBJECT -MTOBJECT … -c SOURCE -o OBJECT" */
static bool parse_compile(const char *line, struct bsd_script *s)
{
	AUTO_STRV struct strv words = {0};
	AUTO_FREE char *depend = NULL;
	const char *object, *source;

	if (!past(line, "clang --target=") || strpbrk(line, ";|&<>`$()"))
		return false;
	split(line, " ", &words);
	if (words.n < 6 || strcmp(words.v[words.n - 4], "-c") || strcmp(words.v[words.n - 2], "-o"))
		return false;
	source = words.v[words.n - 3];
	object = words.v[words.n - 1];
	depend = xstrdup(object);
	for (char *p = depend; *p; p++)
		if (*p == '/')
			*p = '_';
	if (!is_plain(source) || !is_plain(object) || !ends(object, ".o") ||
		!has_word(&words, "-MF.depend.", depend) || !has_word(&words, "-MT", object) ||
		!has_word(&words, "-MD", ""))
		return false;
	s->source = xstrdup(source);
	s->output = xstrdup(object);
	return true;
}

/* Past the first line of a link: which symbols are left. */
static bool trims(const struct strv *lines)
{
	bool quoted = false;

	for (size_t i = 1; i < lines->n; i++) {
		const char *line = lines->v[i];

		if (quoted) {
			if (!strcmp(line, "\" > export_syms"))
				quoted = false;
			else if (!is_plain(line))
				return false;
			continue;
		}
		if (past(line, "printf '%s' \"")) {
			const char *name = line + strlen("printf '%s' \"");

			if (!is_plain(name))
				return false;
			quoted = true;
		} else if (strcmp(line, ":> export_syms") && !past(line, "grep -v '^#' < ") &&
			!past(line, "original-awk -f " BSD_SOURCES "/sys/conf/kmod_syms") &&
			!past(line, "llvm-objcopy --strip-debug ") &&
			!past(line, "objcopy --strip-debug ")) {
			return false;
		}
	}
	return !quoted;
}

/* "ld.lld … -r -o OUTPUT OBJECT …" */
static bool parse_link(const struct strv *lines, struct bsd_script *s)
{
	AUTO_STRV struct strv words = {0};
	size_t i = 0;

	if (!past(lines->v[0], "ld.lld ") || strpbrk(lines->v[0], ";|&<>`$()\\'\""))
		return false;
	split(lines->v[0], " ", &words);
	while (i < words.n && strcmp(words.v[i], "-o"))
		i++;
	if (i < 2 || i + 2 >= words.n || strcmp(words.v[i - 1], "-r"))
		return false;
	s->output = xstrdup(words.v[i + 1]);
	for (i += 2; i < words.n; i++) {
		if (!is_plain(words.v[i]) || !ends(words.v[i], ".o"))
			return false;
		strv_add(&s->objects, words.v[i]);
	}
	return is_plain(s->output) && trims(lines);
}

/* "objcopy --only-keep-debug WHOLE DEBUG", "objcopy --strip-debug --add-gnu-debuglink=DEBUG WHOLE KO" */
static enum bsd_shape parse_copy(const char *line, struct bsd_script *s)
{
	AUTO_STRV struct strv words = {0};
	bool is_debug;

	split(line, " ", &words);
	if (words.n < 4 || (strcmp(words.v[0], "llvm-objcopy") && strcmp(words.v[0], "objcopy")))
		return BSD_UNKNOWN;
	is_debug = words.n == 4 && !strcmp(words.v[1], "--only-keep-debug");
	if (!is_debug &&
		(words.n != 5 || strcmp(words.v[1], "--strip-debug") ||
			!past(words.v[2], "--add-gnu-debuglink=")))
		return BSD_UNKNOWN;
	if (!is_plain(words.v[words.n - 1]) || !is_plain(words.v[words.n - 2]))
		return BSD_UNKNOWN;
	s->source = xstrdup(words.v[words.n - 2]);
	s->output = xstrdup(words.v[words.n - 1]);
	return is_debug ? BSD_DEBUG : BSD_STRIP;
}

/* "awk -f makeobjops.awk NAME.m -h" writes NAME.h. */
static bool parse_interface(const char *line, struct bsd_script *s)
{
	AUTO_STRV struct strv words = {0};
	const char *source, *slash;

	split(line, " ", &words);
	if (words.n != 5 || strcmp(words.v[0], "original-awk") || strcmp(words.v[1], "-f") ||
		strcmp(words.v[2], BSD_SOURCES "/sys/tools/makeobjops.awk") ||
		(strcmp(words.v[4], "-h") && strcmp(words.v[4], "-c")))
		return false;
	source = words.v[3];
	if (!is_plain(source) || !ends(source, "_if.m"))
		return false;
	slash = strrchr(source, '/');
	s->source = xstrdup(source);
	s->output = xstrdup(slash ? slash + 1 : source);
	s->output[strlen(s->output) - 1] = words.v[4][1];
	return true;
}

static bool is_kernels(const struct strv *lines)
{
	static const char *const firsts[] = {
		"touch opt_", ":> opt_", "case machine in ", "case x86 in ", "case i386 in ", NULL};

	for (size_t i = 0; firsts[i]; i++)
		if (past(lines->v[0], firsts[i]))
			return true;
	return lines->n == 1 && !strcmp(lines->v[0], "rm -f .depend");
}

static enum bsd_shape shape_of(const struct strv *lines, struct bsd_script *s)
{
	enum bsd_shape copy;

	if (!lines->n)
		return BSD_NOTHING;
	if (lines->n == 1 && parse_compile(lines->v[0], s))
		return BSD_COMPILE;
	if (parse_link(lines, s))
		return BSD_LINK;
	if (lines->n == 1 && parse_interface(lines->v[0], s))
		return BSD_INTERFACE;
	copy = lines->n == 1 ? parse_copy(lines->v[0], s) : BSD_UNKNOWN;
	if (copy == BSD_UNKNOWN && is_kernels(lines))
		return BSD_KERNELS;
	return copy;
}

void bsd_script_parse(const char *bytes, size_t len, struct bsd_script *out)
{
	AUTO_STRV struct strv lines = {0};
	AUTO_FREE char *text = xstrndup(bytes ? bytes : "", len);

	*out = (struct bsd_script){0};
	if (len && memchr(bytes, 0, len))
		return;
	significant(text, &lines);
	out->shape = shape_of(&lines, out);
	if (out->shape == BSD_UNKNOWN)
		bsd_script_free(out);
}

/* ---- .depend ---- */

bool bsd_depend_parse(const char *text, const char *object, struct strv *deps)
{
	AUTO_STRV struct strv words = {0};
	const char *rest = past(text, object);
	size_t first = deps->n;

	if (!rest || *rest != ':')
		return false;
	split(rest + 1, " \n", &words);
	for (size_t i = 0; i < words.n; i++) {
		if (!strcmp(words.v[i], "\\"))
			continue;
		if (!is_plain(words.v[i]))
			return false;
		strv_add(deps, words.v[i]);
	}
	return deps->n > first;
}

/* ---- makefiles ---- */

/* Lines continued are one, comments are gone. */
static void make_lines(const char *text, struct strv *lines)
{
	AUTO_FREE char *copy = xstrdup(text);

	for (char *p = strstr(copy, "\\\n"); p; p = strstr(p, "\\\n"))
		p[0] = p[1] = ' ';
	for (char *p = strchr(copy, '#'); p; p = strchr(p, '#')) {
		if (p > copy && p[-1] == '\\') {
			p++;
			continue;
		}
		memset(p, ' ', strcspn(p, "\n"));
	}
	split(copy, "\n", lines);
}

static bool is_assignment(const char *line)
{
	size_t n = 0;
	const char *p;

	while (isalnum((unsigned char)line[n]) || line[n] == '_' ||
		(n && (line[n] == '.' || line[n] == '-')))
		n++;
	p = line + n;
	p += strspn(p, " \t");
	if (*p == '+' || *p == '?' || *p == ':')
		p++;
	/* These say how make runs commands. */
	return n && *p == '=' && strncmp(line, "MAKE", 4) && strncmp(line, "SHELL", 5) &&
		strncmp(line, "CC", 2) && strncmp(line, "PATH", 4);
}

static bool directive_is_closed(const char *line)
{
	static const char *const known[] = {"if ", "if!", "if(", "ifdef ", "ifndef ", "elif ",
		"else", "endif", "for ", "endfor", "undef ", "PATH:", "PATH.c:", NULL};
	const char *p = line + 1 + strspn(line + 1, " \t"), *file = past(p, "include");

	if (file) {
		file += strspn(file, " \t");
		file = past(file, "<bsd.kmod.mk>");
		return file && !file[strspn(file, " \t")];
	}
	for (size_t i = 0; known[i]; i++)
		if (past(p, known[i]))
			return true;
	return false;
}

static bool make_line_is_closed(const char *line)
{
	if (!line[strspn(line, " \t")])
		return true;
	/* A tab begins a command, ":!" and ":sh" are the shell's word. */
	if (*line == '\t' || strstr(line, ":!") || strstr(line, ":sh") || strstr(line, "::"))
		return false;
	return *line == '.' ? directive_is_closed(line) : is_assignment(line);
}

bool bsd_makefile_is_closed(const char *text)
{
	AUTO_STRV struct strv lines = {0};

	make_lines(text, &lines);
	for (size_t i = 0; i < lines.n; i++)
		if (!make_line_is_closed(lines.v[i]))
			return false;
	return true;
}
