/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge/msgbuf.h"

#include "judge/kmsg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* A decimal number of at most nine digits (or `digits`), and the character after it. */
static const char *number(const char *p, const char *end, size_t digits, char stop, uint64_t *out)
{
	const char *start = p;

	*out = 0;
	while (p < end && isdigit((unsigned char)*p) && (size_t)(p - start) < digits)
		*out = *out * 10 + (uint64_t)(*p++ - '0');
	return p > start && p < end && *p == stop ? p + 1 : NULL;
}

static enum origin origin_of(const char *text)
{
	static const char *const background[] = {"random: ", "Timecounter ", "Event timer ",
		"usb_needs_explore", "WARNING: Device \"psm\"", MSGBUF_MARK};

	for (size_t i = 0; i < sizeof background / sizeof *background; i++)
		if (!strncmp(text, background[i], strlen(background[i])))
			return ORIGIN_KERNEL;
	return ORIGIN_MODULE;
}

int msgbuf_parse(const void *bytes, size_t len, struct record *out)
{
	const char *p = bytes, *end = p + len, *after;
	uint64_t priority;

	*out = (struct record){.level = LEVEL_NONE};
	p = number(p, end, 18, ';', &out->usec);
	if (!p)
		return -EINVAL;
	after = p < end && *p == '<' ? number(p + 1, end, 4, '>', &priority) : NULL;
	if (after) {
		out->level = priority & 7;
		out->facility = (unsigned)priority >> 3;
		p = after;
	}
	out->text = record_text(p, (size_t)(end - p));
	out->origin = origin_of(out->text);
	return 0;
}

void msgbuf_add_console(struct run *r, size_t call)
{
	const char *mark = strstr(r->console, MSGBUF_MARK);
	const char *line = mark || !r->restored ? mark : r->console;
	size_t known = r->nlog, at = 0;

	for (const char *end; line && *line; line = *end ? end + 1 : end) {
		const char *stop = end = strchrnul(line, '\n');
		struct record *new;
		char *text;
		size_t same;

		while (stop > line && stop[-1] == '\r')
			stop--;
		text = record_text(line, (size_t)(stop - line));
		/* Both tell the same story in the same order, but log(9) is not on the console. */
		for (same = at; same < known && strcmp(r->log[same].text, text); same++)
			;
		if (!*text || same < known || origin_of(text) == ORIGIN_KERNEL) {
			at = same < known ? same + 1 : at;
			free(text);
			continue;
		}
		new = ARRAY_ADD(r->log, r->nlog);
		*new = (struct record){.level = LEVEL_UNKNOWN,
			.text = text,
			.call = call,
			.usec = r->nlog > 1 ? r->log[r->nlog - 2].usec : 0};
	}
}
