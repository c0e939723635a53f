/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge/freebsd-text.h"

#include <ctype.h>
#include <string.h>

#define NAME_LONGEST 256

const char *text_after(const char *text, const char *with)
{
	size_t n = strlen(with);

	return strncmp(text, with, n) ? NULL : text + n;
}

bool text_number(const char *text, int base, uint64_t *out, const char **end)
{
	const char *digits = base == 16 ? text_after(text, "0x") : text;
	char *stop;

	if (!digits || !isxdigit((unsigned char)*digits))
		return false;
	*out = strtoull(digits, &stop, base);
	if (end)
		*end = stop;
	return stop > digits;
}

/* ---- frames ---- */

struct frame {
	const char *name;
	size_t len;
	uint64_t offset, address; /* 0: not known */
	bool trap; /* a trap was taken here: the frame before it was the kernel's answer */
};

/* "name+0x1f", or "name" */
static bool read_name(const char *text, struct frame *f)
{
	f->name = text;
	f->len = strcspn(text, "+ /\n");
	f->offset = 0;
	if (!f->len || f->len > NAME_LONGEST)
		return false;
	return text[f->len] != '+' || text_number(text + f->len + 1, 16, &f->offset, NULL);
}

static bool read_frame(const char *text, struct frame *f)
{
	const char *p;
	uint64_t number;

	*f = (struct frame){0};
	if (*text == '#')
		return text_number(text + 1, 10, &number, &p) && (p = text_after(p, " ")) &&
			text_number(p, 16, &f->address, &p) &&
			((text_after(p, " at ") && read_name(p + 4, f)) ||
				(text_after(p, " in ") && read_name(p + 4, f)));
	if (text_after(text, "--- trap ") && (p = strstr(text, "rip = "))) {
		f->trap = true;
		return text_number(p + 6, 16, &f->address, NULL);
	}
	p = strstr(text, "() at ");
	if (!p || p == text || memchr(text, ' ', (size_t)(p - text)) || !strstr(p, "/frame 0x"))
		return false;
	return read_name(p + 6, f);
}

bool text_is_frame(const char *text)
{
	struct frame f;

	return read_frame(text, &f);
}

/* How a kernel reports, and not what it reports of. */
static bool is_machinery(const struct frame *f)
{
	static const char *const names[] = {"db_trace_self_wrapper", "kdb_backtrace", "vpanic",
		"panic", "kassert_panic", "trap_fatal", "trap_pfault", "trap", "calltrap",
		"trap_check", "dblfault_handler", "Xdblfault", "witness_debugger", "witness_warn",
		"witness_checkorder", "kasan_report", "kcsan_access", "kcsan_md_unwind", NULL};

	for (size_t i = 0; names[i]; i++)
		if (strlen(names[i]) == f->len && !strncmp(f->name, names[i], f->len))
			return true;
	return false;
}

static void add_frame(struct report *r, enum report_stack stack, const struct frame *f, bool exact)
{
	struct report_frame *new = report_frame(r, stack);

	if (!new)
		return;
	new->function = xstrndup(f->name, f->len);
	new->offset = f->offset;
	new->address = f->address;
	new->known = true;
	new->exact = exact;
}

size_t text_frames(
	const struct record *log, size_t n, size_t i, enum report_stack stack, struct report *r)
{
	bool begun = false, trapped = false;
	uint64_t trap_at = 0;
	struct frame f;

	for (; i < n && read_frame(log[i].text, &f); i++) {
		if (f.trap) {
			trapped = true;
			trap_at = f.address;
			continue;
		}
		if (!begun && is_machinery(&f))
			continue;
		begun = true;
		/* ddb names the function in which the trap was without its address. */
		if (trapped && !f.address)
			f.address = trap_at;
		add_frame(r, stack, &f, trapped);
		trapped = false;
	}
	return i;
}

/* ---- places ---- */

void text_place(const char *text, struct report *r)
{
	const char *at = NULL, *colon;
	uint64_t line;

	for (const char *p = text; (p = strstr(p, " @ ")); p += 3)
		at = p + 3;
	for (const char *p = at ? NULL : text; p && (p = strstr(p, " at ")); p += 4)
		at = p + 4;
	colon = at ? strrchr(at, ':') : NULL;
	/* The kernel's own are not where the mistake is. */
	if (!colon || colon == at || strstr(at, "/sys/") || memchr(at, ' ', (size_t)(colon - at)) ||
		!text_number(colon + 1, 10, &line, NULL) || line > 10000000 || r->file)
		return;
	r->file = xstrndup(at, (size_t)(colon - at));
	r->line = (unsigned)line;
}

/* ---- locks ---- */

/* The name in "mine (mine)" or "mine". */
static char *lock_name(const char *text, size_t len)
{
	const char *paren = memmem(text, len, " (", 2);

	if (paren)
		len = (size_t)(paren - text);
	return xstrndup(text, len < NAME_LONGEST ? len : NAME_LONGEST);
}

bool lock_held(const char *text, struct lock *out)
{
	static const char *const classes[] = {"sleep mutex", "spin mutex", "sx", "rw", "rmsx", "rm",
		"lockmgr", "sleepable rm", NULL};
	const char *p = text_after(text, "exclusive ") ?: text_after(text, "shared "), *end, *at;

	*out = (struct lock){0};
	end = p ? strstr(p, " r = ") : NULL;
	if (!end)
		return false;
	for (size_t i = 0; classes[i]; i++) {
		const char *name = text_after(p, classes[i]);

		if (!name || *name != ' ' || name >= end)
			continue;
		out->class = xstrdup(classes[i]);
		p = name + 1;
		break;
	}
	out->name = lock_name(p, (size_t)(end - p));
	if (!out->class)
		out->class = xstrdup("lock");
	p = strstr(end, "(0x");
	if (p)
		text_number(p + 1, 16, &out->address, NULL);
	at = strstr(end, " @ ");
	out->at = at ? at + 3 : NULL;
	return true;
}

bool lock_listed(const char *text, const char *which, struct lock *out)
{
	const char *p = text + strspn(text, " "), *at, *end, *comma;

	*out = (struct lock){0};
	p = text_after(p, which);
	at = p ? strstr(p, " @ ") : NULL;
	if (!at)
		return false;
	if (text_number(p, 16, &out->address, &end) && *end == ' ')
		p = end + 1;
	out->at = at + 3;
	out->name = lock_name(p, (size_t)(at - p));
	comma = memmem(p, (size_t)(at - p), ", ", 2);
	out->class = comma ? xstrndup(comma + 2, strcspn(comma + 2, ")\n")) : xstrdup("lock");
	return true;
}

void lock_free(struct lock *l)
{
	free(l->name);
	free(l->class);
	*l = (struct lock){0};
}
