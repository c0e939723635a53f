/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a FreeBSD kernel's file says: that it is one, whole and for this architecture; which release it
 * is, in the bytes behind its symbol osrelease; and the names of all its symbols. The file is somebody
 * else's, so every place that it names is first looked for within its bytes.
 */
#include "target/freebsd.h"

#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 1024
/* GENERIC has 68 000. */
#define MOST_SYMBOLS  4000000
#define MOST_SEGMENTS 128
#define RELEASE_MAX   63
/* GENERIC's is 4 KB. */
#define CONFIG_MAX (256 << 10)

struct image {
	const unsigned char *bytes;
	size_t len;
	const char *path;
	Elf *elf;
	GElf_Ehdr header;
};

void freebsd_kernel_free(struct freebsd_kernel *k)
{
	free(k->release);
	buf_free(&k->symbols);
	buf_free(&k->config);
	*k = (struct freebsd_kernel){0};
}

/* What this file is instead, for a sentence; NULL if it is a FreeBSD kernel by its first bytes. */
static const char *what_else(const struct image *im)
{
	const GElf_Ehdr *h = &im->header;

	if (elf_kind(im->elf) != ELF_K_ELF || !gelf_getehdr(im->elf, (GElf_Ehdr *)h))
		return "it is no ELF file";
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
		h->e_machine != EM_X86_64)
		return "it is not for x86-64";
	if (h->e_ident[EI_OSABI] != ELFOSABI_FREEBSD)
		return "it is not FreeBSD's";
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return "it is no program";
	return NULL;
}

static bool in_file(const struct image *im, uint64_t offset, uint64_t size)
{
	return offset <= im->len && size <= im->len - offset;
}

/* Whether all that is to be loaded is in the file, the entry among it. */
static int check_segments(const struct image *im, struct error *err)
{
	bool entry = false;
	size_t count;

	if (elf_getphdrnum(im->elf, &count) || !count || count > MOST_SEGMENTS)
		return error_set(err, EINVAL, "%s has nothing to load in it", im->path);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(im->elf, (int)i, &p))
			return error_set(err, EINVAL, "%s is cut off or damaged", im->path);
		if (p.p_type != PT_LOAD)
			continue;
		if (!in_file(im, p.p_offset, p.p_filesz) || p.p_filesz > p.p_memsz)
			return error_set(err, EINVAL, "%s is cut off or damaged", im->path);
		entry |= im->header.e_entry >= p.p_vaddr &&
			im->header.e_entry - p.p_vaddr < p.p_filesz;
	}
	if (!entry)
		return error_set(err, EINVAL, "%s does not begin in what it loads", im->path);
	return 0;
}

/* The bytes that will be at `address`, as far as the file holds them: NULL if it does not. */
static const unsigned char *at_address(const struct image *im, uint64_t address, size_t *left)
{
	size_t count = 0;

	elf_getphdrnum(im->elf, &count);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(im->elf, (int)i, &p) || p.p_type != PT_LOAD ||
			address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
			continue;
		*left = p.p_filesz - (address - p.p_vaddr);
		return im->bytes + p.p_offset + (address - p.p_vaddr);
	}
	return NULL;
}

/* The full symbol table, or what a stripped kernel has left. */
static Elf_Scn *symbol_section(const struct image *im, GElf_Shdr *header)
{
	Elf_Scn *section = NULL, *dynamic = NULL;

	while ((section = elf_nextscn(im->elf, section))) {
		if (!gelf_getshdr(section, header))
			continue;
		if (header->sh_type == SHT_SYMTAB)
			return section;
		if (header->sh_type == SHT_DYNSYM)
			dynamic = section;
	}
	return dynamic && gelf_getshdr(dynamic, header) ? dynamic : NULL;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (!isgraph((unsigned char)*text))
			return false;
	return true;
}

/* The release behind osrelease: "14.0-RELEASE-p3". NULL if that is none. */
static char *read_release(const struct image *im, const GElf_Sym *symbol)
{
	size_t left = 0, len;
	const char *text = (const char *)at_address(im, symbol->st_value, &left);
	char *release;

	if (!text)
		return NULL;
	len = strnlen(text, left < RELEASE_MAX + 1 ? left : RELEASE_MAX + 1);
	if (!len || len == left || len > RELEASE_MAX)
		return NULL;
	release = xstrndup(text, len);
	if (is_printable(release) && isdigit((unsigned char)*release))
		return release;
	free(release);
	return NULL;
}

static void take_symbol(
	const struct image *im, const GElf_Sym *symbol, const char *name, struct freebsd_kernel *k)
{
	const unsigned char *bytes;
	size_t left = 0;

	if (!strcmp(name, "osrelease") && !k->release)
		k->release = read_release(im, symbol);
	if (strcmp(name, "osreldate") != 0)
		return;
	bytes = at_address(im, symbol->st_value, &left);
	if (bytes && left >= 4)
		k->osreldate = (unsigned)bytes[0] | (unsigned)bytes[1] << 8 |
			(unsigned)bytes[2] << 16 | (unsigned)bytes[3] << 24;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_names(const char **names, size_t n, struct buf *out)
{
	if (n)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(names[i], names[i - 1]))
			continue;
		buf_adds(out, names[i]);
		buf_add(out, "\n", 1);
	}
}

static int read_symbols(const struct image *im, struct freebsd_kernel *k, struct error *err)
{
	AUTO_FREE const char **names = NULL;
	GElf_Shdr header;
	Elf_Scn *section = symbol_section(im, &header);
	Elf_Data *data = NULL;
	size_t count, n = 0;

	if (section && in_file(im, header.sh_offset, header.sh_size))
		data = elf_getdata(section, NULL);
	count = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	if (!count || count > MOST_SYMBOLS)
		return error_set(err, EINVAL,
			"%s has no symbols, or is cut off: kmodlab needs a kernel that was not stripped",
			im->path);
	names = xreallocarray(NULL, count, sizeof *names);
	for (size_t i = 0; i < count; i++) {
		const char *name;
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
			GELF_ST_TYPE(symbol.st_info) == STT_FILE ||
			GELF_ST_TYPE(symbol.st_info) == STT_SECTION)
			continue;
		name = elf_strptr(im->elf, header.sh_link, symbol.st_name);
		if (!name || !*name || strlen(name) > NAME_MAX_LEN || !is_printable(name))
			continue;
		take_symbol(im, &symbol, name, k);
		names[n++] = name;
	}
	write_names(names, n, &k->symbols);
	return 0;
}

/* What INCLUDE_CONFIG_FILE leaves in a section of its own, to be read with config -x. */
static void read_config(const struct image *im, struct buf *out)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(im->elf, &names))
		return;
	while ((section = elf_nextscn(im->elf, section))) {
		GElf_Shdr header;
		const char *name, *text;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
			header.sh_size > CONFIG_MAX ||
			!in_file(im, header.sh_offset, header.sh_size))
			continue;
		name = elf_strptr(im->elf, names, header.sh_name);
		if (!name || strcmp(name, "kern_conf") != 0)
			continue;
		text = (const char *)im->bytes + header.sh_offset;
		buf_add(out, text, strnlen(text, header.sh_size));
		return;
	}
}

static int read_image(struct image *im, struct freebsd_kernel *k, struct error *err)
{
	const char *else_is = what_else(im);
	int r;

	if (else_is)
		return error_set(
			err, EINVAL, "%s is no FreeBSD kernel for x86-64: %s", im->path, else_is);
	r = check_segments(im, err);
	if (!r)
		r = read_symbols(im, k, err);
	if (!r && !k->release)
		r = error_set(err, EINVAL,
			"%s does not say which release of FreeBSD it is (in `osrelease`), and so is no "
			"kernel of its",
			im->path);
	if (!r)
		read_config(im, &k->config);
	return r;
}

int freebsd_kernel_read(const void *bytes, size_t len, const char *path, struct freebsd_kernel *k,
	struct error *err)
{
	struct image im = {.bytes = bytes, .len = len, .path = path};
	int r;

	*k = (struct freebsd_kernel){0};
	elf_version(EV_CURRENT);
	im.elf = len ? elf_memory((char *)bytes, len) : NULL;
	if (!im.elf)
		return error_set(
			err, EINVAL, "%s is no FreeBSD kernel for x86-64: it is no ELF file", path);
	r = read_image(&im, k, err);
	elf_end(im.elf);
	return r;
}
