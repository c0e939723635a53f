/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_FAKE_FREEBSD_H
#define KMODLAB_TESTS_FAKE_FREEBSD_H
/* Distribution sets of a FreeBSD release that are just large enough to be taken for ones. To be
 * included behind home.h. */
#include "home.h"
#include "make_elf.h"

#include <archive.h>
#include <archive_entry.h>
#include <nettle/sha2.h>

#define FAKE_BASE 0xffffffff80200000ULL

/* One member of a set. */
struct member {
	const char *name;
	unsigned type;	  /* 0: a file; else AE_IFLNK, …, or LINK_HARD */
	const char *text; /* its content, or where the link leads */
	size_t len;	  /* of the content; 0: that of the text */
};
#define LINK_HARD 1

static inline void add_symbol(
	struct elf_maker *m, const char *name, unsigned type, uint64_t value, unsigned section)
{
	Elf64_Sym *s;

	elf_symbol(m, name, STB_GLOBAL, section);
	s = (Elf64_Sym *)(void *)(m->symbols.data + m->symbols.len) - 1;
	s->st_info = (unsigned char)ELF64_ST_INFO(STB_GLOBAL, type);
	s->st_value = value;
}

/* A FreeBSD kernel that says it is `release`, and was made with `config` (NULL: it does not say). */
static inline struct buf fake_kernel_with(
	const char *release, unsigned osreldate, const char *config)
{
	Elf64_Phdr load = {.p_type = PT_LOAD, .p_vaddr = FAKE_BASE};
	char text[64] = {0};
	struct elf_maker m;

	elf_start(&m, ET_EXEC, EM_X86_64);
	m.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
	m.header.e_entry = FAKE_BASE;
	m.header.e_phoff = sizeof m.header;
	m.header.e_phnum = 1;
	m.header.e_phentsize = sizeof load;
	load.p_filesz = sizeof m.header + sizeof load + sizeof text;
	load.p_memsz = load.p_filesz + 4096;
	memcpy(text, &osreldate, sizeof osreldate);
	snprintf(text + 8, sizeof text - 8, "%s", release);
	elf_section(&m, "headers", SHT_PROGBITS, &load, sizeof load);
	elf_section(&m, ".data", SHT_PROGBITS, text, sizeof text);
	if (config)
		elf_section(&m, "kern_conf", SHT_PROGBITS, config, strlen(config) + 1);
	add_symbol(&m, "uprintf", STT_FUNC, FAKE_BASE, 2);
	add_symbol(&m, "osreldate", STT_OBJECT, FAKE_BASE + sizeof m.header + sizeof load, 2);
	add_symbol(&m, "osrelease", STT_OBJECT, FAKE_BASE + sizeof m.header + sizeof load + 8, 2);
	add_symbol(&m, "a_file.c", STT_FILE, 0, SHN_ABS);
	add_symbol(&m, "not_here", STT_NOTYPE, 0, SHN_UNDEF);
	add_symbol(&m, "bcopy", STT_FUNC, FAKE_BASE, 2);
	add_symbol(&m, "bcopy", STT_FUNC, FAKE_BASE, 2);
	return elf_finish(&m);
}

static inline struct buf fake_kernel(const char *release, unsigned osreldate)
{
	return fake_kernel_with(release, osreldate, NULL);
}

static inline void put_member(struct archive *a, const struct member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t len = m->len ? m->len : m->text ? strlen(m->text) : 0;

	archive_entry_set_pathname(e, m->name);
	archive_entry_set_perm(e, 0444);
	archive_entry_set_filetype(e, m->type > LINK_HARD ? m->type : AE_IFREG);
	if (m->type == LINK_HARD)
		archive_entry_set_hardlink(e, m->text);
	else if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->text);
	else
		archive_entry_set_size(e, (la_int64_t)len);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (!m->type && len)
		assert_int_equal(archive_write_data(a, m->text, len), len);
	archive_entry_free(e);
}

/* A set with these members, up to one without a name. */
static inline void put_set(const char *path, const struct member *members)
{
	AUTO_FREE char *file = in_home(path);
	struct archive *a = archive_write_new();

	put(path, "");
	archive_write_add_filter_xz(a);
	archive_write_set_format_pax_restricted(a);
	assert_int_equal(archive_write_open_filename(a, file), ARCHIVE_OK);
	for (; members->name; members++)
		put_member(a, members);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static inline void put_kernel_set(const char *path, const char *release, unsigned osreldate)
{
	AUTO_BUF struct buf kernel = fake_kernel(release, osreldate);

	put_set(path,
		(struct member[]){{"./", AE_IFDIR, NULL}, {"./boot/", AE_IFDIR, NULL},
			{"./boot/kernel/", AE_IFDIR, NULL},
			{"./boot/kernel/kernel", 0, kernel.data, kernel.len},
			{"./boot/kernel/if_em.ko", 0, "module"},
			{"./boot/kernel/if_igb.ko", AE_IFLNK, "if_em.ko"},
			{"./usr/lib/debug/boot/kernel/kernel.debug", 0, "not wanted"}, {NULL}});
}

static inline void put_src_set(const char *path, const char *version)
{
	AUTO_FREE char *param = xasprintf("#undef __FreeBSD_version\n"
					  "#define __FreeBSD_version %s\t/* Master */\n",
		version);

	put_set(path,
		(struct member[]){{"usr/src/Makefile", 0, "not wanted"},
			{"usr/src/share/mk/bsd.kmod.mk", 0, "kmod"},
			{"usr/src/share/mk2/x", 0, "not wanted"},
			{"usr/src/sys/conf/kmod.mk", 0, "kmod"},
			{"usr/src/sys/conf/options", 0,
				"# the options\nINVARIANTS\topt_global.h\nWITNESS\t\topt_global.h\n"
				"MAXCPU\topt_global.h\nWITNESS_SKIPSPIN\topt_witness.h\n"},
			{"usr/src/sys/conf/same.mk", LINK_HARD, "usr/src/sys/conf/kmod.mk"},
			{"usr/src/sys/contrib/device-tree/a.dts", 0, "not wanted"},
			{"usr/src/sys/sys/module.h", 0, "/* */"},
			{"usr/src/sys/sys/param.h", 0, param}, {NULL}});
}

static inline void put_base_set(const char *path)
{
	put_set(path,
		(struct member[]){{"./bin/sh", 0, "not wanted"},
			{"./rescue/[", 0, "a crunched one"},
			{"./rescue/sh", LINK_HARD, "./rescue/["},
			{"./rescue/cat", LINK_HARD, "./rescue/["},
			{"./rescue/nextboot", 0, "#!/rescue/sh\n"},
			{"./usr/include/c++/v1/vector", 0, "not wanted"},
			{"./usr/include/stdio.h", 0, "/* */"}, {"./usr/lib/crt1.o", 0, "start"},
			{"./usr/lib/libc.a", 0, "libc"}, {"./usr/lib/libc.so", 0, "not wanted"},
			{"./usr/lib/libcrypto.a", 0, "not wanted"},
			{"./usr/lib/libpthread.a", AE_IFLNK, "libthr.a"},
			{"./usr/lib/libthr.a", 0, "threads"}, {NULL}});
}

static inline void add_sum(struct buf *manifest, const char *folder, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s/%s", home, folder, name);
	AUTO_BUF struct buf bytes = {0};
	struct sha256_ctx digest;
	uint8_t sum[SHA256_DIGEST_SIZE];

	assert_int_equal(path_read(path, 1 << 20, &bytes), 0);
	sha256_init(&digest);
	sha256_update(&digest, bytes.len, (uint8_t *)bytes.data);
	sha256_digest(&digest, sizeof sum, sum);
	buf_addf(manifest, "%s\t", name);
	for (size_t i = 0; i < sizeof sum; i++)
		buf_addf(manifest, "%02x", sum[i]);
	buf_addf(manifest, "\t3\tset\t\"A set\"\ton\n");
}

static inline void put_manifest(const char *folder)
{
	AUTO_FREE char *path = xasprintf("%s/MANIFEST", folder);
	AUTO_BUF struct buf text = {0};

	add_sum(&text, folder, "kernel.txz");
	add_sum(&text, folder, "src.txz");
	put(path, text.data);
}

/* The sets of 14.9 in the folder, and their MANIFEST. */
static inline void put_release(const char *folder)
{
	AUTO_FREE char *kernel = xasprintf("%s/kernel.txz", folder);
	AUTO_FREE char *src = xasprintf("%s/src.txz", folder);

	put_kernel_set(kernel, "14.9-RELEASE", 1409000);
	put_src_set(src, "1409000");
	put_manifest(folder);
}

/* The cache in <home>/cache too. */
static inline int set_up_cache(void **state)
{
	AUTO_FREE char *cache = NULL;

	if (set_up(state))
		return -1;
	cache = in_home("cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

#endif
