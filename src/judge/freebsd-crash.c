/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognising a FreeBSD panic in the console's text: what sys/amd64/amd64/trap.c (trap_fatal),
 * sys/kern/kern_shutdown.c (vpanic) and sys/kern/subr_kdb.c (the backtrace) print. A panic is the end of the
 * machine, so there is one report at most, and it goes to the end of the log.
 */
#include "judge/judge.h"

#include <string.h>

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* A module may print these words; the processor's number and the uptime follow only in earnest. */
static bool is_evidence(const char *text)
{
	return starts(text, "cpuid = ") || starts(text, "KDB: stack backtrace") ||
		starts(text, "Uptime: ");
}

static bool is_start(const char *text)
{
	return starts(text, "panic: ") || starts(text, "Fatal trap ") ||
		starts(text, "Fatal double fault");
}

/* The name in "#4 0xffffffff82c1a01f at hello_modevent+0x1f"; NULL if the line is no such one, or is
 * part of how a kernel panics. */
static char *frame(const char *text)
{
	static const char *const machinery[] = {"kdb_backtrace", "db_trace_self_wrapper", "vpanic",
		"panic", "trap_fatal", "trap_pfault", "trap", "calltrap", "trap_check",
		"dblfault_handler", "Xdblfault", "kassert_panic", NULL};
	const char *at = text[0] == '#' ? strstr(text, " at ") : NULL;
	size_t len;

	if (!at)
		return NULL;
	at += 4;
	len = strcspn(at, "+ ");
	for (size_t i = 0; machinery[i]; i++)
		if (strlen(machinery[i]) == len && !strncmp(at, machinery[i], len))
			return NULL;
	return xstrndup(at, strcspn(at, " \n"));
}

/* The address in "instruction pointer\t= 0x20:0xffffffff82618016"; NULL if the line is no such one. */
static char *pointer(const char *text)
{
	const char *at = starts(text, "instruction pointer") ? strrchr(text, ':') : NULL;

	return at ? xstrndup(at + 1, strcspn(at + 1, " \n")) : NULL;
}

/* Without DDB the backtrace begins with the caller of what trapped; the trap itself has the address. */
static char *place_of(char *pointer, char *frame)
{
	char *both;

	if (!pointer || !frame)
		return pointer ? pointer : frame;
	both = xasprintf("%s, called from %s", pointer, frame);
	free(pointer);
	free(frame);
	return both;
}

static char *title(const struct record *log, size_t n, size_t first)
{
	AUTO_FREE char *address = NULL;

	for (size_t i = first; i < n && !address; i++)
		if (starts(log[i].text, "fault virtual address"))
			address = xstrdup(log[i].text + strcspn(log[i].text, "=") +
				(strchr(log[i].text, '=') != NULL));
	return address ? xasprintf("%s (address%s)", log[first].text, address)
		       : xstrdup(log[first].text);
}

int crash_find_freebsd(const struct record *log, size_t n, size_t from, struct crash *c)
{
	for (size_t i = from; i < n; i++) {
		bool real = false;
		char *place = NULL, *trapped = NULL;

		if (!is_start(log[i].text))
			continue;
		for (size_t k = i + 1; k < n; k++) {
			real = real || is_evidence(log[k].text);
			if (!place)
				place = frame(log[k].text);
			if (!trapped)
				trapped = pointer(log[k].text);
		}
		if (!real) {
			free(place);
			free(trapped);
			continue;
		}
		*c = (struct crash){.first = i, .last = n - 1, .fatal = true};
		c->place = place_of(trapped, place);
		c->title = title(log, n, i);
		return 1;
	}
	return 0;
}
