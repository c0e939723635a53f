/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_RULES_RULES_H
#define KMODLAB_RULES_RULES_H
/*
 * Every rule that a finding may have, with what a person needs who has got one: what it means, code that gets
 * it, the remedy. `kmodlab explain` and doc/rules.md print this table; that nothing is missing in it
 * is seen to by a test.
 */
#include "base/buf.h"
#include "base/finding.h"

#include <stddef.h>

/* The least that a target has to be for the rule to be found there. */
enum rule_sight {
	SIGHT_NONE,  /* there is no such thing on this system */
	SIGHT_STOCK, /* any target */
	SIGHT_DEBUG, /* one whose kernel watches itself: debian:SUITE/debug, freebsd:VERSION/debug */
	SIGHT_KASAN, /* one of which all accesses to memory are checked: debian:SUITE/debug; a FreeBSD kernel
			made so */
	SIGHT_RACE, /* one that looks for races: debian:SUITE/race; a FreeBSD kernel made so */
};

struct rule {
	const char *id; /* "memory-leak" */
	enum severity severity;
	enum class class; /* of an error; CLASS_PASS otherwise */
	enum rule_sight on_linux, on_freebsd;
	const char *title;	     /* half a line, no full stop */
	const char *meaning;	     /* a paragraph for somebody who meets it for the first time */
	const char *linux_example;   /* C (or a makefile), its lines end with a newline; or NULL */
	const char *freebsd_example; /* the same where it differs there; or NULL */
	const char *remedy;	     /* a paragraph */
};

/* All of them, from the build to the crash; how many there are. */
size_t rules_all(const struct rule *const **out);
/* The one with this id, or NULL. */
const struct rule *rule_find(const char *id);
/* The id that looks most like what was typed, or NULL. Static. */
const char *rule_nearest(const char *typed);

/* What is said to whoever typed one that there is not, with the nearest. Caller frees. */
char *rule_unknown(const char *typed);

/* Everything about one, for a terminal (lines of 80 characters at most), or as a section of a Markdown file. */
void rule_print(const struct rule *r, struct buf *out);
void rule_print_markdown(const struct rule *r, struct buf *out);
/* The whole doc/rules.md. */
void rules_print_markdown(struct buf *out);
/* A line for each: id, title. */
void rules_print_list(struct buf *out);

/* The parts of the table, each ended by one whose id is NULL. */
extern const struct rule rules_bug[], rules_build[], rules_code[], rules_crash[], rules_hang[],
	rules_hygiene[], rules_leak[], rules_load[];

#endif
