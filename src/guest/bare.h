/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_BARE_H
#define KMODLAB_GUEST_BARE_H
/* The little of a C library that the agent has: the entry point, and these. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
void *memmove(void *to, const void *from, size_t len);
/* strlen(3), under a name that the compiler does not know. */
size_t length(const char *text);

#endif
