/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files are sorted by module name when the first question comes, so that a question is a binary search.
 * What a file says inside is not indexed: a target has a thousand modules and a run asks for a
 * handful of words, so a search through the bytes, once for each word, is less than reading them all. A
 * file that was read for the modules that it declares is not searched again.
 */
#include "check/shelf.h"

#include "base/archive.h"
#include "base/path.h"
#include "check/ko.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

struct book {
	char *name;
	char *path;
	enum target_os os;
	bool read;	      /* so that `declares` is known */
	struct strv declares; /* FreeBSD: the modules that it declares */
};

enum question { DECLARES, EXPORTS, ALIASED };

struct answer {
	enum question what;
	enum target_os os;
	char *word;
	const char *path; /* a book's, or NULL */
};

struct shelf {
	pthread_mutex_t lock;
	struct book *books;
	size_t n, room;
	bool sorted;
	struct answer *answers;
	size_t nanswers;
};

struct shelf *shelf_new(void)
{
	struct shelf *s = xcalloc(1, sizeof *s);

	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void shelf_free(struct shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->books[i].name);
		free(s->books[i].path);
		strv_free(&s->books[i].declares);
	}
	for (size_t i = 0; i < s->nanswers; i++)
		free(s->answers[i].word);
	free(s->books);
	free(s->answers);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool shelf_takes(const char *file_name)
{
	static const char *const ends[] = {".ko", ".ko.xz", ".ko.gz", ".ko.zst"};
	size_t len = strlen(file_name);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t end = strlen(ends[i]);

		if (len > end && !strcmp(file_name + len - end, ends[i]))
			return true;
	}
	return false;
}

void shelf_add(struct shelf *s, const char *path, enum target_os os)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->books = xreallocarray(s->books, s->room, sizeof *s->books);
	}
	s->books[s->n++] =
		(struct book){.name = ko_module_name(path), .path = xstrdup(path), .os = os};
	s->sorted = false;
}

static int by_name(const void *a, const void *b)
{
	const struct book *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->path, y->path);
}

static void sort(struct shelf *s)
{
	if (!s->sorted && s->n)
		qsort(s->books, s->n, sizeof *s->books, by_name);
	s->sorted = true;
}

/* How many directories two paths have in common. */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	for (; *a && *a == *b; a++, b++)
		n += *a == '/';
	return n;
}

static size_t first_named(const struct shelf *s, const char *name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(s->books[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *shelf_find(struct shelf *s, enum target_os os, const char *name, const char *near)
{
	const struct book *best = NULL;

	pthread_mutex_lock(&s->lock);
	sort(s);
	for (size_t i = first_named(s, name); i < s->n && !strcmp(s->books[i].name, name); i++) {
		const struct book *b = &s->books[i];

		if (b->os != os)
			continue;
		if (!best || (near && common(b->path, near) > common(best->path, near)))
			best = b;
	}
	pthread_mutex_unlock(&s->lock);
	return best ? best->path : NULL;
}

/* ---- by what is inside ---- */

/* Calls `fits` with the file's bytes if the string `word` is in them; false if it is not. */
static bool asks(const char *path, const char *word,
	bool (*fits)(void *arg, const char *path, const void *bytes, size_t len, const char *word),
	void *arg)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = strlen(word) + 1; /* with the NUL that ends it */
	struct stat st;
	void *bytes;
	bool yes;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 || (uintmax_t)st.st_size > MODULE_MAX)
		return false;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	yes = memmem(bytes, (size_t)st.st_size, word, n) &&
		fits(arg, path, bytes, (size_t)st.st_size, word);
	munmap(bytes, (size_t)st.st_size);
	return yes;
}

static bool has_export(
	void *arg, const char *path, const void *bytes, size_t len, const char *symbol)
{
	struct ko ko;
	bool yes = false;

	(void)arg;
	ko_read(bytes, len, path, &ko);
	for (size_t i = 0; i < ko.exports.n && !yes; i++)
		yes = !strcmp(ko.exports.v[i], symbol);
	ko_free(&ko);
	return yes;
}

static bool has_declared(const struct book *b, const char *name)
{
	for (size_t i = 0; i < b->declares.n; i++)
		if (!strcmp(b->declares.v[i], name))
			return true;
	return false;
}

static bool read_declares(
	void *arg, const char *path, const void *bytes, size_t len, const char *name)
{
	struct book *b = arg;
	struct ko ko;

	ko_read(bytes, len, path, &ko);
	for (size_t i = 0; i < ko.ndeclares; i++)
		strv_add(&b->declares, ko.declares[i].name);
	ko_free(&ko);
	b->read = true;
	return has_declared(b, name);
}

static bool has_alias(const char *path, const char *alias)
{
	AUTO_FREE char *entry = xasprintf("alias=%s", alias);
	AUTO_BUF struct buf bytes = {0};
	struct error err;

	return !archive_read_plain(path, MODULE_MAX, &bytes, &err) && bytes.len &&
		memmem(bytes.data, bytes.len, entry, strlen(entry) + 1);
}

static bool answers(struct book *b, const struct answer *a)
{
	if (a->what == ALIASED)
		return has_alias(b->path, a->word);
	if (a->what == EXPORTS)
		return asks(b->path, a->word, has_export, NULL);
	return b->read ? has_declared(b, a->word) : asks(b->path, a->word, read_declares, b);
}

static const char *search(struct shelf *s, const struct answer *a)
{
	const char *found = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->books[i].os == a->os && (!found || strcmp(s->books[i].path, found) < 0) &&
			answers(&s->books[i], a))
			found = s->books[i].path;
	return found;
}

static const char *ask(struct shelf *s, enum target_os os, enum question what, const char *word)
{
	const char *found = NULL;
	struct answer *a;
	size_t i;

	pthread_mutex_lock(&s->lock);
	sort(s);
	for (i = 0; i < s->nanswers; i++)
		if (s->answers[i].what == what && s->answers[i].os == os &&
			!strcmp(s->answers[i].word, word))
			break;
	if (i == s->nanswers) {
		a = ARRAY_ADD(s->answers, s->nanswers);
		*a = (struct answer){what, os, xstrdup(word), NULL};
		a->path = search(s, a);
	}
	found = s->answers[i].path;
	pthread_mutex_unlock(&s->lock);
	return found;
}

const char *shelf_declaring(struct shelf *s, enum target_os os, const char *name)
{
	return ask(s, os, DECLARES, name);
}

const char *shelf_aliased(struct shelf *s, const char *alias)
{
	return ask(s, TARGET_LINUX, ALIASED, alias);
}

const char *shelf_exporting(struct shelf *s, enum target_os os, const char *symbol)
{
	return ask(s, os, EXPORTS, symbol);
}
