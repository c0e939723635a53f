/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_FREEBSD_TEXT_H
#define KMODLAB_JUDGE_FREEBSD_TEXT_H
/* The lines of FreeBSD's reports, for the files that recognise them (freebsd-report.c, freebsd-witness.c). */
#include "judge/report.h"

#include <stdbool.h>

/* What follows `with` in `text`, which begins with it; or NULL. */
const char *text_after(const char *text, const char *with);
/* A number "0x1f", or without 0x if `base` is 10; `end` gets what follows it. */
bool text_number(const char *text, int base, uint64_t *out, const char **end);

/* Whether the line is a frame of a backtrace: "#4 0xffffffff82c1a01f at hello_modevent+0x1f" (stack(9)),
 * "hello_modevent() at hello_modevent+0x1f/frame 0xfffffe0000000000" (ddb(4)), or ddb's
 * "--- trap 0xc, rip = 0x…, rsp = …, rbp = … ---". */
bool text_is_frame(const char *text);
/* Adds the frames in the lines from `i` on; those that are part of how a kernel reports are left out. Where the
 * backtrace ends. */
size_t text_frames(
	const struct record *log, size_t n, size_t i, enum report_stack stack, struct report *r);

/* "hello.c:12" or "hello.c:12." at the end of a text, after " @ " or " at ": notes the file, if it is not the
 * kernel's own. */
void text_place(const char *text, struct report *r);

/* A lock as WITNESS names it. */
struct lock {
	char *name;  /* "mine" */
	char *class; /* "sleep mutex", "sx"; may be empty */
	uint64_t address;
	const char *at; /* "hello.c:12", or NULL */
};
/* "exclusive sleep mutex mine (mine) r = 0 (0xffffffff8261a0b8) locked @ hello.c:12" */
bool lock_held(const char *text, struct lock *out);
/* " 1st 0xffffffff8261a0b8 mine (mine, sleep mutex) @ hello.c:12" */
bool lock_listed(const char *text, const char *which, struct lock *out);
void lock_free(struct lock *l);

/* ---- freebsd-witness.c ---- */

/* Whether the line begins something that WITNESS says of locks that are held; what it says goes up to *end. */
bool witness_warns(const struct record *log, size_t n, size_t i, size_t *end);
/* The report of the lines from `i` to before `end`, after which the kernel goes on. False: none of that kind. */
bool witness_report(const struct record *log, size_t n, size_t i, struct report *out);
/* A lock order reversal that is a consequence of a lock which is held for too long, if that is said later: where
 * that stands. 0: no. */
size_t witness_leads_to(const struct record *log, size_t n, size_t i);
/* What the allocators say of leaks. */
bool leak_report(const struct record *log, size_t i, struct report *out);

#endif
