/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating point in the kernel. The registers hold what the program has in them that was interrupted by a system
 * call: who writes to them without having asked for them destroys that. A finding is made only where there is no way
 * to the instruction on which they were asked for; where it depends on a caller that is not known, nothing is said.
 */
#include "check/check.h"

#include "check/x86.h"

/* What is known of a place when its function is entered as `entered` says: FPU_OUTSIDE, FPU_INSIDE or both. */
static unsigned char resolve(unsigned char fpu, unsigned char entered)
{
	return (unsigned char)((fpu & FPU_UNKNOWN) | (fpu & FPU_AS_ENTERED ? entered : 0));
}

/* Functions whose states have still to be handed on to those that they call. */
struct work {
	uint32_t *items;
	size_t n;
	bool *waits;
};

static void enter(struct work *w, unsigned char *entered, uint32_t function, unsigned char how)
{
	if ((entered[function] | how) == entered[function])
		return;
	entered[function] |= how;
	if (w->waits[function])
		return;
	w->waits[function] = true;
	w->items[w->n++] = function;
}

static void hand_on(const struct flow *f, struct work *w, unsigned char *entered)
{
	while (w->n) {
		uint32_t at = w->items[--w->n];
		const struct flow_function *from = &f->functions[at];

		w->waits[at] = false;
		for (size_t i = 0; i < from->ncalls; i++)
			if (from->calls[i].function != OBJECT_NONE)
				enter(w, entered, from->calls[i].function,
					resolve(from->calls[i].fpu, entered[at]));
	}
}

/* Who is called with the registers in use, or maybe in use. */
struct inside {
	bool anybody;	/* somebody through a pointer */
	bool elsewhere; /* a function that is not the module's, which may call back */
};

static struct inside called_inside(const struct flow *f, const unsigned char *entered)
{
	struct inside in = {0};

	for (size_t i = 0; i < f->nfunctions; i++)
		for (size_t n = 0; n < f->functions[i].ncalls; n++) {
			const struct flow_call *c = &f->functions[i].calls[n];

			if (!(resolve(c->fpu, entered[i]) & FPU_INSIDE))
				continue;
			in.anybody |= c->indirect;
			in.elsewhere |= c->function == OBJECT_NONE && !c->indirect;
		}
	return in;
}

/* A function that nobody can call is entered in no state at all. */
/* How each function is entered. Caller frees. */
static unsigned char *all_entered(const struct flow *f)
{
	unsigned char *entered = xcalloc(f->nfunctions + 1, 1);
	struct work w = {.items = xcalloc(f->nfunctions + 1, sizeof *w.items),
		.waits = xcalloc(f->nfunctions + 1, sizeof *w.waits)};
	struct inside in;

	for (uint32_t i = 0; i < f->nfunctions; i++) {
		const struct flow_function *now = &f->functions[i];

		if (f->own_fpu || (f->fpu && now->exported))
			enter(&w, entered, i, FPU_UNKNOWN);
		else if (now->taken || now->passed || now->exported)
			enter(&w, entered, i, FPU_OUTSIDE);
	}
	hand_on(f, &w, entered);
	in = called_inside(f, entered);
	in.anybody |= f->fpu_calls;
	for (uint32_t i = 0; f->fpu && i < f->nfunctions; i++)
		if ((in.anybody && (f->functions[i].taken || f->functions[i].passed)) ||
			(in.elsewhere && f->functions[i].passed))
			enter(&w, entered, i, FPU_UNKNOWN);
	hand_on(f, &w, entered);
	free(w.items);
	free(w.waits);
	return entered;
}

static const char *begin_name(const struct check *c)
{
	return c->object->freebsd ? "fpu_kern_enter()" : "kernel_fpu_begin()";
}

static char *advice(const struct check *c)
{
	return xasprintf(
		"Count in whole numbers of something smaller, thousandths for example. If it "
		"has to be these instructions, put them into a function of their own, and call "
		"that between %s and %s.",
		begin_name(c), c->object->freebsd ? "fpu_kern_leave()" : "kernel_fpu_end()");
}

static void report(struct check *c, const struct flow_function *f, const struct flow_use *use,
	size_t more, struct findings *out)
{
	const struct object_section *s = &c->object->sections[use->section];
	AUTO_FREE char *name = flow_name(c->object, f);
	AUTO_FREE char *text = x86_text(s->bytes + use->offset, s->size - use->offset);
	AUTO_FREE char *others = more ? xasprintf(", the first of %zu", more + 1) : xstrdup("");
	struct finding *found = finding_add(out, "float-outside", SEVERITY_ERROR, CLASS_BUG,
		xasprintf("%s uses the floating-point registers without %s: \"%s\"%s.", name,
			begin_name(c), text, others),
		advice(c));

	found->function = xstrdup(name);
	check_place(c, found, use->section, use->offset);
}

void check_float(struct check *c, struct findings *out)
{
	const struct flow *f = c->flow;
	unsigned char *entered = NULL;

	for (uint32_t i = 0; i < f->nfunctions; i++) {
		const struct flow_function *now = &f->functions[i];
		const struct flow_use *first = NULL;
		size_t more = 0;

		if (now->nuses && !entered)
			entered = all_entered(f);
		for (size_t u = 0; u < now->nuses; u++) {
			if (resolve(now->uses[u].fpu, entered[i]) != FPU_OUTSIDE)
				continue;
			more += first != NULL;
			if (!first ||
				flow_compare(now->uses[u].section, now->uses[u].offset,
					first->section, first->offset) < 0)
				first = &now->uses[u];
		}
		if (first)
			report(c, now, first, more, out);
	}
	free(entered);
}
