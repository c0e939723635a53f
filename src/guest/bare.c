/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program without a C library needs on x86-64, whatever system it runs on. */
#include "guest/bare.h"

#include <stdint.h>

/* The entry point: a stack aligned as the ABI wants it; what was on it (the number of arguments, then the
 * arguments) is the only argument. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call agent_main\n"
	"	ud2\n");

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
