/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module has to be compiled with to belong to a kernel that is not GENERIC: those options of its
 * configuration that config(8) writes into opt_global.h, which every file of a kernel includes. With
 * INVARIANTS and WITNESS, the lock macros in the headers call into the kernel and check; without, a
 * module's own uses of locks would be seen by nobody.
 */
#include "target/freebsd.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* The next word of a line; its length, 0 at the line's end or a comment. */
static size_t next_word(const char **at)
{
	*at += strspn(*at, " \t");
	return **at == '#' ? 0 : strcspn(*at, " \t\n");
}

static const char *next_line(const char *at)
{
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

/* Whether a line of `known` says "NAME opt_global.h". */
static bool is_global(const char *known, const char *name, size_t len)
{
	for (const char *line = known; *line; line = next_line(line)) {
		const char *at = line;
		size_t n = next_word(&at);

		if (n != len || strncmp(at, name, len) != 0)
			continue;
		at += n;
		n = next_word(&at);
		return n == strlen("opt_global.h") && !strncmp(at, "opt_global.h", n);
	}
	return false;
}

/* What can stand behind -D without a shell or a make seeing more in it: NAME, or NAME=VALUE. */
static bool is_plain(const char *option, size_t len)
{
	if (!len || len > 100 || (!isalpha((unsigned char)*option) && *option != '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)option[i]) && option[i] != '_' && option[i] != '=')
			return false;
	return true;
}

void freebsd_options(const char *config, const char *known, struct buf *out)
{
	for (const char *line = config; *line; line = next_line(line)) {
		const char *at = line, *equals;
		size_t len = next_word(&at);

		if ((len != 7 || strncmp(at, "options", 7) != 0) &&
			(len != 6 || strncmp(at, "option", 6) != 0))
			continue;
		at += len;
		len = next_word(&at);
		if (!is_plain(at, len))
			continue;
		equals = memchr(at, '=', len);
		if (is_global(known, at, equals ? (size_t)(equals - at) : len))
			buf_addf(out, "%s%.*s", out->len ? " " : "", (int)len, at);
	}
}
