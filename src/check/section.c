/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/section.h"

#include <ctype.h>
#include <string.h>

const char *span_string(struct span s, uint64_t at, size_t max)
{
	size_t left;

	if (at >= s.len)
		return NULL;
	left = s.len - at;
	if (left > max + 1)
		left = max + 1;
	return memchr(s.bytes + at, 0, left) ? (const char *)s.bytes + at : NULL;
}

char *printable(const char *text, size_t len)
{
	char *copy = xstrndup(text, len);

	for (char *p = copy; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return copy;
}

void add_printable(struct strv *to, const char *text, size_t len)
{
	AUTO_FREE char *copy = printable(text, len);

	strv_add(to, copy);
}

bool section_bytes(Elf_Scn *section, struct span *out)
{
	GElf_Shdr header;
	Elf_Data *data;

	*out = (struct span){0};
	if (!gelf_getshdr(section, &header))
		return false;
	if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL || !header.sh_size)
		return true;
	data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf || data->d_size < header.sh_size)
		return false;
	*out = (struct span){data->d_buf, data->d_size};
	return true;
}

Elf_Scn *section_find(Elf *elf, const char *name)
{
	GElf_Shdr header;
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		const char *is = gelf_getshdr(section, &header)
			? elf_strptr(elf, names, header.sh_name)
			: NULL;

		if (is && !strcmp(is, name))
			return section;
	}
	return NULL;
}

static Elf_Scn *of_type(Elf *elf, unsigned type, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, header) && header->sh_type == type)
			break;
	return section;
}

void symbols_each(
	Elf *elf, void (*take)(void *arg, const Elf64_Sym *sym, const char *name), void *arg)
{
	struct span table, names;
	GElf_Shdr header;
	Elf_Scn *section = of_type(elf, SHT_SYMTAB, &header);
	Elf64_Sym sym;

	if (!section)
		section = of_type(elf, SHT_DYNSYM, &header);
	if (!section || !section_bytes(section, &table) ||
		!section_bytes(elf_getscn(elf, header.sh_link), &names))
		return;
	/* The first one is the null symbol. */
	for (size_t at = sizeof sym; at + sizeof sym <= table.len; at += sizeof sym) {
		const char *name;

		memcpy(&sym, table.bytes + at, sizeof sym);
		name = span_string(names, sym.st_name, SYMBOL_NAME_MAX);
		if (name && *name)
			take(arg, &sym, name);
	}
}
