/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What WITNESS (sys/kern/subr_witness.c) says of locks, after which the kernel goes on or, for some, panics; and
 * what the allocators say of leaks (sys/kern/kern_malloc.c, sys/vm/uma_core.c).
 */
#include "judge/freebsd-text.h"

#include <string.h>

#define HELD	       " with the following locks held:"
#define HELD_SLEEPING  " with the following non-sleepable locks held:"
#define REVERSAL       "lock order reversal:"
#define DUPLICATE      "acquiring duplicate lock of same type: "
#define AFTER_SLEEPING "after non-sleepable)"
#define LATER	       1000 /* lines, within which a lock that is held must come up */

/* ---- how far it goes ---- */

static bool belongs(const char *text)
{
	struct lock lock;

	if (lock_held(text, &lock) || lock_listed(text, "1st ", &lock) ||
		lock_listed(text, "2nd ", &lock)) {
		lock_free(&lock);
		return true;
	}
	return text_is_frame(text) || text_after(text, "stack backtrace:") ||
		text_after(text, "KDB: stack backtrace") || text_after(text, "lock order ");
}

static bool is_start(const char *text)
{
	return text_after(text, REVERSAL) || text_after(text, DUPLICATE) || strstr(text, HELD) ||
		strstr(text, HELD_SLEEPING);
}

bool witness_warns(const struct record *log, size_t n, size_t i, size_t *end)
{
	size_t k = i + 1;

	if (!is_start(log[i].text))
		return false;
	while (k < n && !is_start(log[k].text) && belongs(log[k].text))
		k++;
	*end = k;
	return k > i + 1;
}

/* ---- locks in the wrong order ---- */

static void add_traces(const struct record *log, size_t i, size_t end, struct report *r)
{
	while (i < end) {
		const char *text = log[i++].text;
		bool order = text_after(text, "lock order ") != NULL;

		if (order || text_after(text, "stack backtrace:"))
			i = text_frames(log, end, i,
				order && strstr(text, " established at:") ? STACK_OTHER
									  : STACK_HERE,
				r);
	}
}

static bool two_locks(
	const struct record *log, size_t i, size_t end, struct lock *first, struct lock *second)
{
	*second = (struct lock){0};
	return i + 2 < end && lock_listed(log[i + 1].text, "1st ", first) &&
		lock_listed(log[i + 2].text, "2nd ", second);
}

static bool take_reversal(const struct record *log, size_t i, size_t end, struct report *r)
{
	const char *kind = text_after(log[i].text, REVERSAL);
	struct lock first = {0}, second = {0};
	bool good = kind && two_locks(log, i, end, &first, &second);

	if (good && strstr(kind, AFTER_SLEEPING)) {
		r->rule = "atomic-sleep";
		r->title = xasprintf(
			"the lock %s, for which one may have to sleep, was taken while the %s %s was held",
			second.name, first.class, first.name);
	} else if (good) {
		r->rule = "lock-order";
		r->title = xasprintf(
			"the locks %s and %s are taken in both orders", first.name, second.name);
	}
	if (good)
		text_place(log[i + 2].text, r);
	lock_free(&first);
	lock_free(&second);
	return good;
}

static bool take_duplicate(const struct record *log, size_t i, size_t end, struct report *r)
{
	const char *type = text_after(log[i].text, DUPLICATE);
	struct lock first = {0}, second = {0};
	bool good = type && two_locks(log, i, end, &first, &second);

	if (good) {
		r->rule = "lock-order";
		r->title = xasprintf(
			"the lock %s was taken while %s was held, which is of the same type: nothing says in which order two of them are to be taken",
			second.name, first.name);
		text_place(log[i + 2].text, r);
	}
	lock_free(&first);
	lock_free(&second);
	return good;
}

/* ---- locks held where they must not be ---- */

static char *sleeping_words(const char *text)
{
	size_t len = strstr(text, HELD_SLEEPING) - text;
	const char *on = text_after(text, "Sleeping on ");

	if (on)
		return xasprintf("it went to sleep (on %.*s)", (int)(text + len - on), on);
	if (strstr(text, "malloc") || strstr(text, "zalloc"))
		return xasprintf(
			"memory was asked for in a way that may have to wait for it (%.*s)",
			(int)len, text);
	return xasprintf("something was done that may have to sleep (%.*s)", (int)len, text);
}

static bool take_held(const struct record *log, size_t i, size_t end, struct report *r)
{
	const char *text = log[i].text;
	bool sleeping = strstr(text, HELD_SLEEPING) != NULL;
	AUTO_FREE char *words = NULL;
	struct lock lock;

	if (i + 1 >= end || (!sleeping && !strstr(text, HELD)) ||
		!lock_held(log[i + 1].text, &lock))
		return false;
	if (sleeping) {
		words = sleeping_words(text);
		r->rule = "atomic-sleep";
		r->title = xasprintf("%s while the %s %s was held", words, lock.class, lock.name);
	} else {
		r->rule = "lock-held";
		r->title = xasprintf(
			"the %s %s was still held at the end of the call", lock.class, lock.name);
	}
	text_place(log[i + 1].text, r);
	lock_free(&lock);
	return true;
}

/* Reversals that only say again that one went to sleep with that lock. */
static size_t past_repeats(const struct record *log, size_t n, size_t i, size_t end)
{
	struct lock held = {0}, first = {0}, second = {0};
	size_t next;

	if (!lock_held(log[i + 1].text, &held))
		return end;
	while (end < n && witness_warns(log, n, end, &next) &&
		text_after(log[end].text, REVERSAL) && strstr(log[end].text, AFTER_SLEEPING)) {
		bool same =
			two_locks(log, end, next, &first, &second) && first.address == held.address;

		lock_free(&first);
		lock_free(&second);
		if (!same)
			break;
		end = next;
	}
	lock_free(&held);
	return end;
}

bool witness_report(const struct record *log, size_t n, size_t i, struct report *out)
{
	size_t end;

	if (!witness_warns(log, n, i, &end))
		return false;
	*out = (struct report){.severity = SEVERITY_ERROR, .class = CLASS_BUG, .first = i};
	if (!take_reversal(log, i, end, out) && !take_duplicate(log, i, end, out) &&
		!take_held(log, i, end, out))
		return false;
	add_traces(log, i, end, out);
	if (strstr(log[i].text, HELD_SLEEPING))
		end = past_repeats(log, n, i, end);
	out->last = end - 1;
	return true;
}

size_t witness_leads_to(const struct record *log, size_t n, size_t i)
{
	struct lock first = {0}, second = {0}, held;
	size_t end, found = 0;

	if (!strstr(log[i].text, AFTER_SLEEPING) || !witness_warns(log, n, i, &end))
		return 0;
	if (two_locks(log, i, end, &first, &second))
		for (size_t k = end; k + 1 < n && k - end < LATER && !found; k++) {
			if (!strstr(log[k].text, HELD) || !lock_held(log[k + 1].text, &held))
				continue;
			if (held.address == first.address)
				found = k;
			lock_free(&held);
		}
	lock_free(&first);
	lock_free(&second);
	return found;
}

/* ---- leaks ---- */

/* "Warning: memory type foo leaked memory on destroy (2 allocations, 64 bytes leaked)." */
static bool take_type(const char *text, struct report *r)
{
	static const char middle[] = " leaked memory on destroy (";
	const char *name = text_after(text, "Warning: memory type "),
		   *end = name ? strstr(name, middle) : NULL, *p;
	uint64_t count, bytes;

	if (!end || !text_number(end + strlen(middle), 10, &count, &p) ||
		!(p = text_after(p, " allocations, ")) || !text_number(p, 10, &bytes, NULL))
		return false;
	r->title = xasprintf(
		"%llu bytes of the memory type \"%.*s\", in %llu pieces, were never freed",
		(unsigned long long)bytes, (int)(end - name), name, (unsigned long long)count);
	r->advice = xasprintf(
		"Before MOD_UNLOAD returns, call free(9) with the type whose MALLOC_DEFINE says \"%.*s\" for each "
		"pointer that malloc(9) returned with that type (contigfree(9) for contigmalloc(9)); so must "
		"MOD_LOAD when it fails.",
		(int)(end - name), name);
	r->made = FREEBSD_MALLOC;
	return true;
}

/* "Freed UMA keg (foo) was not empty (3 items).  Lost 1 pages of memory." */
static bool take_keg(const char *text, struct report *r)
{
	static const char middle[] = ") was not empty (";
	const char *name = text_after(text, "Freed UMA keg ("),
		   *end = name ? strstr(name, middle) : NULL;
	uint64_t items;

	if (!end || !text_number(end + strlen(middle), 10, &items, NULL))
		return false;
	r->title =
		xasprintf("%llu items of the zone \"%.*s\" were not freed before it was destroyed",
			(unsigned long long)items, (int)(end - name), name);
	r->advice = xasprintf(
		"In MOD_UNLOAD, before uma_zdestroy(9) of the zone \"%.*s\", call uma_zfree(9) "
		"for each item that uma_zalloc(9) returned.",
		(int)(end - name), name);
	r->made = "uma_zalloc_arg uma_zalloc_domain uma_zalloc_pcpu_arg uma_zalloc_smr";
	return true;
}

bool leak_report(const struct record *log, size_t i, struct report *out)
{
	*out = (struct report){.rule = "memory-leak",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.first = i,
		.last = i};
	return take_type(log[i].text, out) || take_keg(log[i].text, out);
}
