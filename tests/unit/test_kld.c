/* SPDX-License-Identifier: BSD-2-Clause */
/* What a FreeBSD .ko says of itself, and which of a FreeBSD target's own modules is meant by a name. */
#include "home.h"

#include "check/ko.h"
#include "check/order.h"
#include "check/own.h"
#include "check/symbols.h"
#include "make_kld.h"

static struct buf make_kld(unsigned type)
{
	struct kld_maker m;

	start(&m, type);
	add_metadata(&m, 2, "nb_pci", NULL, 0);
	add_metadata(&m, 1, "kernel", (int32_t[]){1400097, 1400097, 1499999}, 3);
	add_metadata(&m, 1, "pci", (int32_t[]){1, 2, 3}, 3);
	add_metadata(&m, 1, "nb_core", (int32_t[]){1, 1, 1}, 3);
	add_metadata(&m, 3, "nb", (int32_t[]){7}, 1);
	add_metadata(&m, 3, "nb_core", (int32_t[]){1}, 1);
	add_metadata(&m, 4, "what comes later", (int32_t[]){0}, 1);
	return finish(&m);
}

static struct ko read_ko(const struct buf *b)
{
	struct ko ko;

	ko_read(b->data, b->len, "dir/if-nb.ko", &ko);
	return ko;
}

static void expect_all(unsigned type, enum ko_kind kind)
{
	AUTO_BUF struct buf b = make_kld(type);
	struct ko ko = read_ko(&b);

	assert_int_equal(ko.kind, kind);
	assert_int_equal(ko.ndeclares, 3);
	assert_string_equal(ko.declares[0].name, "nb_pci");
	assert_int_equal(ko.declares[0].version, 0);
	assert_string_equal(ko.declares[1].name, "nb");
	assert_int_equal(ko.declares[1].version, 7);
	assert_int_equal(ko.nneeds, 3);
	assert_string_equal(ko.needs[0].name, "kernel");
	assert_int_equal(ko.needs[0].least, 1400097);
	assert_int_equal(ko.needs[0].most, 1499999);
	assert_string_equal(ko.needs[1].name, "pci");
	assert_int_equal(ko.needs[1].least, 1);
	assert_int_equal(ko.needs[1].preferred, 2);
	assert_int_equal(ko.needs[1].most, 3);
	ko_free(&ko);
}

static void a_module_tells_what_it_declares_and_needs_in_which_versions(void **state)
{
	(void)state;
	expect_all(ET_REL, KO_FREEBSD);
}

static void a_shared_object_tells_the_same_by_addresses(void **state)
{
	(void)state;
	expect_all(ET_DYN, KO_FREEBSD);
}

static void a_kernel_tells_the_same_and_is_no_module(void **state)
{
	(void)state;
	expect_all(ET_EXEC, KO_NOT_MODULE);
}

static void a_relative_relocation_is_an_address(void **state)
{
	int32_t head[2] = {1, 2};
	uint64_t zero = 0, set = DATA_ADDRESS;
	Elf64_Rela r = {DATA_ADDRESS + 16, ELF64_R_INFO(0, R_X86_64_RELATIVE), TEXT_ADDRESS + 1};
	struct kld_maker m;
	AUTO_BUF struct buf b = {0};
	struct ko ko;

	(void)state;
	start(&m, ET_DYN);
	buf_add(&m.set, &set, sizeof set);
	buf_add(&m.data, head, sizeof head);
	buf_add(&m.data, &zero, sizeof zero);
	buf_add(&m.data, &zero, sizeof zero);
	buf_add(&m.rela_data, &r, sizeof r);
	buf_add(&m.texts, "relative", sizeof "relative");
	b = finish(&m);
	ko = read_ko(&b);
	assert_int_equal(ko.ndeclares, 1);
	assert_string_equal(ko.declares[0].name, "relative");
	ko_free(&ko);
}

static void it_depends_on_neither_the_kernel_nor_itself(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);
	struct ko ko = read_ko(&b);

	(void)state;
	assert_int_equal(ko.depends.n, 1);
	assert_string_equal(ko.depends.v[0], "pci");
	ko_free(&ko);
}

static void its_name_is_its_files_name_and_it_answers_to_what_it_declares(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);
	struct ko ko = read_ko(&b);

	(void)state;
	assert_string_equal(ko.name, "if-nb");
	assert_true(ko_answers_to(&ko, "if-nb"));
	assert_true(ko_answers_to(&ko, "nb_pci"));
	assert_true(ko_declares(&ko, "nb"));
	assert_false(ko_answers_to(&ko, "kernel"));
	ko_free(&ko);
}

static void it_takes_and_gives_global_symbols(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);
	struct ko ko = read_ko(&b);

	(void)state;
	assert_int_equal(ko.undefined.n, 1);
	assert_string_equal(ko.undefined.v[0], "printf");
	assert_int_equal(ko.exports.n, 1);
	assert_string_equal(ko.exports.v[0], "for_others");
	ko_free(&ko);
}

static void a_module_of_the_other_system_is_refused_by_name(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);
	struct ko ko = read_ko(&b), linux_ko = {.kind = KO_LINUX};
	struct findings out = {0};

	(void)state;
	assert_false(ko_refuse(&ko, "x.ko", TARGET_FREEBSD, "amd64", &out));
	assert_false(ko_refuse(&linux_ko, "x.ko", TARGET_LINUX, "x86_64", &out));
	assert_true(ko_refuse(&ko, "x.ko", TARGET_LINUX, "x86_64", &out));
	assert_true(ko_refuse(&linux_ko, "x.ko", TARGET_FREEBSD, "amd64", &out));
	assert_int_equal(out.n, 2);
	assert_string_equal(out.items[0].rule, "wrong-os");
	assert_string_equal(
		out.items[0].message, "x.ko is a FreeBSD kernel module, and the target is Linux.");
	assert_string_equal(
		out.items[1].message, "x.ko is a Linux kernel module, and the target is FreeBSD.");
	findings_free(&out);
	ko_free(&ko);
}

static void one_for_another_processor_is_named_with_it(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);
	struct findings out = {0};
	struct ko ko;

	(void)state;
	b.data[EI_OSABI] = ELFOSABI_FREEBSD;
	b.data[18] = (char)EM_AARCH64;
	ko = read_ko(&b);
	assert_true(ko_refuse(&ko, "x.ko", TARGET_FREEBSD, "amd64", &out));
	assert_string_equal(out.items[0].rule, "wrong-arch");
	findings_free(&out);
	ko_free(&ko);
}

static void a_freebsd_program_is_no_module(void **state)
{
	struct elf_maker m;
	AUTO_BUF struct buf b = {0};
	struct ko ko;

	(void)state;
	elf_start(&m, ET_EXEC, EM_X86_64);
	m.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
	b = elf_finish(&m);
	ko = read_ko(&b);
	assert_int_equal(ko.kind, KO_NOT_MODULE);
	ko_free(&ko);
}

static void one_cut_off_anywhere_is_damaged_and_never_read_beyond(void **state)
{
	AUTO_BUF struct buf b = make_kld(ET_REL);

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of just that size, so that a read beyond it is seen by a sanitizer. */
		char *cut = malloc(len ? len : 1);
		struct ko ko;

		memcpy(cut, b.data, len);
		ko_read(cut, len, "x.ko", &ko);
		assert_int_equal(ko.kind, len < sizeof(Elf32_Ehdr) ? KO_NOT_ELF : KO_DAMAGED);
		ko_free(&ko);
		free(cut);
	}
}

static void any_byte_may_be_wrong(void **state)
{
	static const unsigned char values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
	static const unsigned types[] = {ET_REL, ET_DYN};

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		AUTO_BUF struct buf b = make_kld(types[t]);

		for (size_t i = 0; i < b.len; i++)
			for (size_t v = 0; v < sizeof values; v++) {
				char kept = b.data[i];
				struct ko ko;

				b.data[i] = (char)values[v];
				ko = read_ko(&b);
				ko_free(&ko);
				b.data[i] = kept;
			}
	}
}

static void modules_are_ordered_by_what_they_declare(void **state)
{
	struct ko_module base = {"base_module", 1};
	struct ko kos[2] = {{.kind = KO_FREEBSD, .name = "top"},
		{.kind = KO_FREEBSD, .name = "file", .declares = &base, .ndeclares = 1}};
	const struct ko *pointers[] = {&kos[0], &kos[1]};
	struct error err;
	size_t order[2];

	(void)state;
	strv_add(&kos[0].depends, "base_module");
	assert_int_equal(ko_order(pointers, 2, order, &err), 0);
	assert_int_equal(order[0], 1);
	strv_free(&kos[0].depends);
}

/* ---- the target's own ---- */

static void put_bytes(const char *path, struct buf *b)
{
	AUTO_FREE char *full = in_home(path);
	struct error err;

	put(path, "");
	assert_int_equal(path_write(full, b->data, b->len, &err), 0);
	buf_free(b);
}

/* A target with a kernel that has "pci" in it, and boot/kernel/if-nb.ko. */
static struct target make_target(void)
{
	struct buf kernel, module = make_kld(ET_REL);
	struct kld_maker m;

	start(&m, ET_EXEC);
	add_metadata(&m, 3, "pci", (int32_t[]){1}, 1);
	kernel = finish(&m);
	put_bytes("boot/kernel/kernel", &kernel);
	put_bytes("boot/kernel/if-nb.ko", &module);
	put("boot/kernel/linker.hints", "");
	put("symbols", "malloc\nprintf\nuiomove\n");
	return (struct target){.name = "freebsd:14.0",
		.os = TARGET_FREEBSD,
		.release = "14.0-RELEASE",
		.kernel = in_home("boot/kernel/kernel"),
		.modules = in_home("boot/kernel"),
		.symbols = in_home("symbols"),
		.root = "/"};
}

static void drop_target(struct target *t)
{
	free(t->kernel);
	free(t->modules);
	free(t->symbols);
}

static void expect_file(const struct target *t, const char *name, const char *end)
{
	AUTO_FREE char *file = own_module_file(t, name);

	if (!end) {
		assert_null(file);
		return;
	}
	assert_non_null(file);
	assert_non_null(strstr(file, end));
}

static void an_own_module_is_found_by_its_file_and_by_what_it_declares(void **state)
{
	struct target t = make_target();

	(void)state;
	expect_file(&t, "if_nb", "/if-nb.ko");
	expect_file(&t, "nb_core", "/if-nb.ko");
	/* Asked again, it says the same of what it has read and of what it has not. */
	for (int i = 0; i < 2; i++) {
		expect_file(&t, "nb_core", "/if-nb.ko");
		expect_file(&t, "nb_other", NULL);
	}
	expect_file(&t, "pci", NULL); /* in the kernel: there is nothing to load */
	expect_file(&t, "nb_other", NULL);
	drop_target(&t);
}

static void expect_symbol(const struct target *t, const char *symbol, enum symbol_state wanted,
	const char *message, const char *advice)
{
	struct symbol_info info;
	AUTO_FREE char *says = NULL, *advises = NULL;

	symbol_look_up(t, symbol, &info);
	assert_int_equal(info.state, wanted);
	symbol_explain("mine", symbol, &info, &says, &advises);
	if (!strstr(says, message))
		fail_msg("\"%s\" does not say \"%s\"", says, message);
	if (!strstr(advises, advice))
		fail_msg("\"%s\" does not say \"%s\"", advises, advice);
	symbol_info_free(&info);
}

static void a_symbol_is_the_kernels_or_a_modules_or_there_is_none(void **state)
{
	struct target t = make_target();

	(void)state;
	expect_symbol(&t, "printf", SYMBOL_EXPORTED, "this kernel has", "header");
	expect_symbol(&t, "for_others", SYMBOL_EXPORTED, "in the module nb",
		"MODULE_DEPEND(mine, nb, 7, 7, 7)");
	expect_symbol(&t, "not_for_others", SYMBOL_ABSENT, "neither this kernel", "SRCS");
	expect_symbol(&t, "mallocc", SYMBOL_ABSENT, "neither this kernel", "Was malloc meant?");
	expect_symbol(&t, "kmalloc", SYMBOL_ABSENT, "neither this kernel", "malloc(9)");
	free(t.symbols);
	t.symbols = NULL;
	expect_symbol(&t, "whatever", SYMBOL_UNKNOWN, "could not be found", "MODULE_DEPEND");
	drop_target(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_module_tells_what_it_declares_and_needs_in_which_versions),
		TEST(a_shared_object_tells_the_same_by_addresses),
		TEST(a_kernel_tells_the_same_and_is_no_module),
		TEST(a_relative_relocation_is_an_address),
		TEST(it_depends_on_neither_the_kernel_nor_itself),
		TEST(its_name_is_its_files_name_and_it_answers_to_what_it_declares),
		TEST(it_takes_and_gives_global_symbols),
		TEST(a_module_of_the_other_system_is_refused_by_name),
		TEST(one_for_another_processor_is_named_with_it),
		TEST(a_freebsd_program_is_no_module),
		TEST(one_cut_off_anywhere_is_damaged_and_never_read_beyond),
		TEST(any_byte_may_be_wrong),
		TEST(modules_are_ordered_by_what_they_declare),
		TEST(an_own_module_is_found_by_its_file_and_by_what_it_declares),
		TEST(a_symbol_is_the_kernels_or_a_modules_or_there_is_none),
	};

	return cmocka_run_group_tests_name("kld", tests, NULL, NULL);
}
