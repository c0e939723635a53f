/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture of memory for a FreeBSD kernel: what stands in it where, and what is refused. */
#include "unit.h"

#include "guest/freebsd-boot.h"
#include "machine/freebsd-image.h"

#include <elf.h>
#include <errno.h>

#define LOAD	 0x200000u
#define KERNBASE 0xffffffff80000000ull

/* A kernel of one segment: 100 bytes in the file, 5000 in memory; two symbols. */
struct kernel {
	Elf64_Ehdr h;
	Elf64_Phdr p, second; /* the second is of no matter, unless a test makes it one */
	char text[100];
	Elf64_Sym symbols[2];
	char strings[16];
	Elf64_Shdr s[3];
};

static struct kernel make(void)
{
	struct kernel k = {
		.h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
			      ELFOSABI_FREEBSD},
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = KERNBASE + LOAD + 8,
			.e_phoff = offsetof(struct kernel, p),
			.e_shoff = offsetof(struct kernel, s),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3},
		.p = {.p_type = PT_LOAD,
			.p_offset = offsetof(struct kernel, text),
			.p_vaddr = KERNBASE + LOAD,
			.p_filesz = 100,
			.p_memsz = 5000},
		.text = "the kernel's text",
		.strings = "\0btext",
		.s = {[1] = {.sh_type = SHT_SYMTAB,
			      .sh_offset = offsetof(struct kernel, symbols),
			      .sh_size = 2 * sizeof(Elf64_Sym),
			      .sh_entsize = sizeof(Elf64_Sym),
			      .sh_link = 2},
			[2] = {.sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct kernel, strings),
				.sh_size = 16}},
	};

	return k;
}

static int picture(const void *kernel, size_t len, struct buf *out, struct error *err)
{
	struct strv env = {0};
	int r;

	strv_adds(&env, "a=1", "b=2", NULL);
	r = freebsd_image("KERNEL", kernel, len, "the root", 8, &env, out, err);
	strv_free(&env);
	return r;
}

/* The record with this type, the nth such: its data. */
static const void *record(const struct buf *b, uint32_t type, int nth)
{
	const struct freebsd_boot *h = (const void *)b->data;
	const char *p = b->data + FREEBSD_BOOT_PAGE + (h->modulep - h->load);
	uint32_t head[2];

	for (;; p += 8 + (head[1] + 7) / 8 * 8) {
		memcpy(head, p, sizeof head);
		if (!head[0] && !head[1])
			fail_msg("no record %x", type);
		if (head[0] == type && nth-- == 0)
			return p + 8;
	}
}

static uint64_t number(const struct buf *b, uint32_t type, int nth)
{
	uint64_t n;

	memcpy(&n, record(b, type, nth), sizeof n);
	return n;
}

/* What lies at a physical address. */
static const char *at(const struct buf *b, uint64_t physical)
{
	assert_in_range(physical, LOAD, LOAD + b->len - FREEBSD_BOOT_PAGE - 1);
	return b->data + FREEBSD_BOOT_PAGE + (physical - LOAD);
}

static void everything_lies_where_the_metadata_say(void **state)
{
	struct kernel k = make();
	AUTO_BUF struct buf b = {0};
	struct error err = {{0}};
	const struct freebsd_boot *h;
	uint64_t size;

	(void)state;
	if (picture(&k, sizeof k, &b, &err))
		fail_msg("%s", err.text);
	h = (const void *)b.data;
	assert_int_equal(h->magic, FREEBSD_BOOT_MAGIC);
	assert_int_equal(h->load, LOAD);
	assert_int_equal(h->entry, KERNBASE + LOAD + 8);
	assert_int_equal(h->bytes, b.len - FREEBSD_BOOT_PAGE);
	assert_int_equal(h->bytes % 4, 0);
	assert_int_equal(h->kernend % 4096, 0);
	assert_string_equal(at(&b, LOAD), "the kernel's text");
	assert_int_equal(at(&b, LOAD + 4999)[0], 0);
	assert_string_equal(record(&b, 1, 0), "/boot/kernel/kernel");
	assert_string_equal(record(&b, 2, 0), "elf kernel");
	assert_int_equal(number(&b, 3, 0), LOAD);
	assert_int_equal(number(&b, 4, 0), 5000);
	assert_memory_equal(record(&b, 0x8002, 0), &k.h, sizeof k.h);
	memcpy(&size, at(&b, number(&b, 0x8003, 0)), 8);
	assert_int_equal(size, sizeof k.symbols);
	assert_int_equal(
		number(&b, 0x8004, 0) - number(&b, 0x8003, 0), 8 + sizeof k.symbols + 8 + 16);
	assert_memory_equal(at(&b, number(&b, 0x8006, 0)), "a=1\0b=2\0", 9);
	assert_int_equal(number(&b, 0x8008, 0), h->kernend);
	assert_int_equal(number(&b, 0x9006, 0), h->modulep);
	assert_string_equal(record(&b, 2, 1), "md_image");
	assert_int_equal(number(&b, 3, 1) % 4096, 0);
	assert_int_equal(number(&b, 4, 1), 8);
	assert_memory_equal(at(&b, number(&b, 3, 1)), "the root", 8);
	/* The stub's place for the memory map is the map's record. */
	assert_ptr_equal(b.data + FREEBSD_BOOT_PAGE + h->smap, record(&b, 0x9001, 0));
}

static void a_kernel_cut_off_anywhere_is_refused(void **state)
{
	struct kernel k = make();
	struct error err;

	(void)state;
	for (size_t len = 0; len < sizeof k; len++) {
		AUTO_BUF struct buf b = {0};
		AUTO_FREE char *copy = xstrndup("", 0);

		copy = xreallocarray(copy, len + 1, 1);
		memcpy(copy, &k, len);
		assert_int_equal(picture(copy, len, &b, &err), -EINVAL);
		assert_non_null(strstr(err.text, "KERNEL"));
	}
}

static void what_is_laid_out_as_no_kernel_is_refused(void **state)
{
	(void)state;
	for (int wrong = 0; wrong < 12; wrong++) {
		struct kernel k = make();
		AUTO_BUF struct buf b = {0};
		struct error err;

		switch (wrong) {
		case 0:
			k.h.e_ident[EI_OSABI] = 0;
			break;
		case 1:
			k.h.e_machine = EM_AARCH64;
			break;
		case 2:
			k.h.e_ident[EI_CLASS] = ELFCLASS32;
			break;
		case 3:
			k.h.e_type = ET_REL;
			break;
		case 4:
			k.p.p_vaddr = 0x200000;
			break;
		case 5:
			k.p.p_vaddr = KERNBASE;
			break;
		case 6:
			k.p.p_memsz = UINT64_MAX;
			break;
		case 7:
			k.p.p_filesz = UINT64_MAX;
			break;
		case 8:
			k.p.p_offset = UINT64_MAX - 50;
			break;
		case 9:
			k.h.e_entry = 0x1000;
			break;
		case 10:
			k.s[1].sh_type = SHT_PROGBITS;
			break;
		case 11:
			k.p.p_type = PT_NOTE;
			break;
		}
		assert_int_equal(picture(&k, sizeof k, &b, &err), -EINVAL);
	}
}

static void every_segment_is_asked_where_it_lies_and_the_sentence_says_what_is_wrong(void **state)
{
	const Elf64_Phdr wrong[] = {
		{.p_type = PT_LOAD,
			.p_vaddr = KERNBASE + LOAD + 8192,
			.p_offset = 64,
			.p_filesz = 1 << 20,
			.p_memsz = 1 << 20},
		{.p_type = PT_LOAD,
			.p_vaddr = KERNBASE + LOAD + 8192,
			.p_offset = UINT64_MAX,
			.p_filesz = 8,
			.p_memsz = 8},
		{.p_type = PT_LOAD,
			.p_vaddr = KERNBASE + LOAD + 8192,
			.p_offset = 64,
			.p_filesz = 16,
			.p_memsz = 8},
		{.p_type = PT_LOAD, .p_vaddr = KERNBASE + LOAD + 8192, .p_memsz = 1ull << 40},
		{.p_type = PT_LOAD, .p_vaddr = KERNBASE + 4096, .p_memsz = 8},
		{.p_type = PT_LOAD, .p_vaddr = 0x400000, .p_memsz = 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct kernel k = make();
		AUTO_BUF struct buf b = {0};
		struct error err;

		k.second = wrong[i];
		assert_int_equal(picture(&k, sizeof k, &b, &err), -EINVAL);
		assert_non_null(strstr(err.text, "cut off, or not laid out"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_lies_where_the_metadata_say),
		cmocka_unit_test(a_kernel_cut_off_anywhere_is_refused),
		cmocka_unit_test(what_is_laid_out_as_no_kernel_is_refused),
		cmocka_unit_test(
			every_segment_is_asked_where_it_lies_and_the_sentence_says_what_is_wrong),
	};

	return cmocka_run_group_tests_name("freebsd-image", tests, NULL, NULL);
}
