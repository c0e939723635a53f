/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of a Linux log and the frames of its call traces (lib/vsprintf.c, %pS and %pB). */
#include "judge/linux-text.h"

#include <ctype.h>
#include <string.h>

void window_open(struct window *w, const struct record *log, size_t from, size_t to)
{
	struct buf text = {0};
	size_t n = 0, at = 0;

	*w = (struct window){0};
	for (size_t i = from; i < to; i++) {
		buf_adds(&text, log[i].text);
		buf_add(&text, "", 1);
		n++;
		for (const char *p = log[i].text; (p = strchr(p, '\n')); p++)
			n++;
	}
	w->lines = xcalloc(n + 1, sizeof *w->lines);
	w->storage = buf_take(&text);
	for (size_t i = from; i < to; i++) {
		size_t len = strlen(log[i].text);
		char *record = w->storage + at, *line = record;

		for (char *end; line; line = end) {
			end = strchr(line, '\n');
			if (end)
				*end++ = 0;
			w->lines[w->n++] = (struct line){line, i};
		}
		at += len + 1;
	}
}

void window_free(struct window *w)
{
	free(w->lines);
	free(w->storage);
	*w = (struct window){0};
}

bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

bool starts_any(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (starts(text, *list))
			return true;
	return false;
}

const char *after(const char *text, const char *word)
{
	const char *at = text ? strstr(text, word) : NULL;

	return at ? at + strlen(word) : NULL;
}

const char *line_with(const struct window *w, size_t from, size_t to, const char *word)
{
	for (size_t i = from; i < to && i < w->n; i++)
		if (strstr(w->lines[i].text, word))
			return w->lines[i].text;
	return NULL;
}

uint64_t hex_number(const char *text)
{
	return strtoull(text, NULL, 16);
}

unsigned long decimal(const char *text)
{
	return isdigit((unsigned char)*text) ? strtoul(text, NULL, 10) : 0;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || strchr("_.$<>:", c);
}

bool frame_read(const char *text, struct report_frame *out)
{
	size_t len = 0;
	char *end;

	*out = (struct report_frame){0};
	if (starts(text, "0x")) {
		out->address = strtoull(text, &end, 16);
		return end > text + 2 && !isalnum((unsigned char)*end) && *end != '_';
	}
	while (text[len] && is_name(text[len]))
		len++;
	if (!len || !starts(text + len, "+0x"))
		return false;
	out->offset = strtoull(text + len + 1, &end, 16);
	if (*end != '/' || !starts(end + 1, "0x"))
		return false;
	out->size = strtoull(end + 1, &end, 16);
	out->known = true;
	out->function = xstrndup(text, len);
	if (starts(end, " [")) {
		/* "[hello]", or with the build's number: "[hello 0123…]" */
		size_t n = strcspn(end + 2, " ]");

		if (n && end[2 + n])
			out->module = xstrndup(end + 2, n);
	}
	return true;
}

bool trace_line(const char *text, struct report_frame *out)
{
	const char *p = text + strspn(text, " \t");
	bool guess = false;

	*out = (struct report_frame){0};
	if (p == text && !starts(p, "[<"))
		return false;
	if (starts(p, "? ")) {
		guess = true;
		p += 2;
	}
	if (starts(p, "[<")) {
		p += strcspn(p, "]");
		p += *p == ']';
		p += strspn(p, " ");
		if (starts(p, "? ")) {
			guess = true;
			p += 2;
		}
	}
	if (!frame_read(p, out))
		return false;
	out->guess = guess;
	return true;
}

/* Moves what was read into the report. */
static void add(struct report *r, enum report_stack stack, struct report_frame *found)
{
	struct report_frame *f = report_frame(r, stack);

	if (f) {
		*f = *found;
		f->stack = stack;
	} else {
		free(found->function);
		free(found->module);
	}
}

bool frame_take(struct report *r, enum report_stack stack, const char *text, bool exact)
{
	struct report_frame found;

	if (!frame_read(text, &found) && !trace_line(text, &found))
		return false;
	found.exact = exact;
	add(r, stack, &found);
	return true;
}
