/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_LEFTOVERS_H
#define KMODLAB_JUDGE_LEFTOVERS_H
/* What the leftovers' rules share: each is a sort of things, and what undoes them. */
#include "judge/judge.h"

/* A sort of things that makes a finding. */
struct leftover_rule {
	const char *rule;
	const char *linux_advice, *freebsd_advice;
	/* The kernel's functions that make such things, names with a space between, the likeliest first. */
	const char *linux_made, *freebsd_made;
};

/* The rule of a thing that stands for itself; NULL: another part of the judge tells of it. */
const struct leftover_rule *leftover_rule(const struct run *r, const struct thing *t);
/* "char device number 240 'foo'": the thing in words. Caller frees. */
char *leftover_words(const struct run *r, const struct thing *t);

#endif
