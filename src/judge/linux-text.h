/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_LINUX_TEXT_H
#define KMODLAB_JUDGE_LINUX_TEXT_H
/*
 * The lines of a Linux log from some record on, and what may stand in them. A record may have several lines
 * (/dev/kmsg keeps a printk in one piece); on a console each is one of its own.
 */
#include "judge/report.h"

struct line {
	const char *text;
	size_t record;
};

struct window {
	struct line *lines;
	size_t n;
	char *storage;
};

/* The lines of the records `from` to `to`, without `to` itself. Free with window_free. */
void window_open(struct window *w, const struct record *log, size_t from, size_t to);
void window_free(struct window *w);

bool starts(const char *text, const char *with);
/* Whether `text` starts with one of a NULL-terminated list. */
bool starts_any(const char *text, const char *const *list);
/* What stands behind `word` in `text`; NULL if that does not occur. */
const char *after(const char *text, const char *word);
/* The first line at or after `from`, before `to`, that has `word` in it; NULL: none. */
const char *line_with(const struct window *w, size_t from, size_t to, const char *word);

/* "name+0x1/0x2 [module]" or "0xffffffffc0201000" at the start of `text`: fills in the frame, true. */
bool frame_read(const char *text, struct report_frame *out);
/* The same behind the blanks, the '?' and the "[<address>]" with which a line of a call trace begins. */
bool trace_line(const char *text, struct report_frame *out);
/* Adds the frame that `text` begins with to a report; false if there is none. */
bool frame_take(struct report *r, enum report_stack stack, const char *text, bool exact);

/* The hexadecimal number at the start of `text` ("0x" or not); 0 if there is none. */
uint64_t hex_number(const char *text);
/* The decimal one. */
unsigned long decimal(const char *text);

#endif
