/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a Linux target's kernel would load a module, by the target's own files. */
#include "loads.h"

#include "check/exports.h"
#include "make_elf.h"
#include "target/registry.h"

static const char symvers[] =
	"0x11111111\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x12345678\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x12345679\tschedule_timeout\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x1234567a\tsynchronize_rcu\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"
	"0x1234567b\tusb_register\tdrivers/usb/core/usb-core\tEXPORT_SYMBOL_GPL\t\n"
	"0x1234567c\tdma_buf_put\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n"
	"0x1234567d\tdma_buf_get\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n"
	"0x1234567e\tkvm_thing\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:kvm,kvm-in*\n"
	"0x00000000\tmemcpy\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x12345680\tlast_one\tvmlinux\tEXPORT_SYMBOL";

#define MAGIC "6.1.0 SMP preempt mod_unload modversions "
#define CONFIG                                                                                     \
	"CONFIG_SMP=y\nCONFIG_PREEMPT_BUILD=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_MODVERSIONS=y\n"

/* A module to be made. A NULL is the usual. */
struct making {
	const char *name, *license, *magic, *depends, *import;
	const char *uses[12];	 /* each in the right version */
	const char *differing;	 /* used, in another version */
	const char *unversioned; /* used, in no version */
	const char *exports;
	uint32_t layout; /* 0: the right version of module_layout */
	bool no_license, no_magic, no_versions, long_versions, no_init, no_exit;
};

static uint32_t right_version(const char *symbol)
{
	const char *at = strstr(symvers, symbol);

	return at ? (uint32_t)strtoul(at - 11, NULL, 16) : 0;
}

static void add_version(
	struct buf *plain, struct buf *crcs, struct buf *names, const char *symbol, uint32_t crc)
{
	char entry[64] = {0};

	memcpy(entry, &crc, sizeof crc);
	strcpy(entry + 8, symbol);
	buf_add(plain, entry, sizeof entry);
	buf_add(crcs, &crc, sizeof crc);
	buf_add(names, symbol, strlen(symbol) + 1);
}

static void add_info(struct buf *info, const char *tag, const char *value)
{
	buf_addf(info, "%s=%s", tag, value);
	buf_add(info, "", 1);
}

static struct buf make(const struct making *q)
{
	AUTO_BUF struct buf info = {0}, plain = {0}, crcs = {0}, names = {0};
	char this_module[64] = {0};
	struct elf_maker m;

	add_info(&info, "name", q->name ?: "hello");
	if (!q->no_license)
		add_info(&info, "license", q->license ?: "GPL");
	if (!q->no_magic)
		add_info(&info, "vermagic", q->magic ?: MAGIC);
	add_info(&info, "depends", q->depends ?: "");
	if (q->import)
		add_info(&info, "import_ns", q->import);
	add_version(&plain, &crcs, &names, "module_layout", q->layout ?: 0x11111111);
	for (size_t i = 0; q->uses[i]; i++)
		if (right_version(q->uses[i]))
			add_version(&plain, &crcs, &names, q->uses[i], right_version(q->uses[i]));
	if (q->differing)
		add_version(&plain, &crcs, &names, q->differing, 0xdeadbeef);
	elf_start(&m, ET_REL, EM_X86_64);
	elf_section(&m, ".modinfo", SHT_PROGBITS, info.data, info.len);
	elf_section(&m, ".gnu.linkonce.this_module", SHT_PROGBITS, this_module, sizeof this_module);
	if (q->long_versions) {
		elf_section(&m, "__version_ext_crcs", SHT_PROGBITS, crcs.data, crcs.len);
		elf_section(&m, "__version_ext_names", SHT_PROGBITS, names.data, names.len);
	} else if (!q->no_versions) {
		elf_section(&m, "__versions", SHT_PROGBITS, plain.data, plain.len);
	}
	if (!q->no_init)
		elf_symbol(&m, "init_module", STB_GLOBAL, 1);
	if (!q->no_exit)
		elf_symbol(&m, "cleanup_module", STB_GLOBAL, 1);
	for (size_t i = 0; q->uses[i]; i++)
		elf_symbol(&m, q->uses[i], STB_GLOBAL, SHN_UNDEF);
	if (q->differing)
		elf_symbol(&m, q->differing, STB_GLOBAL, SHN_UNDEF);
	if (q->unversioned)
		elf_symbol(&m, q->unversioned, STB_GLOBAL, SHN_UNDEF);
	elf_symbol(&m, "perhaps", STB_WEAK, SHN_UNDEF);
	if (q->exports) {
		AUTO_FREE char *name = xasprintf("__ksymtab_%s", q->exports);

		elf_symbol(&m, name, STB_LOCAL, 1);
	}
	return elf_finish(&m);
}

static struct findings check(const struct making *q)
{
	AUTO_BUF struct buf b = make(q);

	return check_bytes(&b, TARGET_LINUX, NULL, 0, NULL);
}

static int prepare(void **state)
{
	if (set_up(state))
		return -1;
	put("root/build/Module.symvers", symvers);
	put("root/build/include/config/auto.conf", CONFIG);
	put("symbols", "hidden_fn\nprintk\nschedule_timeout\nzzz\n");
	return 0;
}

#define MODULE(...) (&(struct making){__VA_ARGS__})
#define USES(...)   .uses = {__VA_ARGS__}

/* ---- Linux ---- */

static void what_the_kernel_takes_is_not_complained_of(void **state)
{
	(void)state;
	expect_loads(check(
		MODULE(USES("printk", "synchronize_rcu", "usb_register", "memcpy", "last_one"))));
	expect_loads(check(MODULE(USES("printk"), .long_versions = true)));
	expect_loads(check(MODULE(USES("dma_buf_put"), .import = "DMA_BUF")));
	expect_loads(check(MODULE(USES("printk"), .license = "Proprietary")));
	expect_loads(check(MODULE(USES("synchronize_rcu"), .license = "Dual MIT/GPL")));
	expect_loads(check(MODULE(.no_init = true, .no_exit = true, .exports = "mine")));
}

static void a_symbol_that_is_not_exported_is_named_with_its_neighbour(void **state)
{
	struct findings f = check(MODULE(USES("shcedule_timeout")));

	(void)state;
	assert_non_null(strstr(find(&f, "symbol-unknown")->advice, "schedule_timeout"));
	expect(f, "symbol-unknown", SEVERITY_ERROR,
		"hello uses shcedule_timeout, which this kernel");
	expect(check(MODULE(USES("hidden_fn"))), "symbol-unknown", SEVERITY_ERROR,
		"has but does not export");
}

static void of_many_such_symbols_the_last_ones_are_told_together(void **state)
{
	struct findings f =
		check(MODULE(USES("a_1", "a_2", "a_3", "a_4", "a_5", "a_6", "a_7", "a_8", "a_9")));
	const struct finding *last = NULL;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < f.n; i++)
		if (!strcmp(f.items[i].rule, "symbol-unknown")) {
			last = &f.items[i];
			n++;
		}
	assert_int_equal(n, 6);
	assert_string_equal(last->message,
		"hello uses 4 more symbols that it cannot have of this kernel: a_6, a_7, a_8 and "
		"a_9.");
	findings_free(&f);
}

static void another_target_that_has_the_symbol_is_named(void **state)
{
	AUTO_FREE char *root = in_home("other");
	const struct target other = {.name = (char *)"debian:other/cloud",
		.arch = (char *)"x86_64",
		.release = (char *)"9.9",
		.kernel = (char *)"/boot/vmlinuz",
		.root = root,
		.build = (char *)"/build",
		.added = (char *)"2026-01-01T00:00:00Z"};
	struct findings f;
	struct error err;

	(void)state;
	put("other/build/Module.symvers", "0x00000001\tnew_thing\tvmlinux\tEXPORT_SYMBOL\t\n");
	assert_int_equal(registry_write(&other, 0, &err), 0);
	f = check(MODULE(USES("new_thing")));
	assert_non_null(strstr(find(&f, "symbol-unknown")->advice, "LINUX_VERSION_CODE"));
	expect(f, "symbol-unknown", SEVERITY_ERROR, "The target debian:other/cloud has it.");
}

static void what_a_module_beside_it_exports_is_there(void **state)
{
	char *exports[] = {(char *)"from_beside", NULL};
	struct ko beside = {
		.kind = KO_LINUX, .name = (char *)"other", .exports = {.v = exports, .n = 1}};
	AUTO_BUF struct buf b = make(MODULE(USES("from_beside"), .depends = "other"));

	(void)state;
	expect_loads(check_bytes(&b, TARGET_LINUX, &beside, 1, NULL));
}

static void what_a_given_module_exports_is_there_if_it_is_depended_on(void **state)
{
	AUTO_BUF struct buf other = make(MODULE(.name = "o_ther", .exports = "from_given"));
	AUTO_BUF struct buf with = make(MODULE(USES("from_given"), .depends = "o-ther"));
	AUTO_FREE char *path = in_home("o-ther.ko");
	struct shelf *given = shelf_new();
	struct error err;

	(void)state;
	assert_int_equal(path_write(path, other.data, other.len, &err), 0);
	shelf_add(given, path, TARGET_LINUX);
	expect_loads(check_bytes(&with, TARGET_LINUX, NULL, 0, given));
	shelf_free(given);
	expect(check_bytes(&with, TARGET_LINUX, NULL, 0, NULL), "dependency-missing",
		SEVERITY_ERROR, "depends on the module o_ther");
}

static void a_missing_dependency_is_the_reason_for_missing_symbols(void **state)
{
	struct findings f =
		check(MODULE(USES("usb_register", "i2c_thing"), .depends = "usb-core,i2c"));

	(void)state;
	assert_int_equal(find(&f, "symbol-unknown")->severity, SEVERITY_NOTE);
	expect(f, "dependency-missing", SEVERITY_ERROR, "depends on the module i2c");
}

static void another_version_of_a_symbol_is_told(void **state)
{
	(void)state;
	for (int is_long = 0; is_long < 2; is_long++)
		expect(check(MODULE(USES("printk"), .differing = "schedule_timeout",
			       .long_versions = is_long)),
			"symbol-version", SEVERITY_ERROR,
			"hello was built against another version of the symbol schedule_timeout than");
	expect(check(MODULE(USES("printk"), .unversioned = "last_one")), "symbol-version",
		SEVERITY_ERROR, "does not say against which version of the symbol last_one");
}

static void a_version_is_not_compared_if_its_module_is_given_too(void **state)
{
	struct ko beside = {.kind = KO_LINUX, .name = (char *)"usb_core"};
	AUTO_BUF struct buf b = make(MODULE(.differing = "usb_register"));

	(void)state;
	expect(check_bytes(&b, TARGET_LINUX, NULL, 0, NULL), "symbol-version", SEVERITY_ERROR,
		"usb_register");
	expect_loads(check_bytes(&b, TARGET_LINUX, &beside, 1, NULL));
}

static void the_release_in_the_version_magic_counts_only_without_symbol_versions(void **state)
{
	(void)state;
	expect_loads(check(MODULE(.magic = "6.1.99-other SMP preempt mod_unload modversions ")));
	expect(check(MODULE(.magic = "6.1.99-other SMP preempt mod_unload modversions ",
		       .no_versions = true)),
		"vermagic", SEVERITY_ERROR,
		"its version magic is \"6.1.99-other SMP preempt mod_unload modversions\", this "
		"kernel's is \"6.1.0 SMP preempt mod_unload modversions\"");
	expect(check(MODULE(.magic = "6.1.0 SMP mod_unload modversions ")), "vermagic",
		SEVERITY_ERROR, "this kernel's is");
}

static void another_layout_is_another_kernel_or_another_version(void **state)
{
	(void)state;
	expect(check(MODULE(.layout = 1, .magic = "6.2.0 SMP preempt mod_unload modversions ")),
		"vermagic", SEVERITY_ERROR, "6.2.0");
	expect(check(MODULE(.layout = 1)), "symbol-version", SEVERITY_ERROR, "module_layout");
}

static void for_another_kernel_symbols_are_only_noted(void **state)
{
	struct findings f = check(MODULE(USES("other_one", "other_two"), .differing = "printk",
		.magic = "6.1.0 mod_unload modversions "));

	(void)state;
	assert_null(find(&f, "symbol-version"));
	assert_int_equal(find(&f, "symbol-unknown")->severity, SEVERITY_NOTE);
	expect(f, "vermagic", SEVERITY_ERROR, "for another kernel");
}

static void without_a_version_magic_it_depends_on_the_configuration(void **state)
{
	(void)state;
	expect(check(MODULE(.no_magic = true)), "vermagic", SEVERITY_ERROR, "refuses it");
	put("root/build/include/config/auto.conf", CONFIG "CONFIG_MODULE_FORCE_LOAD=y\n");
	expect(check(MODULE(.no_magic = true)), "vermagic", SEVERITY_WARNING, "tainted");
}

static void the_own_modules_tell_the_version_magic_best(void **state)
{
	AUTO_BUF struct buf own =
		make(MODULE(.magic = "6.1.0 SMP special mod_unload modversions "));
	AUTO_FREE char *path = in_home("modules/own.ko");
	struct error err;

	(void)state;
	put("modules/own.ko", "");
	assert_int_equal(path_write(path, own.data, own.len, &err), 0);
	expect(check(MODULE(.no_init = false)), "vermagic", SEVERITY_ERROR, "SMP special");
}

static void gpl_only_symbols_need_a_compatible_licence(void **state)
{
	(void)state;
	expect(check(MODULE(USES("synchronize_rcu", "printk", "usb_register"),
		       .license = "Proprietary")),
		"license-gpl", SEVERITY_ERROR, "synchronize_rcu and usb_register");
	expect(check(MODULE(USES("synchronize_rcu"), .no_license = true)), "license-gpl",
		SEVERITY_ERROR, "its licence is none");
}

static void a_licence_that_linux_does_not_know_is_told_with_what_was_meant(void **state)
{
	static const char *const cases[][2] = {{"GPLv2", "\"GPL\""}, {"gpl", "\"GPL\""},
		{"MIT", "\"Dual MIT/GPL\""}, {"BSD", "\"Dual BSD/GPL\""},
		{"Dual BSD/GPLv2", "\"Dual BSD/GPL\""}, {"GPL ", "\"GPL\""}};
	struct findings f;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO_FREE char *start = xasprintf("Write %s if", cases[i][1]);

		f = check(MODULE(USES("printk"), .license = cases[i][0]));
		if (strncmp(find(&f, "license-unknown")->advice, start, strlen(start)) != 0)
			fail_msg("%s: %s", cases[i][0], find(&f, "license-unknown")->advice);
		expect(f, "license-unknown", SEVERITY_WARNING, cases[i][0]);
	}
	f = check(MODULE(.license = "LGPL"));
	assert_int_equal(strncmp(find(&f, "license-unknown")->advice, "It knows", 8), 0);
	findings_free(&f);
	expect(check(MODULE(USES("synchronize_rcu"), .license = "GPLv2")), "license-gpl",
		SEVERITY_ERROR, "its licence is \"GPLv2\"");
}

static void namespaces_are_to_be_imported(void **state)
{
	(void)state;
	expect(check(MODULE(USES("dma_buf_put", "dma_buf_get"), .import = "OTHER")),
		"namespace-import", SEVERITY_ERROR,
		"hello uses dma_buf_put and dma_buf_get from the symbol namespace DMA_BUF without");
	put("root/build/include/config/auto.conf",
		CONFIG "CONFIG_MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS=y\n");
	expect(check(MODULE(USES("dma_buf_put"))), "namespace-import", SEVERITY_WARNING, "DMA_BUF");
}

static void some_exports_are_for_certain_modules_alone(void **state)
{
	(void)state;
	expect(check(MODULE(USES("kvm_thing"))), "namespace-import", SEVERITY_ERROR,
		"hello uses kvm_thing, which the kernel exports to kvm,kvm-in* alone");
	expect_loads(check(MODULE(USES("kvm_thing"), .name = "kvm")));
	expect_loads(check(MODULE(USES("kvm_thing"), .name = "kvm_intel")));
	expect(check(MODULE(USES("kvm_thing"), .name = "kvm2")), "namespace-import", SEVERITY_ERROR,
		"alone");
}

static void init_exit_and_exports_are_looked_at(void **state)
{
	(void)state;
	expect(check(MODULE(.no_exit = true)), "no-exit", SEVERITY_WARNING, "never be unloaded");
	expect(check(MODULE(.no_init = true)), "no-init", SEVERITY_NOTE, "exit but no init");
	expect(check(MODULE(.no_init = true, .no_exit = true)), "no-init", SEVERITY_WARNING,
		"never runs any of it");
	expect(check(MODULE(.exports = "printk")), "symbol-duplicate", SEVERITY_ERROR, "printk");
}

static void without_a_list_of_exports_nothing_is_claimed(void **state)
{
	(void)state;
	put("root/build/Module.symvers", "");
	expect_loads(check(MODULE(USES("no_such_thing"), .differing = "printk", .layout = 5)));
}

static void every_line_of_the_list_is_found_and_nothing_else(void **state)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *root = in_home("root");
	struct target t = {.os = TARGET_LINUX, .root = root, .build = (char *)"/build"};
	const struct exports *e;
	struct exported found;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_addf(&text, "0x%08x\tsymbol_%d\tdir/m-%d\tEXPORT_SYMBOL%s\tNS%d\n", i, i, i,
			i % 2 ? "_GPL" : "", i);
	buf_adds(&text, "0x1\tsymbol_7\tlater\tEXPORT_SYMBOL\n\n\t\nrubbish\n0x2\tx\ty\tz\n");
	put("root/build/Module.symvers", text.data);
	e = exports_of(&t);
	assert_non_null(e);
	assert_ptr_equal(e, exports_of(&t));
	assert_false(exports_have_versions(e));
	for (int i = 0; i < 5000; i++) {
		AUTO_FREE char *name = xasprintf("symbol_%d", i), *owner = NULL;
		AUTO_FREE char *expected = xasprintf("m_%d", i);

		assert_true(exports_find(e, name, &found));
		assert_int_equal(found.version, i);
		assert_int_equal(found.gpl, i % 2);
		owner = exports_owner_name(&found);
		assert_string_equal(owner, expected);
	}
	assert_false(exports_find(e, "symbol_5000", &found));
	assert_false(exports_find(e, "symbol_", &found));
	assert_false(exports_find(e, "x", &found));
	assert_false(exports_find(e, "", &found));
}

/* ---- hostile files ---- */

static void any_byte_of_a_module_may_be_wrong(void **state)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

	(void)state;
	for (int is_long = 0; is_long < 2; is_long++) {
		AUTO_BUF struct buf b = make(MODULE(USES("printk", "dma_buf_put"),
			.differing = "last_one", .long_versions = is_long));

		for (size_t i = 0; i < b.len; i++) {
			struct findings out = {0};
			char kept = b.data[i];
			struct ko ko;

			b.data[i] = (char)values[i % sizeof values];
			ko_read(b.data, b.len, "hello.ko", &ko);
			b.data[i] = kept;
			if (ko.kind == KO_LINUX) {
				char *copy = malloc(b.len);

				memcpy(copy, b.data, b.len);
				copy[i] = (char)values[i % sizeof values];
				out = check_bytes(&(struct buf){.data = copy, .len = b.len},
					TARGET_LINUX, NULL, 0, NULL);
				free(copy);
			}
			ko_free(&ko);
			findings_free(&out);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the other targets are read once in the life of a program. */
		TEST(another_target_that_has_the_symbol_is_named),
		TEST(what_the_kernel_takes_is_not_complained_of),
		TEST(a_symbol_that_is_not_exported_is_named_with_its_neighbour),
		TEST(of_many_such_symbols_the_last_ones_are_told_together),
		TEST(what_a_module_beside_it_exports_is_there),
		TEST(what_a_given_module_exports_is_there_if_it_is_depended_on),
		TEST(a_missing_dependency_is_the_reason_for_missing_symbols),
		TEST(another_version_of_a_symbol_is_told),
		TEST(a_version_is_not_compared_if_its_module_is_given_too),
		TEST(the_release_in_the_version_magic_counts_only_without_symbol_versions),
		TEST(another_layout_is_another_kernel_or_another_version),
		TEST(for_another_kernel_symbols_are_only_noted),
		TEST(without_a_version_magic_it_depends_on_the_configuration),
		TEST(the_own_modules_tell_the_version_magic_best),
		TEST(gpl_only_symbols_need_a_compatible_licence),
		TEST(a_licence_that_linux_does_not_know_is_told_with_what_was_meant),
		TEST(namespaces_are_to_be_imported),
		TEST(some_exports_are_for_certain_modules_alone),
		TEST(init_exit_and_exports_are_looked_at),
		TEST(without_a_list_of_exports_nothing_is_claimed),
		TEST(every_line_of_the_list_is_found_and_nothing_else),
		TEST(any_byte_of_a_module_may_be_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
