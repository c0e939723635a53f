/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/console.h"

#include "base/path.h"

#include <errno.h>
#include <sys/socket.h>

void console_add(struct console *c, const char *bytes, size_t len)
{
	size_t first = CONSOLE_KEEP - c->head.len < len ? CONSOLE_KEEP - c->head.len : len;

	buf_add(&c->head, bytes, first);
	buf_add(&c->tail, bytes + first, len - first);
	if (c->tail.len > 2 * CONSOLE_KEEP) {
		c->dropped += c->tail.len - CONSOLE_KEEP;
		buf_consume(&c->tail, c->tail.len - CONSOLE_KEEP);
	}
}

void console_pull(struct console *c)
{
	char bytes[65536];
	ssize_t n = 0;

	/* At most a megabyte a turn: a guest that floods its console must not keep us here. */
	for (int turn = 0; c->fd >= 0 && turn < 16; turn++) {
		n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0 && c->hear)
			c->hear(c->arg, bytes, (size_t)n);
		if (n > 0)
			console_add(c, bytes, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN)
			return;
		else
			close_fd(&c->fd);
	}
}

const char *console_text(struct console *c)
{
	c->whole.len = 0;
	buf_add(&c->whole, c->head.data, c->head.len);
	if (c->dropped)
		buf_addf(&c->whole, "\n[… %llu bytes of the console left out …]\n", c->dropped);
	buf_add(&c->whole, c->tail.data, c->tail.len);
	for (size_t i = 0; i < c->whole.len; i++)
		if (!c->whole.data[i])
			c->whole.data[i] = '?';
	return c->whole.data;
}

void console_close(struct console *c)
{
	close_fd(&c->fd);
	buf_free(&c->head);
	buf_free(&c->tail);
	buf_free(&c->whole);
}
