/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text is ours, but what is in it comes from the guest: nothing of it is believed. Linux's own trace
 * of a processor (arch/x86/kernel/dumpstack.c, after lib/nmi_backtrace.c's heading) is better than ours,
 * which takes every word of the stack that looks like one for a return address, and takes its place.
 */
#include "judge/stands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define STANDS_MAX 2000
#define FRAMES_MAX 200

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void drop_frames(struct stand *s)
{
	for (size_t i = 0; i < s->nframes; i++) {
		free(s->frames[i].function);
		free(s->frames[i].module);
	}
	free(s->frames);
	s->frames = NULL;
	s->nframes = 0;
}

static bool is_name(const char *text, const char *end)
{
	for (; text < end; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.$", *text))
			return false;
	return true;
}

/* "name+0x12[/0x40][ [module]]", or the name alone, up to `end` becomes a frame; false when it is no such thing. */
static bool take_frame(const char *text, const char *end, bool other, struct stand *s)
{
	const char *plus, *bracket, *close;
	struct stand_frame *f;

	while (text < end && *text == ' ')
		text++;
	if (starts(text, "[<0>] "))
		text += 6;
	plus = memchr(text, '+', (size_t)(end - text));
	if (!plus)
		plus = end;
	if (plus == text || s->nframes >= FRAMES_MAX || (plus < end && !starts(plus, "+0x")) ||
		!is_name(text, plus))
		return false;
	f = ARRAY_ADD(s->frames, s->nframes);
	f->function = xstrndup(text, (size_t)(plus - text));
	f->offset = plus < end ? strtoull(plus + 1, NULL, 16) : STAND_CALLED;
	f->other = other;
	bracket = memchr(plus, '[', (size_t)(end - plus));
	close = bracket ? memchr(bracket, ']', (size_t)(end - bracket)) : NULL;
	if (close)
		f->module = xstrndup(bracket + 1, strcspn(bracket + 1, "] "));
	return true;
}

static struct stand *add(struct stands *all)
{
	return all->n < STANDS_MAX ? ARRAY_ADD(all->items, all->n) : NULL;
}

/* "cpu 1: kernel, interrupts off" */
static struct stand *take_cpu(struct stands *all, const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	struct stand *s = colon ? add(all) : NULL;

	if (!s)
		return NULL;
	s->cpu = true;
	s->number = (unsigned)strtoul(line + 4, NULL, 10);
	s->name = xstrndup(line, (size_t)(colon - line));
	s->state = starts(colon, ": idle") ? STAND_IDLE
		: starts(colon, ": user")  ? STAND_USER
					   : STAND_KERNEL;
	s->interrupts = end - line >= 3 && !strncmp(end - 3, " on", 3);
	return s;
}

/* "task 43 (init): D, wait_for_completion, lock foo, caller" */
static struct stand *take_task(struct stands *all, const char *line, const char *end)
{
	const char *close = memrchr(line, ')', (size_t)(end - line));
	struct stand *s = close && starts(close, "): ") ? add(all) : NULL;
	AUTO_FREE char *rest = NULL;
	char *part, *save = NULL;

	if (!s)
		return NULL;
	s->number = (unsigned)strtoul(line + 5, NULL, 10);
	s->name = xstrndup(line, (size_t)(close + 1 - line));
	s->interrupts = true;
	rest = xstrndup(close + 3, (size_t)(end - close - 3));
	part = strtok_r(rest, ",", &save);
	/* Linux: proc(5), state; FreeBSD's are words. */
	s->state = part &&
			(!strcmp(part, "D") || !strcmp(part, "S") || !strcmp(part, "I") ||
				!strcmp(part, "sleeps") || !strcmp(part, "locked") ||
				!strcmp(part, "waits"))
		? STAND_SLEEPS
		: STAND_READY;
	for (int i = 0; part && (part = strtok_r(NULL, ",", &save)); i++) {
		part += *part == ' ';
		if (!strcmp(part, "caller"))
			s->caller = true;
		else if (starts(part, "lock ") && !s->lock)
			s->lock = xstrdup(part + 5);
		else if (i == 0 && strcmp(part, "-") && strcmp(part, "0"))
			s->waits = xstrdup(part);
	}
	return s;
}

/* "lock my_lock [spin] (mutex): held by task 43 (init)" */
static void take_lock(struct stands *all, const char *line, const char *end)
{
	const char *held = memmem(line, (size_t)(end - line), ": held by ", 10), *open, *close;
	struct stand_lock *l;

	close = memrchr(line, ')', (size_t)((held ? held : end) - line));
	open = close ? memrchr(line, '(', (size_t)(close - line)) : NULL;
	if (!open || open - line < 7 || open[-1] != ' ' || close == open + 1 ||
		all->nlocks >= FRAMES_MAX)
		return;
	l = ARRAY_ADD(all->locks, all->nlocks);
	l->kind = xstrndup(open + 1, (size_t)(close - open - 1));
	l->name = xstrndup(line + 5, (size_t)(open - 1 - line - 5));
	/* Whose module it is in is plain. */
	if (strstr(l->name, " ["))
		*strstr(l->name, " [") = 0;
	if (held)
		l->owner = xstrndup(held + 10, (size_t)(end - held - 10));
}

/* ---- lockdep's list (kernel/locking/lockdep.c: debug_show_all_locks) ---- */

/* "1 lock held by keeper/44:" */
static bool take_holder(struct stands *all, const char *at, const char *end)
{
	const char *by = memmem(at, (size_t)(end - at), " held by ", 9), *slash;

	if (!by || !isdigit((unsigned char)*at) || end[-1] != ':')
		return false;
	by += 9;
	slash = memrchr(by, '/', (size_t)(end - by));
	if (!slash || !isdigit((unsigned char)slash[1]))
		return false;
	all->holder = (unsigned)strtoul(slash + 1, NULL, 10);
	free(all->holder_name);
	all->holder_name = xasprintf("task %u (%.*s)", all->holder, (int)(slash - by), by);
	return true;
}

/* " #0: ffffffffa0205068 (my_lock){+.+.}-{3:3}, at: holder+0x13/0x2b [bad]" */
static void take_held(struct stands *all, const char *at, const char *end)
{
	const char *colon = memmem(at, (size_t)(end - at), ": ", 2);
	const char *open = memmem(at, (size_t)(end - at), " (", 2);
	const char *close = memmem(at, (size_t)(end - at), "){", 2);
	const char *taken = memmem(at, (size_t)(end - at), ", at: ", 6);
	struct stand place = {0};
	struct stand_held *h;

	if (!all->holder_name || !colon || !open || !close || colon > open || close < open + 2 ||
		all->nheld >= STANDS_MAX)
		return;
	h = ARRAY_ADD(all->held, all->nheld);
	h->task = all->holder;
	h->owner = xstrdup(all->holder_name);
	h->address = strtoull(colon + 2, NULL, 16);
	h->name = xstrndup(open + 2, (size_t)(close - open - 2));
	if (taken && take_frame(taken + 6, end, false, &place))
		h->frame = place.frames;
}

/* Whether the line is of that list. */
static bool take_locks(struct stands *all, const char *at, const char *end)
{
	if (starts(at, " #")) {
		take_held(all, at, end);
		return true;
	}
	return at < end && take_holder(all, at, end);
}

/* ---- the kernel's own traces ---- */

struct trace {
	struct stand stand; /* what has been read of the one at hand */
	bool open, called;
};

/* Puts the trace in place of what was scanned. The one of whoever asked for it is of no interest. */
static void end_trace(struct stands *all, struct trace *t)
{
	bool asked = false;

	for (size_t i = 0; i < t->stand.nframes; i++)
		asked = asked || starts(t->stand.frames[i].function, "sysrq_handle_") ||
			starts(t->stand.frames[i].function, "__handle_sysrq");
	for (size_t i = 0; i < all->n && t->open && !asked && t->stand.nframes; i++) {
		struct stand *s = &all->items[i];

		if (!s->cpu || s->number != t->stand.number || s->state != STAND_KERNEL)
			continue;
		for (size_t k = 0; k < s->nframes; k++)
			if (s->frames[k].other)
				*ARRAY_ADD(t->stand.frames, t->stand.nframes) = s->frames[k];
		for (size_t k = 0; k < s->nframes; k++)
			if (!s->frames[k].other) {
				free(s->frames[k].function);
				free(s->frames[k].module);
			}
		free(s->frames);
		s->frames = t->stand.frames;
		s->nframes = t->stand.nframes;
		t->stand.frames = NULL;
		t->stand.nframes = 0;
	}
	drop_frames(&t->stand);
	*t = (struct trace){0};
}

static void take_log(struct stands *all, struct trace *t, const char *line, const char *end)
{
	static const char heading[] = "NMI backtrace for cpu ";
	const char *at = line + 5;

	if (starts(at, heading)) {
		end_trace(all, t);
		t->open = !memmem(at, (size_t)(end - at), "skipped", 7);
		t->stand.number = (unsigned)strtoul(at + sizeof heading - 1, NULL, 10);
	} else if (!t->open) {
		return;
	} else if (starts(at, "RIP: 0010:") || (starts(at, "RIP: ") && !t->stand.nframes)) {
		/* The second one is what an interrupt came upon, in the midst of the trace. */
		const char *colon = memchr(at + 5, ':', (size_t)(end - at - 5));

		if (colon)
			take_frame(colon + 1, end, false, &t->stand);
	} else if (starts(at, "Call Trace:")) {
		t->called = true;
	} else if (t->called) {
		while (at < end && *at == ' ')
			at++;
		if (*at != '?') /* a guess */
			take_frame(at, end, false, &t->stand);
	}
}

void stands_parse(const char *text, struct stands *out)
{
	struct stand *current = NULL;
	struct trace trace = {0};

	*out = (struct stands){0};
	for (const char *line = text, *end; line && *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (starts(line, "cpu ")) {
			current = take_cpu(out, line, end);
		} else if (starts(line, "task ")) {
			current = take_task(out, line, end);
		} else if (starts(line, "lock ")) {
			take_lock(out, line, end);
			current = NULL;
		} else if (starts(line, "log: ") && take_locks(out, line + 5, end)) {
			current = NULL;
		} else if (starts(line, "log: ")) {
			take_log(out, &trace, line, end);
			current = NULL;
		} else if (current && starts(line, "  ~ ")) {
			take_frame(line + 4, end, true, current);
		} else if (current && starts(line, "  ")) {
			take_frame(line, end, false, current);
		}
	}
	end_trace(out, &trace);
}

void stands_free(struct stands *s)
{
	for (size_t i = 0; i < s->n; i++) {
		drop_frames(&s->items[i]);
		free(s->items[i].name);
		free(s->items[i].waits);
		free(s->items[i].lock);
	}
	for (size_t i = 0; i < s->nlocks; i++) {
		free(s->locks[i].kind);
		free(s->locks[i].name);
		free(s->locks[i].owner);
	}
	for (size_t i = 0; i < s->nheld; i++) {
		struct stand place = {.frames = s->held[i].frame, .nframes = !!s->held[i].frame};

		drop_frames(&place);
		free(s->held[i].owner);
		free(s->held[i].name);
	}
	free(s->items);
	free(s->locks);
	free(s->held);
	free(s->holder_name);
	*s = (struct stands){0};
}
