/* SPDX-License-Identifier: BSD-2-Clause */
/* What test_code.c looks places up in. Compiled in several ways, never run. */
#include "inline.h"
#include "second.h"

extern int outside(int);
extern int outside_too(int);

static inline __attribute__((always_inline)) int own_inline(int a)
{
	MARK("own_inline");
	return a * 3;
}

static __attribute__((noinline)) int handler(int a)
{
	MARK("handler");
	return outside(a) + 1; /* returns here */
}

int (*const table[])(int) = {handler};

int __attribute__((section(".init.text"))) first_init(int a)
{
	MARK("first_init");
	a += second(a);
	return outside_too(a) * 5;
}

void __attribute__((section(".exit.text"))) first_exit(void)
{
	MARK("first_exit");
}

int uses_own(int a)
{
	return own_inline(a) + a;
}

int uses_kernel(const int *p)
{
	int a = kernel_get_twice(p); /* the call */

	MARK("uses_kernel");
	return a;
}
