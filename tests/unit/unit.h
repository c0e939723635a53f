/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_UNIT_H
#define KMODLAB_TESTS_UNIT_H
/* What every unit test includes: cmocka and what it needs before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#endif
