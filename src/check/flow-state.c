/* SPDX-License-Identifier: BSD-2-Clause */
/* What a walk through a function knows at a place: its numbers, how instructions change it, and where places are. */
#include "check/flow-walk.h"

#include "base/buf.h"

#define BUCKETS 4096
/* So many states with the same hash are somebody's intention. */
#define CHAIN_MAX 256
/* Deeper than any stack; what is more is not told apart. */
#define DEPTH_MAX (1 << 28)

/* ---- states ---- */

static uint32_t hash_state(const struct flow_state *s)
{
	uint32_t h = (uint32_t)s->depth * 0x9e3779b1u;

	h = (h ^ (uint32_t)s->frame) * 0x85ebca6bu;
	h = (h ^ (uint32_t)s->other) * 0xc2b2ae35u;
	h = (h ^ (s->other_reg | (uint32_t)s->lowered << 8 | (uint32_t)s->fpu << 16)) * 0x27d4eb2fu;
	return (h ^ h >> 15) % BUCKETS;
}

bool flow_same_state(const struct flow_state *a, const struct flow_state *b)
{
	return a->depth == b->depth && a->frame == b->frame && a->other == b->other &&
		a->other_reg == b->other_reg && a->lowered == b->lowered && a->fpu == b->fpu;
}

/* The state's number; `otherwise` when there are too many. */
uint32_t flow_state_number(struct flow_reader *r, const struct flow_state *s, uint32_t otherwise)
{
	uint32_t hash = hash_state(s);

	if (!r->buckets)
		r->buckets = xcalloc(BUCKETS, sizeof *r->buckets);
	if (!r->states.n) {
		*FLOW_ADD(&r->states) = (struct flow_state){0};
		*FLOW_ADD(&r->chains) = 0;
	}
	for (uint32_t i = r->buckets[hash], n = 0; i; i = r->chains.items[i]) {
		if (flow_same_state(&r->states.items[i], s))
			return i;
		if (++n == CHAIN_MAX)
			return otherwise;
	}
	if (r->states.n >= FLOW_MIDDLE)
		return otherwise;
	*FLOW_ADD(&r->states) = *s;
	*FLOW_ADD(&r->chains) = r->buckets[hash];
	r->buckets[hash] = (uint32_t)r->states.n - 1;
	return r->buckets[hash];
}

/* ---- the stack ---- */

static void deepen(struct flow_state *now, int64_t by, int32_t *deepest)
{
	int64_t depth = now->depth + by;

	now->depth = (int32_t)(depth < 0 ? 0 : depth > DEPTH_MAX ? DEPTH_MAX : depth);
	if (deepest && now->depth > *deepest)
		*deepest = now->depth;
}

static void save(struct flow_state *now, const struct x86_insn *i)
{
	int64_t at = now->depth - i->value;

	if (i->reg == X86_RBP) {
		now->frame = at >= 0 && at < DEPTH_MAX ? (int32_t)at : -1;
		return;
	}
	/* lea is mostly for the address of a variable; what goes back to the stack pointer is a copy of it, or
	 * what it was before the call. */
	if (i->value && (i->value != FLOW_SLOT || now->depth != FLOW_SLOT))
		return;
	now->other = (int32_t)at;
	now->other_reg = (unsigned char)(i->reg + 1);
	now->lowered = false;
}

static bool restore(struct flow_state *now, const struct x86_insn *i, int32_t *deepest)
{
	if (i->reg == X86_RBP && now->frame >= 0) {
		now->depth = now->frame;
		deepen(now, -i->value, deepest);
	} else if (i->reg + 1 == now->other_reg) {
		if (now->lowered)
			return true;
		now->depth = now->other;
		deepen(now, -i->value, deepest);
	} else if (i->value == -FLOW_SLOT) {
		/* A function that aligned its stack goes back to its return address. */
		now->depth = FLOW_SLOT;
	}
	return false;
}

static void align(struct flow_state *now, int64_t to, int32_t *deepest)
{
	if (to > 1 && to <= DEPTH_MAX && !(to & (to - 1)))
		deepen(now, (now->depth + to - 1) / to * to - now->depth, deepest);
}

bool flow_move(struct flow_state *now, const struct x86_insn *i, int32_t *deepest)
{
	switch (i->kind) {
	case X86_TAKE:
		deepen(now, i->value, deepest);
		break;
	case X86_PUSH_FLAGS:
		deepen(now, i->value, NULL);
		break;
	case X86_SAVE:
		save(now, i);
		break;
	case X86_RESTORE:
		return restore(now, i, deepest);
	case X86_LEAVE:
		if (now->frame >= 0)
			now->depth = now->frame;
		deepen(now, -FLOW_SLOT, NULL);
		now->frame = -1;
		break;
	case X86_ENTER:
		deepen(now, FLOW_SLOT, deepest);
		now->frame = now->depth;
		deepen(now, i->value, deepest);
		break;
	case X86_ALIGN:
		align(now, i->value, deepest);
		break;
	case X86_LOWER:
		if (i->reg + 1 == now->other_reg)
			now->lowered = true;
		break;
	case X86_TAKE_MORE:
		return true;
	}
	return false;
}

/* ---- places ---- */

int flow_compare(uint32_t section, uint64_t offset, uint32_t other_section, uint64_t other_offset)
{
	if (section != other_section)
		return section < other_section ? -1 : 1;
	return offset < other_offset ? -1 : offset > other_offset;
}

static size_t first_behind(const struct flow_function *f, size_t low, size_t high, uint64_t offset)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f[middle].start <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t flow_find(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	const struct flow_function *f = r->flow->functions;
	size_t at = first_behind(f, r->first[section], r->first[section + 1], offset);

	if (at == r->first[section] || offset - f[at - 1].start >= f[at - 1].size)
		return OBJECT_NONE;
	return (uint32_t)at - 1;
}

uint64_t flow_gap_end(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	size_t at =
		first_behind(r->flow->functions, r->first[section], r->first[section + 1], offset);

	return at < r->first[section + 1] ? r->flow->functions[at].start
					  : r->o->sections[section].size;
}

bool flow_target(const struct object *o, const struct object_relocation *relocation, uint64_t after,
	uint32_t *section, uint64_t *offset)
{
	const struct object_symbol *s = &o->symbols[relocation->symbol];
	uint64_t at = s->value + (uint64_t)relocation->addend;

	if (!object_is_code(o, s->section))
		return false;
	if (relocation->type == R_X86_64_PC32 || relocation->type == R_X86_64_PLT32)
		at += after;
	if (at >= o->sections[s->section].size)
		return false;
	*section = s->section;
	*offset = at;
	return true;
}
