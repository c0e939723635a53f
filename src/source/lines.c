/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a place in a section to a line of source. What a compiler leaves in a relocatable file is full of
 * holes that a linker would fill, so its .debug sections are copied into a small ELF file of our own, unpacked
 * and with their relocations applied, and libdw is given that. It never opens another file for it: nothing that
 * would name one (dwz's common file) is copied, and units that do (split DWARF) are left alone.
 *
 * Where code was inlined, the innermost function may be one of the kernel's headers. Its author is not the one
 * who has made the mistake, so the place is the call in the module's own source.
 */
#include "source/lines.h"

#include "check/section.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>

#define MOST_DEPTH  64	    /* of functions and blocks in each other */
#define MOST_DIES   2000000 /* looked at in one lookup */
#define MOST_UNITS  100000
#define MOST_BYTES  ((size_t)1 << 30)
#define NAME_MAX_IN 4096

struct lines {
	struct buf image;
	Elf *elf;
	Dwarf *dwarf;
	struct strv sections; /* names of those with code, "" for others */
	char *root; /* the directory that all of its own source files are in, with a '/'; or NULL */
};

static uint64_t made_up(size_t section)
{
	return (uint64_t)section << 32;
}

/* ---- the debug sections, relocated ---- */

/* The value of a symbol that a .debug section refers to. What is not in memory at run time counts from its own
 * begin. */
static bool symbol_value(
	Elf *elf, struct span symbols, size_t index, uint64_t addend, uint64_t *value)
{
	GElf_Shdr header;
	Elf64_Sym sym;

	if (index >= symbols.len / sizeof sym)
		return false;
	memcpy(&sym, symbols.bytes + index * sizeof sym, sizeof sym);
	*value = sym.st_value + addend;
	if (sym.st_shndx == SHN_UNDEF || sym.st_shndx >= SHN_LORESERVE)
		return true;
	if (!gelf_getshdr(elf_getscn(elf, sym.st_shndx), &header))
		return false;
	if (header.sh_flags & SHF_ALLOC)
		*value += made_up(sym.st_shndx);
	return true;
}

static void relocate(Elf *elf, struct span table, struct span symbols, char *to, size_t len)
{
	Elf64_Rela rela;

	for (size_t at = 0; at + sizeof rela <= table.len; at += sizeof rela) {
		uint64_t value;
		size_t size;

		memcpy(&rela, table.bytes + at, sizeof rela);
		switch (ELF64_R_TYPE(rela.r_info)) {
		case R_X86_64_64:
			size = 8;
			break;
		case R_X86_64_32:
		case R_X86_64_32S:
			size = 4;
			break;
		default:
			continue;
		}
		/* Both the file and we are little-endian. */
		if (len >= size && rela.r_offset <= len - size &&
			symbol_value(elf, symbols, ELF64_R_SYM(rela.r_info),
				(uint64_t)rela.r_addend, &value))
			memcpy(to + rela.r_offset, &value, size);
	}
}

/* Applies what is said of section `index`, whose copy stands at `to`. */
static void relocate_copy(Elf *elf, size_t index, char *to, size_t len)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section))) {
		struct span table, symbols;
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
			header.sh_info == index && section_bytes(section, &table) &&
			section_bytes(elf_getscn(elf, header.sh_link), &symbols))
			relocate(elf, table, symbols, to, len);
	}
}

static const char *section_name(Elf *elf, const GElf_Shdr *header)
{
	size_t names;

	return elf_getshdrstrndx(elf, &names) ? "" : elf_strptr(elf, names, header->sh_name) ?: "";
}

/* A section's bytes, unpacked if they are compressed (as ELF has it, or as GNU had it in .zdebug). */
static bool unpacked(Elf_Scn *section, const GElf_Shdr *header, const char *name, struct span *out)
{
	unsigned char size[8];
	uint64_t bytes = 0;
	GElf_Chdr packed;

	if (header->sh_type == SHT_NOBITS || !section_bytes(section, out))
		return false;
	if (header->sh_flags & SHF_COMPRESSED) {
		if (!gelf_getchdr(section, &packed) || packed.ch_size > MOST_BYTES ||
			elf_compress(section, 0, 0) < 0)
			return false;
	} else if (name[1] == 'z') {
		/* "ZLIB" and the size, big-endian. */
		if (out->len < 12)
			return false;
		memcpy(size, out->bytes + 4, sizeof size);
		for (size_t i = 0; i < sizeof size; i++)
			bytes = bytes << 8 | size[i];
		if (bytes > MOST_BYTES || elf_compress_gnu(section, 0, 0) < 0)
			return false;
	}
	return section_bytes(section, out);
}

static void pad(struct buf *b)
{
	static const char zeros[8];

	buf_add(b, zeros, -b->len & 7);
}

/* The file for libdw: header, sections, their names, their headers. False without any. */
static bool build_image(Elf *elf, struct buf *image)
{
	AUTO_BUF struct buf names = {0}, headers = {0};
	Elf64_Ehdr head = {.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof head,
		.e_shentsize = sizeof(Elf64_Shdr)};
	Elf64_Shdr new = {0};
	Elf_Scn *section = NULL;

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	buf_add(image, &head, sizeof head);
	buf_add(&headers, &new, sizeof new);
	buf_add(&names, "", 1);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		struct span bytes;
		const char *name;

		if (!gelf_getshdr(section, &header))
			continue;
		name = section_name(elf, &header);
		if ((strncmp(name, ".debug_", 7) && strncmp(name, ".zdebug_", 8)) ||
			!unpacked(section, &header, name, &bytes) || !bytes.len ||
			bytes.len > MOST_BYTES - image->len || headers.len > 100 * sizeof new)
			continue;
		pad(image);
		new = (Elf64_Shdr){.sh_name = (Elf64_Word)names.len,
			.sh_type = SHT_PROGBITS,
			.sh_offset = image->len,
			.sh_size = bytes.len,
			.sh_addralign = 1};
		buf_add(&headers, &new, sizeof new);
		buf_addf(&names, ".%s", name + 1 + (name[1] == 'z'));
		buf_add(&names, "", 1);
		buf_add(image, bytes.bytes, bytes.len);
		relocate_copy(elf, elf_ndxscn(section), image->data + new.sh_offset, bytes.len);
	}
	if (headers.len == sizeof new)
		return false;
	new = (Elf64_Shdr){.sh_name = (Elf64_Word)names.len,
		.sh_type = SHT_STRTAB,
		.sh_offset = image->len,
		.sh_addralign = 1};
	buf_add(&names, ".shstrtab", sizeof ".shstrtab");
	new.sh_size = names.len;
	buf_add(&headers, &new, sizeof new);
	buf_add(image, names.data, names.len);
	pad(image);
	head.e_shoff = image->len;
	head.e_shnum = (Elf64_Half)(headers.len / sizeof new);
	head.e_shstrndx = (Elf64_Half)(head.e_shnum - 1);
	buf_add(image, headers.data, headers.len);
	memcpy(image->data, &head, sizeof head);
	return true;
}

/* ---- files ---- */

/* Takes the component that ends at b->len off. */
static void drop_component(struct buf *b)
{
	while (b->len && b->data[b->len - 1] != '/')
		b->len--;
	b->len -= b->len > 1;
	b->data[b->len] = 0;
}

/* Adds a path's components, without "." and empty ones; ".." takes the one before it. */
static void add_components(struct buf *b, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !strncmp(path, "..", 2) && b->len > 1)
			drop_component(b);
		else if (n && !(n == 1 && *path == '.'))
			buf_addf(b, "%s%.*s", b->len && b->data[b->len - 1] != '/' ? "/" : "",
				(int)n, path);
		path += n + (path[n] == '/');
	}
}

/* A path without "//", "." and ".."; absolute if `dir` is. NULL if it is not known. Caller frees. */
static char *plain_path(const char *dir, const char *name)
{
	struct buf b = {0};

	if (!name || !*name || strnlen(name, NAME_MAX_IN) == NAME_MAX_IN)
		return NULL;
	if (*name == '/' || !dir || strnlen(dir, NAME_MAX_IN) == NAME_MAX_IN)
		dir = "";
	if (*name == '/' || *dir == '/')
		buf_adds(&b, "/");
	add_components(&b, dir);
	add_components(&b, name);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7f)
			b.data[i] = '?';
	return buf_take(&b);
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, name, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

static char *file_of(Dwarf_Die *unit, const char *name)
{
	return plain_path(string_of(unit, DW_AT_comp_dir), name);
}

static size_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return dwarf_attr(die, name, &attribute) && !dwarf_formudata(&attribute, &value) ? value
											 : 0;
}

/* Calls `take` for each compilation unit until it says true. */
static bool each_unit(Dwarf *dwarf, bool (*take)(void *arg, Dwarf_Die *unit), void *arg)
{
	Dwarf_CU *cu = NULL;

	for (int i = 0; i < MOST_UNITS; i++) {
		Dwarf_Half version;
		uint8_t type;
		Dwarf_Die unit;

		if (dwarf_get_units(dwarf, cu, &cu, &version, &type, &unit, NULL))
			return false;
		if (type == DW_UT_compile && take(arg, &unit))
			return true;
	}
	return false;
}

/* What Kbuild adds to every module. */
static bool is_kbuilds(const char *file)
{
	static const char *const tails[] = {".mod.c", "/module-common.c"};
	size_t n = strlen(file);

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (n >= strlen(tails[i]) && !strcmp(file + n - strlen(tails[i]), tails[i]))
			return true;
	return false;
}

/* Shortens the directory that all files so far are in to what this one has in common with it. */
static bool take_root(void *arg, Dwarf_Die *unit)
{
	struct lines *l = arg;
	AUTO_FREE char *file = file_of(unit, string_of(unit, DW_AT_name));
	size_t n = 0;

	if (!file || *file != '/' || is_kbuilds(file))
		return false;
	if (!l->root)
		l->root = xstrdup(file);
	while (l->root[n] && l->root[n] == file[n])
		n++;
	while (n && l->root[n - 1] != '/')
		n--;
	l->root[n] = 0;
	return false;
}

static bool is_own(const struct lines *l, const char *file)
{
	return !l->root || !*l->root || !strncmp(file, l->root, strlen(l->root));
}

/* ---- functions ---- */

struct search {
	struct lines *l;
	uint64_t at;
	struct line_place *out;
	unsigned dies;
	Dwarf_Die chain[MOST_DEPTH]; /* of functions that have it, the innermost last */
	size_t depth;
	bool found;
};

static bool holds(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
		tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
		tag == DW_TAG_catch_block || tag == DW_TAG_namespace || tag == DW_TAG_with_stmt;
}

/* Notes the functions around the address, the outermost first. */
static void descend(struct search *s, Dwarf_Die *parent, unsigned level)
{
	Dwarf_Die die;

	if (level == MOST_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (++s->dies > MOST_DIES)
			return;
		if (!holds(tag) || (tag != DW_TAG_namespace && dwarf_haspc(&die, s->at) <= 0))
			continue;
		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
			s->chain[s->depth++] = die;
		descend(s, &die, level + 1);
		if (tag != DW_TAG_namespace)
			return;
	} while (s->depth < MOST_DEPTH && !dwarf_siblingof(&die, &die));
}

static char *name_of(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	if (!name || !*name || strnlen(name, NAME_MAX_IN) == NAME_MAX_IN)
		return NULL;
	return printable(name, strlen(name));
}

/* The line in the file's table, and the innermost function. */
static void take_innermost(struct search *s, Dwarf_Die *unit)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, s->at);
	struct line_place *p = s->out;
	int number = 0;

	if (line && !dwarf_lineno(line, &number)) {
		p->file = file_of(unit, dwarf_linesrc(line, NULL, NULL));
		p->line = p->file && number > 0 ? (unsigned)number : 0;
	}
	if (s->depth)
		p->function = name_of(&s->chain[s->depth - 1]);
}

/* While the place is in what a header of the kernel has brought, goes on to where that was called. */
static void leave_foreign(struct search *s, Dwarf_Die *unit)
{
	struct line_place *p = s->out;
	Dwarf_Files *files;
	size_t n;

	while (p->file && !is_own(s->l, p->file) && s->depth > 1 &&
		dwarf_tag(&s->chain[s->depth - 1]) == DW_TAG_inlined_subroutine) {
		Dwarf_Die *inner = &s->chain[--s->depth];
		size_t file = number_of(inner, DW_AT_call_file);

		if (dwarf_getsrcfiles(unit, &files, &n) || file >= n)
			return;
		free(p->inlined);
		p->inlined = p->function;
		p->function = name_of(&s->chain[s->depth - 1]);
		free(p->file);
		p->file = file_of(unit, dwarf_filesrc(files, file, NULL, NULL));
		p->line = p->file ? (unsigned)number_of(inner, DW_AT_call_line) : 0;
	}
}

static bool search_unit(void *arg, Dwarf_Die *unit)
{
	struct search *s = arg;

	if (dwarf_haspc(unit, s->at) <= 0)
		return false;
	descend(s, unit, 0);
	take_innermost(s, unit);
	leave_foreign(s, unit);
	return s->out->file || s->out->function;
}

/* ---- */

static void list_sections(Elf *elf, struct strv *names)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	strv_add(names, "");
	while ((section = elf_nextscn(elf, section)))
		strv_add(names,
			gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR)
				? section_name(elf, &header)
				: "");
}

struct lines *lines_open(const void *bytes, size_t len)
{
	struct lines *l = xcalloc(1, sizeof *l);
	/* libelf takes it as writable, but writes only when asked to (elf_update). */
	Elf *elf = elf_memory((char *)(uintptr_t)bytes, len);
	bool built = elf && build_image(elf, &l->image);

	if (built)
		list_sections(elf, &l->sections);
	elf_end(elf);
	l->elf = built ? elf_memory(l->image.data, l->image.len) : NULL;
	l->dwarf = l->elf ? dwarf_begin_elf(l->elf, DWARF_C_READ, NULL) : NULL;
	if (!l->dwarf) {
		lines_close(l);
		return NULL;
	}
	each_unit(l->dwarf, take_root, l);
	return l;
}

bool lines_find(struct lines *l, const char *name, uint64_t offset, struct line_place *out)
{
	AUTO_FREE struct search *s = xcalloc(1, sizeof *s);
	size_t section = 0;

	*out = (struct line_place){0};
	while (section < l->sections.n && strcmp(l->sections.v[section], name))
		section++;
	if (section == l->sections.n || offset >> 32)
		return false;
	s->l = l;
	s->at = made_up(section) + offset;
	s->out = out;
	if (each_unit(l->dwarf, search_unit, s))
		return true;
	line_place_free(out);
	return false;
}

struct named {
	struct lines *l;
	const char *file;
	char *path;
	bool several;
};

static bool ends_with(const char *path, const char *file)
{
	size_t n = strlen(path), k = strlen(file);

	return n >= k && !strcmp(path + n - k, file) && (n == k || path[n - k - 1] == '/');
}

static bool take_named(void *arg, Dwarf_Die *unit)
{
	struct named *named = arg;
	Dwarf_Files *files;
	size_t n;

	if (dwarf_getsrcfiles(unit, &files, &n))
		return false;
	for (size_t i = 0; i < n && i < MOST_UNITS; i++) {
		AUTO_FREE char *path = file_of(unit, dwarf_filesrc(files, i, NULL, NULL));

		if (!path || !is_own(named->l, path) || !ends_with(path, named->file))
			continue;
		named->several = named->several || (named->path && strcmp(named->path, path));
		if (!named->path)
			named->path = xstrdup(path);
	}
	return named->several;
}

char *lines_source(struct lines *l, const char *file)
{
	struct named named = {.l = l, .file = file};

	/* "./hello.c" */
	while (!strncmp(named.file, "./", 2))
		named.file += 2;
	if (!*named.file)
		return NULL;
	each_unit(l->dwarf, take_named, &named);
	if (named.several) {
		free(named.path);
		return NULL;
	}
	return named.path;
}

void line_place_free(struct line_place *p)
{
	free(p->function);
	free(p->inlined);
	free(p->file);
	*p = (struct line_place){0};
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	dwarf_end(l->dwarf);
	elf_end(l->elf);
	buf_free(&l->image);
	strv_free(&l->sections);
	free(l->root);
	free(l);
}
