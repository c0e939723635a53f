/* SPDX-License-Identifier: BSD-2-Clause */
#include "mark.h"
#include "second.h"

static __attribute__((noinline)) int deep(int a)
{
	MARK("deep");
	return a * a;
}

int second(int a)
{
	MARK("second");
	return deep(a) + 1;
}
