/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/program.h"

#include "base/clock.h"
#include "base/path.h"
#include "base/proc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define OUTPUT_MOST ((size_t)64 << 20)

/* Takes what there is to read; false at the end. */
static bool take(int fd, struct buf *out)
{
	char bytes[16384];
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n > 0 && out->len < OUTPUT_MOST)
		buf_add(out, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

int program_run(char *const *argv, int timeout_ms, struct buf *out, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	__attribute__((cleanup(proc_close))) struct proc p = {.pidfd = -1};
	AUTO_CLOSE int from = -1;
	int r = proc_start_read(&p, argv, &from, err);

	if (r)
		return r;
	for (bool open = true; open || !proc_ended(&p);) {
		struct pollfd fd = {.fd = open ? from : p.pidfd, .events = POLLIN};

		if (!clock_left_ms(deadline))
			return error_set(err, ETIMEDOUT, "%s did not end within %d s", argv[0],
				timeout_ms / 1000);
		clock_poll(&fd, 1, deadline);
		if (open && fd.revents)
			open = take(from, out);
	}
	return p.status;
}

char *program_quote(const char *word)
{
	struct buf out = {0};

	buf_adds(&out, "'");
	for (; *word; word++)
		if (*word == '\'')
			buf_adds(&out, "'\\''");
		else
			buf_add(&out, word, 1);
	buf_adds(&out, "'");
	return buf_take(&out);
}

char *program_tail(const char *text, size_t len, size_t most)
{
	struct buf out = {0};
	size_t from;

	while (len && (unsigned char)text[len - 1] <= ' ')
		len--;
	from = len > most ? len - most : 0;
	/* From the beginning of a line, if there is one, or at least of a character. */
	for (size_t i = from; from && i < len; i++)
		if (text[i] == '\n') {
			from = i + 1;
			break;
		}
	while (from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
		from++;
	for (size_t i = from; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			buf_adds(&out, " | ");
		else if (c >= ' ' && c != 127)
			buf_add(&out, text + i, 1);
	}
	return buf_take(&out);
}
