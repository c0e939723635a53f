/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands for a kernel's header: what it inlines is not the module's author's. */
#ifndef INLINE_H
#define INLINE_H
#include "mark.h"

static inline __attribute__((always_inline)) int kernel_get(const int *p)
{
	MARK("kernel_get");
	return *p;
}

static inline __attribute__((always_inline)) int kernel_get_twice(const int *p)
{
	return kernel_get(p) + *p;
}
#endif
