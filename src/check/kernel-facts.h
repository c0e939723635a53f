/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_KERNEL_FACTS_H
#define KMODLAB_CHECK_KERNEL_FACTS_H
/* What the checks want to know of a target's kernel beyond its exports, read once in the life of the program. */
#include "check/names.h"
#include "target/target.h"

#include <stdbool.h>

struct kernel_facts {
	/* Linux: how it was built, by the configuration in its build tree (include/config/auto.conf). */
	bool retpoline;	   /* indirect calls go through thunks */
	bool ibt;	   /* indirect calls have to land on endbr64 */
	bool kasan;	   /* its stacks are twice as large */
	struct text names; /* of its symbols, sorted, a line each; empty: not known */
};

/* What is known of it; never NULL, never freed. May be asked by several threads. */
const struct kernel_facts *kernel_facts(const struct target *t);
/* Whether the kernel itself, without modules, has a symbol of that name. */
bool kernel_has_name(const struct kernel_facts *k, const char *name);

#endif
