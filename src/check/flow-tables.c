/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's tables in a module, and its data, say of the code: ways through it that no instruction shows, and
 * who may be called by anybody. */
#include "check/flow-walk.h"

#include "base/buf.h"

static int by_from(const void *a, const void *b)
{
	const struct flow_edge *x = a, *y = b;

	return flow_compare(x->section, x->from, y->section, y->from);
}

static int by_offset(const void *a, const void *b)
{
	const struct flow_place *x = a, *y = b;

	return flow_compare(x->section, x->offset, y->section, y->offset);
}

/* Whether a relocation in a table says a place in code that is read. */
static bool place_in_code(const struct flow_reader *r, const struct object_relocation *relocation,
	uint32_t *section, uint64_t *offset)
{
	return flow_target(r->o, relocation, 0, section, offset) && r->seen[*section];
}

static void mark(struct flow_reader *r, uint32_t section, uint64_t offset)
{
	if (!r->marks[section])
		r->marks[section] = xcalloc(r->o->sections[section].size / 8 + 1, 1);
	r->marks[section][offset / 8] |= (unsigned char)(1u << offset % 8);
}

/* struct jump_entry {int code, target; long key;} and struct exception_table_entry {int insn, fixup, data;}: an
 * instruction, and where it may go on. */
static void read_edges(struct flow_reader *r, const struct object_section *s, unsigned size)
{
	for (size_t i = 0; i + 1 < s->nrelocations; i++) {
		struct flow_edge e;

		if (s->relocations[i].offset % size ||
			s->relocations[i + 1].offset != s->relocations[i].offset + 4 ||
			!place_in_code(r, &s->relocations[i], &e.section, &e.from) ||
			!place_in_code(r, &s->relocations[i + 1], &e.to_section, &e.to))
			continue;
		*FLOW_ADD(&r->edges) = e;
		mark(r, e.section, e.from);
	}
}

/* struct bug_entry, of 12 or 16 bytes: begins with the place, ends with 16 bits of flags, of which BUGFLAG_WARNING
 * says that the kernel goes on. */
static void read_warns(struct flow_reader *r, const struct object_section *s)
{
	uint64_t size = s->size;
	uint64_t last = 0;

	for (size_t i = 0; i < s->nrelocations; i++) {
		struct flow_place p;

		if (!place_in_code(r, &s->relocations[i], &p.section, &p.offset))
			continue;
		if (s->relocations[i].offset > last && s->relocations[i].offset - last < size)
			size = s->relocations[i].offset - last;
		last = s->relocations[i].offset;
	}
	if (size < 10)
		return;
	for (size_t i = 0; i < s->nrelocations; i++) {
		struct flow_place p = {0};
		uint64_t at = s->relocations[i].offset;

		if (!s->bytes || size > s->size - at || !(s->bytes[at + size - 2] & 1) ||
			!place_in_code(r, &s->relocations[i], &p.section, &p.offset))
			continue;
		*FLOW_ADD(&r->warns) = p;
	}
}

/* Sections that have addresses of functions for other reasons than to have them called. */
static bool is_bookkeeping(const char *name)
{
	static const char *const kinds[] = {".orc_", ".altinstr", ".retpoline_sites",
		".return_sites", ".call_sites", ".ibt_endbr", ".cfi_sites", ".static_call_sites",
		".smp_locks", ".parainstructions", ".eh_frame", ".discard", ".BTF", ".note",
		"__mcount_loc", "__patchable_function_entries", "__bug_table", "__ex_table",
		"__jump_table", "__kcrctab", ".modinfo", ".llvm", "__dyndbg", "_error_injection",
		".set_mcount", "set_mcount"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strncmp(name, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

static void read_data(struct flow_reader *r, const struct object_section *s)
{
	bool exports = strstr(s->name, "__ksymtab") != NULL;

	if (is_bookkeeping(s->name))
		return;
	for (size_t i = 0; i < s->nrelocations; i++) {
		struct flow_place p = {0};
		uint32_t function;

		if (!place_in_code(r, &s->relocations[i], &p.section, &p.offset))
			continue;
		function = flow_find(r, p.section, p.offset);
		if (function == OBJECT_NONE)
			continue;
		if (r->flow->functions[function].start != p.offset) {
			*FLOW_ADD(&r->refs) = p;
			continue;
		}
		r->flow->functions[function].taken = true;
		if (exports)
			r->flow->functions[function].exported = true;
	}
}

void flow_read_tables(struct flow_reader *r)
{
	for (uint32_t i = 1; i < r->o->nsections; i++) {
		const struct object_section *s = &r->o->sections[i];

		if (!s->nrelocations || s->flags & SHF_EXECINSTR)
			continue;
		if (!strcmp(s->name, "__jump_table"))
			read_edges(r, s, 16);
		else if (!strcmp(s->name, "__ex_table"))
			read_edges(r, s, 12);
		else if (!strcmp(s->name, "__bug_table"))
			read_warns(r, s);
		read_data(r, s);
	}
	if (r->edges.n)
		qsort(r->edges.items, r->edges.n, sizeof *r->edges.items, by_from);
	if (r->warns.n)
		qsort(r->warns.items, r->warns.n, sizeof *r->warns.items, by_offset);
	if (r->refs.n)
		qsort(r->refs.items, r->refs.n, sizeof *r->refs.items, by_offset);
}

/* The first of a sorted list that is at or behind a place. */
#define FIRST_AT(list, section_of, offset_of)                                                      \
	size_t low = 0, high = (list)->n;                                                          \
                                                                                                   \
	while (low < high) {                                                                       \
		size_t middle = low + (high - low) / 2;                                            \
                                                                                                   \
		if (flow_compare((list)->items[middle].section_of,                                 \
			    (list)->items[middle].offset_of, section, offset) < 0)                 \
			low = middle + 1;                                                          \
		else                                                                               \
			high = middle;                                                             \
	}                                                                                          \
	return low

size_t flow_edge_at(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	FIRST_AT(&r->edges, section, from);
}

size_t flow_ref_at(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	FIRST_AT(&r->refs, section, offset);
}

static size_t warn_at(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	FIRST_AT(&r->warns, section, offset);
}

bool flow_goes_on(const struct flow_reader *r, uint32_t section, uint64_t offset)
{
	size_t at = warn_at(r, section, offset);

	return at < r->warns.n && r->warns.items[at].section == section &&
		r->warns.items[at].offset == offset;
}
