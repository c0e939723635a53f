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

/* The status of a test that was run between load and unload. */
void judge_exercise(const struct run *r, size_t call, struct findings *out);
/* Whether a test that was killed by a signal met its end in the kernel (which says so in the log), and not by its own
 * doing or another program's. */
bool judge_killed(const struct run *r, size_t call);
/* Adds to an advice (NULL: there is none; it is taken over) how to have the same exercise again, if the call is one that
 * needs to be told. Caller frees; may be NULL. */
char *judge_again(const struct run *r, size_t call, char *advice);
/* A test that did not end in time, while nobody was in the module's code; `runs`: it used a processor. */
void judge_timeout(const struct run *r, size_t call, bool runs, struct findings *out);
/* What the module left behind: findings from run.left. */
void judge_left(const struct run *r, struct findings *out);
/* Its two halves: what was followed (memory, timers, work, …), and what is listed somewhere. */
void judge_leaks(const struct run *r, struct findings *out);
void judge_leftovers(const struct run *r, struct findings *out);

/* A call that did not come back: one finding from run.stuck, and where nothing is in it, from the fact. */
void judge_hang(const struct run *r, struct findings *out);

/* "while hello's init ran", "after hello had been loaded": when something happened that came during a call,
 * or `after` it. Caller frees. */
char *judge_when(const struct run *r, size_t call, bool after);

/* Whether it is only what came of looking for leftovers: the agent read a list whose entry's memory is gone
 * (PROTO_DEADLY), and judge_leftovers tells of that. */
bool judge_is_of_survey(const struct run *r, size_t first, size_t last);

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
