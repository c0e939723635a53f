/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Before and after: the names of all that is listed at the baseline, as a set of their hashes in memory
 * that the agent's processes share. A survey goes through the lists again and tells what is not in the set.
 *
 * Some of it goes away by itself a moment later (a thread that ends, a device that a work queue releases),
 * so a survey that finds something looks again before it tells.
 */
#include "guest/list.h"

#include "guest/bare.h"
#include "guest/lend.h"
#include "guest/os.h"

#define SLOTS	   32768u     /* a power of two; a machine of ours has about 6000 entries */
#define SLOTS_LENT (1u << 18) /* … and a lent one what it has */
#define FOUND_MAX  400
#define TEXT_MAX   40000

/* Milliseconds from one look to the next, while there is something. */
static const unsigned pauses[] = {5, 15, 40, 90, 150};

static struct common {
	uint32_t reading; /* the list that is being read, plus one; 0: none */
	uint32_t known;	  /* entries in the set */
	uint8_t dead[LISTS_MAX];
	uint64_t set[];
} * common;
static uint32_t slots = SLOTS;

static struct found {
	struct proto_thing thing;
	uint32_t name, more;
} found[FOUND_MAX];
static unsigned nfound;
static char text[TEXT_MAX];
static size_t text_len;
static unsigned wanted;

uint64_t list_hash(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = seed ^ len, word;

	for (; len >= 8; p += 8, len -= 8) {
		__builtin_memcpy(&word, p, 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; len; p++, len--) {
		h = (h ^ *p) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

/* The slot that has this hash, or the empty one for it. */
static uint64_t *slot(uint32_t kind, const char *name)
{
	uint64_t h = list_hash(kind, name, length(name)) | 1;
	unsigned at = (unsigned)(h >> 20) % slots;

	while (common->set[at] && common->set[at] != h)
		at = (at + 1) % slots;
	if (!common->set[at] && wanted)
		return 0;
	if (!common->set[at] && common->known < slots - slots / 8) {
		common->set[at] = h;
		common->known++;
	}
	return &common->set[at];
}

int list_knows(uint32_t kind, const char *name)
{
	return slot(kind, name) != 0;
}

static uint32_t keep(const char *s)
{
	size_t n = length(s) + 1, at = text_len;

	if (text_len + n > sizeof text)
		return 0; /* the empty text at the beginning */
	memcpy(text + at, s, n);
	text_len += n;
	return (uint32_t)at;
}

void list_found(const struct proto_thing *thing, const char *name, const char *more)
{
	if (nfound == FOUND_MAX)
		return;
	found[nfound].thing = *thing;
	found[nfound].name = keep(name);
	found[nfound++].more = keep(more);
}

int list_see(unsigned what, uint32_t kind, const char *name, const char *more, uint64_t count)
{
	struct proto_thing thing = {.kind = kind, .count = count};

	if (slot(kind, name))
		return 0;
	if (what & wanted)
		list_found(&thing, name, more);
	return 1;
}

unsigned list_wanted(void)
{
	return wanted;
}

int list_enter(unsigned number)
{
	if (number >= LISTS_MAX || common->dead[number])
		return 0;
	__atomic_store_n(&common->reading, number + 1, __ATOMIC_SEQ_CST);
	return 1;
}

void list_leave(void)
{
	__atomic_store_n(&common->reading, 0, __ATOMIC_SEQ_CST);
}

void list_died(void)
{
	if (common->reading && common->reading <= LISTS_MAX)
		common->dead[common->reading - 1] = 1;
	common->reading = 0;
}

void list_setup(void)
{
	if (lend_shared)
		slots = SLOTS_LENT;
	common = os_common_memory(sizeof *common + slots * sizeof *common->set);
	list_prepare();
}

void list_baseline(void)
{
	wanted = 0;
	memset(common->set, 0, slots * sizeof *common->set);
	common->known = 0;
	list_look(1);
}

static void look(void)
{
	nfound = 0;
	text[0] = 0;
	text_len = 1;
	list_look(0);
}

void list_survey(unsigned what, watch_tell_fn *tell)
{
	wanted = what & (PROTO_FILES | PROTO_OTHERS);
	look();
	/* After a load things are meant to be there. */
	for (unsigned i = 0; (what & PROTO_OTHERS) && nfound && i < sizeof pauses / sizeof *pauses;
		i++) {
		os_sleep_us(pauses[i] * 1000);
		look();
	}
	for (unsigned i = 0; i < nfound; i++)
		tell(&found[i].thing, text + found[i].name, text + found[i].more);
	for (unsigned i = 0; (what & PROTO_OTHERS) && i < LISTS_MAX; i++) {
		struct proto_thing deadly = {.kind = PROTO_DEADLY, .count = 1};

		if (common->dead[i])
			tell(&deadly, list_name(i), "");
	}
	wanted = 0;
}

char *list_text(char *to, size_t len, const char *const *parts)
{
	size_t at = 0;

	for (; *parts; parts++) {
		size_t n = length(*parts);

		n = n < len - 1 - at ? n : len - 1 - at;
		memcpy(to + at, *parts, n);
		at += n;
	}
	to[at] = 0;
	return to;
}

static char *digits_of(char to[24], uint64_t n, unsigned base)
{
	char *p = to + 23;

	*p = 0;
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	return p;
}

char *list_number(char to[24], uint64_t n)
{
	return digits_of(to, n, 10);
}

char *list_hex(char to[24], uint64_t n)
{
	return digits_of(to, n, 16);
}

int list_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int list_begins(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return 0;
	return 1;
}
