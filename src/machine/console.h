/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_CONSOLE_H
#define KMODLAB_MACHINE_CONSOLE_H
/* What a machine's console said, in bounded memory: the beginning and the end are kept. */
#include "base/buf.h"

#define CONSOLE_KEEP ((size_t)1 << 20) /* bytes kept of the beginning, and again of the end */

struct console {
	int fd; /* our end of the socket; -1 once it has closed */
	struct buf head, tail, whole;
	unsigned long long dropped;				/* bytes left out between the two */
	void (*hear)(void *arg, const char *bytes, size_t len); /* told of what comes; or NULL */
	void *arg;
};

/* Takes what has arrived; closes and forgets the descriptor at its end. */
void console_pull(struct console *c);
void console_add(struct console *c, const char *bytes, size_t len);
/* All of it as one text, with a line that says so where something was left out. Valid until the next
 * call. NUL bytes become '?'. */
const char *console_text(struct console *c);
void console_close(struct console *c);

#endif
