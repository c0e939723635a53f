/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel is linked, so its symbols and its debug information speak of addresses and libdw can take the file as it
 * is: no more of it is read than a lookup needs.
 */
#include "source/kernel.h"

#include "base/buf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_UNITS   100000
#define MOST_SYMBOLS 2000000
#define MOST_PADDING 128 /* between functions */

struct symbol {
	const char *name; /* in the file */
	uint64_t value, size;
};

struct kernel {
	int fd;
	Elf *elf;
	Dwarf *dwarf;		/* NULL: no debug information */
	struct symbol *symbols; /* functions, by name */
	size_t nsymbols;
};

static int by_name(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void read_symbols(struct kernel *k)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(k->elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB ||
			!(data = elf_getdata(section, NULL)))
			continue;
		for (size_t i = 0;
			i < data->d_size / sizeof(Elf64_Sym) && k->nsymbols < MOST_SYMBOLS; i++) {
			const char *name;
			GElf_Sym sym;

			if (!gelf_getsym(data, (int)i, &sym) ||
				GELF_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_size ||
				!(name = elf_strptr(k->elf, header.sh_link, sym.st_name)))
				continue;
			*ARRAY_ADD(k->symbols, k->nsymbols) =
				(struct symbol){name, sym.st_value, sym.st_size};
		}
		break;
	}
	if (k->nsymbols)
		qsort(k->symbols, k->nsymbols, sizeof *k->symbols, by_name);
}

static bool is_linked(Elf *elf)
{
	GElf_Ehdr head;

	return elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &head) &&
		gelf_getclass(elf) == ELFCLASS64 && head.e_machine == EM_X86_64 &&
		(head.e_type == ET_EXEC || head.e_type == ET_DYN);
}

struct kernel *kernel_open(const char *path)
{
	struct kernel *k = xcalloc(1, sizeof *k);

	elf_version(EV_CURRENT);
	k->fd = open(path, O_RDONLY | O_CLOEXEC);
	k->elf = k->fd >= 0 ? elf_begin(k->fd, ELF_C_READ_MMAP, NULL) : NULL;
	if (is_linked(k->elf))
		read_symbols(k);
	if (k->nsymbols)
		k->dwarf = dwarf_begin_elf(k->elf, DWARF_C_READ, NULL);
	if (k->dwarf)
		return k;
	kernel_close(k);
	return NULL;
}

/* The unit that has the address: from the table of them, or, without one, by looking at each. */
static Dwarf_Die *unit_of(struct kernel *k, uint64_t at, Dwarf_Die *die)
{
	Dwarf_Off offset = 0, next;
	size_t header;

	if (dwarf_addrdie(k->dwarf, at, die))
		return die;
	for (size_t n = 0; n < MOST_UNITS &&
		!dwarf_nextcu(k->dwarf, offset, &next, &header, NULL, NULL, NULL) && next > offset;
		n++, offset = next)
		if (dwarf_offdie(k->dwarf, offset + header, die) && dwarf_haspc(die, at) > 0)
			return die;
	return NULL;
}

static char *line_at(struct kernel *k, uint64_t at)
{
	const char *file, *dir, *root = NULL;
	Dwarf_Attribute attribute;
	Dwarf_Line *line;
	int number = 0;
	Dwarf_Die die;
	size_t len;

	if (!unit_of(k, at, &die) || !(line = dwarf_getsrc_die(&die, at)) ||
		dwarf_lineno(line, &number) || number <= 0 ||
		!(file = dwarf_linesrc(line, NULL, NULL)))
		return NULL;
	/* Below where it was built, as everybody calls it. */
	dir = dwarf_attr(&die, DW_AT_comp_dir, &attribute) ? dwarf_formstring(&attribute) : NULL;
	root = dir ? dir : "";
	len = strlen(root);
	if (len && !strncmp(file, root, len) && file[len] == '/')
		file += len + 1;
	while (!strncmp(file, "./", 2))
		file += 2;
	return xasprintf("%s:%d", file, number);
}

char *kernel_line(
	struct kernel *k, const char *function, uint64_t offset, uint64_t size, bool is_return)
{
	struct symbol wanted = {.name = function};
	const struct symbol *found =
		bsearch(&wanted, k->symbols, k->nsymbols, sizeof *k->symbols, by_name);
	const struct symbol *fits = NULL, *end = k->symbols + k->nsymbols;

	if (!found)
		return NULL;
	while (found > k->symbols && !strcmp(found[-1].name, function))
		found--;
	for (; found < end && !strcmp(found->name, function); found++) {
		if (offset > found->size || (offset == found->size && !is_return))
			continue;
		if (size && (size < found->size || size - found->size > MOST_PADDING))
			continue;
		if (fits && fits->value != found->value)
			return NULL;
		fits = found;
	}
	return fits ? line_at(k, fits->value + offset - (is_return && offset)) : NULL;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	dwarf_end(k->dwarf);
	elf_end(k->elf);
	if (k->fd >= 0)
		close(k->fd);
	free(k->symbols);
	free(k);
}
