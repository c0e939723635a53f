/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_PROGRAM_H
#define KMODLAB_SPREAD_PROGRAM_H
/* What the executors need of other programs. */
#include "base/buf.h"
#include "base/error.h"

/* Runs it to its end, also when we are interrupted: half a submission is worse than a moment's patience. What it says goes to
 * `out` (both outputs, in order; at most 64 MiB). The wait status, or -errno with the sentence set: -ENOENT no such
 * program, -ETIMEDOUT. */
int program_run(char *const *argv, int timeout_ms, struct buf *out, struct error *err);
/* `word` as the shell takes it for one word. Caller frees. */
char *program_quote(const char *word);
/* The last lines of a text, at most `most` bytes, in one line and harmless for terminals. Caller frees. */
char *program_tail(const char *text, size_t len, size_t most);

#endif
