/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_MAKE_KLD_H
#define KMODLAB_TESTS_MAKE_KLD_H
/* Makes small FreeBSD modules and kernels: one struct mod_metadata after another, and a few symbols. */
#include "make_elf.h"

/* The sections of the files made here, by their index, in the order in which they are added. */
enum { SET = 1, DATA, TEXTS, RELA_SET, RELA_DATA };

/* Where linked files have theirs. */
#define SET_ADDRESS  0x1000
#define DATA_ADDRESS 0x2000
#define TEXT_ADDRESS 0x3000

struct kld_maker {
	struct elf_maker elf;
	struct buf set, data, texts, rela_set, rela_data;
	bool linked;
};

static inline void start(struct kld_maker *m, unsigned type)
{
	*m = (struct kld_maker){.linked = type != ET_REL};
	elf_start(&m->elf, type, EM_X86_64);
	buf_add(&m->texts, "", 1);
}

/* Eight bytes at the end of `where` that shall point `offset` bytes into a section. */
static inline void add_pointer(struct kld_maker *m, struct buf *where, struct buf *rela,
	unsigned section, uint64_t address, uint64_t offset)
{
	uint64_t value = m->linked ? address + offset : 0;
	/* Symbol n is the beginning of section n. */
	Elf64_Rela r = {where->len, ELF64_R_INFO(section, R_X86_64_64), (Elf64_Sxword)offset};

	buf_add(where, &value, sizeof value);
	if (!m->linked)
		buf_add(rela, &r, sizeof r);
}

/* One struct mod_metadata, and the numbers that it points to. */
static inline void add_metadata(
	struct kld_maker *m, int type, const char *name, const int32_t *numbers, size_t count)
{
	int32_t head[2] = {1, type};
	size_t at, text = m->texts.len;

	buf_add(&m->texts, name, strlen(name) + 1);
	at = m->data.len;
	buf_add(&m->data, numbers, count * sizeof *numbers);
	while (m->data.len % 8)
		buf_add(&m->data, "", 1);
	add_pointer(m, &m->set, &m->rela_set, DATA, DATA_ADDRESS, m->data.len);
	buf_add(&m->data, head, sizeof head);
	add_pointer(m, &m->data, &m->rela_data, DATA, DATA_ADDRESS, at);
	add_pointer(m, &m->data, &m->rela_data, TEXTS, TEXT_ADDRESS, text);
}

static inline void add_section(
	struct kld_maker *m, const char *name, struct buf *bytes, uint64_t address)
{
	Elf64_Shdr *s;

	elf_section(&m->elf, name, SHT_PROGBITS, bytes->len ? bytes->data : "", bytes->len);
	s = &m->elf.sections[m->elf.n - 1];
	s->sh_flags = SHF_ALLOC;
	s->sh_addr = m->linked ? address : 0;
	buf_free(bytes);
}

static inline void add_relocations(
	struct kld_maker *m, const char *name, struct buf *bytes, unsigned section)
{
	Elf64_Shdr *s;

	elf_section(&m->elf, name, SHT_RELA, bytes->len ? bytes->data : "", bytes->len);
	s = &m->elf.sections[m->elf.n - 1];
	s->sh_info = section;
	s->sh_link = RELA_DATA + 1; /* the symbol table */
	buf_free(bytes);
}

static inline struct buf finish(struct kld_maker *m)
{
	add_section(m, "set_modmetadata_set", &m->set, SET_ADDRESS);
	add_section(m, ".data", &m->data, DATA_ADDRESS);
	add_section(m, ".rodata.str1.1", &m->texts, TEXT_ADDRESS);
	add_relocations(m, ".relaset_modmetadata_set", &m->rela_set, SET);
	add_relocations(m, ".rela.data", &m->rela_data, DATA);
	elf_symbol(&m->elf, "", STB_LOCAL, SET);
	elf_symbol(&m->elf, "", STB_LOCAL, DATA);
	elf_symbol(&m->elf, "", STB_LOCAL, TEXTS);
	elf_symbol(&m->elf, "printf", STB_GLOBAL, SHN_UNDEF);
	elf_symbol(&m->elf, "perhaps", STB_WEAK, SHN_UNDEF);
	elf_symbol(&m->elf, "__start_set_mine", STB_GLOBAL, SHN_UNDEF);
	elf_symbol(&m->elf, "for_others", STB_GLOBAL, DATA);
	elf_symbol(&m->elf, "not_for_others", STB_LOCAL, DATA);
	return elf_finish(&m->elf);
}

#endif
