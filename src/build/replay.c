/* SPDX-License-Identifier: BSD-2-Clause */
#include "build/replay.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

void replay_quote(struct buf *to, const char *text)
{
	buf_adds(to, "'");
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(to, "'\\''");
		else
			buf_add(to, text, 1);
	}
	buf_adds(to, "'");
}

void replay_calls(struct buf *to, char prefix, size_t n)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t at_once = cpus > 1 ? (size_t)cpus : 1;

	if (at_once > n)
		at_once = n;
	if (at_once < 2) {
		for (size_t i = 0; i < n; i++)
			buf_addf(to, "%c%zu 2>&1\n", prefix, i);
		return;
	}
	for (size_t k = 0; k < at_once; k++) {
		buf_adds(to, "{\n");
		for (size_t i = k; i < n; i += at_once)
			buf_addf(to, "%c%zu >/tmp/%c%zu 2>&1\n", prefix, i, prefix, i);
		buf_addf(to, "} &\np%zu=$!\n", k);
	}
	for (size_t k = 0; k < at_once; k++)
		buf_addf(to, "wait $p%zu\n", k);
	buf_adds(to, "cat");
	for (size_t i = 0; i < n; i++)
		buf_addf(to, " /tmp/%c%zu", prefix, i);
	buf_adds(to, "\n");
}

/* ---- the log ---- */

static size_t line_length(const char *line)
{
	size_t n = strcspn(line, "\n");

	return n + (line[n] == '\n');
}

/* "  CC [M]  /path/hello.o": what follows was said about that file. */
static bool is_heading(const char *line)
{
	return !strncmp(line, "  ", 2) && isupper((unsigned char)line[2]) &&
		isupper((unsigned char)line[3]) && strcspn(line + 2, "\n") > 4;
}

/* make's own words are about no file. */
static bool is_makes(const char *line)
{
	return !strncmp(line, "make", 4) && (line[4] == ':' || line[4] == '[');
}

/* The length of what was said under the heading at `p`, with that. */
static size_t block_length(const char *p)
{
	size_t n = line_length(p);

	while (p[n] && !is_heading(p + n) && !is_makes(p + n))
		n += line_length(p + n);
	return n;
}

/* Where `log` has a block under the same heading; NULL if nowhere. */
static const char *find_block(const char *log, const char *heading)
{
	size_t n = line_length(heading);

	for (; *log; log += line_length(log))
		if (is_heading(log) && line_length(log) == n && !memcmp(log, heading, n))
			return log;
	return NULL;
}

bool replay_log_is_relative(const char *log)
{
	for (; *log; log += line_length(log))
		if (is_heading(log)) {
			const char *end = log + strcspn(log, "\n"), *word = end;

			while (word > log && word[-1] != ' ')
				word--;
			return *word != '/';
		}
	return false;
}

/* Adds the blocks of `fresh` that `last` has nothing like. */
static void add_new(struct buf *to, const char *last, const char *fresh)
{
	while (*fresh) {
		size_t n = is_heading(fresh) ? block_length(fresh) : line_length(fresh);

		if (!is_heading(fresh) || !find_block(last, fresh))
			buf_add(to, fresh, n);
		fresh += n;
	}
}

char *replay_log(const char *last, const char *fresh, const char *inside)
{
	const char *whole = last;
	struct buf out = {0}, added = {0};

	buf_adds(&out, "");
	while (*last) {
		bool heading = is_heading(last);
		size_t n = heading ? block_length(last) : line_length(last);
		const char *again = heading ? find_block(fresh, last) : NULL;

		if (again)
			buf_add(&out, again, block_length(again));
		else
			buf_add(&out, last, n);
		last += n;
	}
	buf_adds(&added, "");
	add_new(&added, whole, fresh);
	if (added.len && replay_log_is_relative(fresh))
		buf_addf(&out,
			"make[1]: Entering directory '%s'\n%smake[1]: Leaving directory '%s'\n",
			inside, added.data, inside);
	else
		buf_adds(&out, added.data);
	buf_free(&added);
	return buf_take(&out);
}
