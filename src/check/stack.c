/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adds up what the functions take of the stack, from those that call none of the module's upwards. Functions that can
 * reach one another (Tarjan's strongly connected components, found without recursion: a foreign file may have
 * any shape) are taken as having gone round once.
 */
#include "check/check.h"

#include "base/buf.h"

#define KIB	    1024
#define FRAME_MAX   2048 /* CONFIG_FRAME_WARN of a 64-bit Linux kernel */
#define REPORTS_MAX 16

/* What is known about one function. */
struct node {
	uint64_t deepest;
	uint32_t next;	  /* on the way there; OBJECT_NONE: itself */
	uint32_t largest; /* the largest frame on the way */
	uint64_t round;	  /* bytes that calling itself takes, if it does so directly */
	uint32_t group;	  /* of a recursive function: the number of one in its group */
	bool recursive, indirect, called;
	/* Of the search. */
	uint32_t number, low, call;
	bool open;
};

struct stack {
	struct check *c;
	const struct flow *f;
	struct node *nodes;
	uint64_t size, frame, chain; /* the limits */
};

/* ---- the sums ---- */

static void sum_calls(struct stack *s, uint32_t at)
{
	const struct flow_function *f = &s->f->functions[at];
	struct node *node = &s->nodes[at];

	node->deepest = node->largest = f->frame;
	node->next = OBJECT_NONE;
	for (size_t i = 0; i < f->ncalls; i++) {
		const struct flow_call *call = &f->calls[i];
		const struct node *to;

		node->indirect |= call->indirect;
		if (call->function == OBJECT_NONE)
			continue;
		to = &s->nodes[call->function];
		/* Those of its own group are still being looked at. */
		if (to->open || call->function == at)
			continue;
		if (call->depth + to->deepest > node->deepest) {
			node->deepest = call->depth + to->deepest;
			node->next = call->function;
			node->largest = f->frame > to->largest ? f->frame : to->largest;
		}
	}
}

/* Marks the functions of a group that can reach one another. */
static void mark_group(struct stack *s, const uint32_t *group, size_t n)
{
	bool takes = false;

	for (size_t g = 0; g < n; g++) {
		const struct flow_function *f = &s->f->functions[group[g]];
		struct node *node = &s->nodes[group[g]];

		for (size_t i = 0; i < f->ncalls; i++) {
			const struct flow_call *call = &f->calls[i];

			if (call->function == OBJECT_NONE || !s->nodes[call->function].open)
				continue;
			/* Jumps that end the caller make a loop. */
			takes |= !call->tail;
			if (call->function == group[g] && !call->tail && call->depth > node->round)
				node->round = call->depth;
		}
	}
	for (size_t g = 0; takes && g < n; g++) {
		s->nodes[group[g]].recursive = true;
		s->nodes[group[g]].group = group[0];
	}
}

/* Adds, for the functions of a group, the way over one other of it. */
static void sum_group(struct stack *s, const uint32_t *group, size_t n)
{
	for (size_t g = 0; g < n; g++) {
		const struct flow_function *f = &s->f->functions[group[g]];
		struct node *node = &s->nodes[group[g]];

		for (size_t i = 0; i < f->ncalls; i++) {
			const struct flow_call *call = &f->calls[i];
			const struct node *to;

			if (call->function == OBJECT_NONE || call->function == group[g])
				continue;
			to = &s->nodes[call->function];
			/* Only what lies ahead in the group, so that there is an end to it. */
			if (!to->open || to->number <= node->number)
				continue;
			if (call->depth + to->deepest > node->deepest) {
				node->deepest = call->depth + to->deepest;
				node->next = call->function;
				node->largest = f->frame > to->largest ? f->frame : to->largest;
			}
		}
	}
}

/* A group is complete: sums it up. It is in the order in which its functions were found, the first last. */
static void close_group(struct stack *s, const uint32_t *group, size_t n)
{
	mark_group(s, group, n);
	for (size_t g = 0; g < n; g++)
		sum_calls(s, group[g]);
	if (n > 1)
		sum_group(s, group, n);
	for (size_t g = 0; g < n; g++)
		s->nodes[group[g]].open = false;
}

/* Where the search stands: functions whose calls are being followed, and those not in a group yet. */
struct search {
	uint32_t *path, *waiting;
	size_t depth, nwaiting;
	uint32_t numbers;
};

static void begin(struct stack *s, struct search *search, uint32_t at)
{
	struct node *node = &s->nodes[at];

	node->number = node->low = ++search->numbers;
	node->open = true;
	search->waiting[search->nwaiting++] = at;
	search->path[search->depth++] = at;
}

/* Follows the next call of the function at the end of the path; or leaves it. */
static void advance(struct stack *s, struct search *search)
{
	uint32_t at = search->path[search->depth - 1];
	const struct flow_function *f = &s->f->functions[at];
	struct node *node = &s->nodes[at];
	size_t first;

	while (node->call < f->ncalls) {
		uint32_t to = f->calls[node->call++].function;

		if (to == OBJECT_NONE)
			continue;
		s->nodes[to].called = true;
		if (!s->nodes[to].number) {
			begin(s, search, to);
			return;
		}
		if (s->nodes[to].open && s->nodes[to].number < node->low)
			node->low = s->nodes[to].number;
	}
	search->depth--;
	if (search->depth) {
		struct node *from = &s->nodes[search->path[search->depth - 1]];

		if (node->low < from->low)
			from->low = node->low;
	}
	if (node->low != node->number)
		return;
	first = search->nwaiting;
	while (search->waiting[first - 1] != at)
		first--;
	first--;
	/* The last found first: what they call lies ahead. */
	for (size_t i = first, j = search->nwaiting - 1; i < j; i++, j--) {
		uint32_t swap = search->waiting[i];

		search->waiting[i] = search->waiting[j];
		search->waiting[j] = swap;
	}
	close_group(s, search->waiting + first, search->nwaiting - first);
	search->nwaiting = first;
}

static void sum_up(struct stack *s)
{
	size_t n = s->f->nfunctions;
	struct search search = {.path = xcalloc(n + 1, sizeof *search.path),
		.waiting = xcalloc(n + 1, sizeof *search.waiting)};

	s->nodes = xcalloc(n + 1, sizeof *s->nodes);
	for (uint32_t i = 0; i < n; i++) {
		if (s->nodes[i].number)
			continue;
		begin(s, &search, i);
		while (search.depth)
			advance(s, &search);
	}
	free(search.path);
	free(search.waiting);
}

/* ---- in words ---- */

/* "hello_init > helper > deeper" */
static char *chain_text(const struct stack *s, uint32_t at)
{
	struct buf text = {0};

	for (size_t n = 0; at != OBJECT_NONE && n < s->f->nfunctions; at = s->nodes[at].next, n++) {
		AUTO_FREE char *name = flow_name(s->c->object, &s->f->functions[at]);

		if (text.len > 1000) {
			buf_adds(&text, " > ...");
			break;
		}
		buf_addf(&text, "%s%s", n ? " > " : "", name);
	}
	return buf_take(&text);
}

/* Whether what it takes at the deepest is not all that it may take. */
static bool is_open_ended(const struct stack *s, uint32_t at)
{
	for (size_t n = 0; at != OBJECT_NONE && n < s->f->nfunctions; at = s->nodes[at].next, n++)
		if (s->nodes[at].recursive || s->nodes[at].indirect || s->f->functions[at].dynamic)
			return true;
	return false;
}

static char *allocate_advice(const struct stack *s)
{
	return xasprintf("Allocate the large variables with %s, or make those static that are the "
			 "same for all calls.",
		s->c->object->freebsd ? "malloc(9)" : "kmalloc()");
}

static void place(
	struct stack *s, struct finding *found, uint32_t at, uint32_t section, uint64_t offset)
{
	found->function = flow_name(s->c->object, &s->f->functions[at]);
	check_place(s->c, found, section, offset);
}

static void report_frame(struct stack *s, uint32_t at, struct findings *out)
{
	const struct flow_function *f = &s->f->functions[at];
	AUTO_FREE char *name = flow_name(s->c->object, f);
	bool all = f->frame > s->size;
	/* One that nobody calls harms nobody. */
	bool used = s->nodes[at].called || f->taken || f->passed;
	bool fails = all && used && s->c->q->thorough;
	struct finding *found = finding_add(out, "stack-frame",
		fails ? SEVERITY_ERROR : SEVERITY_WARNING, fails ? CLASS_CRASH : CLASS_PASS,
		all ? xasprintf("%s takes %u bytes of the stack, which has %llu.", name, f->frame,
			      (unsigned long long)s->size)
		    : xasprintf("%s takes %u bytes of the stack, more than the %llu that a "
				"function should.",
			      name, f->frame, (unsigned long long)s->frame),
		allocate_advice(s));

	place(s, found, at, f->section, f->start);
}

static void report_chain(struct stack *s, uint32_t at, struct findings *out)
{
	const struct flow_function *f = &s->f->functions[at];
	AUTO_FREE char *chain = chain_text(s, at);
	struct finding *found = finding_add(out, "stack-depth", SEVERITY_WARNING, CLASS_PASS,
		xasprintf("%s takes %llu bytes of the stack's %llu: %s.", chain,
			(unsigned long long)s->nodes[at].deepest, (unsigned long long)s->size,
			"more than a module should"),
		allocate_advice(s));

	place(s, found, at, f->section, f->start);
}

static void report_dynamic(struct stack *s, uint32_t at, struct findings *out)
{
	const struct flow_function *f = &s->f->functions[at];
	AUTO_FREE char *name = flow_name(s->c->object, f);
	struct finding *found = finding_add(out, "stack-dynamic", SEVERITY_NOTE, CLASS_PASS,
		xasprintf(
			"%s takes a number of bytes of the stack that is known only when it runs.",
			name),
		xstrdup("An array of the largest size that there may be, or an allocation."));

	place(s, found, at, f->dynamic_section, f->dynamic_at);
}

/* The call with which it goes round. */
static const struct flow_call *recursive_call(const struct stack *s, uint32_t at)
{
	const struct flow_function *f = &s->f->functions[at];
	const struct flow_call *any = NULL;

	for (size_t i = 0; i < f->ncalls; i++) {
		const struct flow_call *call = &f->calls[i];

		if (call->function == OBJECT_NONE || call->tail)
			continue;
		if (call->function == at)
			return call;
		if (!any && s->nodes[call->function].recursive &&
			s->nodes[call->function].group == s->nodes[at].group)
			any = call;
	}
	return any;
}

static char *recursion_text(const struct stack *s, uint32_t at, const struct flow_call *call)
{
	AUTO_FREE char *name = flow_name(s->c->object, &s->f->functions[at]);
	AUTO_FREE char *callee = flow_name(s->c->object, &s->f->functions[call->function]);
	unsigned long long round = s->nodes[at].round;

	if (!round)
		return xasprintf("%s calls %s, which may come back to it: nothing here says how "
				 "deep that goes.",
			name, callee);
	return xasprintf("%s calls itself and takes %llu bytes of the stack each time: after %llu "
			 "times there is none left, and nothing here says how often it may be.",
		name, round, (unsigned long long)s->size / round);
}

static void report_recursion(struct stack *s, uint32_t at, bool large, struct findings *out)
{
	const struct flow_call *call = recursive_call(s, at);
	struct finding *found;
	char *message, *advice;

	if (!call)
		return;
	message = recursion_text(s, at, call);
	advice = xstrdup("Use a loop, or pass down how deep it is and stop at a limit.");
	found = large
		? finding_add(out, "stack-depth", SEVERITY_WARNING, CLASS_PASS, message, advice)
		: finding_add(out, "stack-recursion", SEVERITY_NOTE, CLASS_PASS, message, advice);
	place(s, found, at, call->section, call->offset);
}

/* Whether its chain is too long for another reason than one function's frame, of which something is said already. */
static bool is_long(const struct stack *s, uint32_t at)
{
	return s->nodes[at].deepest > s->chain && s->nodes[at].largest <= s->chain;
}

/* Of functions that go round together, only one is reported; and those that call themselves. */
static bool is_round(const struct stack *s, uint32_t at)
{
	return s->nodes[at].recursive && (s->nodes[at].round || s->nodes[at].group == at);
}

static void report_all(struct stack *s, struct findings *out)
{
	/* A kernel's own module may have hundreds of them; the point is made with the first. */
	unsigned frames = 0, chains = 0, more = 0, rounds = 0;

	for (uint32_t i = 0; i < s->f->nfunctions; i++) {
		const struct flow_function *f = &s->f->functions[i];
		bool large = s->nodes[i].round >= s->size / 64;

		if (f->frame > s->frame && frames++ < REPORTS_MAX)
			report_frame(s, i, out);
		if ((!s->nodes[i].called || f->taken || f->passed) && is_long(s, i) &&
			chains++ < REPORTS_MAX)
			report_chain(s, i, out);
		if (f->dynamic && s->c->q->thorough && more++ < REPORTS_MAX)
			report_dynamic(s, i, out);
		if ((large || s->c->q->thorough) && is_round(s, i) && rounds++ < REPORTS_MAX)
			report_recursion(s, i, large, out);
	}
}

/* ---- for the report ---- */

static int by_bytes(const void *a, const void *b)
{
	const struct stack_frame *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->function, y->function);
}

static void fill_frames(struct stack *s, struct stack_use *use)
{
	use->frames = xcalloc(s->f->nfunctions + 1, sizeof *use->frames);
	for (uint32_t i = 0; i < s->f->nfunctions; i++) {
		const struct flow_function *f = &s->f->functions[i];
		struct stack_frame *to = &use->frames[use->nframes];
		struct finding at = {0};

		if (f->cold)
			continue;
		use->nframes++;
		*to = (struct stack_frame){.function = flow_name(s->c->object, f),
			.bytes = f->frame,
			.deepest = s->nodes[i].deepest,
			.dynamic = f->dynamic,
			.recursive = s->nodes[i].recursive,
			.indirect = s->nodes[i].indirect};
		check_place(s->c, &at, f->section, f->start);
		to->file = at.file;
		to->line = at.line;
		free(at.function);
	}
	if (use->nframes)
		qsort(use->frames, use->nframes, sizeof *use->frames, by_bytes);
}

static void fill_use(struct stack *s, struct stack_use *use)
{
	uint32_t most = OBJECT_NONE;

	use->size = s->size;
	for (uint32_t i = 0; i < s->f->nfunctions; i++)
		if (!s->f->functions[i].cold &&
			(most == OBJECT_NONE || s->nodes[i].deepest > s->nodes[most].deepest))
			most = i;
	if (most != OBJECT_NONE) {
		use->deepest = s->nodes[most].deepest;
		use->chain = chain_text(s, most);
		use->unknown = is_open_ended(s, most);
	}
	if (s->c->q->frames)
		fill_frames(s, use);
}

/* A module that is made for KASAN is made for a kernel with larger stacks. */
static bool is_for_kasan(const struct object *o)
{
	for (uint32_t i = 1; i < o->nsymbols; i++)
		if (o->symbols[i].undefined && !strncmp(o->symbols[i].name, "__asan_", 7))
			return true;
	return false;
}

/* Linux: THREAD_SIZE. FreeBSD: KSTACK_PAGES of amd64. */
static uint64_t stack_size(const struct object *o)
{
	if (!is_for_kasan(o))
		return 16 * KIB;
	return o->freebsd ? 24 * KIB : 32 * KIB;
}

void check_stack(struct check *c, struct stack_use *use, struct findings *out)
{
	struct stack s = {.c = c, .f = c->flow, .size = stack_size(c->object)};

	if (!c->flow->known)
		return;
	s.frame = c->q->limits.frame ? c->q->limits.frame : FRAME_MAX;
	s.chain = c->q->limits.chain ? c->q->limits.chain : s.size / 2;
	sum_up(&s);
	report_all(&s, out);
	if (use)
		fill_use(&s, use);
	free(s.nodes);
}

void stack_use_free(struct stack_use *use)
{
	for (size_t i = 0; i < use->nframes; i++) {
		free(use->frames[i].function);
		free(use->frames[i].file);
	}
	free(use->frames);
	free(use->chain);
	*use = (struct stack_use){0};
}
