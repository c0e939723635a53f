/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Module.symvers is a megabyte and more, and a small module asks for ten of its twenty thousand lines. So the index
 * has next to nothing of a line: where it begins, and a hash of the symbol; the rest is read when it
 * is asked for. That takes about a millisecond.
 */
#include "check/exports.h"

#include "base/path.h"
#include "check/ko.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES (256u << 20)

struct slot {
	uint32_t hash;
	uint32_t at; /* where the line begins, plus one; 0: the slot is free */
};

struct exports {
	struct exports *next;
	char *path;
	struct stat was;
	bool empty;
	struct buf file;
	struct slot *slots;
	uint32_t mask;
	bool versions;
};

static bool text_begins(struct text t, const char *word)
{
	size_t len = strlen(word);

	return t.len >= len && !memcmp(t.p, word, len);
}

/* ---- lines ---- */

static struct text next_field(struct text *line)
{
	const char *tab = memchr(line->p, '\t', line->len);
	struct text field = {line->p, tab ? (size_t)(tab - line->p) : line->len};

	line->p += field.len + (tab != NULL);
	line->len -= field.len + (tab != NULL);
	return field;
}

static uint32_t hexadecimal(struct text t)
{
	uint32_t value = 0;

	for (size_t i = text_begins(t, "0x") ? 2 : 0; i < t.len; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = memchr(digits, t.p[i] | 0x20, 16);

		if (!digit)
			return 0;
		value = value << 4 | (uint32_t)(digit - digits);
	}
	return value;
}

static bool parse(struct text line, struct exported *out)
{
	struct text kind, last;

	out->version = hexadecimal(next_field(&line));
	out->symbol = next_field(&line);
	out->owner = next_field(&line);
	kind = next_field(&line);
	out->space = next_field(&line);
	/* Linux 5.4 and 5.5 had the namespace third. */
	if (!text_begins(kind, "EXPORT_") && text_begins(out->space, "EXPORT_")) {
		last = out->space;
		out->space = out->owner;
		out->owner = kind;
		kind = last;
	}
	out->gpl = text_begins(kind, "EXPORT_SYMBOL_GPL");
	return out->symbol.len && text_begins(kind, "EXPORT_");
}

static bool exported_name(struct text line, struct text *name)
{
	struct exported e;

	if (!parse(line, &e))
		return false;
	*name = e.symbol;
	return true;
}

/* ---- the index ---- */

static uint32_t hash_of(const char *p, size_t len)
{
	uint64_t hash = len, word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, p, len);
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

static struct text line_at(const struct exports *e, size_t at)
{
	struct text rest = {e->file.data + at, e->file.len - at}, line = {0};

	text_line(&rest, &line);
	return line;
}

/* Finds the lines, then makes a table of the right size: pages that are touched for the first time are what this
 * costs most. */
static void fill(struct exports *e)
{
	struct text rest = {e->file.data, e->file.len}, line;
	/* The shortest line that says anything is longer. Memory that is not touched is not taken. */
	size_t most = e->file.len / 16 + 1, n = 0;
	AUTO_FREE struct slot *lines = xreallocarray(NULL, most, sizeof *lines);
	uint32_t size = 64;

	while (n < most && text_line(&rest, &line)) {
		size_t at = (size_t)(line.p - e->file.data);
		struct text symbol;

		next_field(&line);
		symbol = next_field(&line);
		if (symbol.len)
			lines[n++] = (struct slot){hash_of(symbol.p, symbol.len), (uint32_t)at + 1};
	}
	while (size < n * 2)
		size *= 2;
	e->slots = xcalloc(size, sizeof *e->slots);
	e->mask = size - 1;
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = lines[i].hash & e->mask;

		/* Of two lines for the same symbol the first is found first. */
		while (e->slots[slot].at)
			slot = (slot + 1) & e->mask;
		e->slots[slot] = lines[i];
	}
}

const struct exports *exports_of(const struct target *target)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct exports *all; /* never freed: targets are few */
	AUTO_FREE char *path = NULL;
	struct exported layout;
	struct exports *e;
	struct stat st;

	if (target->os != TARGET_LINUX)
		return NULL;
	path = xasprintf("%s%s/Module.symvers", strcmp(target->root, "/") ? target->root : "",
		target->build);
	if (stat(path, &st))
		return NULL;
	pthread_mutex_lock(&lock);
	for (e = all; e; e = e->next)
		if (names_same_file(&e->was, &st) && !strcmp(e->path, path))
			break;
	if (!e) {
		e = xcalloc(1, sizeof *e);
		e->next = all;
		e->path = xstrdup(path);
		e->was = st;
		e->empty = path_read(path, FILE_MAX_BYTES, &e->file) || !e->file.len;
		if (!e->empty) {
			fill(e);
			e->versions = exports_find(e, "module_layout", &layout) && layout.version;
		}
		all = e;
	}
	pthread_mutex_unlock(&lock);
	return e->empty ? NULL : e;
}

bool exports_find(const struct exports *e, const char *symbol, struct exported *out)
{
	size_t len = strlen(symbol);
	uint32_t hash = hash_of(symbol, len);

	for (uint32_t i = hash & e->mask; e->slots[i].at; i = (i + 1) & e->mask)
		if (e->slots[i].hash == hash && parse(line_at(e, e->slots[i].at - 1), out) &&
			out->symbol.len == len && !memcmp(out->symbol.p, symbol, len))
			return true;
	return false;
}

bool exports_have_versions(const struct exports *e)
{
	return e->versions;
}

char *exports_nearest(const struct exports *e, const char *symbol)
{
	return names_nearest((struct text){e->file.data, e->file.len}, exported_name, symbol);
}

char *exports_owner_name(const struct exported *e)
{
	AUTO_FREE char *path = xstrndup(e->owner.p, e->owner.len);

	return ko_module_name(path);
}
