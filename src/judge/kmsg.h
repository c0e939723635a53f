/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_KMSG_H
#define KMODLAB_JUDGE_KMSG_H
/* Linux's log: records of /dev/kmsg (Documentation/ABI/testing/dev-kmsg) and the serial console's
 * lines. Both are hostile bytes. */
#include "judge/run.h"

/* Reads one record: "prio,seq,usec,flags[,…];text\n[ KEY=value\n…]". 0, or -EINVAL. `out->text` is the
 * caller's to free; `call` is left 0. */
int kmsg_parse(const void *bytes, size_t len, struct record *out);

/* A log line's text made fit to be shown: \xNN escapes undone where that is harmless, all else that is not
 * printable escaped, trailing newlines cut. Caller frees. */
char *record_text(const char *text, size_t len);

/* Which lines of a console come after what the log has: adds them to the run's log, with level
 * unknown and the given call. For machines that died before the agent could send the rest. */
void kmsg_add_console(struct run *r, size_t call);

/* "emerg" … "debug"; "" for LEVEL_UNKNOWN and LEVEL_NONE. Static. */
const char *kmsg_level_name(unsigned level);

/* Judges by its text who a line comes from. */
enum origin kmsg_origin(const char *text);

#endif
