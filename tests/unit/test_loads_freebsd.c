/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a FreeBSD target's kernel would load a module, by the target's own files. */
#include "loads.h"

#include "make_kld.h"

enum { KLD_DEPEND = 1, KLD_MODULE = 2, KLD_VERSION = 3 };

/* The symbols of a file that finish() makes: printf is this one. */
#define PRINTF 4

static void use_printf(struct kld_maker *m)
{
	Elf64_Rela r = {0, ELF64_R_INFO(PRINTF, R_X86_64_PLT32), -4};

	buf_add(&m->rela_data, &r, sizeof r);
}

static void put_bytes(const char *path, struct buf b)
{
	AUTO_FREE char *file = in_home(path);
	struct error err;

	put(path, "");
	assert_int_equal(path_write(file, b.data, b.len, &err), 0);
	buf_free(&b);
}

static int prepare(void **state)
{
	struct kld_maker m;

	if (set_up(state))
		return -1;
	put("symbols", "copyin\nprintf\n");
	start(&m, ET_EXEC);
	add_metadata(&m, KLD_VERSION, "kernel", (int32_t[]){1400097}, 1);
	add_metadata(&m, KLD_VERSION, "pci", (int32_t[]){1}, 1);
	put_bytes("modules/kernel", finish(&m));
	start(&m, ET_REL);
	add_metadata(&m, KLD_VERSION, "sound", (int32_t[]){5}, 1);
	add_metadata(&m, KLD_MODULE, "bare", NULL, 0);
	put_bytes("modules/sound.ko", finish(&m));
	return 0;
}

/* A module that needs that, and uses printf if `uses`. */
static struct findings check_kld(const char *needs, int least, int preferred, int most, bool uses)
{
	struct kld_maker m;
	AUTO_BUF struct buf b = {0};

	start(&m, ET_REL);
	add_metadata(&m, KLD_MODULE, "hello", NULL, 0);
	add_metadata(&m, KLD_DEPEND, needs, (int32_t[]){least, preferred, most}, 3);
	if (uses)
		use_printf(&m);
	b = finish(&m);
	return check_bytes(&b, TARGET_FREEBSD, NULL, 0, NULL);
}

static void a_freebsd_kernel_takes_what_is_in_its_range(void **state)
{
	(void)state;
	expect_loads(check_kld("kernel", 1400000, 1400000, 1499999, true));
	expect_loads(check_kld("pci", 1, 1, 1, true));
	expect_loads(check_kld("sound", 3, 5, 5, true));
	expect_loads(check_kld("hello", 1, 1, 1, true));
	expect(check_kld("kernel", 1300000, 1300000, 1399999, true), "kernel-version",
		SEVERITY_ERROR, "it takes 1300000 to 1399999, and this is 1400097");
}

static void modules_are_to_be_there_in_the_right_version(void **state)
{
	(void)state;
	expect(check_kld("nosuch", 1, 1, 1, false), "dependency-missing", SEVERITY_ERROR,
		"depends on the module nosuch, which is not available");
	expect(check_kld("pci", 2, 2, 3, false), "dependency-missing", SEVERITY_ERROR,
		"in the versions 2 to 3, and it is there in version 1");
	expect(check_kld("sound", 6, 6, 7, false), "dependency-missing", SEVERITY_ERROR,
		"is there in version 5");
	expect(check_kld("bare", 1, 1, 1, false), "dependency-missing", SEVERITY_ERROR,
		"which has no version");
}

static void a_freebsd_symbol_is_missed_only_if_code_uses_it(void **state)
{
	(void)state;
	put("symbols", "copyin\nsprintf\n");
	expect_loads(check_kld("kernel", 1, 1, 9999999, false));
	expect(check_kld("kernel", 1, 1, 9999999, true), "symbol-unknown", SEVERITY_ERROR,
		"hello uses printf");
}

static void a_module_that_is_depended_on_gives_its_static_symbols_too(void **state)
{
	struct kld_maker m;
	struct buf b;

	(void)state;
	put("symbols", "copyin\n");
	start(&m, ET_REL);
	add_metadata(&m, KLD_VERSION, "giver", (int32_t[]){1}, 1);
	b = finish(&m);
	memcpy(memmem(b.data, b.len, "not_for_others", 14), "printf", 7);
	put_bytes("modules/giver.ko", b);
	expect_loads(check_kld("giver", 1, 1, 1, true));
}

static void a_module_beside_it_is_to_be_depended_on(void **state)
{
	char *exports[] = {(char *)"printf", NULL};
	struct ko_module declares = {.name = (char *)"other", .version = 3};
	struct ko beside = {.kind = KO_FREEBSD,
		.name = (char *)"other",
		.declares = &declares,
		.ndeclares = 1,
		.exports = {.v = exports, .n = 1}};

	(void)state;
	put("symbols", "copyin\n");
	for (int depends = 0; depends < 2; depends++) {
		AUTO_BUF struct buf b = {0};
		struct findings f;
		struct kld_maker m;

		start(&m, ET_REL);
		add_metadata(&m, KLD_MODULE, "hello", NULL, 0);
		if (depends)
			add_metadata(&m, KLD_DEPEND, "other", (int32_t[]){3, 3, 3}, 3);
		use_printf(&m);
		b = finish(&m);
		f = check_bytes(&b, TARGET_FREEBSD, &beside, 1, NULL);
		if (depends) {
			expect_loads(f);
			continue;
		}
		assert_non_null(strstr(find(&f, "symbol-unknown")->advice,
			"MODULE_DEPEND(hello, other, 3, 3, 3)"));
		expect(f, "symbol-unknown", SEVERITY_ERROR, "in the module other");
	}
}

static void a_file_that_declares_no_module_is_told_of(void **state)
{
	struct kld_maker m;
	AUTO_BUF struct buf b = {0};

	(void)state;
	start(&m, ET_REL);
	m.elf.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
	b = finish(&m);
	expect(check_bytes(&b, TARGET_FREEBSD, NULL, 0, NULL), "module-undeclared",
		SEVERITY_WARNING, "declares no module");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_freebsd_kernel_takes_what_is_in_its_range),
		TEST(modules_are_to_be_there_in_the_right_version),
		TEST(a_freebsd_symbol_is_missed_only_if_code_uses_it),
		TEST(a_module_that_is_depended_on_gives_its_static_symbols_too),
		TEST(a_module_beside_it_is_to_be_depended_on),
		TEST(a_file_that_declares_no_module_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
