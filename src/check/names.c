/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/names.h"

#include "base/buf.h"

#include <stdint.h>
#include <string.h>

/* Longer names are not guessed at. */
#define GUESS_MAX_LEN 96

bool text_line(struct text *rest, struct text *line)
{
	const char *end;

	if (!rest->len)
		return false;
	end = memchr(rest->p, '\n', rest->len);
	*line = (struct text){rest->p, end ? (size_t)(end - rest->p) : rest->len};
	rest->p += line->len + (end != NULL);
	rest->len -= line->len + (end != NULL);
	return true;
}

bool names_have(struct text names, const char *name)
{
	size_t low = 0, high = names.len, len = strlen(name);

	/* low and high are always at the beginning of a line, or at the end. */
	while (low < high) {
		size_t at = low + (high - low) / 2, n;
		const char *end;
		int c;

		while (at > low && names.p[at - 1] != '\n')
			at--;
		end = memchr(names.p + at, '\n', names.len - at);
		n = end ? (size_t)(end - names.p) - at : names.len - at;
		c = memcmp(names.p + at, name, n < len ? n : len);
		if (!c && n == len)
			return true;
		if (c > 0 || (!c && n > len))
			high = at;
		else
			low = at + n + (end != NULL);
	}
	return false;
}

/* ---- guessing what was meant ---- */

/* Which letters occur, a bit each: two names whose sets differ in many cannot be near. */
static uint64_t letters(const char *p, size_t len)
{
	uint64_t set = 0;

	for (size_t i = 0; i < len; i++)
		set |= UINT64_C(1) << ((unsigned char)p[i] & 63);
	return set;
}

/* Edit distance with neighbours swapped counting as one; more than `most` comes out as most + 1.
 * Both are at most GUESS_MAX_LEN + most long. */
static unsigned distance(struct text a, struct text b, unsigned most)
{
	unsigned rows[3][GUESS_MAX_LEN + 8];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= b.len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned least = row[0] = (unsigned)i;

		for (size_t j = 1; j <= b.len; j++) {
			unsigned best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
				a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
			if (best < least)
				least = best;
		}
		if (least > most)
			return most + 1;
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

char *names_nearest(
	struct text list, bool (*name_of)(struct text line, struct text *name), const char *name)
{
	struct text wanted = {name, strlen(name)}, best = {0}, line, is;
	unsigned most = wanted.len < 4 ? 0 : wanted.len < 8 ? 1 : wanted.len < 16 ? 2 : 3;
	uint64_t set = letters(name, wanted.len);

	if (wanted.len > GUESS_MAX_LEN)
		return NULL;
	while (most && text_line(&list, &line)) {
		unsigned d;

		if (!name_of(line, &is))
			continue;
		if (is.len + most < wanted.len || is.len > wanted.len + most)
			continue;
		if (__builtin_popcountll(letters(is.p, is.len) ^ set) > 2 * (int)most)
			continue;
		d = distance(wanted, is, most);
		if (d && d <= most) {
			best = is;
			most = d - 1; /* only a nearer one is of interest now */
		}
	}
	return best.p ? xstrndup(best.p, best.len) : NULL;
}
