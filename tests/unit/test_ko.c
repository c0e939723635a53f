/* SPDX-License-Identifier: BSD-2-Clause */
/* What a .ko says of itself, and in which order several are to be loaded. */
#include "unit.h"

#include "check/ko.h"
#include "check/order.h"
#include "make_elf.h"

#include <errno.h>

static const char info[] = "license=GPL\0"
			   "description=Says hello\0"
			   "author=One\0"
			   "author=Two\0"
			   "depends=usbcore,usb-common\0"
			   "parm=howmany:how often: 0 to 9\0"
			   "parmtype=howmany:int\0"
			   "parmtype=whom:charp\0"
			   "odd\0"
			   "name=hello\0"
			   "vermagic=6.1.0 SMP mod_unload ";

static struct buf make_module(void)
{
	struct elf_maker m;
	char this_module[64] = {0};

	elf_start(&m, ET_REL, EM_X86_64);
	elf_section(&m, ".modinfo", SHT_PROGBITS, info, sizeof info);
	elf_section(&m, ".gnu.linkonce.this_module", SHT_PROGBITS, this_module, sizeof this_module);
	elf_symbol(&m, "init_module", STB_GLOBAL, 1);
	elf_symbol(&m, "printk", STB_GLOBAL, SHN_UNDEF);
	elf_symbol(&m, "perhaps", STB_WEAK, SHN_UNDEF);
	elf_symbol(&m, "__ksymtab_hello_fn", STB_LOCAL, 1);
	return elf_finish(&m);
}

static struct ko read_ko(const struct buf *b)
{
	struct ko ko;

	ko_read(b->data, b->len, "dir/file-name.ko", &ko);
	return ko;
}

static void a_module_tells_its_name_licence_and_vermagic(void **state)
{
	AUTO_BUF struct buf b = make_module();
	struct ko ko = read_ko(&b);

	(void)state;
	assert_int_equal(ko.kind, KO_LINUX);
	assert_string_equal(ko.machine, "x86_64");
	assert_string_equal(ko.name, "hello");
	assert_string_equal(ko.license, "GPL");
	assert_string_equal(ko.vermagic, "6.1.0 SMP mod_unload ");
	assert_string_equal(ko.description, "Says hello");
	assert_string_equal(ko.author, "One, Two");
	ko_free(&ko);
}

static void a_module_tells_its_parameters_with_type_and_description(void **state)
{
	AUTO_BUF struct buf b = make_module();
	struct ko ko = read_ko(&b);

	(void)state;
	assert_int_equal(ko.nparams, 2);
	assert_string_equal(ko.params[0].name, "howmany");
	assert_string_equal(ko.params[0].type, "int");
	assert_string_equal(ko.params[0].description, "how often: 0 to 9");
	assert_string_equal(ko.params[1].name, "whom");
	assert_string_equal(ko.params[1].type, "charp");
	assert_string_equal(ko.params[1].description, "");
	ko_free(&ko);
}

static void a_module_tells_what_it_needs_and_what_it_gives(void **state)
{
	AUTO_BUF struct buf b = make_module();
	struct ko ko = read_ko(&b);

	(void)state;
	assert_int_equal(ko.depends.n, 2);
	assert_string_equal(ko.depends.v[1], "usb-common");
	assert_int_equal(ko.undefined.n, 1); /* a weak one need not be there */
	assert_string_equal(ko.undefined.v[0], "printk");
	assert_int_equal(ko.exports.n, 1);
	assert_string_equal(ko.exports.v[0], "hello_fn");
	assert_true(ko.has_init);
	assert_false(ko.has_exit);
	ko_free(&ko);
}

static void a_signature_after_the_end_is_no_damage(void **state)
{
	AUTO_BUF struct buf b = make_module();
	struct ko ko;

	(void)state;
	buf_adds(&b, "~Module signature appended~\n");
	ko = read_ko(&b);
	assert_int_equal(ko.kind, KO_LINUX);
	ko_free(&ko);
}

static void a_module_cut_off_anywhere_is_damaged_and_never_read_beyond(void **state)
{
	AUTO_BUF struct buf b = make_module();

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
	AUTO_BUF struct buf b = make_module();
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

	(void)state;
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

static struct findings refuse(const struct buf *b, bool refused)
{
	struct ko ko = read_ko(b);
	struct findings out = {0};

	assert_int_equal(ko_refuse(&ko, "some/dir/x.ko", TARGET_LINUX, "x86_64", &out), refused);
	assert_int_equal(out.n, refused ? 1 : 0);
	ko_free(&ko);
	return out;
}

static void expect_refusal(struct buf b, const char *rule, const char *words)
{
	struct findings out = refuse(&b, true);

	assert_string_equal(out.items[0].rule, rule);
	assert_int_equal(out.items[0].class, CLASS_LOAD);
	assert_string_equal(out.items[0].file, "some/dir/x.ko");
	if (!strstr(out.items[0].message, words))
		fail_msg("\"%s\" does not say \"%s\"", out.items[0].message, words);
	assert_non_null(out.items[0].advice);
	findings_free(&out);
	buf_free(&b);
}

static void a_linux_module_is_not_refused(void **state)
{
	AUTO_BUF struct buf b = make_module();
	struct findings out = refuse(&b, false);

	(void)state;
	findings_free(&out);
}

static void what_is_no_elf_file_is_not_a_module(void **state)
{
	struct buf text = {0}, none = {0};

	(void)state;
	buf_adds(&text, "#!/bin/sh\necho this is a script and certainly no module at all\n");
	expect_refusal(text, "not-a-module", "x.ko is not a kernel module");
	buf_adds(&none, "");
	expect_refusal(none, "not-a-module", "not an ELF file");
}

static void a_damaged_file_is_called_so(void **state)
{
	struct buf b = make_module();

	(void)state;
	b.len -= 100;
	expect_refusal(b, "damaged-file", "cut off or corrupt");
}

static void a_module_for_another_processor_is_named_with_it(void **state)
{
	struct elf_maker m;

	(void)state;
	elf_start(&m, ET_REL, EM_AARCH64);
	expect_refusal(elf_finish(&m), "wrong-arch", "for aarch64, and the target is x86_64");
	elf_start(&m, ET_REL, EM_X86_64);
	m.header.e_ident[EI_CLASS] = ELFCLASS32;
	expect_refusal(elf_finish(&m), "wrong-arch", "for x32");
	elf_start(&m, ET_REL, EM_S390 << 8);
	m.header.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refusal(elf_finish(&m), "wrong-arch", "for s390x");
}

static void a_freebsd_module_is_known_by_its_brand_or_its_linker_sets(void **state)
{
	struct elf_maker m;

	(void)state;
	elf_start(&m, ET_REL, EM_X86_64);
	m.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
	expect_refusal(elf_finish(&m), "wrong-os", "FreeBSD");
	elf_start(&m, ET_REL, EM_X86_64);
	elf_section(&m, "set_modmetadata_set", SHT_PROGBITS, "12345678", 8);
	expect_refusal(elf_finish(&m), "wrong-os", "FreeBSD");
}

static void a_program_is_no_module_and_neither_is_one_object_of_a_module(void **state)
{
	struct elf_maker m;

	(void)state;
	elf_start(&m, ET_EXEC, EM_X86_64);
	expect_refusal(elf_finish(&m), "not-a-module", "but not a kernel module");
	elf_start(&m, ET_REL, EM_X86_64);
	elf_section(&m, ".modinfo", SHT_PROGBITS, info, sizeof info);
	expect_refusal(elf_finish(&m), "not-a-module", "one object file of a module");
}

static void control_bytes_in_a_module_do_not_reach_the_terminal(void **state)
{
	static const char evil[] = "license=\033[31mGPL\n";
	struct elf_maker m;
	AUTO_BUF struct buf b = {0};
	struct ko ko;

	(void)state;
	elf_start(&m, ET_REL, EM_X86_64);
	elf_section(&m, ".modinfo", SHT_PROGBITS, evil, sizeof evil);
	b = elf_finish(&m);
	ko = read_ko(&b);
	assert_string_equal(ko.license, "?[31mGPL?");
	ko_free(&ko);
}

static void the_file_name_gives_the_modules_name(void **state)
{
	static const char *const names[][2] = {{"/lib/snd-hda-intel.ko.xz", "snd_hda_intel"},
		{"hello.ko", "hello"}, {"a.b.ko", "a.b"}, {"my.kobold.ko.zst", "my.kobold"},
		{"hello", "hello"}, {"dir/", ""}, {".ko", ".ko"}};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO_FREE char *name = ko_module_name(names[i][0]);

		assert_string_equal(name, names[i][1]);
	}
}

/* A module of which only name, needs and exports matter; "" for none. */
static struct ko sketch(const char *name, const char *depends, const char *takes, const char *gives)
{
	struct ko ko = {.kind = KO_LINUX, .name = xstrdup(name)};

	if (*depends)
		strv_add(&ko.depends, depends);
	if (*takes)
		strv_add(&ko.undefined, takes);
	if (*gives)
		strv_add(&ko.exports, gives);
	return ko;
}

static int order_of(struct ko *kos, size_t n, size_t *order, struct error *err)
{
	const struct ko *pointers[8];
	int r;

	for (size_t i = 0; i < n; i++)
		pointers[i] = &kos[i];
	r = ko_order(pointers, n, order, err);
	for (size_t i = 0; i < n; i++)
		ko_free(&kos[i]);
	return r;
}

static void modules_are_loaded_after_those_they_depend_on(void **state)
{
	struct ko kos[] = {sketch("top", "mid-dle", "", ""), sketch("middle2", "", "", ""),
		sketch("mid_dle", "base", "", ""), sketch("base", "not_given", "", "")};
	struct error err;
	size_t order[4];

	(void)state;
	assert_int_equal(order_of(kos, 4, order, &err), 0);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 0);
	assert_int_equal(order[3], 1);
}

static void without_depends_the_symbols_tell(void **state)
{
	struct ko kos[] = {
		sketch("taker", "", "given_fn", ""), sketch("giver", "", "printk", "given_fn")};
	struct error err;
	size_t order[2];

	(void)state;
	assert_int_equal(order_of(kos, 2, order, &err), 0);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 0);
}

static void modules_that_do_not_care_keep_their_order(void **state)
{
	struct ko kos[] = {
		sketch("c", "", "", ""), sketch("a", "", "", ""), sketch("b", "", "", "")};
	struct error err;
	size_t order[3];

	(void)state;
	assert_int_equal(order_of(kos, 3, order, &err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(order[i], i);
}

static void a_circle_is_an_error_that_names_those_in_it(void **state)
{
	struct ko kos[] = {sketch("outside", "a", "", ""), sketch("a", "b", "", ""),
		sketch("b", "", "c_fn", ""), sketch("c", "a", "", "c_fn")};
	struct error err;
	size_t order[4];

	(void)state;
	assert_int_equal(order_of(kos, 4, order, &err), -ELOOP);
	assert_non_null(strstr(err.text, "the modules a, b and c need each other"));
	assert_null(strstr(err.text, "outside"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_tells_its_name_licence_and_vermagic),
		cmocka_unit_test(a_module_tells_its_parameters_with_type_and_description),
		cmocka_unit_test(a_module_tells_what_it_needs_and_what_it_gives),
		cmocka_unit_test(a_signature_after_the_end_is_no_damage),
		cmocka_unit_test(a_module_cut_off_anywhere_is_damaged_and_never_read_beyond),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(a_linux_module_is_not_refused),
		cmocka_unit_test(what_is_no_elf_file_is_not_a_module),
		cmocka_unit_test(a_damaged_file_is_called_so),
		cmocka_unit_test(a_module_for_another_processor_is_named_with_it),
		cmocka_unit_test(a_freebsd_module_is_known_by_its_brand_or_its_linker_sets),
		cmocka_unit_test(a_program_is_no_module_and_neither_is_one_object_of_a_module),
		cmocka_unit_test(control_bytes_in_a_module_do_not_reach_the_terminal),
		cmocka_unit_test(the_file_name_gives_the_modules_name),
		cmocka_unit_test(modules_are_loaded_after_those_they_depend_on),
		cmocka_unit_test(without_depends_the_symbols_tell),
		cmocka_unit_test(modules_that_do_not_care_keep_their_order),
		cmocka_unit_test(a_circle_is_an_error_that_names_those_in_it),
	};

	return cmocka_run_group_tests_name("ko", tests, NULL, NULL);
}
