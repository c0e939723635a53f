/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a module lies in a Linux machine that cannot be asked. Its code is laid out section by section, from
 * the start of a page, what ".init" begins with apart from the rest (kernel/module/main.c, layout_sections),
 * somewhere in the modules' area. A processor that hangs in it has its addresses in the
 * instruction pointer and on its stack: from there, pages are looked at backwards until the code is ours.
 */
#include "trial/stuck-own.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

#define AREA_FIRST 0xffffffff90000000ull /* behind the kernel's image */
#define AREA_LAST  0xffffffffff000000ull
#define PAGE	   4096u
#define PROBE	   256u /* bytes of code that are compared */
#define BACK_MOST  (1u << 20)

/* One of a module's two parts. */
struct part {
	Elf_Scn *first; /* its first section with code */
	uint64_t size;
	uint64_t at; /* once it is known where it is; else 0 */
};

static bool is_init(const char *name)
{
	return name && !strncmp(name, ".init", 5);
}

/* Where each section is in its part. */
static void lay_out(Elf *e, struct part parts[2], uint64_t *offsets, size_t n)
{
	size_t strings;
	Elf_Scn *scn = NULL;
	GElf_Shdr head;

	if (elf_getshdrstrndx(e, &strings))
		return;
	while ((scn = elf_nextscn(e, scn))) {
		struct part *p;
		size_t index = elf_ndxscn(scn);

		if (!gelf_getshdr(scn, &head) || index >= n || !head.sh_size ||
			(head.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) !=
				(SHF_ALLOC | SHF_EXECINSTR))
			continue;
		p = &parts[is_init(elf_strptr(e, strings, head.sh_name))];
		if (head.sh_addralign > 1)
			p->size = (p->size + head.sh_addralign - 1) / head.sh_addralign *
				head.sh_addralign;
		offsets[index] = p->size;
		p->size += head.sh_size;
		if (!p->first)
			p->first = scn;
	}
}

/* Which bytes of the section's code the kernel changes when it loads it. */
static void mark_changed(Elf *e, Elf_Scn *section, bool changed[PROBE])
{
	Elf_Scn *scn = NULL;
	GElf_Shdr head;
	GElf_Rela rela;

	while ((scn = elf_nextscn(e, scn))) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &head) || head.sh_type != SHT_RELA ||
			head.sh_info != elf_ndxscn(section) || !(data = elf_getdata(scn, NULL)))
			continue;
		for (int i = 0; gelf_getrela(data, i, &rela); i++)
			for (uint64_t k = 0; k < 4; k++)
				if (rela.r_offset < PROBE && rela.r_offset + k < PROBE)
					changed[rela.r_offset + k] = true;
	}
}

/* Looks for the part around the address; it is there when most of its first bytes are the same. */
static bool find_part(const struct stuck *k, Elf *e, struct part *p, uint64_t address)
{
	Elf_Data *data = p->first ? elf_getdata(p->first, NULL) : NULL;
	bool changed[PROBE] = {false};
	uint64_t base = address / PAGE * PAGE;
	size_t len = data ? data->d_size : 0;

	if (!len || !data->d_buf)
		return false;
	len = len < PROBE ? len : PROBE;
	mark_changed(e, p->first, changed);
	for (uint64_t back = 0; back < p->size + PAGE && back < BACK_MOST; back += PAGE) {
		const uint8_t *ours = data->d_buf;
		uint8_t there[PROBE];
		size_t same = 0, compared = 0;

		if (machine_peek(k->m, k->cpu, base - back, there, len) != len)
			return false;
		for (size_t i = 0; i < len; i++) {
			compared += !changed[i];
			same += !changed[i] && ours[i] == there[i];
		}
		/* Alternatives and the like were put in, too. */
		if (compared >= 4 && same * 10 >= compared * 7) {
			p->at = base - back;
			return true;
		}
	}
	return false;
}

static bool in_area(uint64_t address)
{
	return address >= AREA_FIRST && address < AREA_LAST;
}

static void try_address(const struct stuck *k, Elf *e, struct part parts[2], uint64_t address)
{
	for (int i = 0; i < 2 && in_area(address); i++)
		if (!parts[i].at && parts[i].first)
			find_part(k, e, &parts[i], address);
}

static void find_parts(const struct stuck *k, Elf *e, struct part parts[2])
{
	for (size_t n = 0; n < k->nsamples; n++)
		for (size_t i = 0; i < k->samples[n].n; i++) {
			const struct stuck_stack *s = &k->samples[n].stacks[i];
			uint64_t word;

			try_address(k, e, parts, k->samples[n].cpus[i].rip);
			for (uint64_t at = s->at; n == 0 && stuck_word(s, at, &word);
				at += sizeof word)
				try_address(k, e, parts, word);
		}
}

static void place(struct stuck *k, const struct module_file *file)
{
	struct part parts[2] = {0};
	uint64_t *bases = NULL;
	size_t n = 0;
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_memory(file->bytes, file->len);
	if (e && !elf_getshdrnum(e, &n) && n && n < 65536) {
		bases = xcalloc(n, sizeof *bases);
		lay_out(e, parts, bases, n);
		find_parts(k, e, parts);
		for (size_t i = 0; i < n; i++) {
			Elf_Scn *scn = elf_getscn(e, i);
			GElf_Shdr head;
			size_t strings;

			if (!scn || !gelf_getshdr(scn, &head) || elf_getshdrstrndx(e, &strings) ||
				!(head.sh_flags & SHF_EXECINSTR)) {
				bases[i] = 0;
				continue;
			}
			head.sh_offset = is_init(elf_strptr(e, strings, head.sh_name));
			bases[i] =
				parts[head.sh_offset].at ? bases[i] + parts[head.sh_offset].at : 0;
		}
	}
	if (e)
		elf_end(e);
	if (bases)
		addresses_add_elf(&k->addresses, file->bytes, file->len, file->name, bases, n);
	free(bases);
}

void stuck_place_linux(struct stuck *k)
{
	for (size_t i = k->t->nsupporting; i < k->t->modules.n; i++)
		place(k, &k->t->modules.items[i]);
}
