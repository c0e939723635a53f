/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static void *need(void *memory)
{
	if (!memory) {
		fputs("kmodlab: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	return need(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	return need(reallocarray(old, count ? count : 1, size));
}

char *xstrdup(const char *text)
{
	return need(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
	return need(strndup(text, len));
}

char *xasprintf(const char *format, ...)
{
	struct buf b = {0};
	va_list args;

	va_start(args, format);
	buf_vaddf(&b, format, args);
	va_end(args);
	return buf_take(&b);
}

void buf_reserve(struct buf *b, size_t more)
{
	size_t wanted = b->len + more + 1;

	if (wanted <= b->cap)
		return;
	b->cap = wanted < 2 * b->cap ? 2 * b->cap : wanted;
	b->data = xreallocarray(b->data, b->cap, 1);
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = 0;
}

void buf_adds(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_vaddf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	if (len >= 0) {
		buf_reserve(b, (size_t)len);
		vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
		b->len += (size_t)len;
	}
	va_end(again);
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vaddf(b, format, args);
	va_end(args);
}

void buf_consume(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (!len)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

char *buf_take(struct buf *b)
{
	char *text;

	buf_add(b, "", 0);
	text = b->data;
	*b = (struct buf){0};
	return text;
}

static void strv_own(struct strv *s, char *text)
{
	s->v = xreallocarray(s->v, s->n + 2, sizeof *s->v);
	s->v[s->n++] = text;
	s->v[s->n] = NULL;
}

void strv_add(struct strv *s, const char *text)
{
	strv_own(s, xstrdup(text));
}

void strv_addf(struct strv *s, const char *format, ...)
{
	struct buf b = {0};
	va_list args;

	va_start(args, format);
	buf_vaddf(&b, format, args);
	va_end(args);
	strv_own(s, buf_take(&b));
}

void strv_adds(struct strv *s, ...)
{
	const char *text;
	va_list args;

	va_start(args, s);
	while ((text = va_arg(args, const char *)))
		strv_add(s, text);
	va_end(args);
}

void strv_free(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){0};
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	while (len--)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	return hash;
}
