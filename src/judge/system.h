/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_SYSTEM_H
#define KMODLAB_JUDGE_SYSTEM_H
/* Where judging differs between the systems: one table of functions for each, chosen in judge_system
 * alone. */
#include "judge/judge.h"
#include "judge/report.h"

struct judge_system {
	/* One log record as the agent sends it; as kmsg_parse. */
	int (*parse)(const void *bytes, size_t len, struct record *out);
	/* Adds what only the console of a machine that died has; as kmsg_add_console. */
	void (*add_console)(struct run *r, size_t call);
	/* The next report in a log; as report_find_linux. */
	int (*find_report)(const struct record *log, size_t n, size_t from, struct report *out);
	/* Explains a refused call; as judge_refusal_linux. */
	void (*refusal)(const struct run *r, size_t call, const struct target *target,
		struct findings *out);
	/* What a module's two halves are called: "init" and "exit". */
	const char *load_word, *unload_word;
	const char *lookup; /* how to go on after a crash, a sentence */
};

const struct judge_system *judge_system(enum target_os os);

#endif
