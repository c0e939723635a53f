/* SPDX-License-Identifier: BSD-2-Clause */
#include "source/layout.h"

#include "check/section.h"

#include <string.h>

#define MOST_SECTIONS 65536
#define MOST_SIZE     (UINT64_C(1) << 31) /* a module's code is within 2 GiB of the kernel's */

#ifndef SHT_X86_64_UNWIND
#define SHT_X86_64_UNWIND 0x70000001
#endif

static bool is_loaded(const GElf_Shdr *h)
{
	return (h->sh_flags & SHF_ALLOC) && h->sh_size &&
		(h->sh_type == SHT_PROGBITS || h->sh_type == SHT_NOBITS ||
			h->sh_type == SHT_X86_64_UNWIND || h->sh_type == SHT_INIT_ARRAY ||
			h->sh_type == SHT_FINI_ARRAY);
}

static uint64_t align(uint64_t at, uint64_t to)
{
	return to > 1 && !(to & (to - 1)) ? (at + to - 1) & ~(to - 1) : at;
}

static bool take_section(Elf *elf, Elf_Scn *section, struct layout *l, uint64_t at[3])
{
	struct layout_section *s = ARRAY_ADD(l->sections, l->nsections);
	struct span bytes;
	GElf_Shdr h;
	size_t names;
	const char *name;

	s->in_freebsd = UINT64_MAX;
	if (!gelf_getshdr(section, &h) || h.sh_size > MOST_SIZE || h.sh_addralign > MOST_SIZE)
		return false;
	name = elf_getshdrstrndx(elf, &names) ? NULL : elf_strptr(elf, names, h.sh_name);
	s->name = printable(name ? name : "", name ? strnlen(name, SYMBOL_NAME_MAX) : 0);
	s->size = h.sh_size;
	if (!is_loaded(&h))
		return true;
	if (section_bytes(section, &bytes))
		s->bytes = bytes.bytes;
	at[0] = align(at[0], h.sh_addralign);
	s->in_freebsd = at[0];
	at[0] += h.sh_size;
	s->code = h.sh_flags & SHF_EXECINSTR;
	if (!s->code)
		return true;
	s->piece = strncmp(s->name, ".init", 5) ? PIECE_CODE : PIECE_INIT;
	at[s->piece] = align(at[s->piece], h.sh_addralign);
	s->in_piece = at[s->piece];
	at[s->piece] += h.sh_size;
	return true;
}

static void take_symbol(void *arg, const Elf64_Sym *sym, const char *name)
{
	struct layout *l = arg;
	unsigned type = ELF64_ST_TYPE(sym->st_info);

	if ((type != STT_FUNC && type != STT_NOTYPE) || sym->st_shndx >= l->nsections ||
		!l->sections[sym->st_shndx].code || sym->st_value > l->sections[sym->st_shndx].size)
		return;
	/* Grown by doubling. */
	if ((l->nsymbols & (l->nsymbols - 1)) == 0)
		l->symbols = xreallocarray(
			l->symbols, l->nsymbols ? 2 * l->nsymbols : 1, sizeof *l->symbols);
	l->symbols[l->nsymbols++] = (struct layout_symbol){
		.name = name,
		.section = sym->st_shndx,
		.value = sym->st_value,
		.size = sym->st_size,
	};
}

/* By place; a function comes after a mere label (whose size is 0) there, and what is longer last. */
static int by_place(const void *a, const void *b)
{
	const struct layout_symbol *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

/* ---- what relocations tell ---- */

/* A compiler's own calls allocate nothing and crash nowhere. */
static bool is_instrumentation(const char *name)
{
	static const char *const starts[] = {
		"__fentry__", "__x86_", "__asan_", "__tsan_", "__sanitizer_", "__ubsan_", "mcount"};

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (!strncmp(name, starts[i], strlen(starts[i])))
			return true;
	return false;
}

struct table {
	struct span entries, symbols, names;
	size_t section; /* that they are for */
};

static bool symbol_of(const struct table *t, const Elf64_Rela *rela, Elf64_Sym *sym)
{
	size_t index = ELF64_R_SYM(rela->r_info);

	if (index >= t->symbols.len / sizeof *sym)
		return false;
	memcpy(sym, t->symbols.bytes + index * sizeof *sym, sizeof *sym);
	return true;
}

/* "call foo": e8, and four bytes that are relocated to a symbol of the kernel's; or "jmp foo", e9, for a call that is the
 * last thing a function does. */
static void take_call(struct layout *l, const struct table *t, const Elf64_Rela *rela)
{
	const struct layout_section *s = &l->sections[t->section];
	unsigned type = ELF64_R_TYPE(rela->r_info), code;
	const char *name;
	Elf64_Sym sym;

	if ((type != R_X86_64_PLT32 && type != R_X86_64_PC32) || !s->bytes || s->size < 5 ||
		rela->r_offset < 1 || rela->r_offset > s->size - 4 || !symbol_of(t, rela, &sym) ||
		sym.st_shndx != SHN_UNDEF)
		return;
	code = s->bytes[rela->r_offset - 1];
	if (code != 0xe8 && code != 0xe9)
		return;
	name = span_string(t->names, sym.st_name, SYMBOL_NAME_MAX);
	if (!name || is_instrumentation(name))
		return;
	if ((l->ncalls & (l->ncalls - 1)) == 0)
		l->calls = xreallocarray(l->calls, l->ncalls ? 2 * l->ncalls : 1, sizeof *l->calls);
	l->calls[l->ncalls++] =
		(struct layout_call){t->section, rela->r_offset + 4, name, code == 0xe9};
}

static void take_pointer(struct layout *l, const struct table *t, const Elf64_Rela *rela)
{
	uint64_t value;
	Elf64_Sym sym;

	if (ELF64_R_TYPE(rela->r_info) != R_X86_64_64 || !symbol_of(t, rela, &sym) ||
		sym.st_shndx >= l->nsections || !l->sections[sym.st_shndx].code)
		return;
	value = sym.st_value + (uint64_t)rela->r_addend;
	if (value >= l->sections[sym.st_shndx].size)
		return;
	if ((l->npointed & (l->npointed - 1)) == 0)
		l->pointed = xreallocarray(
			l->pointed, l->npointed ? 2 * l->npointed : 1, sizeof *l->pointed);
	l->pointed[l->npointed++] = (struct layout_symbol){.section = sym.st_shndx, .value = value};
}

static void take_relocations(Elf *elf, struct layout *l)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr h, symbols;
		struct table t;
		Elf64_Rela rela;

		if (!gelf_getshdr(section, &h) || h.sh_type != SHT_RELA ||
			h.sh_info >= l->nsections ||
			l->sections[h.sh_info].in_freebsd == UINT64_MAX ||
			!gelf_getshdr(elf_getscn(elf, h.sh_link), &symbols) ||
			!section_bytes(section, &t.entries) ||
			!section_bytes(elf_getscn(elf, h.sh_link), &t.symbols) ||
			!section_bytes(elf_getscn(elf, symbols.sh_link), &t.names))
			continue;
		t.section = h.sh_info;
		for (size_t at = 0; at + sizeof rela <= t.entries.len; at += sizeof rela) {
			memcpy(&rela, t.entries.bytes + at, sizeof rela);
			if (l->sections[t.section].code)
				take_call(l, &t, &rela);
			else
				take_pointer(l, &t, &rela);
		}
	}
}

static bool is_relocatable(const unsigned char *bytes, size_t len)
{
	Elf64_Ehdr head;

	if (len < sizeof head)
		return false;
	memcpy(&head, bytes, sizeof head);
	return !memcmp(head.e_ident, ELFMAG, SELFMAG) && head.e_ident[EI_CLASS] == ELFCLASS64 &&
		head.e_ident[EI_DATA] == ELFDATA2LSB && head.e_type == ET_REL &&
		head.e_machine == EM_X86_64;
}

bool layout_read(const void *bytes, size_t len, struct layout *out)
{
	uint64_t at[3] = {0};
	Elf_Scn *section = NULL;
	bool good = true;
	Elf *elf;

	*out = (struct layout){0};
	if (!is_relocatable(bytes, len))
		return false;
	out->freebsd = ((const unsigned char *)bytes)[EI_OSABI] == ELFOSABI_FREEBSD;
	elf_version(EV_CURRENT);
	/* libelf takes it as writable, but writes only when asked to (elf_update). */
	elf = elf_memory((char *)(uintptr_t)bytes, len);
	if (!elf)
		return false;
	ARRAY_ADD(out->sections, out->nsections)->in_freebsd = UINT64_MAX;
	while (good && out->nsections < MOST_SECTIONS && (section = elf_nextscn(elf, section)))
		good = elf_ndxscn(section) == out->nsections && take_section(elf, section, out, at);
	if (good)
		symbols_each(elf, take_symbol, out);
	if (out->nsymbols)
		qsort(out->symbols, out->nsymbols, sizeof *out->symbols, by_place);
	if (good)
		take_relocations(elf, out);
	elf_end(elf);
	if (!good)
		layout_free(out);
	return good;
}

void layout_free(struct layout *l)
{
	for (size_t i = 0; i < l->nsections; i++)
		free(l->sections[i].name);
	free(l->sections);
	free(l->symbols);
	free(l->pointed);
	free(l->calls);
	*l = (struct layout){0};
}

/* ---- looking up ---- */

const struct layout_symbol *layout_symbol_at(
	const struct layout *l, size_t section, uint64_t offset)
{
	size_t low = 0, high = l->nsymbols;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct layout_symbol *s = &l->symbols[middle];

		if (s->section < section || (s->section == section && s->value <= offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low && l->symbols[low - 1].section == section ? &l->symbols[low - 1] : NULL;
}

const struct layout_symbol *layout_function(
	const struct layout *l, const char *name, uint64_t offset)
{
	const struct layout_symbol *found = NULL;

	for (size_t i = 0; i < l->nsymbols; i++) {
		const struct layout_symbol *s = &l->symbols[i];

		if (strcmp(s->name, name) || offset > l->sections[s->section].size - s->value)
			continue;
		if (offset < s->size)
			return s;
		found = found ? found : s;
	}
	return found;
}

bool layout_returns_to(const struct layout *l, size_t section, uint64_t offset)
{
	for (size_t i = 0; i < l->ncalls; i++)
		if (!l->calls[i].tail && l->calls[i].section == section &&
			l->calls[i].end == offset)
			return true;
	return false;
}

bool layout_is_pointed_to(const struct layout *l, const struct layout_symbol *function)
{
	for (size_t i = 0; i < l->npointed; i++)
		if (l->pointed[i].section == function->section &&
			l->pointed[i].value == function->value)
			return true;
	return false;
}
