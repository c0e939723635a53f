/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_ADDRESSES_H
#define KMODLAB_TRIAL_ADDRESSES_H
/* Where the kernel's and the modules' functions and variables are in a machine's memory. */
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct address {
	uint64_t at;
	uint64_t size; /* 0: not known */
	char *name;
	const char *module; /* NULL: the kernel's own */
	bool code;
};

/* Owns all of it. Sorted when it is first asked. */
struct addresses {
	struct address *items;
	size_t n, room;
	struct strv modules;
	bool sorted;
};

/* Adds what /proc/kallsyms says: "ffffffff81000000 T _stext", a tab and "[module]" behind the name. What
 * is no such line is left out. */
void addresses_add_kallsyms(struct addresses *a, const char *text, size_t len);
/* Adds the symbols of an ELF file: a whole kernel (`module` NULL), or a module, whose section number i is
 * at bases[i] (0: nowhere; there are `nbases`). False when it is no such file. */
bool addresses_add_elf(struct addresses *a, const void *elf, size_t len, const char *module,
	const uint64_t *bases, size_t nbases);

/* The one that `at` lies in, or NULL: code, or (`code` false) data. */
const struct address *addresses_find(struct addresses *a, uint64_t at, bool code);
/* The one with this name and owner (NULL: the kernel), or NULL. */
const struct address *addresses_named(
	const struct addresses *a, const char *name, const char *module);
void addresses_free(struct addresses *a);

#endif
