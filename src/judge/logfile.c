/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved logs: what is before the kernel's own words is taken off each line, whoever put it there. What
 * stands before a line tells who wrote it, so that other programs' lines in a journal are left out.
 */
#include "judge/logfile.h"

#include "judge/kmsg.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

/* ---- what a terminal would not show ---- */

/* Where the escape sequence at `p` (ECMA-48, and xterm's with a string) ends. */
static const char *escape_end(const char *p, const char *end)
{
	if (++p == end)
		return end;
	if (*p == '[') {
		for (p++; p < end && (*p < '@' || *p > '~') && *p >= ' '; p++)
			;
		return p < end && *p >= '@' ? p + 1 : p;
	}
	if (*p == ']') {
		while (p < end && *p != '\a' && *p != '\033' && *p != '\n')
			p++;
		if (p < end && *p == '\033')
			p++;
		return p < end && *p != '\n' ? p + 1 : p;
	}
	while (p < end && *p >= ' ' && *p <= '/')
		p++;
	return p < end && *p >= ' ' ? p + 1 : p;
}

/* A line without escape sequences, carriage returns and zeros. */
static void clean(const char *p, const char *end, struct buf *out)
{
	out->len = 0;
	buf_add(out, "", 0);
	while (p < end && out->len < LINE_MAX_BYTES) {
		if (*p == '\033') {
			p = escape_end(p, end);
			continue;
		}
		if (*p != '\r' && *p != 0)
			buf_add(out, p, 1);
		p++;
	}
}

/* ---- what others put before a line ---- */

/* `digits` digits ('9') and other characters as they stand in `form`: what is behind them, or NULL. */
static const char *shaped(const char *p, const char *form)
{
	for (; *form; form++, p++)
		if (*form == '9'	       ? !isdigit((unsigned char)*p)
				: *form == 'a' ? !isalpha((unsigned char)*p)
					       : *p != *form)
			return NULL;
	return p;
}

/* "2026-11-24T08:00:00.123456+00:00", "…Z", "2026-11-24 08:00:00": what is behind it, or NULL. */
static const char *iso_time(const char *p)
{
	const char *at = shaped(p, "9999-99-99T99:99:99");

	at = at ? at : shaped(p, "9999-99-99 99:99:99");
	if (!at)
		return NULL;
	if (*at == '.' || *at == ',')
		for (at++; isdigit((unsigned char)*at); at++)
			;
	if (*at == 'Z')
		at++;
	else if (*at == '+' || *at == '-')
		for (at++; isdigit((unsigned char)*at) || *at == ':'; at++)
			;
	return at;
}

/* "Nov 24 08:00:00" or "Nov  4 08:00:00", perhaps with a fraction. */
static const char *syslog_time(const char *p)
{
	const char *at = shaped(p, "aaa 99 99:99:99");

	at = at ? at : shaped(p, "aaa  9 99:99:99");
	if (at && *at == '.')
		for (at++; isdigit((unsigned char)*at); at++)
			;
	return at;
}

/* " host kernel: " and " host program[12]: ": what is behind it; `*foreign` if it is not the kernel. */
static const char *sender(const char *p, bool *foreign)
{
	size_t host, tag;
	bool kernel;
	const char *at;

	if (*p != ' ')
		return NULL;
	host = strcspn(p + 1, " ");
	if (!p[1 + host])
		return NULL;
	at = p + 1 + host + 1;
	tag = strcspn(at, " :[");
	kernel = tag == 6 && !strncmp(at, "kernel", 6);
	/* A kernel's own "Call Trace:" looks like one; a program has a number. */
	if (at[tag] == '[')
		tag += strspn(at + tag, "[]0123456789");
	else if (!kernel)
		return NULL;
	if (at[tag] != ':')
		return NULL;
	*foreign = !kernel;
	at += tag + 1;
	return *at == ' ' ? at + 1 : at;
}

/* "[    2.161089] " and "[12] ": the time, and what is behind it; or NULL. */
static const char *stamp(const char *p, uint64_t *usec)
{
	uint64_t sec = 0, part = 0;
	unsigned digits = 0;

	if (*p++ != '[')
		return NULL;
	p += strspn(p, " ");
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p) && sec < UINT32_MAX; p++)
		sec = sec * 10 + (uint64_t)(*p - '0');
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			if (digits < 6) {
				part = part * 10 + (uint64_t)(*p - '0');
				digits++;
			}
	while (digits++ < 6)
		part *= 10;
	if (*p == '@' || *p == ',') /* a processor's number, in some vendors' kernels */
		p += 1 + strspn(p + 1, " 0123456789");
	if (*p != ']')
		return NULL;
	*usec = sec * 1000000 + part;
	return p + 1;
}

/* "[Tue Nov 24 08:00:00 2026] " */
static const char *ctime_stamp(const char *p)
{
	const char *at = shaped(p, "[aaa aaa 99 99:99:99 9999]");

	return at ? at : shaped(p, "[aaa aaa  9 99:99:99 9999]");
}

/* "[   T84] ", "[    C1] ": who printed it, where the kernel says so. */
static const char *caller(const char *p)
{
	const char *at = p;

	if (*at++ != '[')
		return NULL;
	at += strspn(at, " ");
	if (*at != 'T' && *at != 'C')
		return NULL;
	at++;
	if (!isdigit((unsigned char)*at))
		return NULL;
	at += strspn(at, "0123456789");
	return *at == ']' ? at + 1 : NULL;
}

static const char *one_blank(const char *p)
{
	return *p == ' ' ? p + 1 : p;
}

/* "<4>" */
static const char *priority(const char *p, unsigned *level)
{
	unsigned n = 0;
	const char *at = p;

	if (*at++ != '<' || !isdigit((unsigned char)*at))
		return NULL;
	for (; isdigit((unsigned char)*at) && n < 10000; at++)
		n = n * 10 + (unsigned)(*at - '0');
	if (*at != '>')
		return NULL;
	*level = n & 7;
	return at + 1;
}

/* "kern  :alert : " of dmesg --decode. */
static const char *decoded(const char *p, unsigned *level)
{
	const char *at;

	if (strncmp(p, "kern", 4))
		return NULL;
	at = p + 4 + strspn(p + 4, " ");
	if (*at++ != ':')
		return NULL;
	for (unsigned i = 0; i < 8; i++) {
		const char *name = kmsg_level_name(i);
		size_t len = strlen(name);

		/* dmesg says "warn" for "warning". */
		len = i == 4 ? 4 : len;
		if (!strncmp(at, name, len)) {
			at += strcspn(at, ":");
			*level = i;
			return *at == ':' ? one_blank(at + 1) : NULL;
		}
	}
	return NULL;
}

struct text {
	const char *at;
	uint64_t usec;
	unsigned level;
	bool foreign; /* another program's */
};

/* Takes all of that off. */
static struct text strip(const char *line)
{
	struct text t = {.at = line, .level = LEVEL_UNKNOWN};
	const char *p;

	p = iso_time(t.at);
	p = p ? p : syslog_time(t.at);
	if (p) {
		const char *behind = sender(p, &t.foreign);

		/* A CI has nothing but the time. */
		t.at = behind ? behind : one_blank(p);
	}
	for (int i = 0; i < 2; i++) {
		if ((p = priority(t.at, &t.level)) || (p = decoded(t.at, &t.level)))
			t.at = p;
		if ((p = stamp(t.at, &t.usec)) || (p = ctime_stamp(t.at)))
			t.at = one_blank(p);
	}
	p = caller(t.at);
	if (p)
		t.at = one_blank(p);
	return t;
}

/* ---- boots ---- */

#define BSD_BOOT "---<<BOOT>>---"

/* Whether a boot begins with this line, which is to be added to `r`. */
static bool is_boot(const struct run *r, const char *text)
{
	if (!strncmp(text, "-- Boot ", 8) || !strcmp(text, "-- Reboot --"))
		return true;
	if (r->os != TARGET_FREEBSD)
		return !strncmp(text, "Linux version ", 14);
	/* Releases up to 11 do not have the mark, before which others may not be saved. */
	return !strcmp(text, BSD_BOOT) ||
		(!strncmp(text, "Copyright (c) ", 14) && strstr(text, " The FreeBSD Project") &&
			strcmp(r->log[r->nlog - 1].text, BSD_BOOT));
}

static struct run *add_boot(struct logfile *l, enum target_os os)
{
	struct run *r = ARRAY_ADD(l->boots, l->n);

	r->os = os;
	return r;
}

/* A log of anything may be long; what is judged of it has an end. */
#define RECORDS_MAX 5000000

void logfile_read(const char *bytes, size_t len, enum target_os os, struct logfile *out)
{
	const char *end = bytes + len;
	AUTO_BUF struct buf line = {0};
	struct run *boot;
	size_t records = 0;

	*out = (struct logfile){0};
	boot = add_boot(out, os);
	for (const char *p = bytes, *stop; p < end && records < RECORDS_MAX; p = stop + 1) {
		struct record new = {0};
		struct text t;

		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		clean(p, stop, &line);
		if (isdigit((unsigned char)*line.data) && !kmsg_parse(line.data, line.len, &new)) {
			/* A record of /dev/kmsg. */
		} else {
			t = strip(line.data);
			if (t.foreign)
				continue;
			new = (struct record){.usec = t.usec,
				.level = t.level,
				.text = record_text(t.at, strlen(t.at))};
		}
		new.origin = kmsg_origin(new.text);
		if (boot->nlog && is_boot(boot, new.text))
			boot = add_boot(out, os);
		*ARRAY_ADD(boot->log, boot->nlog) = new;
		records++;
	}
}

void logfile_free(struct logfile *l)
{
	for (size_t i = 0; i < l->n; i++)
		run_free(&l->boots[i]);
	free(l->boots);
	*l = (struct logfile){0};
}

enum target_os logfile_os(const char *bytes, size_t len)
{
	static const char *const freebsd[] = {"KDB: ", "Fatal trap ", "FreeBSD",
		"cpuid = ", "lock order reversal", "db_trace_self", "Fatal double fault",
		" with the following locks held:", " with the following non-sleepable locks held:",
		"acquiring duplicate lock of same type: ", " leaked memory on destroy (",
		"Freed UMA keg ("};
	static const char *const others[] = {"Linux version",
		"Call Trace:", "Hardware name: ", "[ cut here ]", "Kernel panic - not syncing",
		"Modules linked in:", "RIP: 0010:"};
	size_t ours = 0, theirs = 0;

	for (size_t i = 0; i < sizeof freebsd / sizeof *freebsd; i++)
		ours += memmem(bytes, len, freebsd[i], strlen(freebsd[i])) != NULL;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		theirs += memmem(bytes, len, others[i], strlen(others[i])) != NULL;
	return ours > theirs ? TARGET_FREEBSD : TARGET_LINUX;
}
