/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_BARE_H
#define KMODLAB_GUEST_BARE_H
/* The little of a C library that the agent has; each system's os-*.c has the entry point. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
void *memmove(void *to, const void *from, size_t len);
/* strlen(3), under a name that the compiler does not know. */
size_t length(const char *text);

/* One system call with up to six arguments: a result, or a negative errno. Each system has its own. */
long call(long n, long a, long b, long c, long d, long e, long f);

#define sys0(n)		       call(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a)	       call(n, (long)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b)	       call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c)       call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(n, a, b, c, d)    call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(n, a, b, c, d, e) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define sys6(n, a, b, c, d, e, f)                                                                  \
	call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
