/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/names.h"

#include "base/buf.h"
#include "base/path.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Longer names are not guessed at. */
#define GUESS_MAX_LEN 96

struct names {
	struct names *next;
	char *path;
	struct stat was;
	struct text bytes;
};

bool names_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct text map(int fd, const struct stat *st)
{
	void *bytes = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	return bytes == MAP_FAILED ? (struct text){0} : (struct text){bytes, (size_t)st->st_size};
}

struct text names_file(const char *path)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct names *all; /* never freed: targets are few */
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct names *n;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return (struct text){0};
	pthread_mutex_lock(&lock);
	for (n = all; n; n = n->next)
		if (names_same_file(&n->was, &st) && !strcmp(n->path, path))
			break;
	if (!n) {
		n = xcalloc(1, sizeof *n);
		*n = (struct names){all, xstrdup(path), st, map(fd, &st)};
		all = n;
	}
	pthread_mutex_unlock(&lock);
	return n->bytes;
}

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
