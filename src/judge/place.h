/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_PLACE_H
#define KMODLAB_JUDGE_PLACE_H
/* Where the frames of a report are in the modules' source. */
#include "judge/report.h"

/* Learns from the report's frames where modules are that nobody could ask (FreeBSD names both the function and the
 * address). To be called for each report before report_place. */
void report_learn(const struct run *r, const struct report *p);
/* The place of a frame in one of the trial's modules: by module and function, by its address, or, if it is an
 * address alone in a module whose place is not known, by the only place that fits. False: it is the kernel's,
 * or nothing is known. Fills `out` (free with code_place_free). */
bool report_place(const struct run *r, const struct report_frame *f, struct code_place *out);
/* The file that the kernel named, as the user has it ("hello.c" becomes its path); NULL: it is in none of the
 * trial's modules. Caller frees. */
char *report_file(const struct run *r, const char *file);

#endif
