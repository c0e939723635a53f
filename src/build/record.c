/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading .cmd files. These are makefiles, and lie where a module's own build could write to; what is
 * taken from them is run in the same sandbox as that build, so that nothing is lost by believing them.
 * What matters is to understand all of one or nothing: a line of no known kind may be what makes the
 * difference.
 */
#include "build/record.h"

#include <string.h>

#define MOST_BYTES (4u << 20)

struct lines {
	const char *p, *end;
	char *line; /* of the current one; NULL when there is no more */
};

static void next_line(struct lines *l)
{
	const char *stop;

	free(l->line);
	l->line = NULL;
	if (l->p >= l->end)
		return;
	stop = memchr(l->p, '\n', (size_t)(l->end - l->p));
	if (!stop)
		stop = l->end;
	l->line = xstrndup(l->p, (size_t)(stop - l->p));
	l->p = stop < l->end ? stop + 1 : stop;
}

static void skip_empty(struct lines *l)
{
	while (l->line && !*l->line)
		next_line(l);
}

static const char *past(const char *text, const char *with)
{
	size_t n = strlen(with);

	return strncmp(text, with, n) ? NULL : text + n;
}

/* Whether it is a file name that neither make nor the shell takes for more than one word. */
static bool is_plain(const char *name)
{
	return *name && !strpbrk(name, " \t:$#%\\'\"`*?[]{}()<>|&;~!\r");
}

/* make's escapes taken back; NULL for any other use of '$'. */
static char *unescape(const char *saved)
{
	static const char pound[] = "$(pound)";
	struct buf out = {0};

	buf_adds(&out, "");
	while (*saved) {
		size_t n = strcspn(saved, "$");

		buf_add(&out, saved, n);
		saved += n;
		if (!*saved)
			break;
		if (saved[1] == '$') {
			buf_adds(&out, "$");
			saved += 2;
		} else if (!strncmp(saved, pound, sizeof pound - 1)) {
			buf_adds(&out, "#");
			saved += sizeof pound - 1;
		} else {
			buf_free(&out);
			return NULL;
		}
	}
	return buf_take(&out);
}

/* "savedcmd_TARGET := COMMAND", up to Linux 6.2 "cmd_TARGET := COMMAND". */
static bool take_command(struct lines *l, struct record *r)
{
	const char *name, *assign;

	if (!l->line)
		return false;
	name = past(l->line, "savedcmd_");
	if (!name)
		name = past(l->line, "cmd_");
	assign = name ? strstr(name, " := ") : NULL;
	if (!assign)
		return false;
	r->target = xstrndup(name, (size_t)(assign - name));
	r->saved = xstrdup(assign + strlen(" := "));
	r->command = unescape(r->saved);
	next_line(l);
	return r->command && is_plain(r->target);
}

/* A line that is `before`, the target and `after`. Returns what follows, or NULL. */
static const char *names_target(
	const char *line, const char *before, const struct record *r, const char *after)
{
	const char *p = line ? past(line, before) : NULL;

	p = p ? past(p, r->target) : NULL;
	return p ? past(p, after) : NULL;
}

/* "  FILE \", or "    $(wildcard include/config/NAME) \", up to an empty line. */
static bool take_dependencies(struct lines *l, struct record *r)
{
	for (; l->line && *l->line; next_line(l)) {
		size_t n = strlen(l->line);
		char *name = l->line;

		if (n < 4 || strcmp(l->line + n - 2, " \\"))
			return false;
		l->line[n - 2] = 0;
		name += strspn(name, " ");
		if (past(name, "$(wildcard include/config/") &&
			strchr(name, ')') == l->line + n - 3)
			continue;
		if (!is_plain(name))
			return false;
		strv_add(&r->deps, name);
	}
	return true;
}

static bool take_source(struct lines *l, struct record *r)
{
	const char *source = names_target(l->line, "source_", r, " := ");
	const char *rest;

	if (!source || !is_plain(source))
		return false;
	r->source = xstrdup(source);
	next_line(l);
	skip_empty(l);
	rest = names_target(l->line, "deps_", r, " := \\");
	if (!rest || *rest)
		return false;
	next_line(l);
	if (!take_dependencies(l, r))
		return false;
	skip_empty(l);
	rest = names_target(l->line, "", r, ": $(deps_");
	if (!rest || !(rest = past(rest, r->target)) || strcmp(rest, ")"))
		return false;
	next_line(l);
	skip_empty(l);
	rest = names_target(l->line, "$(deps_", r, "):");
	if (!rest || *rest)
		return false;
	next_line(l);
	return true;
}

/* "TARGET: $(wildcard PROGRAM)": remade when objtool is. */
static bool is_wildcard(const char *line, const struct record *r)
{
	const char *name = names_target(line, "", r, ": $(wildcard ");
	size_t n = name ? strlen(name) : 0;
	AUTO_FREE char *copy = n ? xstrndup(name, n - 1) : NULL;

	return copy && name[n - 1] == ')' && is_plain(copy);
}

/* What follows the dependencies: the versions of exported symbols, which are made anew every time, and
 * more prerequisites, which are kept. */
static bool take_tail(struct lines *l, struct record *r)
{
	struct buf tail = {0};
	bool good = true;

	buf_adds(&tail, "");
	for (; good && l->line; next_line(l)) {
		if (!*l->line || past(l->line, "#SYMVER "))
			continue;
		good = is_wildcard(l->line, r);
		buf_addf(&tail, "\n%s\n", l->line);
	}
	r->tail = buf_take(&tail);
	return good;
}

static bool take_all(struct lines *l, struct record *r)
{
	next_line(l);
	if (!take_command(l, r))
		return false;
	skip_empty(l);
	if (l->line && past(l->line, "source_") && !take_source(l, r))
		return false;
	return take_tail(l, r);
}

bool record_parse(const char *bytes, size_t len, struct record *out)
{
	struct lines l = {.p = bytes, .end = bytes + len};
	bool good;

	*out = (struct record){0};
	good = len && len <= MOST_BYTES && !memchr(bytes, 0, len) && take_all(&l, out);
	free(l.line);
	if (!good)
		record_free(out);
	return good;
}

void record_free(struct record *r)
{
	free(r->target);
	free(r->saved);
	free(r->command);
	free(r->source);
	free(r->tail);
	strv_free(&r->deps);
	*r = (struct record){0};
}

char *record_resolve(const char *cwd, const char *path)
{
	AUTO_FREE char *whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
	char *out = xcalloc(strlen(whole) + 2, 1), *end = out;
	const char *p = whole;

	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !memcmp(p, "..", 2)) {
			while (end > out && *--end != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			*end++ = '/';
			memcpy(end, p, n);
			end += n;
		}
		p += n + (p[n] == '/');
	}
	*end = 0;
	if (end == out)
		strcpy(out, "/");
	return out;
}

/* ---- compiling ---- */

void compile_free(struct compile *c)
{
	free(c->compiler);
	free(c->flags);
	free(c->depend);
	*c = (struct compile){0};
}

/* Whether nothing follows the compiler's call, or only objtool's on the same file. */
static bool ends_well(const char *rest, const char *target)
{
	size_t n, t = strlen(target);

	rest += strspn(rest, " ");
	if (!*rest)
		return true;
	if (*rest != ';')
		return false;
	rest++;
	rest += strspn(rest, " ");
	n = strcspn(rest, " ");
	if (n < 8 || strncmp(rest + n - 8, "/objtool", 8) || strpbrk(rest, ";|&<>$`\"'\\()"))
		return false;
	n = strlen(rest);
	while (n && rest[n - 1] == ' ')
		n--;
	return n > t && rest[n - t - 1] == ' ' && !strncmp(rest + n - t, target, t);
}

bool record_compile(const struct record *r, struct compile *out)
{
	AUTO_FREE char *call = NULL;
	const char *flags, *rest, *command = r->command + strspn(r->command, " ");

	*out = (struct compile){0};
	if (!r->source || strchr(r->target, ','))
		return false;
	call = xasprintf(" -c -o %s %s", r->target, r->source);
	flags = strstr(command, " -Wp,-MMD,");
	rest = flags ? strstr(flags, call) : NULL;
	if (!rest || !ends_well(rest + strlen(call), r->target))
		return false;
	out->compiler = xstrndup(command, (size_t)(flags - command));
	out->flags = xstrndup(flags + 1, (size_t)(rest - flags - 1));
	flags += strlen(" -Wp,-MMD,");
	out->depend = xstrndup(flags, strcspn(flags, " "));
	if (is_plain(out->compiler) && is_plain(out->depend) && !strpbrk(out->flags, ";|&`<>"))
		return true;
	compile_free(out);
	return false;
}
