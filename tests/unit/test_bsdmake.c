/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a FreeBSD module's directory is known, built and read. Where this machine has the compiler and
 * KMODLAB_FREEBSD_SRC names a usr/src of FreeBSD, real modules are built as well.
 */
#include "home.h"

#include "build/build.h"
#include "build/manifest.h"
#include "build/system.h"
#include "check/ko.h"

static int prepare(void **state)
{
	AUTO_FREE char *cache = NULL;

	if (set_up(state))
		return -1;
	cache = in_home("cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static bool is_source(const char *makefile)
{
	AUTO_FREE char *dir = in_home("mod");

	put("mod/Makefile", makefile);
	return build_is_source(dir, TARGET_FREEBSD, NULL);
}

static void a_makefile_is_known_by_what_it_includes(void **state)
{
	(void)state;
	assert_true(is_source("KMOD=hello\nSRCS=hello.c\n.include <bsd.kmod.mk>\n"));
	assert_true(is_source("KMOD=hello\n.include <bsd.kld.mk>\n"));
	assert_true(is_source("KMOD=hello\n.include \"${SYSDIR}/conf/kmod.mk\"\n"));
	assert_true(is_source("KMOD=\thello\n.include \"../Makefile.inc\"\n"));
	assert_false(is_source("obj-m := hello.o\n"));
	assert_false(is_source("# .include <bsd.kmod.mk>\nall:\n"));
	assert_false(is_source("PROG=hello\n.include <bsd.prog.mk>\n"));
}

static void the_file_for_bsd_comes_before_the_one_for_gnu(void **state)
{
	(void)state;
	put("mod/BSDmakefile", "KMOD=hello\n.include <bsd.kmod.mk>\n");
	assert_true(is_source("obj-m := hello.o\n"));
}

static void subdirectories_count_where_the_makefile_goes_into_them(void **state)
{
	(void)state;
	put("mod/drivers/one/Makefile", "KMOD=one\n.include <bsd.kmod.mk>\n");
	put("mod/drivers/Makefile", "SUBDIR=one\n.include <bsd.subdir.mk>\n");
	assert_true(is_source("SUBDIR=drivers\n.include <bsd.subdir.mk>\n"));
	assert_false(is_source("all:\n"));
	put("mod/drivers/one/Makefile", "PROG=one\n");
	assert_false(is_source("SUBDIR=drivers\n.include <bsd.subdir.mk>\n"));
}

static void a_directory_that_is_no_modules_is_refused_with_what_was_looked_for(void **state)
{
	AUTO_FREE char *dir = in_home("mod"), *above = in_home(""), *none = in_home("none");
	struct error why;

	(void)state;
	assert_true(is_source("KMOD=hello\n.include <bsd.kmod.mk>\n"));
	assert_false(build_is_source(above, TARGET_FREEBSD, &why));
	assert_says(why, "/mod is");
	assert_false(build_is_source(none, TARGET_FREEBSD, &why));
	assert_says(why, "is not a directory");
	put("mod/Makefile", "obj-m := a.o\n");
	assert_false(build_is_source(dir, TARGET_FREEBSD, &why));
	assert_says(why, "is the source of a Linux module");
	put("mod/Makefile", "all:\n");
	assert_false(build_is_source(dir, TARGET_FREEBSD, &why));
	assert_says(why, "does not include bsd.kmod.mk");
	put("other/x", "");
	free(dir);
	dir = in_home("other");
	assert_false(build_is_source(dir, TARGET_FREEBSD, &why));
	assert_says(why, "it has no Makefile");
}

static void a_build_starts_without_the_products_of_the_last(void **state)
{
	static const char *const products[] = {
		"src/a.ko", "src/a.ko.full", "src/a.ko.debug", "src/sub/b.kld", NULL};
	AUTO_FREE char *src = in_home("src");

	(void)state;
	for (size_t i = 0; products[i]; i++)
		put(products[i], "");
	put("src/a.o", "");
	put("src/sub/a.kobold", "");
	bsdmake_system.forget(src, src, RECIPE_OWN);
	for (size_t i = 0; products[i]; i++)
		assert_false(exists(products[i]));
	assert_true(exists("src/a.o"));
	assert_true(exists("src/sub/a.kobold"));
}

static void the_modules_come_by_name_and_each_once(void **state)
{
	AUTO_FREE char *src = in_home("src");
	AUTO_STRV struct strv paths = {0};

	(void)state;
	put("src/top/top.ko", "");
	put("src/base/base.ko", "");
	put("src/top/copy/top.ko", "");
	put("src/top/top.ko.debug", "");
	bsdmake_system.products(src, "/x", RECIPE_OWN, &paths);
	assert_int_equal(paths.n, 2);
	assert_string_equal(paths.v[0], "base/base.ko");
	assert_string_equal(paths.v[1], "top/top.ko");
}

static void what_a_build_in_the_users_directory_left_stays_there(void **state)
{
	AUTO_FREE char *dir = in_home("mod");
	struct manifest m;
	struct error err;

	(void)state;
	put("mod/Makefile", "");
	put("mod/hello.c", "");
	put("mod/shipped.o", "");
	put("mod/opt_global.h", "");
	put("mod/hello.o", "");
	put("mod/.depend.hello.o", "");
	put("mod/export_syms", "");
	put("mod/hello.ko", "");
	put("mod/hello.ko.full", "");
	put("mod/hello.ko.debug", "");
	put_link("mod/machine", "/usr/src/sys/amd64/include");
	put_link("mod/x86", "/usr/src/sys/x86/include");
	assert_int_equal(manifest_scan(dir, &m, &err), 0);
	for (size_t i = 0; i < m.n; i++)
		if (strcmp(m.items[i].path, "Makefile") && strcmp(m.items[i].path, "hello.c") &&
			strcmp(m.items[i].path, "shipped.o") &&
			strcmp(m.items[i].path, "opt_global.h"))
			fail_msg("%s is copied", m.items[i].path);
	assert_int_equal(m.n, 4);
	manifest_free(&m);
}

/* ---- what it prints ---- */

static struct finding diagnose(struct findings *found, const char *log)
{
	AUTO_FREE char *dir = in_home("mod");
	struct target t = {.os = TARGET_FREEBSD, .release = "14.0-RELEASE", .name = "freebsd:14.0"};

	*found = (struct findings){0};
	build_diagnose(log, "/inside", dir, &t, found);
	if (found->n != 1)
		fail_msg("%zu findings in: %s", found->n, log);
	return found->items[0];
}

static void expect(const char *log, const char *rule, const char *file, unsigned line,
	const char *message, const char *advice)
{
	AUTO_FREE char *path = in_home(file);
	struct findings found;
	struct finding f = diagnose(&found, log);

	assert_string_equal(f.rule, rule);
	assert_string_equal(f.file ? f.file : "", *file ? path : "");
	assert_int_equal(f.line, line);
	assert_string_equal(f.message, message);
	if (!strstr(f.advice ? f.advice : "", advice))
		fail_msg("\"%s\" does not say \"%s\"", f.advice, advice);
	findings_free(&found);
}

static void bmakes_own_errors_name_the_users_line(void **state)
{
	(void)state;
	put("mod/Makefile", "KMOD=a\nSRCS=a.c absent.c\n");
	expect("bmake: \"/inside/Makefile\" line 3: Could not find x.mk\n"
	       "bmake: Fatal errors encountered -- cannot continue\n"
	       "bmake: stopped in /inside\n",
		"make-error", "mod/Makefile", 3, "Could not find x.mk", "share/mk");
	expect("bmake: \"/inside/Makefile\" line 4: Need an operator\n", "make-error",
		"mod/Makefile", 4, "Need an operator", "begin with a tab");
	expect("bmake: don't know how to make absent.c. Stop\n\nbmake: stopped in /inside\n",
		"make-error", "mod/Makefile", 2, "don't know how to make absent.c",
		"has no such file");
	expect("bmake: don't know how to make absent.c (continuing)\n", "make-error",
		"mod/Makefile", 2, "don't know how to make absent.c", "has no such file");
	expect("bmake: \"/inside/Makefile\" line 5: warning: odd\n", "make-warning", "mod/Makefile",
		5, "odd", "");
	expect("bmake: no target to make.\n", "make-error", "", 0, "no target to make.", "");
}

static void a_makefile_in_a_subdirectory_is_the_one_meant(void **state)
{
	(void)state;
	put("mod/Makefile", "SUBDIR=sub # absent.c\n");
	put("mod/sub/Makefile", "\n\nSRCS=absent.c\n");
	expect("bmake[1]: Entering directory `/inside/sub'\n"
	       "bmake[1]: don't know how to make absent.c. Stop\n",
		"make-error", "mod/sub/Makefile", 3, "don't know how to make absent.c", "");
}

static void advice_is_freebsds(void **state)
{
	(void)state;
	put("mod/a.c", "");
	expect("/inside/a.c:1:10: fatal error: 'stdio.h' file not found\n", "compiler-error",
		"mod/a.c", 1, "'stdio.h' file not found", "<sys/systm.h>");
	expect("/inside/a.c:1:10: fatal error: 'pci_if.h' file not found\n", "compiler-error",
		"mod/a.c", 1, "'pci_if.h' file not found", "add pci_if.h to SRCS");
	expect("/inside/a.c:2:2: error: implicit declaration of function 'kmalloc' is invalid\n",
		"compiler-error", "mod/a.c", 2,
		"implicit declaration of function 'kmalloc' is invalid", "malloc(9)");
	/* The kernel does have printf, and Linux's advice would be wrong. */
	expect("/inside/a.c:2:2: error: call to undeclared function 'printk'; ISO C99\n",
		"compiler-error", "mod/a.c", 2, "call to undeclared function 'printk'; ISO C99",
		"printf(9)");
}

static void a_duplicate_symbol_is_placed_where_it_is_defined(void **state)
{
	(void)state;
	expect("ld.lld: error: duplicate symbol: both\n>>> defined at a.c:10\n"
	       ">>>            a.o:(both)\n>>> defined at b.c:4\n>>>            b.o:(both)\n"
	       "*** [a.ko.full] Error code 1\n",
		"linker-error", "mod/a.c", 10, "duplicate symbol: both", "make it static");
}

/* ---- real builds ---- */

static const char *sources(void)
{
	const char *src = getenv("KMODLAB_FREEBSD_SRC");
	char *clang = path_program("clang"), *bmake = path_program("bmake");
	bool there = clang && bmake;

	/* skip() does not come back, so nothing may be left to free. */
	free(clang);
	free(bmake);
	if (!src || !there)
		skip();
	return src;
}

static struct build build(const char *src)
{
	AUTO_FREE char *dir = in_home("mod");
	struct target t = {.name = "freebsd:14.0",
		.os = TARGET_FREEBSD,
		.arch = "amd64",
		.release = "14.0-RELEASE",
		.root = "/",
		.build = (char *)src};
	struct build b;
	struct error err;

	if (build_module(dir, &t, 60000, &b, &err))
		fail_msg("%s", err.text);
	if (b.findings.n)
		fail_msg("%s", b.findings.items[0].message);
	assert_true(b.ok);
	return b;
}

/* clang-format off */
#define MODULE(name)                                                                               \
	"#include <sys/param.h>\n#include <sys/kernel.h>\n#include <sys/module.h>\n"               \
	"#include <sys/systm.h>\n"                                                                 \
	"static int ev(module_t m, int w, void *a) { return (w == MOD_LOAD ? 0 : EOPNOTSUPP); }\n" \
	"static moduledata_t mod = { \"" #name "\", ev, NULL };\n"                                 \
	"DECLARE_MODULE(" #name ", mod, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\n"                       \
	"MODULE_VERSION(" #name ", 1);\n"
/* clang-format on */

static void a_module_is_built_trimmed_and_not_built_twice(void **state)
{
	const char *src = sources();
	struct build b;
	struct ko ko;

	(void)state;
	put("mod/Makefile", "KMOD=one\nSRCS=one.c\n.include <bsd.kmod.mk>\n");
	put("mod/one.c", MODULE(one) "int global(void);\nint global(void) { return (1); }\n");
	b = build(src);
	assert_true(b.rebuilt);
	assert_int_equal(b.modules.n, 1);
	assert_string_equal(b.modules.items[0].name, "one");
	assert_non_null(b.modules.items[0].debug);
	ko_read(b.modules.items[0].bytes, b.modules.items[0].len, "one.ko", &ko);
	assert_int_equal(ko.kind, KO_FREEBSD);
	assert_true(ko_declares(&ko, "one"));
	assert_int_equal(ko.exports.n, 0); /* trimmed, as EXPORT_SYMS is not set */
	ko_free(&ko);
	build_free(&b);
	b = build(src);
	assert_false(b.rebuilt);
	assert_int_equal(b.modules.n, 1);
	build_free(&b);
}

static void sources_interfaces_and_headers_are_made(void **state)
{
	const char *src = sources();
	struct build b;

	(void)state;
	put("mod/Makefile",
		"KMOD=many\nSRCS=many.c two.c mine_if.c mine_if.h device_if.h bus_if.h "
		"vnode_if.h opt_inet.h\nDPSRCS=gen.h\n"
		"gen.h: gen.awk\n\t${AWK} -f ${.CURDIR}/gen.awk > ${.TARGET}\n"
		".include <bsd.kmod.mk>\n");
	put("mod/gen.awk", "BEGIN { print \"#define ANSWER 42\" }\n");
	put("mod/mine_if.m",
		"#include <sys/bus.h>\nINTERFACE mine;\n"
		"METHOD int poke { device_t dev; };\n");
	put("mod/many.c",
		"#include \"opt_inet.h\"\n" MODULE(many) "#include <sys/bus.h>\n"
							 "#include \"mine_if.h\"\n");
	put("mod/two.c",
		"#include \"gen.h\"\nint two(void);\nint two(void) { return (ANSWER); }\n");
	b = build(src);
	assert_int_equal(b.modules.n, 1);
	build_free(&b);
}

static void modules_in_subdirectories_are_all_found(void **state)
{
	const char *src = sources();
	struct build b;

	(void)state;
	put("mod/Makefile", "SUBDIR=base top\n.include <bsd.subdir.mk>\n");
	put("mod/base/Makefile", "KMOD=base\nSRCS=base.c\n.include <bsd.kmod.mk>\n");
	put("mod/top/Makefile", "KMOD=top\nSRCS=top.c\n.include <bsd.kmod.mk>\n");
	put("mod/base/base.c", MODULE(base));
	put("mod/top/top.c", MODULE(top) "MODULE_DEPEND(top, base, 1, 1, 1);\n");
	b = build(src);
	assert_int_equal(b.modules.n, 2);
	assert_string_equal(b.modules.items[1].name, "top");
	build_free(&b);
}

static void a_target_without_its_sources_is_an_error(void **state)
{
	const char *src = sources();
	AUTO_FREE char *dir = in_home("mod"), *empty = in_home("empty");
	struct target t = {.name = "freebsd:14.0",
		.os = TARGET_FREEBSD,
		.arch = "amd64",
		.release = "14.0-RELEASE",
		.root = empty,
		.build = "/usr/src"};
	struct build b;
	struct error err;

	(void)state;
	(void)src;
	assert_true(is_source("KMOD=hello\n.include <bsd.kmod.mk>\n"));
	assert_int_equal(build_module(dir, &t, 60000, &b, &err), -EINVAL);
	assert_says(err, "has lost its kernel's sources");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_makefile_is_known_by_what_it_includes),
		TEST(the_file_for_bsd_comes_before_the_one_for_gnu),
		TEST(subdirectories_count_where_the_makefile_goes_into_them),
		TEST(a_directory_that_is_no_modules_is_refused_with_what_was_looked_for),
		TEST(a_build_starts_without_the_products_of_the_last),
		TEST(the_modules_come_by_name_and_each_once),
		TEST(what_a_build_in_the_users_directory_left_stays_there),
		TEST(bmakes_own_errors_name_the_users_line),
		TEST(a_makefile_in_a_subdirectory_is_the_one_meant),
		TEST(advice_is_freebsds),
		TEST(a_duplicate_symbol_is_placed_where_it_is_defined),
		TEST(a_module_is_built_trimmed_and_not_built_twice),
		TEST(sources_interfaces_and_headers_are_made),
		TEST(modules_in_subdirectories_are_all_found),
		TEST(a_target_without_its_sources_is_an_error),
	};

	return cmocka_run_group_tests_name("bsdmake", tests, NULL, NULL);
}
