/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a FreeBSD kernel module says of itself. sys/sys/module.h has the forms: the linker set
 * set_modmetadata_set is an array of pointers to
 *
 *	struct mod_metadata { int md_version, md_type; const void *md_data; const char *md_cval; };
 *
 * where md_cval is the name of a module that is declared (MODULE, VERSION) or needed (DEPEND), and
 * md_data what goes with it. On amd64 a KLD is a relocatable file: those pointers are relocations, and
 * none of them is anything yet. A kernel is linked and has them as addresses; a shared object as
 * relocations that give addresses. All three come down to the same question, answered by follow():
 * what is the place that the pointer at this place points to?
 */
#include "check/kld.h"

#include "check/section.h"

#include <string.h>

#define MOST_METADATA 4096 /* a whole GENERIC kernel has some hundreds */
#define SET	      "set_modmetadata_set"

enum metadata_type { METADATA_DEPEND = 1, METADATA_MODULE = 2, METADATA_VERSION = 3 };

/* A byte of the loaded file: of a section, not an address. */
struct place {
	size_t section;
	uint64_t at;
};

/* A pointer that a relocation will write. */
struct fix {
	struct place where, to;
};

struct loaded {
	size_t section;
	uint64_t address, len;
};

struct kld {
	Elf *elf;
	bool linked;	    /* it has addresses */
	struct span *spans; /* of each section, by its index; empty for what is not loaded */
	uint64_t *sizes;    /* the same, with what has no bytes in the file */
	size_t n;
	struct loaded *loaded; /* sorted by address */
	size_t nloaded;
	struct fix *fixes; /* sorted by where */
	size_t nfixes, room;
	Elf64_Sym *symbols;
	size_t nsymbols;
};

/* ---- places ---- */

static int by_address(const void *a, const void *b)
{
	const struct loaded *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->section != y->section)
		return x->section > y->section ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

/* The place that an address is, once linked. */
static bool place_of(const struct kld *k, uint64_t address, struct place *out)
{
	size_t low = 0, high = k->nloaded;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->loaded[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - k->loaded[low - 1].address >= k->loaded[low - 1].len)
		return false;
	*out = (struct place){k->loaded[low - 1].section, address - k->loaded[low - 1].address};
	return true;
}

static bool read_at(const struct kld *k, struct place p, void *out, size_t len)
{
	const struct span *s = &k->spans[p.section];

	if (p.at > s->len || len > s->len - p.at)
		return false;
	memcpy(out, s->bytes + p.at, len);
	return true;
}

static bool follow(const struct kld *k, struct place p, struct place *to)
{
	const struct fix *f =
		k->nfixes ? bsearch(&p, k->fixes, k->nfixes, sizeof *k->fixes, by_place) : NULL;
	uint64_t address;

	if (f) {
		*to = f->to;
		return true;
	}
	return k->linked && read_at(k, p, &address, sizeof address) && address &&
		place_of(k, address, to);
}

/* ---- sections and relocations ---- */

static void load_sections(struct kld *k)
{
	Elf_Scn *section = NULL;
	size_t count = 0;

	if (elf_getshdrnum(k->elf, &count))
		return;
	k->n = count;
	k->spans = xcalloc(count, sizeof *k->spans);
	k->sizes = xcalloc(count, sizeof *k->sizes);
	k->loaded = xcalloc(count, sizeof *k->loaded);
	while ((section = elf_nextscn(k->elf, section))) {
		size_t i = elf_ndxscn(section);
		GElf_Shdr h;

		if (i >= count || !gelf_getshdr(section, &h) || !(h.sh_flags & SHF_ALLOC) ||
			!section_bytes(section, &k->spans[i]))
			continue;
		k->sizes[i] = h.sh_size;
		if (k->linked && h.sh_size)
			k->loaded[k->nloaded++] = (struct loaded){i, h.sh_addr, h.sh_size};
	}
	if (k->nloaded)
		qsort(k->loaded, k->nloaded, sizeof *k->loaded, by_address);
}

static void load_symbols(struct kld *k, unsigned section)
{
	struct span s;
	Elf_Scn *table = elf_getscn(k->elf, section);

	free(k->symbols);
	k->symbols = NULL;
	k->nsymbols = 0;
	if (!table || !section_bytes(table, &s) || s.len < sizeof *k->symbols)
		return;
	k->nsymbols = s.len / sizeof *k->symbols;
	k->symbols = xcalloc(k->nsymbols, sizeof *k->symbols);
	memcpy(k->symbols, s.bytes, k->nsymbols * sizeof *k->symbols);
}

/* Where a relocation's value is: symbol plus addend. */
static bool value_of(const struct kld *k, const Elf64_Rela *rela, struct place *to)
{
	const Elf64_Sym *sym;
	size_t index = ELF64_R_SYM(rela->r_info);
	uint64_t value;

	if (ELF64_R_TYPE(rela->r_info) == R_X86_64_RELATIVE)
		return k->linked && place_of(k, (uint64_t)rela->r_addend, to);
	if (ELF64_R_TYPE(rela->r_info) != R_X86_64_64 || index >= k->nsymbols)
		return false;
	sym = &k->symbols[index];
	value = sym->st_value + (uint64_t)rela->r_addend;
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= SHN_LORESERVE)
		return false;
	if (k->linked)
		return place_of(k, value, to);
	*to = (struct place){sym->st_shndx, value};
	return sym->st_shndx < k->n && value < k->sizes[sym->st_shndx];
}

static void add_fix(struct kld *k, const Elf64_Rela *rela, size_t section)
{
	struct fix f = {.where = {section, rela->r_offset}};

	if (k->linked && !place_of(k, rela->r_offset, &f.where))
		return;
	if (!value_of(k, rela, &f.to))
		return;
	if (k->nfixes == k->room) {
		k->room = k->room ? 2 * k->room : 64;
		k->fixes = xreallocarray(k->fixes, k->room, sizeof *k->fixes);
	}
	k->fixes[k->nfixes++] = f;
}

/* One section of relocations, unless they are for what is not loaded (debug information). */
static void load_relocations(struct kld *k, Elf_Scn *section)
{
	GElf_Shdr h;
	Elf64_Rela rela;
	struct span s;

	if (!gelf_getshdr(section, &h) || h.sh_type != SHT_RELA || !section_bytes(section, &s))
		return;
	if (!k->linked && (h.sh_info >= k->n || !k->spans[h.sh_info].len))
		return;
	load_symbols(k, h.sh_link);
	for (size_t at = 0; at + sizeof rela <= s.len; at += sizeof rela) {
		memcpy(&rela, s.bytes + at, sizeof rela);
		add_fix(k, &rela, h.sh_info);
	}
}

static void load_all(struct kld *k)
{
	Elf_Scn *section = NULL;

	load_sections(k);
	while (k->n && (section = elf_nextscn(k->elf, section)))
		load_relocations(k, section);
	if (k->nfixes)
		qsort(k->fixes, k->nfixes, sizeof *k->fixes, by_place);
}

static void unload(struct kld *k)
{
	free(k->spans);
	free(k->sizes);
	free(k->loaded);
	free(k->fixes);
	free(k->symbols);
}

/* ---- the metadata ---- */

static struct ko_module *declared(struct ko *ko, const char *name)
{
	struct ko_module *m;

	for (size_t i = 0; i < ko->ndeclares; i++)
		if (!strcmp(ko->declares[i].name, name))
			return &ko->declares[i];
	m = ARRAY_ADD(ko->declares, ko->ndeclares);
	m->name = xstrdup(name);
	return m;
}

static void add_need(struct ko *ko, const char *name, const int32_t range[3])
{
	struct ko_need *need = ARRAY_ADD(ko->needs, ko->nneeds);

	*need = (struct ko_need){xstrdup(name), range[0], range[1], range[2]};
	if (strcmp(name, "kernel"))
		strv_add(&ko->depends, name);
}

/* Reads one struct mod_metadata. */
static void read_metadata(const struct kld *k, struct place p, struct ko *ko)
{
	AUTO_FREE char *name = NULL;
	struct place data, text, at = p;
	const char *string;
	int32_t type, numbers[3];
	bool has_data;

	at.at += 4;
	if (!read_at(k, at, &type, sizeof type))
		return;
	at.at += 4;
	has_data = follow(k, at, &data);
	at.at += 8;
	if (!follow(k, at, &text))
		return;
	string = span_string(k->spans[text.section], text.at, SYMBOL_NAME_MAX);
	if (!string || !*string)
		return;
	name = printable(string, strlen(string));
	if (type == METADATA_DEPEND && has_data && read_at(k, data, numbers, sizeof numbers))
		add_need(ko, name, numbers);
	else if (type == METADATA_MODULE)
		declared(ko, name);
	else if (type == METADATA_VERSION && has_data && read_at(k, data, numbers, 4))
		declared(ko, name)->version = numbers[0];
}

static void read_set(struct kld *k, struct ko *ko)
{
	Elf_Scn *section = section_find(k->elf, SET);
	size_t i = section ? elf_ndxscn(section) : 0;

	if (!i || i >= k->n)
		return;
	for (size_t n = 0; n < k->spans[i].len / 8 && n < MOST_METADATA; n++) {
		struct place to;

		if (follow(k, (struct place){i, n * 8}, &to))
			read_metadata(k, to, ko);
	}
}

/* A file that needs a module which it declares itself needs no other. */
static void drop_own(struct ko *ko)
{
	size_t kept = 0;

	for (size_t i = 0; i < ko->depends.n; i++) {
		if (ko_declares(ko, ko->depends.v[i]))
			free(ko->depends.v[i]);
		else
			ko->depends.v[kept++] = ko->depends.v[i];
	}
	ko->depends.n = kept;
	if (ko->depends.v)
		ko->depends.v[kept] = NULL;
}

/* ---- symbols ---- */

static void take_symbol(void *arg, const Elf64_Sym *sym, const char *name)
{
	struct ko *ko = arg;

	if (ELF64_ST_BIND(sym->st_info) != STB_GLOBAL)
		return;
	/* The bounds of linker sets, which the kernel's linker knows by itself. */
	if (!strncmp(name, "__start_set_", 12) || !strncmp(name, "__stop_set_", 11))
		return;
	if (sym->st_shndx != SHN_UNDEF)
		add_printable(&ko->exports, name, strlen(name));
	else if (strcmp(name, "_GLOBAL_OFFSET_TABLE_"))
		add_printable(&ko->undefined, name, strlen(name));
}

bool kld_is(Elf *elf)
{
	return section_find(elf, SET) || section_find(elf, "set_sysinit_set");
}

void kld_read(Elf *elf, const GElf_Ehdr *header, struct ko *ko, bool symbols)
{
	struct kld k = {.elf = elf, .linked = header->e_type != ET_REL};

	load_all(&k);
	read_set(&k, ko);
	unload(&k);
	drop_own(ko);
	if (symbols)
		symbols_each(elf, take_symbol, ko);
}
