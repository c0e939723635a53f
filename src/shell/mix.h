/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SHELL_MIX_H
#define KMODLAB_SHELL_MIX_H
/*
 * A terminal on which a shell and the kernel's log both write. A log line stands in a line of its own, above the one that
 * the shell is in the midst of, which is then shown again. While a program has the whole screen (vi, top), log
 * lines wait.
 */
#include "base/buf.h"

#include <stdbool.h>

#define MIX_LINE 1024	/* bytes of a line that is not finished, which can still be shown again */
#define MIX_HELD 262144 /* bytes of log lines that wait, at most */

struct mix {
	bool colour;
	struct buf line; /* what the shell wrote since its last newline */
	bool long_line;	 /* … is more than is kept */
	bool screen;	 /* a program has the whole screen */
	struct buf held; /* log lines that wait, as they will be written */
	char tail[16];	 /* the last bytes that the shell wrote: a sequence may come in pieces */
	size_t tail_len;
};

/* The shell wrote these bytes: adds what is to be written to the terminal, which is the same and perhaps lines that have
 * waited. */
void mix_output(struct mix *m, const char *bytes, size_t len, struct buf *out);
/* A line for itself, printable, without its newline; `mark` stands before it (a log level), or "". */
void mix_log(struct mix *m, const char *mark, const char *text, struct buf *out);
/* No more will come: adds what has waited, and ends the line. */
void mix_end(struct mix *m, struct buf *out);
void mix_free(struct mix *m);

/* Adds what of a line can be written to a terminal once more: all but the sequences with which a program asks it
 * something, which it would answer again, those that switch a mode, and the bell. */
void mix_again(const char *bytes, size_t len, struct buf *out);

#endif
