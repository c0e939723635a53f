/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over the file's tables, with libelf. It is made for speed, a kernel has thousands of modules: names
 * and bytes are pointed to where they stand, only symbols and relocations are turned into something that
 * can be trusted, in one array each.
 */
#include "check/object.h"

#include "check/section.h"

#include <pthread.h>
#include <string.h>

static bool is_relocatable(const unsigned char *bytes, size_t len)
{
	Elf64_Ehdr head;

	if (len < sizeof head)
		return false;
	memcpy(&head, bytes, sizeof head);
	return !memcmp(head.e_ident, ELFMAG, SELFMAG) && head.e_ident[EI_CLASS] == ELFCLASS64 &&
		head.e_ident[EI_DATA] == ELFDATA2LSB && head.e_type == ET_REL;
}

/* ---- sections ---- */

static const char *name_in(struct span names, uint64_t at)
{
	const char *name = span_string(names, at, SYMBOL_NAME_MAX);

	return name ? name : "";
}

static bool read_sections(Elf *elf, struct object *o)
{
	struct span names = {0}, bytes;
	size_t count, strings;
	GElf_Shdr h;

	if (elf_getshdrnum(elf, &count) || !count || count >= OBJECT_NONE)
		return false;
	if (!elf_getshdrstrndx(elf, &strings) && strings && strings < count)
		section_bytes(elf_getscn(elf, strings), &names);
	o->sections = xcalloc(count, sizeof *o->sections);
	o->nsections = (uint32_t)count;
	for (uint32_t i = 1; i < o->nsections; i++) {
		struct object_section *s = &o->sections[i];
		Elf_Scn *section = elf_getscn(elf, i);

		s->name = "";
		if (!section || !gelf_getshdr(section, &h))
			continue;
		s->name = name_in(names, h.sh_name);
		s->flags = h.sh_flags;
		s->type = h.sh_type;
		if (h.sh_type == SHT_NOBITS)
			s->size = h.sh_size;
		else if (section_bytes(section, &bytes)) {
			s->bytes = bytes.bytes;
			s->size = bytes.len;
		}
	}
	o->sections[0].name = "";
	return true;
}

/* ---- symbols ---- */

static void read_symbol(struct object *o, const Elf64_Sym *from, uint32_t section,
	struct span names, struct object_symbol *to)
{
	to->name = name_in(names, from->st_name);
	to->value = from->st_value;
	to->size = from->st_size;
	to->type = ELF64_ST_TYPE(from->st_info);
	to->bind = ELF64_ST_BIND(from->st_info);
	to->undefined = from->st_shndx == SHN_UNDEF;
	to->section = OBJECT_NONE;
	if (from->st_shndx == SHN_XINDEX || (section && section < SHN_LORESERVE))
		to->section = section && section < o->nsections ? section : OBJECT_NONE;
	if (to->section == OBJECT_NONE)
		return;
	if (to->value > o->sections[to->section].size)
		to->section = OBJECT_NONE;
	else if (to->type == STT_SECTION && !*to->name)
		to->name = o->sections[to->section].name;
}

/* Which section a symbol is in, when there are too many sections for the symbol itself to say. */
static struct span extended_indices(Elf *elf, uint32_t table)
{
	struct span bytes = {0};
	Elf_Scn *section = NULL;
	GElf_Shdr h;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &h) && h.sh_type == SHT_SYMTAB_SHNDX &&
			h.sh_link == table && section_bytes(section, &bytes))
			return bytes;
	return (struct span){0};
}

/* The section with the symbol table; OBJECT_NONE if there is none. */
static uint32_t read_symbols(Elf *elf, struct object *o)
{
	struct span names = {0}, table, extended;
	uint32_t index;
	GElf_Shdr h;
	size_t n;

	for (index = 1; index < o->nsections; index++)
		if (o->sections[index].type == SHT_SYMTAB)
			break;
	if (index == o->nsections || !gelf_getshdr(elf_getscn(elf, index), &h))
		return OBJECT_NONE;
	table = (struct span){o->sections[index].bytes, o->sections[index].size};
	n = table.len / sizeof(Elf64_Sym);
	if (!table.bytes || !n || n >= OBJECT_NONE)
		return OBJECT_NONE;
	if (h.sh_link < o->nsections)
		names = (struct span){o->sections[h.sh_link].bytes, o->sections[h.sh_link].size};
	if (!names.bytes)
		names.len = 0;
	extended = extended_indices(elf, index);
	o->symbols = xcalloc(n, sizeof *o->symbols);
	o->nsymbols = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		Elf64_Sym sym;
		uint32_t section;

		memcpy(&sym, table.bytes + i * sizeof sym, sizeof sym);
		section = sym.st_shndx;
		if (sym.st_shndx == SHN_XINDEX) {
			section = 0;
			if (i < extended.len / sizeof section)
				memcpy(&section, extended.bytes + i * sizeof section,
					sizeof section);
		}
		read_symbol(o, &sym, section, names, &o->symbols[i]);
	}
	return index;
}

/* ---- relocations ---- */

static int by_offset(const void *a, const void *b)
{
	const struct object_relocation *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Which section the relocations in `index` are for; 0: none that matters. */
static uint32_t target_of(Elf *elf, const struct object *o, uint32_t index, uint32_t symtab)
{
	GElf_Shdr h;

	if (o->sections[index].type != SHT_RELA || !o->sections[index].bytes ||
		!gelf_getshdr(elf_getscn(elf, index), &h) || h.sh_link != symtab ||
		h.sh_info >= o->nsections)
		return 0;
	/* Those of the debug information are many, and nobody here asks for them. */
	return o->sections[h.sh_info].flags & SHF_ALLOC ? h.sh_info : 0;
}

/* Leaves few enough of those at the same place that nobody who looks at one has to look at many. */
static size_t thin_out(struct object_relocation *r, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept < 4 || r[kept - 4].offset != r[i].offset)
			r[kept++] = r[i];
	return kept;
}

static size_t take_relocations(const struct object *o, const struct object_section *from,
	const struct object_section *to, struct object_relocation *out)
{
	size_t n = from->size / sizeof(Elf64_Rela), kept = 0;
	bool sorted = true;

	for (size_t i = 0; i < n; i++) {
		Elf64_Rela rela;

		memcpy(&rela, from->bytes + i * sizeof rela, sizeof rela);
		if (rela.r_offset >= to->size || ELF64_R_SYM(rela.r_info) >= o->nsymbols)
			continue;
		if (kept && rela.r_offset < out[kept - 1].offset)
			sorted = false;
		out[kept++] = (struct object_relocation){
			.offset = rela.r_offset,
			.addend = rela.r_addend,
			.symbol = (uint32_t)ELF64_R_SYM(rela.r_info),
			.type = (uint32_t)ELF64_R_TYPE(rela.r_info),
		};
	}
	if (!sorted)
		qsort(out, kept, sizeof *out, by_offset);
	return thin_out(out, kept);
}

/* `len`: of the file, which has no more of them than that, unless its tables lie upon one another. */
static void read_relocations(Elf *elf, size_t len, struct object *o, uint32_t symtab)
{
	size_t most = 0, used = 0;

	for (uint32_t i = 1; i < o->nsections; i++)
		if (target_of(elf, o, i, symtab))
			most += o->sections[i].size / sizeof(Elf64_Rela);
	if (most > len / sizeof(Elf64_Rela))
		most = len / sizeof(Elf64_Rela);
	if (!most)
		return;
	o->relocations = xreallocarray(NULL, most, sizeof *o->relocations);
	for (uint32_t i = 1; i < o->nsections; i++) {
		uint32_t for_section = target_of(elf, o, i, symtab);
		struct object_section *to = &o->sections[for_section];

		/* A second table for the same section is nothing that a linker makes. */
		if (!for_section || to->relocations ||
			o->sections[i].size / sizeof(Elf64_Rela) > most - used)
			continue;
		to->relocations = o->relocations + used;
		to->nrelocations = take_relocations(o, &o->sections[i], to, o->relocations + used);
		used += to->nrelocations;
	}
}

/* ---- all ---- */

static void set_elf_version(void)
{
	elf_version(EV_CURRENT);
}

bool object_read(const void *bytes, size_t len, struct object *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	Elf64_Ehdr head;
	uint32_t symtab;
	bool good;
	Elf *elf;

	*out = (struct object){0};
	if (!is_relocatable(bytes, len))
		return false;
	memcpy(&head, bytes, sizeof head);
	pthread_once(&once, set_elf_version);
	/* libelf takes it as writable, but writes only when asked to (elf_update). */
	elf = elf_memory((char *)(uintptr_t)bytes, len);
	if (!elf)
		return false;
	out->machine = head.e_machine;
	out->freebsd = head.e_ident[EI_OSABI] == ELFOSABI_FREEBSD;
	good = read_sections(elf, out);
	symtab = good ? read_symbols(elf, out) : OBJECT_NONE;
	if (symtab != OBJECT_NONE)
		read_relocations(elf, len, out, symtab);
	elf_end(elf);
	if (!good)
		object_free(out);
	return good;
}

void object_free(struct object *o)
{
	free(o->sections);
	free(o->symbols);
	free(o->relocations);
	*o = (struct object){0};
}

uint32_t object_section(const struct object *o, const char *name)
{
	for (uint32_t i = 1; i < o->nsections; i++)
		if (!strcmp(o->sections[i].name, name))
			return i;
	return OBJECT_NONE;
}

bool object_is_code(const struct object *o, uint32_t section)
{
	const struct object_section *s;

	if (section >= o->nsections)
		return false;
	s = &o->sections[section];
	return s->bytes && s->size && s->type == SHT_PROGBITS &&
		(s->flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR);
}

size_t object_relocation_at(const struct object_section *s, uint64_t offset)
{
	size_t low = 0, high = s->nrelocations;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->relocations[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
