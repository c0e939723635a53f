/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge/kmsg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* A decimal number at *p, which ends before `end`; false when there is none or it is too large. */
static bool number(const char **p, const char *end, uint64_t *out)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; *p < end && isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			return false;
	*out = n;
	return *p > start;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* How long the valid UTF-8 sequence at `s` is (two bytes at least), or 0. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		: s[0] >= 0xe0 && s[0] < 0xf0  ? 3
		: s[0] >= 0xf0 && s[0] < 0xf5  ? 4
					       : 0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and the C1 control characters. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f) ||
		(s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return n;
}

/* The kernel writes what is not printable ASCII as \xNN. Turns that back into bytes, then keeps what
 * is harmless on a terminal: printable ASCII, newline, tab, valid UTF-8. */
char *record_text(const char *text, size_t len)
{
	AUTO_BUF struct buf raw = {0};
	struct buf out = {0};

	for (size_t i = 0; i < len; i++) {
		if (len - i >= 4 && text[i] == '\\' && text[i + 1] == 'x' &&
			hex(text[i + 2]) >= 0 && hex(text[i + 3]) >= 0) {
			char byte = (char)(hex(text[i + 2]) * 16 + hex(text[i + 3]));

			buf_add(&raw, &byte, 1);
			i += 3;
		} else {
			buf_add(&raw, text + i, 1);
		}
	}
	for (size_t i = 0; i < raw.len;) {
		const unsigned char *s = (const unsigned char *)raw.data + i;
		size_t n = (*s >= ' ' && *s <= '~') || *s == '\n' || *s == '\t'
			? 1
			: utf8_length(s, raw.len - i);

		if (n)
			buf_add(&out, s, n);
		else
			buf_addf(&out, "\\x%02x", *s);
		i += n ? n : 1;
	}
	while (out.len && (out.data[out.len - 1] == '\n' || out.data[out.len - 1] == '\r'))
		out.data[--out.len] = 0;
	return buf_take(&out);
}

int kmsg_parse(const void *bytes, size_t len, struct record *out)
{
	const char *p = bytes, *end = p + len, *text, *stop;
	uint64_t prio, seq, usec;

	*out = (struct record){0};
	if (!number(&p, end, &prio) || p == end || *p++ != ',' || !number(&p, end, &seq) ||
		p == end || *p++ != ',' || !number(&p, end, &usec))
		return -EINVAL;
	text = memchr(p, ';', (size_t)(end - p));
	if (!text || prio > 0xffff)
		return -EINVAL;
	text++;
	/* What follows the first line is the dictionary (SUBSYSTEM=, DEVICE=). */
	stop = memchr(text, '\n', (size_t)(end - text));
	out->seq = seq;
	out->usec = usec;
	out->level = prio & 7;
	out->facility = (unsigned)prio >> 3;
	out->text = record_text(text, (size_t)((stop ? stop : end) - text));
	out->origin = kmsg_origin(out->text);
	return 0;
}

/* "[    2.161089] text": its time in microseconds and where the text starts; NULL if it is none. */
static const char *console_line(const char *line, const char *end, uint64_t *usec)
{
	uint64_t sec, part;
	const char *dot;

	if (line == end || *line++ != '[')
		return NULL;
	while (line < end && *line == ' ')
		line++;
	if (!number(&line, end, &sec) || line == end || *line++ != '.')
		return NULL;
	dot = line;
	if (!number(&line, end, &part) || line - dot != 6 || line == end || *line++ != ']' ||
		sec > UINT32_MAX)
		return NULL;
	if (line < end && *line == ' ')
		line++;
	*usec = sec * 1000000 + part;
	return line;
}

static bool logged(const struct run *r, uint64_t usec, const char *text)
{
	for (size_t i = r->nlog; i-- > 0 && r->log[i].usec >= usec;)
		if (r->log[i].usec == usec && strstr(r->log[i].text, text))
			return true;
	return false;
}

void kmsg_add_console(struct run *r, size_t call)
{
	uint64_t last = r->nlog ? r->log[r->nlog - 1].usec : 0;
	uint64_t floor = last;
	size_t known = r->nlog;

	for (const char *line = r->console, *end; line && *line; line = *end ? end + 1 : end) {
		const char *text, *stop;
		struct record *new;
		uint64_t usec;
		char *cleaned;

		end = strchrnul(line, '\n');
		text = console_line(line, end, &usec);
		if (!text || usec < floor)
			continue;
		stop = end;
		while (stop > text && stop[-1] == '\r')
			stop--;
		cleaned = record_text(text, (size_t)(stop - text));
		if (known && usec == last && logged(r, usec, cleaned)) {
			free(cleaned);
			continue;
		}
		new = ARRAY_ADD(r->log, r->nlog);
		*new = (struct record){.usec = usec,
			.level = LEVEL_UNKNOWN,
			.text = cleaned,
			.origin = kmsg_origin(cleaned),
			.call = call};
	}
}

const char *kmsg_level_name(unsigned level)
{
	static const char *const names[] = {
		"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

	return level < 8 ? names[level] : "";
}

enum origin kmsg_origin(const char *text)
{
	static const char *const taints[] = {": loading out-of-tree module taints kernel",
		": module verification failed: signature and/or required key missing",
		"Disabling lock debugging due to kernel taint", "' taints kernel.",
		": loading test module taints kernel"};
	static const char *const background[] = {"tsc: ", "clocksource: ", "random: crng init done",
		"random: fast init done",
		"input: ", "sched_clock: ", "hrtimer: ", "process '/init' started", "workqueue: "};

	for (size_t i = 0; i < sizeof taints / sizeof *taints; i++)
		if (strstr(text, taints[i]))
			return ORIGIN_TAINT;
	for (size_t i = 0; i < sizeof background / sizeof *background; i++)
		if (!strncmp(text, background[i], strlen(background[i])))
			return ORIGIN_KERNEL;
	return ORIGIN_MODULE;
}

void thing_add(struct things *all, struct thing new)
{
	if (all->n >= THINGS_MAX) {
		free(new.name);
		free(new.more);
		return;
	}
	*ARRAY_ADD(all->items, all->n) = new;
}

void things_free(struct things *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->items[i].name);
		free(all->items[i].more);
	}
	free(all->items);
	*all = (struct things){0};
}

void run_free(struct run *r)
{
	for (size_t i = 0; i < r->nlog; i++)
		free(r->log[i].text);
	free(r->log);
	for (size_t i = 0; i < r->ncalls; i++) {
		free(r->calls[i].what);
		free(r->calls[i].again);
		free(r->calls[i].output);
	}
	free(r->calls);
	things_free(&r->appeared);
	things_free(&r->left);
	code_free(r->code);
	free(r->stuck);
	strv_free(&r->asked);
	free(r->params);
	free(r->console);
	*r = (struct run){0};
}
