/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk through one function: along its instructions and all jumps in it, with what is known about the stack
 * pointer and the floating-point registers at each place. Where two ways meet, the deeper stack counts, and
 * either state of the registers. A place is gone over again when more is known about it, which is seldom; a
 * limit to that keeps odd code from taking longer than its size allows.
 */
#include "check/flow-walk.h"

#include "base/buf.h"

struct walk {
	struct flow_reader *r;
	struct flow_function *f;
	uint32_t index;
	uint64_t steps; /* that are left */
	int32_t deepest;
	bool lost; /* going over what no way leads to: how deep that is is not known */
};

/* The piece of code that one goes along in a straight line. */
struct piece {
	const struct object_section *s;
	uint16_t *seen;
	const unsigned char *marks;
	uint32_t section;
	uint64_t end;
	bool outside; /* of the function proper: a cold part, or code without a symbol */
};

/* ---- states ---- */

/* What is known where `was` and `comes` meet; `back`: along a jump backwards, where more stack would mean a loop that
 * takes it. */
static uint32_t meet(struct walk *w, uint32_t was, uint32_t comes, bool back)
{
	struct flow_state a = w->r->states.items[was], b = w->r->states.items[comes];

	a.fpu |= b.fpu;
	if (b.depth > a.depth) {
		if (back)
			w->f->strange = true;
		else
			a.depth = b.depth;
	}
	if (a.frame < b.frame)
		a.frame = b.frame;
	if (a.other_reg != b.other_reg || a.other != b.other)
		a.other_reg = 0, a.other = 0, a.lowered = 0;
	a.lowered |= a.other_reg ? b.lowered : 0;
	return flow_state_number(w->r, &a, was);
}

/* What a call does to the state of the registers. */
static unsigned char after_call(unsigned char before, unsigned char effect)
{
	return (unsigned char)((effect & FPU_UNKNOWN) | (effect & FPU_AS_ENTERED ? before : 0));
}

/* ---- places ---- */

static bool is_main(const struct walk *w, uint32_t section, uint64_t offset)
{
	return section == w->f->section && offset >= w->f->start &&
		offset - w->f->start < w->f->size;
}

/* Which straight piece the place is in. False: in another function's. */
static bool find_piece(struct walk *w, uint32_t section, uint64_t offset, struct piece *out)
{
	struct flow_reader *r = w->r;
	uint32_t other;

	*out = (struct piece){.s = &r->o->sections[section],
		.seen = r->seen[section],
		.marks = r->marks[section],
		.section = section,
		.outside = true};
	if (!out->seen)
		return false;
	if (is_main(w, section, offset)) {
		out->end = w->f->start + w->f->size;
		out->outside = false;
		return true;
	}
	other = flow_find(r, section, offset);
	if (other == OBJECT_NONE) {
		out->end = flow_gap_end(r, section, offset);
		return true;
	}
	out->end = r->flow->functions[other].start + r->flow->functions[other].size;
	if (!r->flow->functions[other].cold)
		return false;
	r->reached[other] = true;
	return true;
}

static void go_on_at(struct walk *w, uint32_t section, uint64_t offset, uint32_t state, bool back)
{
	*FLOW_ADD(&w->r->todo) = (struct flow_place){
		.section = section, .offset = offset, .extra = state << 1 | back};
}

/* ---- calls and jumps ---- */

/* Where an instruction is, what was known before it, and what is known behind it. */
struct step {
	const struct piece *p;
	uint64_t offset;
	uint32_t state; /* before */
	struct flow_state now;
	const struct object_relocation *relocation; /* of its last operand, or NULL */
	bool fresh;				    /* it is seen for the first time */
	bool stops;				    /* it does not go on behind it */
};

/* Where a call or a jump leads. */
struct target {
	bool known; /* section and offset are */
	uint32_t section;
	uint64_t offset;
	uint32_t function; /* or OBJECT_NONE */
	uint32_t symbol;   /* of a function from elsewhere, or 0 */
	enum flow_role role;
};

static bool is_marked(const struct piece *p, uint64_t offset)
{
	return p->marks && p->marks[offset / 8] & 1u << offset % 8;
}

static void find_target(
	struct walk *w, const struct step *s, const struct x86_insn *i, struct target *out)
{
	struct flow_reader *r = w->r;
	uint64_t next = s->offset + i->length;

	*out = (struct target){.function = OBJECT_NONE};
	if (s->relocation && s->relocation->offset + 4 == next) {
		out->known = flow_target(r->o, s->relocation, 4, &out->section, &out->offset);
		if (!out->known) {
			out->symbol = s->relocation->symbol;
			out->role = r->roles[out->symbol];
			return;
		}
	} else {
		out->section = s->p->section;
		out->offset = next + (uint64_t)i->value;
		out->known = out->offset < s->p->s->size;
	}
	if (out->known && !r->seen[out->section])
		out->known = false;
	if (!out->known)
		return;
	out->function = flow_find(r, out->section, out->offset);
	if (out->function != OBJECT_NONE)
		out->role = r->function_roles[out->function];
}

static void note_call(
	struct walk *w, const struct step *s, const struct target *t, bool indirect, bool tail)
{
	struct flow_reader *r = w->r;
	int32_t depth = s->now.depth - (tail ? FLOW_SLOT : 0);

	if (!s->fresh)
		return;
	if (t && t->known && t->function == OBJECT_NONE)
		*FLOW_ADD(&r->pending) = (struct flow_pending){.function = w->index,
			.section = t->section,
			.to = t->offset,
			.walk = r->walks[w->index],
			.call = r->calls.n};
	*FLOW_ADD(&r->calls) = (struct flow_call){.offset = s->offset,
		.section = s->p->section,
		.function = t ? t->function : OBJECT_NONE,
		.symbol = t ? t->symbol : 0,
		.depth = depth > 0 ? (uint32_t)depth : 0,
		.indirect = indirect,
		.tail = tail};
}

/* What the function called, or jumped to, does to the registers. */
static unsigned char effect_of(const struct walk *w, const struct target *t)
{
	switch (t->role) {
	case ROLE_FPU_BEGIN:
	case ROLE_FPU_THREAD:
		return FPU_INSIDE;
	case ROLE_FPU_END:
		return FPU_AS_ENTERED;
	case ROLE_FPU_UNSURE:
		return FPU_AS_ENTERED | FPU_UNKNOWN;
	default:
		return t->function == OBJECT_NONE ? FPU_AS_ENTERED : w->r->effects[t->function];
	}
}

/* The state behind a call: what `now` says of the registers, as the caller of this function had it if that is
 * what the callee's end makes of it. */
static void apply(struct walk *w, const struct target *t, struct flow_state *now)
{
	if (t->role == ROLE_FPU_END)
		now->fpu = FPU_AS_ENTERED;
	else
		now->fpu = after_call(now->fpu, effect_of(w, t));
}

static void do_call(struct walk *w, struct step *s, const struct x86_insn *i)
{
	struct flow_state deeper = s->now;
	struct target t;

	find_target(w, s, i, &t);
	if (t.role == ROLE_NOTHING || t.role == ROLE_RETURN)
		return;
	/* A place inside the function itself is called to get at the address, or to keep the processor
	 * from guessing. */
	if (t.known && is_main(w, t.section, t.offset) && t.offset != w->f->start) {
		if (t.offset != s->offset + i->length)
			deeper.depth += FLOW_SLOT;
		go_on_at(w, t.section, t.offset, flow_state_number(w->r, &deeper, s->state), false);
		return;
	}
	note_call(w, s, t.role == ROLE_THUNK ? NULL : &t,
		t.role == ROLE_THUNK || t.role == ROLE_CHANGES, false);
	apply(w, &t, &s->now);
	s->stops = t.role == ROLE_NO_RETURN;
}

/* Goes on at all places in the function, or its cold parts, that tables point to. Whether there are any. */
static bool follow_tables(struct walk *w, uint32_t state)
{
	struct flow_reader *r = w->r;
	const struct flow_function *f = w->f;
	size_t low = flow_ref_at(r, f->section, f->start), high = low;

	for (; high < r->refs.n; high++) {
		const struct flow_place *p = &r->refs.items[high];

		if (!is_main(w, p->section, p->offset))
			break;
		if (!w->steps)
			break;
		w->steps--;
		go_on_at(w, p->section, p->offset, state, false);
	}
	return high > low;
}

static void do_jump_anywhere(struct walk *w, struct step *s)
{
	uint32_t state = flow_state_number(w->r, &s->now, s->state);

	s->stops = true;
	if (follow_tables(w, state))
		return;
	note_call(w, s, NULL, true, true);
	w->f->leaves |= s->now.fpu;
}

static void do_jump(struct walk *w, struct step *s, const struct x86_insn *i)
{
	struct piece p;
	struct target t;
	bool ends = i->kind == X86_JUMP;

	find_target(w, s, i, &t);
	/* A jump in a table of the kernel's is one that it takes out at times (a static key). */
	s->stops = ends && !is_marked(s->p, s->offset);
	if (t.role == ROLE_RETURN) {
		w->f->leaves |= s->now.fpu;
		return;
	}
	if (t.role == ROLE_THUNK && !(t.known && is_main(w, t.section, t.offset))) {
		do_jump_anywhere(w, s);
		s->stops = ends;
		return;
	}
	if (t.known && find_piece(w, t.section, t.offset, &p)) {
		go_on_at(w, t.section, t.offset, flow_state_number(w->r, &s->now, s->state),
			t.section == s->p->section && t.offset <= s->offset);
		return;
	}
	if (!t.known && !t.symbol) {
		w->f->strange = true;
		return;
	}
	note_call(w, s, &t, t.role == ROLE_CHANGES, true);
	if (t.role == ROLE_FPU_END)
		w->f->leaves |= FPU_AS_ENTERED;
	else if (t.role != ROLE_NO_RETURN)
		w->f->leaves |= after_call(s->now.fpu, effect_of(w, &t));
}

/* ---- along ---- */

static void do_stack(struct walk *w, struct step *s, const struct x86_insn *i)
{
	if (!flow_move(&s->now, i, w->lost ? NULL : &w->deepest) || w->f->dynamic)
		return;
	w->f->dynamic = true;
	w->f->dynamic_section = s->p->section;
	w->f->dynamic_at = s->offset;
}

static void follow_edges(struct walk *w, const struct step *s)
{
	struct flow_reader *r = w->r;

	for (size_t i = flow_edge_at(r, s->p->section, s->offset); i < r->edges.n &&
		r->edges.items[i].section == s->p->section && r->edges.items[i].from == s->offset;
		i++) {
		const struct flow_edge *e = &r->edges.items[i];
		struct piece p;

		if (!w->steps)
			return;
		w->steps--;
		if (find_piece(w, e->to_section, e->to, &p))
			go_on_at(w, e->to_section, e->to, s->state,
				e->to_section == s->p->section && e->to <= s->offset);
	}
}

/* A function whose address an instruction has is one that anybody may call. */
static void note_references(struct walk *w, const struct piece *p, size_t at, uint64_t end)
{
	for (; at < p->s->nrelocations && p->s->relocations[at].offset < end; at++) {
		uint32_t section, function;
		uint64_t offset;

		if (!flow_target(w->r->o, &p->s->relocations[at],
			    end - p->s->relocations[at].offset, &section, &offset) ||
			!w->r->seen[section])
			continue;
		function = flow_find(w->r, section, offset);
		if (function != OBJECT_NONE && w->r->flow->functions[function].start == offset)
			w->r->flow->functions[function].passed = true;
	}
}

static void do_instruction(
	struct walk *w, struct step *s, const struct x86_insn *i, size_t relocation)
{
	const struct piece *p = s->p;
	uint64_t end = s->offset + i->length;

	if (is_marked(p, s->offset))
		follow_edges(w, s);
	if (i->floating && s->fresh)
		*FLOW_ADD(&w->r->uses) =
			(struct flow_use){.offset = s->offset, .section = p->section};
	s->relocation = NULL;
	while (relocation + 1 < p->s->nrelocations &&
		p->s->relocations[relocation + 1].offset < end)
		relocation++;
	if (relocation < p->s->nrelocations && p->s->relocations[relocation].offset < end &&
		p->s->relocations[relocation].offset >= s->offset)
		s->relocation = &p->s->relocations[relocation];
	switch (i->kind) {
	case X86_CALL:
		do_call(w, s, i);
		break;
	case X86_JUMP:
	case X86_BRANCH:
		do_jump(w, s, i);
		break;
	case X86_CALL_ANYWHERE: {
		/* Through a table of the kernel's own, as pv_ops: that is a call of the kernel, as good as by
		 * name. */
		struct target t = {.function = OBJECT_NONE};

		if (s->relocation && w->r->o->symbols[s->relocation->symbol].undefined)
			t.symbol = s->relocation->symbol;
		note_call(w, s, &t, !t.symbol, false);
		break;
	}
	case X86_JUMP_ANYWHERE:
		do_jump_anywhere(w, s);
		break;
	case X86_RETURN:
		w->f->leaves |= s->now.fpu;
		s->stops = true;
		break;
	case X86_TRAP:
		s->stops = !flow_goes_on(w->r, p->section, s->offset);
		break;
	default:
		do_stack(w, s, i);
	}
}

/* Puts the instruction's place down as seen. */
static void see(struct walk *w, const struct piece *p, uint64_t offset, unsigned length)
{
	for (unsigned n = 1; n < length; n++)
		if (!p->seen[offset + n])
			p->seen[offset + n] = FLOW_MIDDLE;
	if (p->outside)
		*FLOW_ADD(&w->r->touched) = (struct flow_place){
			.section = p->section, .offset = offset, .extra = length};
}

static bool may_step(struct walk *w, bool outside)
{
	uint64_t *left = outside ? &w->r->outside : &w->steps;

	if (!*left) {
		w->f->strange = true;
		return false;
	}
	(*left)--;
	return true;
}

/* Code that goes on past its end goes on in what is there, which only assembly language does. */
static void run_over(struct walk *w, const struct piece *p, struct step *s, uint64_t offset)
{
	struct target t = {.known = true, .section = p->section, .offset = offset};

	t.function = offset < p->s->size ? flow_find(w->r, p->section, offset) : OBJECT_NONE;
	if (p->outside || t.function == OBJECT_NONE)
		return;
	note_call(w, s, &t, false, true);
	w->f->leaves |= after_call(s->now.fpu, w->r->effects[t.function]);
}

/* Goes along from one place until nothing new comes. */
static void go_along(struct walk *w, const struct flow_place *from)
{
	struct flow_reader *r = w->r;
	uint32_t state = from->extra >> 1;
	uint64_t offset = from->offset;
	bool back = from->extra & 1, called = true;
	struct step s = {0};
	struct piece p;
	size_t relocation;

	if (!find_piece(w, from->section, offset, &p))
		return;
	relocation = object_relocation_at(p.s, offset);
	for (; offset < p.end; back = false) {
		uint16_t *seen = &p.seen[offset];
		struct x86_insn i;

		if (*seen == FLOW_MIDDLE) {
			w->f->strange = true;
			return;
		}
		s = (struct step){.p = &p, .offset = offset, .fresh = !*seen};
		if (!s.fresh) {
			state = meet(w, *seen, state, back);
			if (state == *seen)
				return;
		}
		if (!may_step(w, p.outside))
			return;
		if (!x86_read(p.s->bytes + offset, p.s->size - offset, &i) ||
			i.length > p.end - offset) {
			w->f->strange = true;
			return;
		}
		*seen = (uint16_t)state;
		if (s.fresh)
			see(w, &p, offset, i.length);
		s.state = state;
		s.now = r->states.items[state];
		while (relocation < p.s->nrelocations &&
			p.s->relocations[relocation].offset < offset)
			relocation++;
		if (i.kind != X86_OTHER || i.floating || is_marked(&p, offset)) {
			do_instruction(w, &s, &i, relocation);
			if (s.stops)
				return;
			if (!flow_same_state(&s.now, &r->states.items[state]))
				state = flow_state_number(r, &s.now, state);
		}
		if (s.fresh && i.kind != X86_CALL && i.kind != X86_JUMP && i.kind != X86_BRANCH)
			note_references(w, &p, relocation, offset + i.length);
		called = i.kind == X86_CALL || i.kind == X86_CALL_ANYWHERE || i.kind == X86_TRAP;
		offset += i.length;
	}
	if (!called)
		run_over(w, &p, &s, offset);
}

static void go_everywhere(struct walk *w)
{
	struct flow_reader *r = w->r;

	while (r->todo.n) {
		struct flow_place from = r->todo.items[--r->todo.n];

		go_along(w, &from);
	}
}

/* Goes on where no way was found to. What is known there is nothing. */
static void go_over_rest(struct walk *w)
{
	const struct object_section *s = &w->r->o->sections[w->f->section];
	uint16_t *seen = w->r->seen[w->f->section];
	uint64_t end = w->f->start + w->f->size;
	struct flow_state lost = {
		.depth = w->deepest, .frame = -1, .fpu = FPU_AS_ENTERED | FPU_UNKNOWN};

	w->lost = true;
	for (uint64_t at = w->f->start; at < end; at++) {
		struct x86_insn i;

		if (seen[at])
			continue;
		if (!x86_read(s->bytes + at, s->size - at, &i) || i.length > end - at) {
			w->f->strange = true;
			seen[at] = FLOW_MIDDLE;
			continue;
		}
		if (x86_is_padding(s->bytes + at, &i)) {
			for (unsigned n = 0; n < i.length; n++)
				seen[at + n] = FLOW_MIDDLE;
			continue;
		}
		w->f->strange = true;
		go_on_at(w, w->f->section, at, flow_state_number(w->r, &lost, 1), false);
		go_everywhere(w);
		if (!seen[at])
			seen[at] = FLOW_MIDDLE;
	}
}

/* ---- one function ---- */

static void start_again(struct flow_reader *r, uint32_t index)
{
	struct flow_function *f = &r->flow->functions[index];

	free(f->calls);
	free(f->uses);
	f->calls = NULL;
	f->uses = NULL;
	f->ncalls = f->nuses = 0;
	f->leaves = 0;
	memset(r->seen[f->section] + f->start, 0, f->size * sizeof **r->seen);
	r->walks[index]++;
}

static unsigned char fpu_at(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	uint16_t state = r->seen[section][offset];

	return state == FLOW_MIDDLE ? FPU_AS_ENTERED | FPU_UNKNOWN : r->states.items[state].fpu;
}

/* An array of just what is in the list. */
#define COPY(list)                                                                                 \
	((list).n ? memcpy(xreallocarray(NULL, (list).n, sizeof *(list).items), (list).items,      \
			    (list).n * sizeof *(list).items)                                       \
		  : NULL)

void flow_walk(struct flow_reader *r, uint32_t index)
{
	struct flow_function *f = &r->flow->functions[index];
	struct flow_state entered = {.depth = FLOW_SLOT, .frame = -1, .fpu = FPU_AS_ENTERED};
	struct walk w = {
		.r = r, .f = f, .index = index, .deepest = FLOW_SLOT, .steps = f->size * 4 + 256};

	if (f->leaves || f->ncalls || f->nuses)
		start_again(r, index);
	r->todo.n = r->touched.n = r->calls.n = r->uses.n = 0;
	if (f->cold)
		entered.fpu |= FPU_UNKNOWN;
	go_on_at(&w, f->section, f->start, flow_state_number(r, &entered, 1), false);
	go_everywhere(&w);
	if (*f->name && !f->cold)
		go_over_rest(&w);
	/* It was data. */
	if (f->guessed && f->strange) {
		r->calls.n = r->uses.n = 0;
		w.deepest = FLOW_SLOT;
		f->dynamic = false;
	}
	f->frame = (uint32_t)w.deepest;
	for (size_t i = 0; i < r->calls.n; i++)
		r->calls.items[i].fpu =
			fpu_at(r, r->calls.items[i].section, r->calls.items[i].offset);
	for (size_t i = 0; i < r->uses.n; i++)
		r->uses.items[i].fpu = fpu_at(r, r->uses.items[i].section, r->uses.items[i].offset);
	f->calls = COPY(r->calls);
	f->ncalls = r->calls.n;
	f->uses = COPY(r->uses);
	f->nuses = r->uses.n;
	/* Code outside of functions may be others' too. */
	for (size_t i = 0; i < r->touched.n; i++) {
		const struct flow_place *p = &r->touched.items[i];

		memset(r->seen[p->section] + p->offset, 0, p->extra * sizeof **r->seen);
	}
}
