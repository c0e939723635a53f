/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/listing.h"

#include <string.h>

#define NUMBER_MOST UINT64_C(1000000000000)

/* The digits at `*at`, which moves behind them; false when there are none, or too many. */
static bool take_number(const char **at, const char *end, uint64_t *out)
{
	const char *p = *at;

	*out = 0;
	while (p < end && *p >= '0' && *p <= '9' && *out < NUMBER_MOST)
		*out = 10 * *out + (uint64_t)(*p++ - '0');
	if (p == *at || (p < end && *p >= '0' && *p <= '9'))
		return false;
	*at = p;
	return true;
}

/* Copies a field as far as it fits. */
static void copy(char to[LISTING_WORD], const char *from, const char *end)
{
	size_t n = 0;

	for (; from < end && n + 1 < LISTING_WORD; from++)
		to[n++] = *from < ' ' || *from > '~' ? '?' : *from;
	to[n] = 0;
}

/* The end of the field that begins at `p`. */
static const char *field_end(const char *p, char separator)
{
	return p + strcspn(p, (char[]){separator, '\n', 0});
}

bool listing_take(const char *line, struct listed *out)
{
	const char *p = line, *end = field_end(line, '|');

	*out = (struct listed){0};
	if (*end != '|' || !take_number(&p, end, &out->job) || p == end || *p++ != '_')
		return false;
	if (p < end && *p == '[')
		p++;
	out->tasks = p;
	/* Behind '%' stands how many may run at a time. */
	while (p < end && *p != ']' && *p != '%')
		p++;
	out->ntasks = (size_t)(p - out->tasks);
	p = end + 1;
	end = field_end(p, '|');
	/* "CANCELLED by 1000", "CANCELLED+" */
	copy(out->state, p, p + strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"));
	if (!*out->state)
		return false;
	if (*end == '|') {
		p = end + 1;
		end = field_end(p, '|');
		copy(out->node, p, end);
	}
	if (*end == '|') {
		p = end + 1;
		copy(out->more, p, field_end(p, '|'));
	}
	/* Where there is none. */
	if (!strcmp(out->node, "None assigned") || !strcmp(out->node, "(null)"))
		*out->node = 0;
	return true;
}

bool listing_has(const struct listed *l, size_t task)
{
	const char *p = l->tasks, *end = p + l->ntasks;

	while (p < end) {
		uint64_t first, last, step = 1;

		if (!take_number(&p, end, &first))
			return false;
		last = first;
		if (p < end && *p == '-') {
			p++;
			if (!take_number(&p, end, &last))
				return false;
		}
		if (p < end && *p == ':') {
			p++;
			if (!take_number(&p, end, &step) || !step)
				return false;
		}
		if (task >= first && task <= last && (task - first) % step == 0)
			return true;
		if (p < end && *p++ != ',')
			return false;
	}
	return false;
}

bool listing_is_final(const char *state)
{
	static const char *const final[] = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE",
		"FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"};

	for (size_t i = 0; i < sizeof final / sizeof *final; i++)
		if (!strcmp(state, final[i]))
			return true;
	return false;
}

bool joblog_take(const char *line, struct logged *out)
{
	/* Seq, Host, Starttime, JobRuntime, Send, Receive, Exitval, Signal, Command */
	const char *p = line, *end = field_end(line, '\t');
	uint64_t n;

	*out = (struct logged){0};
	if (*end != '\t' || !take_number(&p, end, &n) || p != end || !n)
		return false;
	out->place = (size_t)n;
	p = end + 1;
	end = field_end(p, '\t');
	/* "ssh -F FILE host": the login is the last word. */
	for (const char *word = p; word < end; word++)
		if (*word == ' ' && word + 1 < end)
			p = word + 1;
	copy(out->host, p, end);
	for (int field = 2; field < 8; field++) {
		if (*end != '\t')
			return false;
		p = end + 1;
		end = field_end(p, '\t');
		if (field < 6)
			continue;
		if (!take_number(&p, end, &n) || n > 1000)
			return false;
		*(field == 6 ? &out->status : &out->signal) = (int)n;
	}
	return *end == '\t';
}
