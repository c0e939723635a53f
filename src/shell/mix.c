/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/mix.h"

#include <string.h>

static size_t sequence(const char *bytes, size_t len)
{
	size_t n = 2;

	if (len < 2 || bytes[0] != '\033')
		return 0;
	/* An operating system command ends with a bell or ESC \ (ECMA-48, 5.6). */
	if (bytes[1] == ']') {
		while (n < len && bytes[n] != '\a' && bytes[n] != '\033')
			n++;
		return n < len && bytes[n] == '\033' && n + 1 < len ? n + 2 : n < len ? n + 1 : len;
	}
	if (bytes[1] != '[')
		return 2;
	/* A control sequence: parameters, then a final byte from @ to ~ (ECMA-48, 5.4). */
	while (n < len && (bytes[n] < '@' || bytes[n] > '~'))
		n++;
	return n < len ? n + 1 : len;
}

void mix_again(const char *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		size_t n = sequence(bytes + i, len - i);
		char final = n ? bytes[i + n - 1] : 0;
		bool mode = n > 2 && bytes[i + 2] == '?' && (final == 'h' || final == 'l');
		bool asks = n &&
			(bytes[i + 1] == ']' || bytes[i + 1] == 'Z' || final == 'n' ||
				final == 'c');

		if (!n && bytes[i] != '\a')
			buf_add(out, bytes + i, 1);
		else if (n && !asks && !mode)
			buf_add(out, bytes + i, n);
		i += n ? n : 1;
	}
}

static bool seen(const struct mix *m, const char *what)
{
	size_t len = strlen(what);

	return m->tail_len >= len && !memcmp(m->tail + m->tail_len - len, what, len);
}

/* Programs that use the whole screen take the other one for it (xterm's mode 1049, or 47 and 1047). */
static void follow(struct mix *m, char byte)
{
	static const char *const modes[] = {"\033[?1049", "\033[?1047", "\033[?47"};

	bool left = false;

	if (byte == 'h' || byte == 'l')
		for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
			if (seen(m, modes[i])) {
				m->screen = byte == 'h';
				left = byte == 'l';
			}
	if (m->tail_len == sizeof m->tail)
		memmove(m->tail, m->tail + 1, --m->tail_len);
	m->tail[m->tail_len++] = byte;
	/* The screen that comes back is as it was before that program, which began in a line of its own. */
	if (byte == '\n' || left) {
		m->line.len = 0;
		m->long_line = false;
	} else if (m->line.len < MIX_LINE) {
		buf_add(&m->line, &byte, 1);
	} else {
		m->long_line = true;
	}
}

/* Whether a line can be put in now. */
static bool is_free(const struct mix *m)
{
	return !m->screen && !m->long_line;
}

static void release(struct mix *m, struct buf *out)
{
	if (!m->held.len || !is_free(m))
		return;
	if (m->line.len)
		buf_adds(out, "\r\033[K");
	buf_add(out, m->held.data, m->held.len);
	m->held.len = 0;
	mix_again(m->line.data, m->line.len, out);
}

void mix_output(struct mix *m, const char *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		follow(m, bytes[i]);
		buf_add(out, bytes + i, 1);
		if (bytes[i] == '\n')
			release(m, out);
	}
	release(m, out);
}

void mix_log(struct mix *m, const char *mark, const char *text, struct buf *out)
{
	const char *dim = m->colour ? "\033[2m" : "", *plain = m->colour ? "\033[0m" : "";

	for (const char *line = text, *end; m->held.len < MIX_HELD; line = end + 1) {
		end = strchrnul(line, '\n');
		buf_addf(&m->held, "%s%s%s%.*s%s\r\n", dim, mark, *mark ? " " : "",
			(int)(end - line), line, plain);
		if (!*end)
			break;
	}
	release(m, out);
}

void mix_end(struct mix *m, struct buf *out)
{
	if (m->screen)
		buf_adds(out, "\033[?1049l");
	m->screen = false;
	if (m->line.len)
		buf_adds(out, "\r\n");
	m->line.len = 0;
	m->long_line = false;
	release(m, out);
}

void mix_free(struct mix *m)
{
	buf_free(&m->line);
	buf_free(&m->held);
}
