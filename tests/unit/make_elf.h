/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_MAKE_ELF_H
#define KMODLAB_TESTS_MAKE_ELF_H
/* Makes small 64-bit ELF files, section by section, to be read by what is tested. */
#include "base/buf.h"

#include <elf.h>
#include <string.h>

#define ELF_SECTIONS_MAX 16

struct elf_maker {
	struct buf body; /* what comes after the header */
	struct buf names;
	struct buf symbols, strings;
	Elf64_Ehdr header;
	Elf64_Shdr sections[ELF_SECTIONS_MAX];
	size_t n;
};

static inline void elf_start(struct elf_maker *m, unsigned type, unsigned machine)
{
	Elf64_Sym none = {0};

	*m = (struct elf_maker){.n = 1};
	memcpy(m->header.e_ident, ELFMAG, SELFMAG);
	m->header.e_ident[EI_CLASS] = ELFCLASS64;
	m->header.e_ident[EI_DATA] = ELFDATA2LSB;
	m->header.e_ident[EI_VERSION] = EV_CURRENT;
	m->header.e_type = (Elf64_Half)type;
	m->header.e_machine = (Elf64_Half)machine;
	m->header.e_ehsize = sizeof m->header;
	m->header.e_shentsize = sizeof *m->sections;
	buf_add(&m->names, "", 1);
	buf_add(&m->strings, "", 1);
	buf_add(&m->symbols, &none, sizeof none);
}

static inline void elf_section(
	struct elf_maker *m, const char *name, unsigned type, const void *bytes, size_t len)
{
	Elf64_Shdr *s = &m->sections[m->n++];

	s->sh_name = (Elf64_Word)m->names.len;
	s->sh_type = type;
	s->sh_offset = sizeof m->header + m->body.len;
	s->sh_size = len;
	buf_add(&m->names, name, strlen(name) + 1);
	buf_add(&m->body, bytes, len);
}

/* A global symbol: undefined where `section` is SHN_UNDEF. */
static inline void elf_symbol(
	struct elf_maker *m, const char *name, unsigned bind, unsigned section)
{
	Elf64_Sym s = {.st_name = (Elf64_Word)m->strings.len,
		.st_info = (unsigned char)ELF64_ST_INFO(bind, STT_NOTYPE),
		.st_shndx = (Elf64_Half)section};

	buf_add(&m->strings, name, strlen(name) + 1);
	buf_add(&m->symbols, &s, sizeof s);
}

/* The finished file; the maker is empty afterwards. */
static inline struct buf elf_finish(struct elf_maker *m)
{
	struct buf out = {0};

	elf_section(m, ".symtab", SHT_SYMTAB, m->symbols.data, m->symbols.len);
	m->sections[m->n - 1].sh_entsize = sizeof(Elf64_Sym);
	m->sections[m->n - 1].sh_link = (Elf64_Word)m->n;
	elf_section(m, ".strtab", SHT_STRTAB, m->strings.data, m->strings.len);
	m->header.e_shstrndx = (Elf64_Half)m->n;
	buf_add(&m->names, ".shstrtab", sizeof ".shstrtab");
	m->names.len -= sizeof ".shstrtab";
	/* The names' own section holds its own name too, so it is laid out by hand. */
	m->sections[m->n].sh_name = (Elf64_Word)m->names.len;
	m->names.len += sizeof ".shstrtab";
	m->sections[m->n].sh_type = SHT_STRTAB;
	m->sections[m->n].sh_offset = sizeof m->header + m->body.len;
	m->sections[m->n++].sh_size = m->names.len;
	buf_add(&m->body, m->names.data, m->names.len);
	m->header.e_shoff = sizeof m->header + m->body.len;
	m->header.e_shnum = (Elf64_Half)m->n;
	buf_add(&out, &m->header, sizeof m->header);
	buf_add(&out, m->body.data, m->body.len);
	buf_add(&out, m->sections, m->n * sizeof *m->sections);
	buf_free(&m->body);
	buf_free(&m->names);
	buf_free(&m->symbols);
	buf_free(&m->strings);
	return out;
}

#endif
