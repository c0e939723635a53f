/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_BUF_H
#define KMODLAB_BASE_BUF_H
/*
 * Growing byte buffers and string vectors. Memory that cannot be had ends the program with a
 * sentence (there is nothing sensible to do without it), so none of these can fail.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that grow. `data` is always NUL-terminated one past `len` once anything was added. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *text);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list args);
/* Drops the first `len` bytes (at most all of them). */
void buf_consume(struct buf *b, size_t len);
void buf_free(struct buf *b);
/* Returns the text, now the caller's to free(); the buffer is empty afterwards. Never NULL. */
char *buf_take(struct buf *b);

/* Strings that grow; `v` is NULL-terminated, so that it serves as an argv. Owns its strings. */
struct strv {
	char **v;
	size_t n;
};

void strv_add(struct strv *s, const char *text);
void strv_addf(struct strv *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds every string up to the terminating NULL. */
void strv_adds(struct strv *s, ...) __attribute__((sentinel));
void strv_free(struct strv *s);

/* FNV-1a, 64 bits: for telling things apart, not against anybody. Begin with HASH_START, or go on from
 * the result for what came before. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);

/* malloc, realloc, strdup, asprintf that do not return NULL. */
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void free_ptr(void *where)
{
	free(*(void **)where);
}

/* Scope-bound owners: `AUTO_FREE char *p`, `AUTO_BUF struct buf b = {0}`, … */
#define AUTO_FREE __attribute__((cleanup(free_ptr)))
#define AUTO_BUF  __attribute__((cleanup(buf_free)))
#define AUTO_STRV __attribute__((cleanup(strv_free)))

/* Makes room for one more element in an array {items, count}; returns a pointer to it, zeroed. */
#define ARRAY_ADD(items, count)                                                                    \
	((items) = xreallocarray((items), (count) + 1, sizeof *(items)),                           \
		memset(&(items)[(count)], 0, sizeof *(items)), &(items)[(count)++])

#endif
