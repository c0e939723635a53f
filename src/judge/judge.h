/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_JUDGE_H
#define KMODLAB_JUDGE_JUDGE_H
/* From what happened in a machine to what it means. */
#include "base/finding.h"
#include "judge/run.h"
#include "target/target.h"

/* Adds what the run shows. `target` may be NULL (a test's): then the target's symbols are not
 * looked up. */
void judge_run(const struct run *r, const struct target *target, struct findings *out);

/* What the module left behind: findings from run.left. */
void judge_left(const struct run *r, struct findings *out);

/* "while hello's init ran", "after hello had been loaded": when something happened that came during a call,
 * or `after` it. Caller frees. */
char *judge_when(const struct run *r, size_t call, bool after);

/* One way in which a kernel says that it has crashed, found in its log. */
struct crash {
	size_t first, last; /* the records it spans */
	bool fatal;	    /* false: a WARN, after which the kernel goes on as before */
	char *title;	    /* "BUG: kernel NULL pointer dereference, address: 0000000000000008" */
	char *place;	    /* "hello_init+0x5/0x1000 [hello]", or NULL */
};

/* The first crash at or after record `from` of a FreeBSD log: 1 and `c` (free with crash_free), or 0. */
int crash_find_freebsd(const struct record *log, size_t n, size_t from, struct crash *c);
void crash_free(struct crash *c);

/* Explains a load or unload that Linux refused, from its errno and what it logged during the call
 * (records `from` to `to`). Adds one finding or more. */
void judge_refusal_linux(
	const struct run *r, size_t call, const struct target *target, struct findings *out);

/* The same for FreeBSD. */
void judge_refusal_freebsd(
	const struct run *r, size_t call, const struct target *target, struct findings *out);

/* "ENOMEM" and "Out of memory" for a Linux errno; NULL for a number that is none. Static. */
const char *errno_name(int error);
const char *errno_meaning(int error);
const char *errno_name_freebsd(int error);
const char *errno_meaning_freebsd(int error);

#endif
