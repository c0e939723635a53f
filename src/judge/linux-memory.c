/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux finds wrong with memory: mm/kasan/report.c, mm/kfence/report.c, mm/slub.c, mm/page_alloc.c,
 * mm/kmemleak.c, lib/ubsan.c, lib/refcount.c, lib/list_debug.c, lib/debugobjects.c, kernel/kcsan/report.c.
 */
#include "judge/linux-report.h"

#include <string.h>

struct naming {
	const char *words, *rule, *title;
};

/* The first whose words are in `text`; the last has none and fits all. */
static const struct naming *name_of(const struct naming *list, const char *text)
{
	while (list->words && !strstr(text, list->words))
		list++;
	return list;
}

/* "1 byte", "64 bytes" */
static char *bytes(unsigned long n)
{
	return n == 1 ? xstrdup("1 byte") : xasprintf("%lu bytes", n);
}

/* Where in what object it is: "7 bytes into a block of 64 bytes"; NULL: the report does not say. */
static char *where_in(const struct reading *r)
{
	for (size_t i = r->at; i + 1 < r->end; i++) {
		const char *line = r->w->lines[i].text;
		const char *at = after(line, "is located "), *size;
		unsigned long n, block;

		if (!at)
			continue;
		/* The region is on the same line, or on the next. */
		size = strstr(line, "-byte region")
			? strstr(line, "-byte region")
			: strstr(r->w->lines[i + 1].text, "-byte region");
		if (!size)
			return NULL;
		while (size[-1] >= '0' && size[-1] <= '9' && size > r->w->storage)
			size--;
		n = decimal(at);
		block = decimal(size);
		if (strstr(at, "to the right of"))
			return xasprintf("%lu bytes behind the end of a block of %lu", n, block);
		if (strstr(at, "to the left of"))
			return xasprintf("%lu bytes before a block of %lu", n, block);
		return xasprintf("%lu bytes behind the beginning of a block of %lu", n, block);
	}
	return NULL;
}

static void kasan(struct reading *r)
{
	static const struct naming kinds[] = {
		{"null-ptr-deref", "null-dereference", "a NULL pointer was dereferenced"},
		{"wild-memory-access", "wild-pointer", "a wild pointer was used"},
		{"user-memory-access", "user-access",
			"memory of a user's process was used directly"},
		{"use-after-scope", "use-after-free",
			"a variable on the stack was used after its block had ended"},
		{"use-after-free", "use-after-free", "memory was used after it had been freed"},
		{"double-free", "double-free", "memory was freed twice"},
		{"invalid-free", "double-free", "memory was freed that cannot be freed"},
		{"stack-out-of-bounds", "out-of-bounds", "an array on the stack was left"},
		{"alloca-out-of-bounds", "out-of-bounds", "an array on the stack was left"},
		{"global-out-of-bounds", "out-of-bounds", "a global array was left"},
		{"vmalloc-out-of-bounds", "out-of-bounds",
			"memory outside of what vmalloc gave was used"},
		{"slab-out-of-bounds", "out-of-bounds",
			"memory outside of what was allocated was used"},
		{"out-of-bounds", "out-of-bounds", "memory outside of what was allocated was used"},
		{NULL, "memory-access", "memory was used that is not there to be used"}};
	const struct naming *n = name_of(kinds, r->text);
	AUTO_FREE char *where = where_in(r), *size = NULL, *how = NULL;
	const char *line = NULL, *at;

	for (size_t i = r->at + 1; i < r->end && i < r->at + 3 && !line; i++)
		if (strstr(r->w->lines[i].text, "by task "))
			line = r->w->lines[i].text;
	at = after(line, "of size ");
	size = at ? bytes(decimal(at)) : NULL;
	if (size)
		how = xasprintf("%s %s", starts(line, "Write") ? "write of" : "read of", size);
	at = after(line, "at addr ");
	r->out->rule = n->rule;
	if (!strcmp(n->rule, "null-dereference") || !strcmp(n->rule, "wild-pointer") ||
		!strcmp(n->rule, "user-access"))
		report_title(r->out,
			xasprintf("%s (%s%sat address 0x%llx)", n->title, how ? how : "",
				how ? " " : "", (unsigned long long)(at ? hex_number(at) : 0)));
	else if (how || where)
		report_title(r->out,
			xasprintf("%s (%s%s%s)", n->title, how ? how : "", how && where ? ", " : "",
				where ? where : ""));
	else
		report_title(r->out, xstrdup(n->title));
	/* Its first line tells who it was, where a trace does not. */
	at = after(r->text, " in ");
	if (!report_innermost(r->out) && at)
		frame_take(r->out, STACK_HERE, at, false);
}

static void kfence(struct reading *r)
{
	static const struct naming kinds[] = {
		{"use-after-free", "use-after-free", "memory was used after it had been freed"},
		{"out-of-bounds", "out-of-bounds", "memory outside of what was allocated was used"},
		{"memory corruption", "out-of-bounds",
			"memory outside of what was allocated had been written to when it was freed"},
		{"invalid free", "double-free",
			"memory was freed twice, or was no memory to be freed"},
		{NULL, "memory-access", "memory was used that is not there to be used"}};
	const struct naming *n = name_of(kinds, r->text);
	const char *access = strstr(r->text, " write in ") ? "a write" : "a read";
	const char *line = line_with(r->w, r->at + 1, r->end, " of kfence-"), *at;
	bool reads = strstr(r->text, " read in ") || strstr(r->text, " write in ");

	r->out->rule = n->rule;
	at = line ? strrchr(line, '(') : NULL;
	if (at && reads) {
		unsigned long off = decimal(at + 1);
		AUTO_FREE char *size = bytes(off);

		report_title(r->out,
			xasprintf("%s (%s, %s %s the block)", n->title, access, size,
				strstr(at, "left of") ? "before" : "behind"));
	} else {
		report_title(
			r->out, reads ? xasprintf("%s (%s)", n->title, access) : xstrdup(n->title));
	}
}

/* "BUG kmalloc-64 (Tainted: G O): Poison overwritten" */
static void slub(struct reading *r)
{
	const char *name = r->text + strlen("BUG ");
	int len = (int)strcspn(name, " ");
	const char *what = after(r->text, "): ");

	if (strstr(r->text, "Objects remaining in ")) {
		r->out->rule = "memory-leak";
		r->out->class = CLASS_LEAK;
		report_title(r->out,
			xasprintf(
				"the cache %.*s was destroyed while objects from it had not been freed",
				len, name));
	} else if (strstr(r->text, "already free")) {
		r->out->rule = "double-free";
		report_title(r->out, xasprintf("memory from %.*s was freed twice", len, name));
	} else if (strstr(r->text, "Poison overwritten")) {
		report_title(r->out,
			xasprintf("memory from %.*s was written to after it had been freed", len,
				name));
	} else if (strstr(r->text, "edzone overwritten")) {
		report_title(r->out,
			xasprintf("something wrote %s a block from %.*s",
				strstr(r->text, "Left") ? "before the beginning of"
							: "past the end of",
				len, name));
	} else {
		report_title(r->out,
			xasprintf("the memory of %.*s was overwritten (%s)", len, name,
				what ? what : "damaged"));
	}
}

static void cache_left(struct reading *r)
{
	const char *name = after(r->text, "kmem_cache_destroy ");

	report_title(r->out,
		xasprintf("the cache %.*s was destroyed while objects from it had not been freed",
			(int)strcspn(name, ":"), name));
}

static void bad_page(struct reading *r)
{
	const char *line = line_with(r->w, r->at, r->end, "page dumped because: ");

	report_title(r->out,
		xasprintf("a page of memory is in a state that it must not be in%s%s%s",
			line ? " (" : "", line ? line + strlen("page dumped because: ") : "",
			line ? ")" : ""));
}

static void refcount(struct reading *r)
{
	static const struct naming kinds[] = {
		{"addition on 0", NULL,
			"a reference was taken to something whose last reference was gone"},
		{"decrement hit 0", NULL,
			"the last reference was dropped where nothing frees it, by refcount_dec"},
		{"underflow", NULL, "more references were dropped than taken"},
		{"saturated", NULL, "a reference counter overflowed"},
		{NULL, NULL, "a reference counter was used wrongly"}};

	report_title(r->out,
		xasprintf("%s (%s)", name_of(kinds, r->text)->title,
			r->text + strlen("refcount_t: ")));
}

static void list(struct reading *r)
{
	static const struct naming kinds[] = {
		{"LIST_POISON", NULL, "what was taken off a list had been taken off before"},
		{"double add", NULL, "what was put on a list was on it already"},
		{"is NULL", NULL, "a list was used that had not been initialised"},
		{NULL, NULL, "a list is damaged"}};

	report_title(r->out, xasprintf("%s (%s)", name_of(kinds, r->text)->title, r->text));
	if (line_with(r->w, r->at, r->end, "kernel BUG at "))
		report_fatal(r->out);
}

static void odebug(struct reading *r)
{
	static const struct naming kinds[] = {
		{"free active", NULL, "was freed while it was still active"},
		{"init active", NULL, "was initialised while it was active"},
		{"activate active", NULL, "was activated twice"},
		{"activate not available", NULL, "was activated before it was initialised"},
		{"assert_init not available", NULL, "was used before it was initialised"},
		{NULL, NULL, "was used in a state that does not allow it"}};
	static const struct naming things[] = {{"timer_list", NULL, "a timer"},
		{"hrtimer", NULL, "a high-resolution timer"}, {"work_struct", NULL, "a work item"},
		{"rcu_head", NULL, "an rcu_head"}, {"percpu_counter", NULL, "a percpu_counter"},
		{NULL, NULL, "an object"}};
	const char *type = after(r->text, "object type: "), *hint = after(r->text, "hint: ");

	report_title(r->out,
		xasprintf("%s %s", name_of(things, type ? type : "")->title,
			name_of(kinds, r->text)->title));
	if (hint)
		frame_take(r->out, STACK_LOCK, hint, true);
}

/* "UBSAN: shift-out-of-bounds in /home/u/mod.c:16:38", and what it is in the next line. */
static void ubsan(struct reading *r)
{
	const char *at = after(r->text, " in "), *colon = strchrnul(at ? at : "", ':');
	const char *more = r->at + 1 < r->end ? r->w->lines[r->at + 1].text : "";

	if (at && decimal(colon + (*colon == ':'))) {
		r->out->file = xstrndup(at, (size_t)(colon - at));
		r->out->line = (unsigned)decimal(colon + 1);
	}
	report_title(r->out,
		xasprintf("the C language does not define what this does: %s",
			*more ? more : r->text + strlen("UBSAN: ")));
}

static void kcsan(struct reading *r)
{
	const char *access[2] = {NULL, NULL};
	size_t n = 0;

	for (size_t i = r->at + 1; i < r->end && n < 2; i++) {
		const char *line = r->w->lines[i].text;

		if (strstr(line, " bytes by "))
			access[n++] = starts(line, "read-write") ? "read and written"
				: starts(line, "read")		 ? "read"
				: strstr(line, "read-write")	 ? "read and written"
				: strstr(line, "with read")	 ? "read"
								 : "written";
	}
	if (n == 2)
		report_title(r->out,
			xasprintf(
				"the same memory is %s and, at the same time, %s elsewhere, with nothing that keeps the two apart",
				access[0], access[1]));
	else
		report_title(r->out,
			xasprintf(
				"memory that was being %s was changed by something else at the same time",
				n ? access[0] : "used"));
}

static void kmemleak_object(struct reading *r)
{
	const char *size = after(r->text, "(size ");
	AUTO_FREE char *n = bytes(size ? decimal(size) : 0);

	report_title(
		r->out, xasprintf("%s were allocated, and nothing points to them any more", n));
}

static void kmemleak_count(struct reading *r)
{
	unsigned long n = decimal(r->text + strlen("kmemleak: "));

	report_title(r->out,
		xasprintf("kmemleak found %lu block%s of memory that nothing points to any more", n,
			n == 1 ? "" : "s"));
}

const struct kind linux_memory_kinds[] = {
	{"BUG: KASAN: ", NULL, SHAPE_RULED, "memory-access", CLASS_BUG, NULL, kasan},
	{"BUG: KFENCE: ", NULL, SHAPE_RULED, "memory-access", CLASS_BUG, NULL, kfence},
	{"BUG: KCSAN: ", NULL, SHAPE_RULED, "data-race", CLASS_BUG, NULL, kcsan},
	{"UBSAN: ", " in ", SHAPE_RULED, "ubsan", CLASS_BUG, NULL, ubsan},
	{"BUG ", "): ", SHAPE_TRACE, "slab-corruption", CLASS_BUG, NULL, slub},
	{"kmem_cache_destroy ", "still has objects", SHAPE_WARN, "memory-leak", CLASS_LEAK, NULL,
		cache_left},
	{"BUG: Bad page state", NULL, SHAPE_TRACE, "bad-page", CLASS_BUG, NULL, bad_page},
	{"BUG: Bad page map", NULL, SHAPE_TRACE, "bad-page", CLASS_BUG, NULL, bad_page},
	{"refcount_t: ", NULL, SHAPE_WARN, "refcount", CLASS_BUG, NULL, refcount},
	{"list_add ", NULL, SHAPE_WARN, "list-corruption", CLASS_BUG, NULL, list},
	{"list_del corruption", NULL, SHAPE_WARN, "list-corruption", CLASS_BUG, NULL, list},
	{"list_add corruption", NULL, SHAPE_WARN, "list-corruption", CLASS_BUG, NULL, list},
	{"ODEBUG: ", NULL, SHAPE_WARN, "object-state", CLASS_BUG, NULL, odebug},
	{"unreferenced object 0x", "(size ", SHAPE_PAST, "memory-leak", CLASS_LEAK, NULL,
		kmemleak_object},
	{"kmemleak: ", " new suspected memory leak", SHAPE_LINE, "memory-leak", CLASS_LEAK, NULL,
		kmemleak_count},
	{NULL}};
