/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a .ko that may be anything. libelf finds the sections; that they lie in the file is asked
 * of every one of them before anything else is, since a module that is cut off is the commonest
 * damage. What the file says in words is copied with control bytes replaced: it ends up on terminals.
 *
 * Only little-endian x86-64 files are read in full: that is what the kernels here load. Of others the
 * header is enough to say what they are.
 */
#include "check/ko.h"

#include "check/kld.h"
#include "check/section.h"

#include <pthread.h>
#include <string.h>

/* No module has this many parameters: more are not listed. */
#define PARAMS_MAX 1000
/* Not in every elf.h yet. */
#define MACHINE_LOONGARCH 258

/* Whether the section table and every section lie in the file. libelf passes over what does not. */
static bool is_whole(Elf *elf, const GElf_Ehdr *header, size_t len)
{
	Elf_Scn *section = NULL;
	struct span bytes;
	size_t count;

	if (!header->e_shoff)
		return true;
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff > len ||
		elf_getshdrnum(elf, &count) ||
		header->e_shnum > (len - header->e_shoff) / sizeof(Elf64_Shdr))
		return false;
	while ((section = elf_nextscn(elf, section)))
		if (!section_bytes(section, &bytes))
			return false;
	return true;
}

/* ---- .modinfo: NUL-separated "tag=value" ---- */

static void set_once(char **where, const char *value, size_t len)
{
	if (!*where)
		*where = printable(value, len);
}

static void add_author(struct ko *ko, const char *value, size_t len)
{
	AUTO_FREE char *name = printable(value, len);
	char *before = ko->author;

	ko->author = before ? xasprintf("%s, %s", before, name) : xstrdup(name);
	free(before);
}

static void add_depends(struct ko *ko, const char *value, size_t len)
{
	while (len) {
		const char *comma = memchr(value, ',', len);
		size_t n = comma ? (size_t)(comma - value) : len;

		if (n)
			add_printable(&ko->depends, value, n);
		if (!comma)
			return;
		value += n + 1;
		len -= n + 1;
	}
}

static struct ko_param *param(struct ko *ko, const char *name, size_t len)
{
	AUTO_FREE char *clean = printable(name, len);
	struct ko_param *p;

	for (size_t i = 0; i < ko->nparams; i++)
		if (!strcmp(ko->params[i].name, clean))
			return &ko->params[i];
	if (ko->nparams >= PARAMS_MAX)
		return NULL;
	p = ARRAY_ADD(ko->params, ko->nparams);
	p->name = xstrdup(clean);
	p->type = xstrdup("");
	p->description = xstrdup("");
	return p;
}

/* "name:type" and "name:what it is for". */
static void add_param(struct ko *ko, const char *value, size_t len, bool is_type)
{
	const char *colon = memchr(value, ':', len);
	struct ko_param *p;
	char **field;

	if (!colon || colon == value)
		return;
	p = param(ko, value, (size_t)(colon - value));
	if (!p)
		return;
	field = is_type ? &p->type : &p->description;
	free(*field);
	*field = printable(colon + 1, len - (size_t)(colon + 1 - value));
}

static void read_info(struct ko *ko, const char *tag, size_t tag_len, const char *value, size_t len)
{
#define IS(word) (tag_len == sizeof(word) - 1 && !memcmp(tag, word, tag_len))
	if (IS("name"))
		set_once(&ko->name, value, len);
	else if (IS("license"))
		set_once(&ko->license, value, len);
	else if (IS("vermagic"))
		set_once(&ko->vermagic, value, len);
	else if (IS("description"))
		set_once(&ko->description, value, len);
	else if (IS("author"))
		add_author(ko, value, len);
	else if (IS("depends"))
		add_depends(ko, value, len);
	else if (IS("import_ns"))
		add_printable(&ko->imports, value, len);
	else if (IS("parmtype"))
		add_param(ko, value, len, true);
	else if (IS("parm"))
		add_param(ko, value, len, false);
#undef IS
}

static void read_modinfo(struct ko *ko, struct span s)
{
	const char *p = (const char *)s.bytes, *end = s.len ? p + s.len : p;

	while (p < end) {
		const char *stop = memchr(p, 0, (size_t)(end - p));
		const char *next = stop ? stop : end;
		const char *equals = memchr(p, '=', (size_t)(next - p));

		if (equals)
			read_info(ko, p, (size_t)(equals - p), equals + 1,
				(size_t)(next - equals - 1));
		p = next + 1;
	}
}

/* ---- the symbol table ---- */

static void read_symbol(void *arg, const Elf64_Sym *sym, const char *name)
{
	struct ko *ko = arg;
	static const char export[] = "__ksymtab_";

	if (sym->st_shndx == SHN_UNDEF) {
		/* The kernel lets a weak one stay unresolved. */
		if (ELF64_ST_BIND(sym->st_info) == STB_GLOBAL &&
			strcmp(name, "_GLOBAL_OFFSET_TABLE_"))
			add_printable(&ko->undefined, name, strlen(name));
		return;
	}
	if (!strncmp(name, export, sizeof export - 1) && name[sizeof export - 1])
		add_printable(
			&ko->exports, name + sizeof export - 1, strlen(name) - (sizeof export - 1));
	else if (!strcmp(name, "init_module"))
		ko->has_init = true;
	else if (!strcmp(name, "cleanup_module"))
		ko->has_exit = true;
}

/* ---- what it is ---- */

static char *machine_name(unsigned machine, unsigned class)
{
	static const struct {
		unsigned machine;
		const char *name;
	} known[] = {
		{EM_386, "i386"},
		{EM_X86_64, "x86_64"},
		{EM_ARM, "arm"},
		{EM_AARCH64, "aarch64"},
		{EM_RISCV, "riscv"},
		{EM_PPC, "powerpc"},
		{EM_PPC64, "powerpc64"},
		{EM_S390, "s390x"},
		{EM_MIPS, "mips"},
		{EM_SPARCV9, "sparc64"},
		{EM_PARISC, "parisc"},
		{EM_68K, "m68k"},
		{MACHINE_LOONGARCH, "loongarch"},
	};

	if (machine == EM_X86_64 && class != ELFCLASS64)
		return xstrdup("x32");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].machine == machine)
			return xstrdup(known[i].name);
	return xasprintf("processor %u", machine);
}

/* A file for this machine, whose sections can be looked at. */
static enum ko_kind read_sections(Elf *elf, size_t len, struct ko *ko, bool symbols)
{
	GElf_Ehdr header;
	struct span info;
	Elf_Scn *section;

	if (!gelf_getehdr(elf, &header) || !is_whole(elf, &header, len))
		return KO_DAMAGED;
	if (kld_is(elf) ||
		(header.e_ident[EI_OSABI] == ELFOSABI_FREEBSD && header.e_type == ET_REL)) {
		kld_read(elf, &header, ko, symbols);
		return header.e_type == ET_EXEC ? KO_NOT_MODULE : KO_FREEBSD;
	}
	/* An object that modpost has not seen has a .modinfo too; ko_refuse tells it by that. */
	section = section_find(elf, ".modinfo");
	if (section && section_bytes(section, &info))
		read_modinfo(ko, info);
	symbols_each(elf, read_symbol, ko);
	if (header.e_type == ET_REL && section_find(elf, ".gnu.linkonce.this_module"))
		return KO_LINUX;
	return KO_NOT_MODULE;
}

static void set_elf_version(void)
{
	elf_version(EV_CURRENT);
}

static enum ko_kind read_elf(const unsigned char *bytes, size_t len, struct ko *ko, bool symbols)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *machine;
	enum ko_kind kind;
	bool big;
	Elf *elf;

	if (len < sizeof(Elf32_Ehdr) || memcmp(bytes, ELFMAG, SELFMAG))
		return KO_NOT_ELF;
	if ((bytes[EI_CLASS] != ELFCLASS32 && bytes[EI_CLASS] != ELFCLASS64) ||
		(bytes[EI_DATA] != ELFDATA2LSB && bytes[EI_DATA] != ELFDATA2MSB))
		return KO_DAMAGED;
	/* The processor stands at the same place in every ELF header. */
	big = bytes[EI_DATA] == ELFDATA2MSB;
	machine = bytes + offsetof(Elf64_Ehdr, e_machine);
	ko->machine = machine_name(machine[big] | (unsigned)machine[!big] << 8, bytes[EI_CLASS]);
	if (strcmp(ko->machine, "x86_64") || big)
		return KO_OTHER_ARCH;
	pthread_once(&once, set_elf_version);
	/* libelf takes it as writable, but writes only when asked to (elf_update). */
	elf = elf_memory((char *)(uintptr_t)bytes, len);
	kind = elf ? read_sections(elf, len, ko, symbols) : KO_DAMAGED;
	elf_end(elf);
	return kind;
}

static void read_all(
	const void *bytes, size_t len, const char *file_name, struct ko *ko, bool symbols)
{
	*ko = (struct ko){0};
	ko->kind = read_elf(bytes, len, ko, symbols);
	if (!ko->name || !*ko->name) {
		free(ko->name);
		ko->name = ko->kind == KO_FREEBSD ? kld_file_name(file_name)
						  : ko_module_name(file_name);
	}
}

void ko_read(const void *bytes, size_t len, const char *file_name, struct ko *ko)
{
	read_all(bytes, len, file_name, ko, true);
}

void ko_read_declared(const void *bytes, size_t len, const char *file_name, struct ko *ko)
{
	read_all(bytes, len, file_name, ko, false);
}

bool ko_declares(const struct ko *ko, const char *name)
{
	for (size_t i = 0; i < ko->ndeclares; i++)
		if (!strcmp(ko->declares[i].name, name))
			return true;
	return false;
}

/* Linux takes - and _ in a module's name for the same. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

bool ko_answers_to(const struct ko *ko, const char *name)
{
	return (ko->name && same_name(ko->name, name)) || ko_declares(ko, name);
}

void ko_free(struct ko *ko)
{
	free(ko->machine);
	free(ko->name);
	free(ko->license);
	free(ko->vermagic);
	free(ko->description);
	free(ko->author);
	strv_free(&ko->depends);
	strv_free(&ko->imports);
	strv_free(&ko->undefined);
	strv_free(&ko->exports);
	for (size_t i = 0; i < ko->nparams; i++) {
		free(ko->params[i].name);
		free(ko->params[i].type);
		free(ko->params[i].description);
	}
	free(ko->params);
	for (size_t i = 0; i < ko->ndeclares; i++)
		free(ko->declares[i].name);
	free(ko->declares);
	for (size_t i = 0; i < ko->nneeds; i++)
		free(ko->needs[i].name);
	free(ko->needs);
	*ko = (struct ko){0};
}

/* ---- refusing ---- */

static void refuse(
	struct findings *out, const char *path, const char *rule, char *message, const char *advice)
{
	struct finding *f = finding_add(
		out, rule, SEVERITY_ERROR, CLASS_LOAD, message, advice ? xstrdup(advice) : NULL);

	f->file = xstrdup(path);
}

/* A module, but of which system? */
static bool refuse_system(const struct ko *ko, const char *path, const char *base,
	enum target_os os, struct findings *out)
{
	enum target_os is = ko->kind == KO_FREEBSD ? TARGET_FREEBSD : TARGET_LINUX;

	if (is == os)
		return false;
	refuse(out, path, "wrong-os",
		xasprintf("%s is a %s kernel module, and the target is %s.", base,
			target_os_name(is), target_os_name(os)),
		"Build the module for this target: give its source directory, or take another target with -t.");
	return true;
}

bool ko_refuse(const struct ko *ko, const char *path, enum target_os os, const char *arch,
	struct findings *out)
{
	AUTO_FREE char *base = xstrdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);

	switch (ko->kind) {
	case KO_LINUX:
	case KO_FREEBSD:
		return refuse_system(ko, path, base, os, out);
	case KO_NOT_ELF:
		refuse(out, path, "not-a-module",
			xasprintf("%s is not a kernel module: it is not an ELF file.", base),
			"Name the .ko file that the module's build made, or its source directory.");
		break;
	case KO_DAMAGED:
		refuse(out, path, "damaged-file",
			xasprintf(
				"%s is damaged: it begins as an ELF file, but is cut off or corrupt.",
				base),
			"Build it again, or copy it again as a whole.");
		break;
	case KO_OTHER_ARCH:
		refuse(out, path, "wrong-arch",
			xasprintf("%s is for %s, and the target is %s.", base, ko->machine, arch),
			"Build the module for this target: give its source directory, or take another target with -t.");
		break;
	case KO_NOT_MODULE:
		if (ko->license)
			refuse(out, path, "not-a-module",
				xasprintf(
					"%s is one object file of a module, not the module.", base),
				"Give the .ko file that Kbuild links from it.");
		else
			refuse(out, path, "not-a-module",
				xasprintf("%s is an ELF file, but not a kernel module.", base),
				"Name the .ko file that the module's build made, or its source "
				"directory.");
		break;
	}
	return true;
}

/* The file's name without directory and without ".ko" and what follows it. */
char *kld_file_name(const char *file_name)
{
	const char *base = strrchr(file_name, '/') ? strrchr(file_name, '/') + 1 : file_name;
	size_t len = strlen(base);

	for (size_t i = len; i-- > 1;)
		if (!strncmp(base + i, ".ko", 3) && (!base[i + 3] || base[i + 3] == '.')) {
			len = i;
			break;
		}
	return printable(base, len);
}

char *ko_module_name(const char *file_name)
{
	char *name = kld_file_name(file_name);

	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}
