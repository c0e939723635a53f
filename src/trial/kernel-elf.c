/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory is told in three sections: code, data, and the code of its own start, which lies amid the data. What
 * stands outside of them (per-CPU offsets, the entry trampolines' copies) is no address in the kernel.
 */
#include "trial/kernel-elf.h"

#include <elf.h>
#include <string.h>

/* In the order of the section table; [0] is the null section. */
enum { TEXT = 1, BEFORE, START, AFTER, SYMTAB, STRTAB, SHSTRTAB, FRAMES, SECTIONS };

static const char names[] = "\0.text\0.data\0.init.text\0.symtab\0.strtab\0.shstrtab\0.debug_frame";

static unsigned name_of(const char *section)
{
	const char *at = memmem(names, sizeof names, section, strlen(section) + 1);

	return (unsigned)(at - names);
}

/* The address of the first of the names that there is; 0: none. */
static uint64_t first_of(const struct addresses *a, const char *one, const char *other)
{
	const struct address *s = addresses_named(a, one, NULL);

	s = s ? s : addresses_named(a, other, NULL);
	return s ? s->at : 0;
}

static void put_range(Elf64_Shdr *h, const char *name, uint64_t from, uint64_t to, bool code)
{
	*h = (Elf64_Shdr){.sh_name = name_of(name),
		.sh_type = SHT_NOBITS,
		.sh_flags = SHF_ALLOC | (uint64_t)(code ? SHF_EXECINSTR : SHF_WRITE),
		.sh_addr = from,
		.sh_size = to > from ? to - from : 0,
		.sh_addralign = 1};
}

static bool put_ranges(const struct addresses *a, Elf64_Shdr *h)
{
	uint64_t text = first_of(a, "_stext", "_text"), etext = first_of(a, "_etext", "__etext");
	uint64_t init = first_of(a, "_sinittext", "__init_begin");
	uint64_t einit = first_of(a, "_einittext", "_sinittext"),
		 end = first_of(a, "_end", "__bss_stop");

	if (!text || etext <= text || end <= etext)
		return false;
	if (init < etext || einit < init || einit > end)
		init = einit = end;
	put_range(&h[TEXT], ".text", text, etext, true);
	put_range(&h[BEFORE], ".data", etext, init, false);
	put_range(&h[START], ".init.text", init, einit, true);
	put_range(&h[AFTER], ".data", einit, end, false);
	return true;
}

static unsigned section_of(const Elf64_Shdr *h, uint64_t at)
{
	for (unsigned i = TEXT; i <= AFTER; i++)
		if (at >= h[i].sh_addr && at - h[i].sh_addr < h[i].sh_size)
			return i;
	return 0;
}

/* How far it is to the next symbol, at most to the section's end. */
static uint64_t size_of(const struct addresses *a, size_t i, const Elf64_Shdr *in)
{
	uint64_t at = a->items[i].at, end = in->sh_addr + in->sh_size;

	for (size_t next = i + 1; next < a->n; next++)
		if (a->items[next].at > at)
			return (a->items[next].at < end ? a->items[next].at : end) - at;
	return end - at;
}

bool kernel_elf(struct addresses *a, const struct buf *frames, struct buf *out)
{
	Elf64_Shdr h[SECTIONS] = {0};
	AUTO_BUF struct buf symbols = {0}, strings = {0};
	Elf64_Sym none = {0};
	Elf64_Ehdr head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				   EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof head,
		.e_ehsize = sizeof head,
		.e_shentsize = sizeof *h,
		.e_shnum = SECTIONS,
		.e_shstrndx = SHSTRTAB};
	uint64_t at = sizeof head + sizeof h;

	if (a)
		(void)addresses_find(a, 0, true); /* sorts */
	if (a && !put_ranges(a, h))
		return false;
	buf_add(&symbols, &none, sizeof none);
	buf_add(&strings, "", 1);
	for (size_t i = 0; a && i < a->n; i++) {
		const struct address *s = &a->items[i];
		unsigned section = s->module ? 0 : section_of(h, s->at);
		Elf64_Sym sym = {.st_name = (Elf64_Word)strings.len,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, s->code ? STT_FUNC : STT_OBJECT),
			.st_shndx = (Elf64_Section)section,
			.st_value = s->at};

		if (!section)
			continue;
		sym.st_size = size_of(a, i, &h[section]);
		buf_add(&symbols, &sym, sizeof sym);
		buf_add(&strings, s->name, strlen(s->name) + 1);
	}
	h[SYMTAB] = (Elf64_Shdr){.sh_name = name_of(".symtab"),
		.sh_type = SHT_SYMTAB,
		.sh_offset = at,
		.sh_size = symbols.len,
		.sh_link = STRTAB,
		.sh_info = 1,
		.sh_addralign = 8,
		.sh_entsize = sizeof none};
	at += symbols.len;
	h[STRTAB] = (Elf64_Shdr){.sh_name = name_of(".strtab"),
		.sh_type = SHT_STRTAB,
		.sh_offset = at,
		.sh_size = strings.len,
		.sh_addralign = 1};
	at += strings.len;
	h[SHSTRTAB] = (Elf64_Shdr){.sh_name = name_of(".shstrtab"),
		.sh_type = SHT_STRTAB,
		.sh_offset = at,
		.sh_size = sizeof names,
		.sh_addralign = 1};
	at += sizeof names;
	h[FRAMES] = (Elf64_Shdr){.sh_name = name_of(".debug_frame"),
		.sh_type = SHT_PROGBITS,
		.sh_offset = at,
		.sh_size = frames ? frames->len : 0,
		.sh_addralign = 1};
	buf_add(out, &head, sizeof head);
	buf_add(out, h, sizeof h);
	buf_add(out, symbols.data, symbols.len);
	buf_add(out, strings.data, strings.len);
	buf_add(out, names, sizeof names);
	if (frames)
		buf_add(out, frames->data, frames->len);
	return true;
}
