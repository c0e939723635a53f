/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_REGISTRY_H
#define KMODLAB_TARGET_REGISTRY_H
/* What only src/target/ knows of the registry: one target's file, written and read. */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

/* The most that a target's file may hold, in bytes. */
#define REGISTRY_FILE_MAX 65536

/* The directory NAME's tree is kept in. Caller frees. */
char *registry_tree(const char *name);
/* Whoever adds or removes NAME does so alone, between these two. Waits for `timeout_ms` at most; a
 * descriptor, or -errno with the sentence set (-ETIMEDOUT: another one is at it). */
int registry_take_turn(const char *name, int timeout_ms, struct error *err);
/* Gives it back; `turn` is -1 afterwards. Safe on -1. */
void registry_end_turn(const char *name, int *turn);

/* The text of the file for `t`, whose tree takes `bytes` on disk. */
void registry_format(const struct target *t, unsigned long long bytes, struct buf *out);
/* Reads it back; `text` is NUL-terminated. 0, or -EINVAL with the reason (half a sentence) set; `t`
 * is to be freed in both cases, and may then hold what could be read. */
int registry_parse(
	const char *text, struct target *t, unsigned long long *bytes, struct error *reason);
/* Registers `t`. 0 or -errno with the sentence set. */
int registry_write(const struct target *t, unsigned long long bytes, struct error *err);

#endif
