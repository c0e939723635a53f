/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program without a C library needs on x86-64, whatever system it runs on. */
#include "guest/bare.h"

#include <stdint.h>

/* The compiler may call these even in freestanding code. */
void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	void *result = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return result;
}

void *memset(void *to, int byte, size_t len)
{
	void *result = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return result;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (d <= s || d >= s + len)
		return memcpy(to, from, len);
	while (len--)
		d[len] = s[len];
	return to;
}

size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}
