/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_SSH_H
#define KMODLAB_BASE_SSH_H
/*
 * The system's own ssh, with its user's configuration, keys and agent, and without questions: what would need one
 * fails. A `where` is [USER@]HOST[:PORT]; HOST may be a name of ~/.ssh/config, and an address with colons
 * stands in brackets.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/proc.h"

#include <stdbool.h>

/* Whether `where` is one. If not, the sentence is set. */
bool ssh_is_where(const char *where, struct error *err);

/* Starts sh with the `script` at `where`, with these descriptors. The script has no single quotes, no newlines and no
 * exclamation marks, because any shell may have to hand it on. As proc_start. */
int ssh_start(struct proc *p, const char *where, const char *script, int in, int out,
	int complaints, struct error *err);

/* Runs it to its end and adds what it writes to standard output, at most `max` bytes, to `out`. Its exit status, or
 * -errno with the sentence set: as ssh_failed, -ETIMEDOUT, -EINTR, -EFBIG. */
int ssh_run(const char *where, const char *script, int timeout_ms, size_t max, struct buf *out,
	struct error *err);
/* The same, with standard output going to the descriptor `to`. */
int ssh_fetch(const char *where, const char *script, int timeout_ms, int to, struct error *err);

/* What a person types behind ssh, or ssh-copy-id, to get there: "-p 22 me@board". Caller frees. */
char *ssh_typed(const char *where);
/* What is to be said of an ssh that ended with status 255 and these complaints: -EHOSTUNREACH. */
int ssh_failed(const char *where, const char *complaints, struct error *err);

#endif
