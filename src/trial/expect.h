/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_EXPECT_H
#define KMODLAB_TRIAL_EXPECT_H
/*
 * What is to be found of a module, as the file `expect` beside it says: one line for each system and kind of
 * target.
 *
 *	# SYSTEM KIND[,KIND...] RULE[@none][,RULE[@none]...] [OPTION=VALUE...]
 *	linux    stock,debug    lock-wait           timeout=3
 *	linux    race           data-race
 *	freebsd  any            init-error@none,memory-leak
 *	linux    any            nothing             exercise=auto seed=7
 *
 * SYSTEM is linux or freebsd; KIND is stock, debug or race (by the target's name, which ends in /debug or
 * /race), or any. The first line that fits a target counts. The first RULE is the leading finding's, the
 * others' findings are there too; `nothing` is no finding at all. Where a finding has to be is marked
 * in the module's source, by a comment with the words "expect: RULE..." in that line; RULE@none
 * says that it has no place, or that the place does not matter. What is found besides does not
 * matter. The options are those of `kmodlab run`: timeout, exercise-timeout (seconds), exercise, seed,
 * cycles, cpus.
 */
#include "base/error.h"
#include "base/finding.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>

struct trial_options;

enum target_kind { KIND_STOCK = 1, KIND_DEBUG = 2, KIND_RACE = 4, KIND_ANY = 7 };

struct expected_rule {
	char *rule;
	bool placed; /* where it is marked in the source */
};

/* One line. */
struct expected {
	enum target_os os;
	unsigned kinds;		     /* enum target_kind, or'ed */
	struct expected_rule *rules; /* none: nothing is to be found */
	size_t nrules;
	struct strv options; /* "timeout=3", checked */
};

struct expect {
	struct expected *lines;
	size_t n;
};

/* Reads DIR/expect. -ENOENT without a sentence when there is none; -EINVAL with one when it is wrong, with
 * the line and what is wrong in it. `e` is to be freed in any case. */
int expect_read(const char *dir, struct expect *e, struct error *err);
void expect_free(struct expect *e);

enum target_kind expect_kind(const struct target *target);
/* "debug"; static. For one kind. */
const char *expect_kind_name(enum target_kind kind);

/* The line for this system and kind; NULL: there is none. It stays the expect's. */
const struct expected *expect_for(const struct expect *e, enum target_os os, enum target_kind kind);
/* The kinds that have a line for this system. */
unsigned expect_kinds(const struct expect *e, enum target_os os);

/* Sets the options that the line has, but for those that the user typed (o->typed). */
void expect_apply(const struct expected *e, struct trial_options *o);

/* Whether `found`, of a trial of the source in `dir`, is what was expected. If it is not, `why` gets a
 * sentence that says what was. */
bool expect_met(
	const struct expected *e, const char *dir, const struct findings *found, struct buf *why);
/* "user-access at sum.c:27, memory-leak": what is expected and where. Caller frees. */
char *expect_text(const struct expected *e, const char *dir);

#endif
