/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout, from the bottom: the kernel's PT_LOAD segments at (virtual address - KERNBASE); the symbol
 * table as {u64 size, symtab, u64 size, strtab}, each padded to 8; the root; the environment; the metadata.
 * All but the symbols begin on a page. Offsets in the picture are physical addresses less `load`.
 *
 * Metadata are records {u32 type, u32 length, data padded to 8} (sys/linker.h, sys/kern/subr_module.c;
 * what the loader writes: stand/i386/libi386/bootinfo64.c, stand/common/modinfo.c).
 */
#include "machine/freebsd-image.h"

#include "guest/freebsd-boot.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <string.h>

#define KERNBASE     UINT64_C(0xffffffff80000000) /* sys/amd64/include/vmparam.h */
#define LOWEST	     0x100000u	 /* below the first MiB is the BIOS's, and the stub's */
#define HIGHEST	     0x20000000u /* a kernel has 2 GiB, the stub maps 1: half of that */
#define PAGE	     4096u
#define SMAP_ENTRIES 32
#define SMAP_SIZE    20

enum {
	MODINFO_END = 0,
	MODINFO_NAME = 1,
	MODINFO_TYPE = 2,
	MODINFO_ADDR = 3,
	MODINFO_SIZE = 4,
	MODINFO_METADATA = 0x8000,
	MODINFOMD_ELFHDR = 2,
	MODINFOMD_SSYM = 3,
	MODINFOMD_ESYM = 4,
	MODINFOMD_ENVP = 6,
	MODINFOMD_HOWTO = 7,
	MODINFOMD_KERNEND = 8,
	MODINFOMD_SMAP = 0x1001,
	MODINFOMD_MODULEP = 0x1006,
	RB_SERIAL = 0x1000, /* sys/reboot.h */
};

struct picture {
	struct buf *out; /* header page, then memory from `load` on */
	uint64_t load;
	uint64_t kernel_size;
	uint64_t ssym, esym;
	uint64_t root, envp, modulep, kernend;
};

/* The physical address of what is added next. */
static uint64_t here(const struct picture *p)
{
	return p->load + p->out->len - FREEBSD_BOOT_PAGE;
}

static void pad(struct picture *p, size_t to)
{
	static const char zeros[PAGE];
	size_t more = (to - p->out->len % to) % to;

	buf_add(p->out, zeros, more);
}

static void add_u64(struct picture *p, uint64_t value)
{
	buf_add(p->out, &value, sizeof value);
}

/* ---- the kernel ---- */

static bool segment(Elf *elf, size_t i, size_t file_len, GElf_Phdr *h)
{
	return gelf_getphdr(elf, (int)i, h) &&
		(h->p_type != PT_LOAD ||
			(h->p_offset <= file_len && h->p_filesz <= file_len - h->p_offset &&
				h->p_filesz <= h->p_memsz));
}

/* The physical range of the loadable segments; false if there is none, or one is out of place. */
static bool find_range(Elf *elf, size_t file_len, uint64_t *low, uint64_t *high)
{
	GElf_Phdr h;
	size_t n;

	*low = UINT64_MAX;
	*high = 0;
	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!segment(elf, i, file_len, &h))
			return false;
		if (h.p_type != PT_LOAD || !h.p_memsz)
			continue;
		if (h.p_vaddr < KERNBASE + LOWEST || h.p_vaddr >= KERNBASE + HIGHEST ||
			h.p_memsz > HIGHEST)
			return false;
		if (h.p_vaddr - KERNBASE < *low)
			*low = h.p_vaddr - KERNBASE;
		if (h.p_vaddr - KERNBASE + h.p_memsz > *high)
			*high = h.p_vaddr - KERNBASE + h.p_memsz;
	}
	*low &= ~(uint64_t)(PAGE - 1);
	return *high > *low && *high <= HIGHEST;
}

static void add_segments(
	struct picture *p, Elf *elf, const char *file, size_t file_len, uint64_t high)
{
	GElf_Phdr h;
	size_t n = 0, base = p->out->len;

	p->kernel_size = high - p->load;
	buf_reserve(p->out, p->kernel_size);
	memset(p->out->data + base, 0, p->kernel_size);
	p->out->len += p->kernel_size;
	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++)
		if (segment(elf, i, file_len, &h) && h.p_type == PT_LOAD && h.p_memsz)
			memcpy(p->out->data + base + (h.p_vaddr - KERNBASE - p->load),
				file + h.p_offset, h.p_filesz);
}

static void add_table(struct picture *p, Elf_Data *table)
{
	pad(p, 8);
	add_u64(p, table->d_size);
	buf_add(p->out, table->d_buf, table->d_size);
	pad(p, 8);
}

/* A kernel without symbols boots, but no module can be linked against it: that is refused. */
static bool add_symbols(struct picture *p, Elf *elf)
{
	Elf_Scn *section = NULL, *strings;
	Elf_Data *table = NULL, *names = NULL;
	GElf_Shdr h;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &h) && h.sh_type == SHT_SYMTAB)
			break;
	strings = section ? elf_getscn(elf, h.sh_link) : NULL;
	if (section)
		table = elf_rawdata(section, NULL);
	if (strings)
		names = elf_rawdata(strings, NULL);
	if (!table || !names || !table->d_buf || !names->d_buf)
		return false;
	pad(p, 8);
	p->ssym = here(p);
	add_table(p, table);
	add_table(p, names);
	p->esym = here(p);
	return true;
}

/* ---- the metadata ---- */

static void add_record(struct picture *p, uint32_t type, const void *data, size_t len)
{
	uint32_t head[] = {type, (uint32_t)len};

	buf_add(p->out, head, sizeof head);
	buf_add(p->out, data, len);
	pad(p, 8);
}

static void add_string(struct picture *p, uint32_t type, const char *text)
{
	add_record(p, type, text, strlen(text) + 1);
}

static void add_address(struct picture *p, uint32_t type, uint64_t value)
{
	add_record(p, type, &value, sizeof value);
}

/* Where the end of memory in use will be is part of what is written, so its length comes first: returns
 * the offset of the memory map's first entry. */
static size_t add_metadata(struct picture *p, const void *ehdr, size_t root_len)
{
	static const char map[SMAP_ENTRIES * SMAP_SIZE];
	const uint32_t howto = RB_SERIAL;
	size_t smap;

	add_string(p, MODINFO_NAME, "/boot/kernel/kernel");
	add_string(p, MODINFO_TYPE, "elf kernel");
	add_address(p, MODINFO_ADDR, p->load);
	add_address(p, MODINFO_SIZE, p->kernel_size);
	add_record(p, MODINFO_METADATA | MODINFOMD_ELFHDR, ehdr, sizeof(Elf64_Ehdr));
	add_address(p, MODINFO_METADATA | MODINFOMD_SSYM, p->ssym);
	add_address(p, MODINFO_METADATA | MODINFOMD_ESYM, p->esym);
	add_record(p, MODINFO_METADATA | MODINFOMD_HOWTO, &howto, sizeof howto);
	add_address(p, MODINFO_METADATA | MODINFOMD_ENVP, p->envp);
	add_address(p, MODINFO_METADATA | MODINFOMD_KERNEND, p->kernend);
	add_address(p, MODINFO_METADATA | MODINFOMD_MODULEP, p->modulep);
	smap = p->out->len + 8;
	add_record(p, MODINFO_METADATA | MODINFOMD_SMAP, map, sizeof map);
	add_string(p, MODINFO_NAME, "root");
	add_string(p, MODINFO_TYPE, "md_image");
	add_address(p, MODINFO_ADDR, p->root);
	add_address(p, MODINFO_SIZE, root_len);
	add_record(p, MODINFO_END, NULL, 0);
	return smap;
}

static void add_rest(struct picture *p, const void *ehdr, const void *root, size_t root_len,
	const struct strv *environment, uint64_t entry)
{
	struct freebsd_boot *header;
	size_t smap;

	pad(p, PAGE);
	p->root = here(p);
	buf_add(p->out, root, root_len);
	pad(p, PAGE);
	p->envp = here(p);
	for (size_t i = 0; i < environment->n; i++)
		buf_add(p->out, environment->v[i], strlen(environment->v[i]) + 1);
	buf_add(p->out, "", 1);
	pad(p, PAGE);
	p->modulep = here(p);
	/* The metadata have one page; that is three times what they take. */
	p->kernend = p->modulep + PAGE;
	smap = add_metadata(p, ehdr, root_len);
	pad(p, PAGE);
	header = (void *)p->out->data;
	*header = (struct freebsd_boot){
		.magic = FREEBSD_BOOT_MAGIC,
		.load = (uint32_t)p->load,
		.bytes = (uint32_t)(p->out->len - FREEBSD_BOOT_PAGE),
		.modulep = (uint32_t)p->modulep,
		.kernend = (uint32_t)p->kernend,
		.smap = (uint32_t)(smap - FREEBSD_BOOT_PAGE),
		.room = SMAP_ENTRIES,
		.entry = entry,
	};
}

static int from_elf(const char *name, Elf *elf, const char *kernel, size_t len, const void *root,
	size_t root_len, const struct strv *environment, struct buf *out, struct error *err)
{
	struct picture p = {.out = out};
	uint64_t high;
	GElf_Ehdr h;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &h))
		return error_set(err, EINVAL,
			"%s is no ELF file, so it is no kernel of FreeBSD's; remove the target and add it again",
			name);
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != EM_X86_64 ||
		h.e_ident[EI_OSABI] != ELFOSABI_FREEBSD ||
		(h.e_type != ET_EXEC && h.e_type != ET_DYN))
		return error_set(err, EINVAL,
			"%s is no FreeBSD kernel for amd64; remove the target and add it again",
			name);
	if (!find_range(elf, len, &p.load, &high))
		return error_set(err, EINVAL,
			"%s is cut off, or not laid out as FreeBSD kernels for amd64 are; remove the target and add it again",
			name);
	if (h.e_entry < KERNBASE + p.load || h.e_entry >= KERNBASE + high)
		return error_set(err, EINVAL,
			"the entry point of %s lies outside of it, so it is damaged; remove the target and add it again",
			name);
	memset((buf_reserve(out, FREEBSD_BOOT_PAGE), out->data), 0, FREEBSD_BOOT_PAGE);
	out->len = FREEBSD_BOOT_PAGE;
	add_segments(&p, elf, kernel, len, high);
	if (!add_symbols(&p, elf))
		return error_set(err, EINVAL,
			"%s has no symbol table (cut off, or stripped), so no module can be loaded into it",
			name);
	add_rest(&p, kernel, root, root_len, environment, h.e_entry);
	if (p.kernend > HIGHEST)
		return error_set(err, EINVAL,
			"%s and its modules are larger than %u MiB; give fewer modules at a time",
			name, HIGHEST >> 20);
	return 0;
}

int freebsd_image(const char *name, const void *kernel, size_t kernel_len, const void *root,
	size_t root_len, const struct strv *environment, struct buf *out, struct error *err)
{
	Elf *elf;
	int r;

	if (kernel_len < sizeof(Elf64_Ehdr))
		return error_set(err, EINVAL,
			"%s is too short to be a kernel; remove the target and add it again", name);
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)(uintptr_t)kernel, kernel_len);
	r = from_elf(name, elf, kernel, kernel_len, root, root_len, environment, out, err);
	elf_end(elf);
	return r;
}
