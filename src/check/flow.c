/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out where functions are, and what the kernel's tables say of the code, has each of them walked through
 * (check/flow-walk.c), and puts the results together.
 */
#include "check/flow.h"

#include "base/buf.h"
#include "check/flow-walk.h"
#include "check/section.h"
#include "check/x86.h"

/* ---- names ---- */

static bool starts_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof *(names))

/* Those that do not come back, and behind whose calls other code may stand. */
static const char *const no_return[] = {"__stack_chk_fail", "panic", "vpanic", "do_exit",
	"make_task_dead", "rewind_stack_and_make_dead", "kthread_exit", "kthread_complete_and_exit",
	"module_put_and_kthread_exit", "__module_put_and_exit", "__module_put_and_kthread_exit",
	"complete_and_exit", "fortify_panic", "__fortify_panic",
	"__ubsan_handle_builtin_unreachable", "machine_real_restart", "kproc_exit", "thread_exit",
	"nmi_panic", "__chk_fail", "rust_begin_unwind", "abort"};
static const char *const no_calls[] = {"__fentry__", "mcount", "_mcount", "__fexit__"};
static const char *const no_fpu[] = {"irq_fpu_usable", "is_fpu_kern_thread", "fpu_kern_alloc_ctx",
	"fpu_kern_free_ctx", "x86_fpu_usable"};

static bool is_thunk(const char *name)
{
	return starts_with(name, "__x86_indirect_") || starts_with(name, "__llvm_retpoline_");
}

static enum flow_role role_by_name(const char *name)
{
	if (IS_ONE_OF(name, no_calls))
		return ROLE_NOTHING;
	if (!strcmp(name, "__x86_return_thunk"))
		return ROLE_RETURN;
	if (is_thunk(name))
		return ROLE_THUNK;
	if (IS_ONE_OF(name, no_return))
		return ROLE_NO_RETURN;
	if (!strcmp(name, "kernel_fpu_begin") || !strcmp(name, "kernel_fpu_begin_mask") ||
		!strcmp(name, "fpu_kern_enter"))
		return ROLE_FPU_BEGIN;
	if (!strcmp(name, "kernel_fpu_end") || !strcmp(name, "fpu_kern_leave"))
		return ROLE_FPU_END;
	if (!strcmp(name, "fpu_kern_thread"))
		return ROLE_FPU_THREAD;
	/* The block ciphers' common part, up to Linux 5.11. */
	if (starts_with(name, "glue_") && strstr(name, "_128bit"))
		return ROLE_FPU_CALLS;
	if ((strstr(name, "fpu") || strstr(name, "fpregs") || strstr(name, "fpstate")) &&
		!IS_ONE_OF(name, no_fpu))
		return ROLE_FPU_UNSURE;
	return ROLE_PLAIN;
}

/* What a symbol of the module's own is: nothing but its thunks is like the kernel's. */
static enum flow_role own_role(const char *name)
{
	if (is_thunk(name))
		return ROLE_THUNK;
	if (starts_with(name, "__SCT__"))
		return ROLE_CHANGES;
	return strcmp(name, "__x86_return_thunk") ? ROLE_PLAIN : ROLE_RETURN;
}

static void read_roles(struct flow_reader *r)
{
	r->roles = xcalloc(r->o->nsymbols + 1, 1);
	for (uint32_t i = 1; i < r->o->nsymbols; i++) {
		enum flow_role role;

		if (!r->o->symbols[i].undefined)
			continue;
		role = role_by_name(r->o->symbols[i].name);
		r->roles[i] = (unsigned char)role;
		r->flow->fpu |= role >= ROLE_FPU_BEGIN;
		r->flow->own_fpu |= role == ROLE_FPU_THREAD;
		r->flow->fpu_calls |= role == ROLE_FPU_CALLS;
	}
}

static bool is_cold(const char *name)
{
	const char *at = strstr(name, ".cold");

	return at && (!at[5] || at[5] == '.');
}

/* ---- where functions are ---- */

/* Code that takes the place of other code, and pieces that are only ever jumped to, are no functions. */
static bool is_beside(const char *section)
{
	return starts_with(section, ".altinstr") || starts_with(section, ".fixup") ||
		starts_with(section, ".discard");
}

static bool has_functions(const struct flow_reader *r, uint32_t section)
{
	return section < r->o->nsections && r->seen[section] &&
		!is_beside(r->o->sections[section].name);
}

/* Makes room for what is known about each byte of code. Sections that lie upon one another, as in no file that a
 * compiler made, count only as far as the file is long. */
static bool take_sections(struct flow_reader *r)
{
	const struct object *o = r->o;
	const unsigned char *low = NULL, *high = NULL;
	uint64_t total = 0;

	r->seen = xcalloc(o->nsections, sizeof *r->seen);
	r->marks = xcalloc(o->nsections, sizeof *r->marks);
	for (uint32_t i = 0; i < o->nsections; i++) {
		const struct object_section *s = &o->sections[i];

		if (!object_is_code(o, i))
			continue;
		if (!low || s->bytes < low)
			low = s->bytes;
		if (!high || s->bytes + s->size > high)
			high = s->bytes + s->size;
	}
	for (uint32_t i = 0; i < o->nsections; i++) {
		if (!object_is_code(o, i) || o->sections[i].size > (uint64_t)(high - low) - total)
			continue;
		total += o->sections[i].size;
		r->seen[i] = xcalloc(o->sections[i].size + 1, sizeof **r->seen);
	}
	r->outside = total * 8 + 4096;
	return total > 0;
}

static int by_place(const void *a, const void *b)
{
	const struct flow_function *x = a, *y = b;

	return flow_compare(x->section, x->start, y->section, y->start);
}

/* Which of two names for the same code people know it by: not the one that the loader asks for. */
static bool is_better(const char *name, const char *than)
{
	return !strcmp(than, "init_module") || !strcmp(than, "cleanup_module") || !*than ||
		(starts_with(than, "__") && !starts_with(name, "__") && *name);
}

static bool is_label(const char *name)
{
	return starts_with(name, "__pfx_") || starts_with(name, "__cfi_") || !*name;
}

static void add_function(struct flow_reader *r, size_t *room, const struct object_symbol *s)
{
	struct flow *f = r->flow;

	if (f->nfunctions == *room) {
		*room = *room ? *room * 2 : 64;
		f->functions = xreallocarray(f->functions, *room, sizeof *f->functions);
	}
	f->functions[f->nfunctions++] = (struct flow_function){.name = s->name,
		.section = s->section,
		.start = s->value,
		.size = s->size,
		.exported = r->o->freebsd && s->bind != STB_LOCAL,
		.guessed = s->type != STT_FUNC,
		.cold = is_cold(s->name)};
}

/* Puts them in order, several at the same place as one, none longer than to the next. */
static void settle_functions(struct flow_reader *r)
{
	struct flow *f = r->flow;
	size_t kept = 0;

	if (f->nfunctions)
		qsort(f->functions, f->nfunctions, sizeof *f->functions, by_place);
	for (size_t i = 0; i < f->nfunctions; i++) {
		struct flow_function *last = kept ? &f->functions[kept - 1] : NULL;
		const struct flow_function *now = &f->functions[i];

		if (!last || by_place(last, now)) {
			f->functions[kept++] = *now;
			continue;
		}
		if (is_better(now->name, last->name))
			last->name = now->name;
		if (now->size > last->size)
			last->size = now->size;
		last->exported |= now->exported;
		last->guessed &= now->guessed;
		last->cold &= now->cold;
	}
	f->nfunctions = kept;
	for (size_t i = 0; i < kept; i++) {
		struct flow_function *now = &f->functions[i];
		uint64_t end = i + 1 < kept && now[1].section == now->section
			? now[1].start
			: r->o->sections[now->section].size;

		if (!now->size || now->size > end - now->start)
			now->size = end - now->start;
	}
}

static void index_functions(struct flow_reader *r)
{
	uint32_t n = r->o->nsections;
	size_t at = 0;

	if (!r->first)
		r->first = xcalloc(n + 1, sizeof *r->first);
	for (uint32_t i = 0; i < n; i++) {
		r->first[i] = (uint32_t)at;
		while (at < r->flow->nfunctions && r->flow->functions[at].section == i)
			at++;
	}
	r->first[n] = (uint32_t)at;
}

static bool could_be_function(
	const struct flow_reader *r, const struct object_symbol *s, unsigned type)
{
	return s->type == type && has_functions(r, s->section) && !is_label(s->name) &&
		s->value < r->o->sections[s->section].size;
}

static void find_functions(struct flow_reader *r)
{
	const struct object *o = r->o;
	size_t room = 0, before;

	for (uint32_t i = 1; i < o->nsymbols; i++)
		if (could_be_function(r, &o->symbols[i], STT_FUNC))
			add_function(r, &room, &o->symbols[i]);
	settle_functions(r);
	index_functions(r);
	/* Assembly language does not always say what a function is. */
	before = r->flow->nfunctions;
	for (uint32_t i = 1; i < o->nsymbols; i++)
		if (could_be_function(r, &o->symbols[i], STT_NOTYPE) &&
			flow_find(r, o->symbols[i].section, o->symbols[i].value) == OBJECT_NONE)
			add_function(r, &room, &o->symbols[i]);
	if (r->flow->nfunctions != before) {
		settle_functions(r);
		index_functions(r);
	}
	r->nfirst = r->flow->nfunctions;
	r->function_roles = xcalloc(r->nfirst + 1, 1);
	r->reached = xcalloc(r->nfirst + 1, 1);
	for (size_t i = 0; i < r->nfirst; i++)
		r->function_roles[i] = (unsigned char)own_role(r->flow->functions[i].name);
}

/* ---- all functions ---- */

static void make_effects(struct flow_reader *r, size_t n)
{
	r->effects = xcalloc(n + 1, 1);
	r->walks = xcalloc(n + 1, 1);
	memset(r->effects, FPU_AS_ENTERED, n);
}

static void walk_all(struct flow_reader *r)
{
	struct flow *f = r->flow;

	make_effects(r, f->nfunctions);
	for (uint32_t i = 0; i < r->nfirst; i++)
		if (!f->functions[i].cold)
			flow_walk(r, i);
	/* Those whose whole is not there, or not known. */
	for (uint32_t i = 0; i < r->nfirst; i++) {
		if (!f->functions[i].cold || r->reached[i])
			continue;
		f->functions[i].cold = false;
		f->functions[i].strange = f->functions[i].taken = true;
		flow_walk(r, i);
	}
}

/* Functions that begin or end the use of the registers for those that call them: these are read again, with that
 * in mind. Each round is one call further up. */
static void spread_effects(struct flow_reader *r)
{
	struct flow *f = r->flow;
	AUTO_FREE bool *changed = xcalloc(r->nfirst + 1, sizeof *changed);

	for (int round = 0; round < 6; round++) {
		bool any = false;

		for (size_t i = 0; i < r->nfirst; i++) {
			unsigned char effect = f->functions[i].leaves;

			changed[i] = effect & FPU_UNKNOWN && effect != r->effects[i];
			if (!changed[i])
				continue;
			r->effects[i] = effect;
			any = true;
		}
		if (!any)
			return;
		for (uint32_t i = 0; i < r->nfirst; i++) {
			const struct flow_function *now = &f->functions[i];
			bool again = false;

			for (size_t c = 0; c < now->ncalls && !again; c++)
				again = now->calls[c].function < r->nfirst &&
					changed[now->calls[c].function];
			if (again)
				flow_walk(r, i);
		}
	}
}

/* ---- code without symbols ---- */

/* More than any module has functions. */
#define PIECES_MAX 65536

/* Reads the code between `at` and `end`, in pieces as they are found. Another's way into it does not matter any more. */
static void read_gap(struct flow_reader *r, uint32_t section, uint64_t at, uint64_t end)
{
	const struct object_section *s = &r->o->sections[section];
	struct flow *f = r->flow;

	while (at < end && f->nfunctions < r->nfirst + PIECES_MAX) {
		struct x86_insn i;
		bool empty = !s->bytes[at] || s->bytes[at] == 0x90 || s->bytes[at] == 0xcc;

		if (r->seen[section][at] || empty) {
			at++;
			continue;
		}
		if (!x86_read(s->bytes + at, s->size - at, &i) || i.length > end - at) {
			at++;
			continue;
		}
		if (x86_is_padding(s->bytes + at, &i)) {
			at += i.length;
			continue;
		}
		f->functions = xreallocarray(f->functions, f->nfunctions + 1, sizeof *f->functions);
		f->functions[f->nfunctions++] = (struct flow_function){.name = "",
			.section = section,
			.start = at,
			.size = end - at,
			.guessed = true,
			.taken = true};
		r->effects = xreallocarray(r->effects, f->nfunctions + 1, 1);
		r->walks = xreallocarray(r->walks, f->nfunctions + 1, 1);
		r->effects[f->nfunctions - 1] = FPU_AS_ENTERED;
		r->walks[f->nfunctions - 1] = 0;
		flow_walk(r, (uint32_t)f->nfunctions - 1);
		if (!r->seen[section][at])
			at++;
	}
}

/* Whether the symbols of functions were taken out of the file. What has none in one where the most have theirs are tables
 * that somebody keeps among the code. */
static bool is_stripped(const struct flow_reader *r, uint32_t section)
{
	uint64_t named = 0;

	for (size_t n = r->first[section]; n < r->first[section + 1]; n++)
		named += r->flow->functions[n].size;
	return named < r->o->sections[section].size / 2;
}

static void read_gaps(struct flow_reader *r)
{
	for (uint32_t i = 0; i < r->o->nsections; i++) {
		uint64_t at = 0;

		if (!has_functions(r, i) || !is_stripped(r, i))
			continue;
		for (size_t n = r->first[i]; n < r->first[i + 1]; n++) {
			const uint64_t start = r->flow->functions[n].start;
			const uint64_t size = r->flow->functions[n].size;

			read_gap(r, i, at, start);
			at = start + size;
		}
		read_gap(r, i, at, r->o->sections[i].size);
	}
}

/* Puts the pieces without symbols in their places among the others; none is longer than to the next. */
static void sort_all(struct flow_reader *r)
{
	struct flow *f = r->flow;
	AUTO_FREE uint32_t *now_at = NULL;
	struct flow_function *sorted;
	size_t a = 0, b = r->nfirst;

	if (f->nfunctions == r->nfirst)
		return;
	now_at = xcalloc(f->nfunctions, sizeof *now_at);
	sorted = xcalloc(f->nfunctions, sizeof *sorted);
	/* Both parts are in order. */
	for (size_t i = 0; i < f->nfunctions; i++) {
		bool second = a == r->nfirst ||
			(b < f->nfunctions && by_place(&f->functions[b], &f->functions[a]) < 0);
		size_t from = second ? b++ : a++;

		now_at[from] = (uint32_t)i;
		sorted[i] = f->functions[from];
		if (i && sorted[i - 1].section == sorted[i].section &&
			sorted[i - 1].size > sorted[i].start - sorted[i - 1].start)
			sorted[i - 1].size = sorted[i].start - sorted[i - 1].start;
	}
	free(f->functions);
	f->functions = sorted;
	for (size_t i = 0; i < f->nfunctions; i++)
		for (size_t c = 0; c < sorted[i].ncalls; c++)
			if (sorted[i].calls[c].function != OBJECT_NONE)
				sorted[i].calls[c].function = now_at[sorted[i].calls[c].function];
	for (size_t i = 0; i < r->pending.n; i++) {
		const struct flow_pending *p = &r->pending.items[i];
		struct flow_function *from = &sorted[now_at[p->function]];
		const struct flow_function *to = flow_function_at(f, p->section, p->to);

		if (to && p->walk == r->walks[p->function] && p->call < from->ncalls)
			from->calls[p->call].function = (uint32_t)(to - sorted);
	}
}

const struct flow_function *flow_function_at(
	const struct flow *f, uint32_t section, uint64_t offset)
{
	size_t low = 0, high = f->nfunctions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct flow_function *at = &f->functions[middle];

		if (flow_compare(at->section, at->start, section, offset) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || f->functions[low - 1].section != section ||
		offset - f->functions[low - 1].start >= f->functions[low - 1].size)
		return NULL;
	return &f->functions[low - 1];
}

/* ---- all ---- */

static void free_reader(struct flow_reader *r)
{
	for (uint32_t i = 0; i < r->o->nsections; i++) {
		if (r->seen)
			free(r->seen[i]);
		if (r->marks)
			free(r->marks[i]);
	}
	free(r->seen);
	free(r->marks);
	free(r->roles);
	free(r->function_roles);
	free(r->reached);
	free(r->walks);
	free(r->effects);
	free(r->first);
	free(r->edges.items);
	free(r->warns.items);
	free(r->refs.items);
	free(r->states.items);
	free(r->buckets);
	free(r->chains.items);
	free(r->pending.items);
	free(r->todo.items);
	free(r->touched.items);
	free(r->calls.items);
	free(r->uses.items);
}

void flow_read(const struct object *o, struct flow *out)
{
	struct flow_reader r = {.o = o, .flow = out};

	*out = (struct flow){.known = o->machine == EM_X86_64};
	if (!out->known)
		return;
	if (take_sections(&r)) {
		read_roles(&r);
		find_functions(&r);
		flow_read_tables(&r);
		walk_all(&r);
		spread_effects(&r);
		read_gaps(&r);
		sort_all(&r);
	}
	free_reader(&r);
}

char *flow_name(const struct object *o, const struct flow_function *f)
{
	if (*f->name)
		return printable(f->name, strlen(f->name));
	return xasprintf("the code at %s+0x%llx", o->sections[f->section].name,
		(unsigned long long)f->start);
}

void flow_free(struct flow *f)
{
	for (size_t i = 0; i < f->nfunctions; i++) {
		free(f->functions[i].calls);
		free(f->functions[i].uses);
	}
	free(f->functions);
	*f = (struct flow){0};
}
