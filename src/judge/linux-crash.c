/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognising that a Linux kernel has crashed, in its log. The first line of a report is matched
 * against what arch/x86/kernel/dumpstack.c, traps.c, mm/fault.c, lib/bug.c and kernel/panic.c print; because a
 * module may print such words itself, a report must also have the register dump or the call trace
 * that the kernel always adds.
 */
#include "judge/judge.h"

#include <string.h>

#define REPORT_MAX 200 /* records in one report, at most */

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool starts_any(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (starts(text, *list))
			return true;
	return false;
}

enum start { START_NONE, START_FATAL, START_WARN };

static enum start start_of(const char *text)
{
	static const char *const lockups[] = {
		"BUG: soft lockup", "BUG: workqueue lockup", "watchdog: BUG: soft lockup", NULL};
	static const char *const fatal[] = {"BUG: ", "Oops: ", "Oops[#", "kernel BUG at ",
		"general protection fault", "divide error: ", "invalid opcode: ", "int3: ",
		"stack segment: ", "double fault: ", "PANIC: double fault", "traps: PANIC",
		"Kernel panic - not syncing", "kernel tried to execute ", "unable to handle ",
		"Unable to handle kernel", "Internal error: ", NULL};

	if (starts_any(text, lockups))
		return START_NONE; /* a hang; the deadline judges it */
	if (starts_any(text, fatal))
		return START_FATAL;
	return starts(text, "WARNING: CPU: ") || starts(text, "WARNING: ") ? START_WARN
									   : START_NONE;
}

static bool is_evidence(const char *text)
{
	static const char *const signs[] = {
		"CPU: ", "Call Trace:", "RIP: ", "Kernel Offset:", "---[ end ", NULL};

	return starts_any(text, signs);
}

/* What goes on in a report after "---[ end trace": the registers once more, and what became of it. */
static bool is_tail(const char *text)
{
	static const char *const tails[] = {"RIP: ", "Code: ", "RSP: ", "RAX: ", "RDX: ", "RBP: ",
		"R10: ", "R13: ", "FS:  ", "CS:  ", "CR2: ", "DR0: ", "DR3: ", "PKRU: ", "note: ",
		"Kernel panic - not syncing", "Kernel Offset:", "---[ end Kernel panic",
		"Rebooting in ", "Shutting down cpus", NULL};

	return starts_any(text, tails);
}

/* The last record of the report that starts at `first`; `*real` says whether it is one. */
static size_t report_end(const struct record *log, size_t n, size_t first, bool *real)
{
	bool ended = false;
	size_t last = first;

	*real = false;
	for (size_t i = first + 1; i < n && i - first < REPORT_MAX; i++) {
		const char *text = log[i].text;

		if (is_evidence(text))
			*real = true;
		if (ended && !is_tail(text))
			break;
		/* A new report in the midst of one: "BUG: unable to handle" then "Oops:" is one, and a
		 * panic belongs to what led to it. */
		if (!ended && *real && start_of(text) != START_NONE &&
			!starts(text, "Kernel panic") && !starts(text, "Oops"))
			break;
		last = i;
		if (starts(text, "---[ end trace"))
			ended = true;
		if (starts(text, "---[ end Kernel panic"))
			break;
	}
	return last;
}

/* "name+0x1/0x2 [module]" at the start of `text`: its length, 0 when it is no such thing. */
static size_t frame_length(const char *text)
{
	size_t len = strcspn(text, " \n");
	const char *plus = memchr(text, '+', len), *bracket;

	if (!plus || plus == text || !starts(plus, "+0x") ||
		!memchr(plus, '/', len - (size_t)(plus - text)))
		return 0;
	bracket = text + len;
	if (starts(bracket, " [")) {
		size_t more = strcspn(bracket, "]");

		if (bracket[more] == ']')
			len += more + 1;
	}
	return len;
}

static char *take_frame(const char *text)
{
	size_t len = frame_length(text);

	return len ? xstrndup(text, len) : NULL;
}

/* Where it happened: the instruction pointer's function, and the module's own one that called it. */
static char *find_place(const struct record *log, size_t first, size_t last)
{
	AUTO_FREE char *rip = NULL, *frame = NULL, *caller = NULL;
	bool trace = false;

	for (size_t i = first; i <= last && !frame; i++) {
		const char *text = log[i].text;
		char *found;

		if (starts(text, "RIP: ") && !rip) {
			const char *colon = strchr(text + 5, ':');

			rip = colon ? take_frame(colon + 1) : NULL;
			if (colon && !rip && !strcmp(colon + 1, "0x0"))
				rip = xstrdup("a call through a NULL function pointer");
			if (rip && strchr(rip, '['))
				return xstrdup(rip);
			continue;
		}
		trace = trace || starts(text, "Call Trace:");
		text += strspn(text, " ");
		if (*text == '?') /* a guess of the unwinder's */
			continue;
		found = take_frame(text);
		if (found && strchr(found, '['))
			frame = found;
		else if (found && trace && !caller)
			caller = found;
		else
			free(found);
	}
	if (!frame && caller) {
		frame = caller;
		caller = NULL;
	}
	if (rip && frame)
		return xasprintf("%s, called from %s", rip, frame);
	return rip ? xstrdup(rip) : frame ? xstrdup(frame) : NULL;
}

int crash_find_linux(const struct record *log, size_t n, size_t from, struct crash *c)
{
	for (size_t i = from; i < n; i++) {
		enum start kind = start_of(log[i].text);
		const char *title = log[i].text;
		bool real;
		size_t last;

		if (kind == START_NONE)
			continue;
		last = report_end(log, n, i, &real);
		if (!real)
			continue;
		*c = (struct crash){.first = i, .last = last, .fatal = kind == START_FATAL};
		if (i > from && strstr(log[i - 1].text, "[ cut here ]"))
			c->first--;
		c->title = xstrndup(title, strcspn(title, "\n"));
		c->place = find_place(log, i, last);
		return 1;
	}
	return 0;
}

void crash_free(struct crash *c)
{
	free(c->title);
	free(c->place);
	*c = (struct crash){0};
}
