/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building again without make. Whatever the module's shape, the modules are those that a build from
 * nothing makes, byte for byte; and whatever else changes than the content of a source is make's.
 */
#include "rebuild.h"

#include "base/path.h"

#include <stdio.h>
#include <unistd.h>

#define HEAD "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"test\");\n"
#define TAIL                                                                                       \
	"static int __init i(void) { return VALUE & 0; }\nstatic void __exit x(void) { }\n"        \
	"module_init(i);\nmodule_exit(x);\n"

static const char *const systems[] = {BOOKWORM, TRIXIE};
/* ---- shapes ---- */

static void a_module_of_one_file(void **state)
{
	AUTO_FREE char *dir = source(
		"Makefile", "obj-m := one.o\n", "one.c", HEAD "#define VALUE 1\n" TAIL, NULL);

	(void)state;
	edit_replays(TRIXIE, dir, "one.c",
		HEAD "#define VALUE 2\nstatic int seen; module_param(seen, int, 0644);\n" TAIL);
}

static void a_module_with_a_version_has_the_sum_of_its_new_source(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := one.o\n", "one.c",
		HEAD "MODULE_VERSION(\"1\");\n#define VALUE 1\n" TAIL, NULL);

	(void)state;
	edit_replays(BOOKWORM, dir, "one.c", HEAD "MODULE_VERSION(\"1\");\n#define VALUE 2\n" TAIL);
}

static char *composite(void)
{
	return source("Makefile",
		"obj-m := whole.o\nwhole-y := a.o sub/b.o c.o\nccflags-y := -I$(src)\n", "a.c",
		HEAD
		"#include \"priv.h\"\nint b(int v);\nint c(int v);\n#define VALUE (b(1) + c(P))\n" TAIL,
		"sub/b.c", "#include \"priv.h\"\nint b(int v);\nint b(int v) { return v + P; }\n",
		"c.c", "int c(int v);\nint c(int v) { return v * 3; }\n", "priv.h", "#define P 1\n",
		NULL);
}

static void a_module_of_several_files_and_one_below(void **state)
{
	AUTO_FREE char *dir = composite();

	(void)state;
	edit_replays(TRIXIE, dir, "sub/b.c",
		"#include \"priv.h\"\nint b(int v);\nint b(int v) { return v - P; }\n");
}

static void a_header_of_its_own_makes_all_that_include_it_anew(void **state)
{
	AUTO_FREE char *dir = composite();
	struct build b;

	(void)state;
	edit_replays(BOOKWORM, dir, "priv.h", "#define P 42\n");
	lab_write(dir, "priv.h", "#define P 43\nint undeclared(void) { return 0; }\n");
	b = built(dir, TRIXIE);
	assert_false(b.replayed); /* two definitions of one function: make has the word */
	build_free(&b);
}

static void modules_that_use_each_others_symbols(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := giver.o taker.o\n", "giver.c",
		HEAD "int give(int v);\nint give(int v) { return v; }\nEXPORT_SYMBOL_GPL(give);\n"
		     "#define VALUE 1\n" TAIL,
		"taker.c", HEAD "int give(int v);\n#define VALUE give(1)\n" TAIL, NULL);

	(void)state;
	/* Another type: the version of the symbol changes, and what uses it is linked anew. */
	edit_replays(TRIXIE, dir, "giver.c",
		HEAD
		"long give(long v);\nlong give(long v) { return v; }\nEXPORT_SYMBOL_GPL(give);\n"
		"#define VALUE 1\n" TAIL);
	edit_replays(BOOKWORM, dir, "giver.c",
		HEAD "int give(int v);\nint give(int v) { return v; }\nEXPORT_SYMBOL_GPL(give);\n"
		     "int more(void);\nint more(void) { return 1; }\nEXPORT_SYMBOL(more);\n"
		     "#define VALUE 1\n" TAIL);
}

static void modules_in_directories_of_their_own(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := top.o below/\n", "top.c",
		HEAD "#define VALUE 1\n" TAIL, "below/Makefile", "obj-m := low.o\n", "below/low.c",
		HEAD "#define VALUE 1\n" TAIL, NULL);

	(void)state;
	edit_replays(BOOKWORM, dir, "below/low.c", HEAD "#define VALUE 2\nint low_more;\n" TAIL);
}

#define ASSEMBLER                                                                                  \
	"#include <linux/linkage.h>\nSYM_FUNC_START(three)\n\tmov $%s, %%eax\n\tRET\n"             \
	"SYM_FUNC_END(three)\n"

static void a_module_with_an_assembler_file(void **state)
{
	AUTO_FREE char *three = xasprintf(ASSEMBLER, "3"), *four = xasprintf(ASSEMBLER, "4");
	AUTO_FREE char *dir = source("Makefile", "obj-m := whole.o\nwhole-y := a.o three.o\n",
		"a.c", HEAD "int three(void);\n#define VALUE three()\n" TAIL, "three.S", three,
		NULL);

	(void)state;
	edit_replays(BOOKWORM, dir, "three.S", four);
	edit_replays(
		BOOKWORM, dir, "a.c", HEAD "int three(void);\n#define VALUE (three() + 1)\n" TAIL);
}

#define MANY                                                                                       \
	"static int p1; module_param(p1, int, 0444); MODULE_PARM_DESC(p1, \"it's one\");\n"        \
	"static char *p2 = \"x\"; module_param(p2, charp, 0);\n"                                   \
	"static int odd __attribute__((section(\".odd.data\"))) = 1;\n"                            \
	"static const char *text(void) { return \"text\"; }\n"                                     \
	"static int __initdata once = 3;\n"

static void parameters_and_sections(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := many.o\n", "many.c",
		HEAD MANY "#define VALUE (odd + once + !text())\n" TAIL, NULL);

	(void)state;
	edit_replays(BOOKWORM, dir, "many.c",
		HEAD MANY "static int p3[4]; module_param_array(p3, int, NULL, 0);\n"
			  "#define VALUE (odd + once + p3[0] + !text())\n" TAIL);
}

static void flags_of_all_kinds(void **state)
{
	AUTO_FREE char *dir = source("Makefile",
		"obj-m := flags.o\nccflags-y := -DNAME='\"it is \\# 5\"' -O1\n"
		"CFLAGS_flags.o := -DONE=\\\"1\\\"\n",
		"flags.c", HEAD "#define VALUE (sizeof NAME ONE)\n" TAIL, NULL);

	(void)state;
	edit_replays(BOOKWORM, dir, "flags.c",
		HEAD "#define VALUE (1 + sizeof NAME ONE)\nint more;\n" TAIL);
}

/* ---- what it says ---- */

static void warnings_of_all_files_show_every_time(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := whole.o\nwhole-y := a.o b.o\n", "a.c",
		HEAD "#define VALUE 1\nstatic int idle_a(void) { return 1; }\n" TAIL, "b.c",
		"int b(void);\nint b(void) { int idle_b; return 1; }\n", NULL);

	(void)state;
	struct build b;

	build_first(dir, TRIXIE);
	lab_write(dir, "a.c",
		HEAD "#define VALUE 2\nstatic int idle_again(void) { return 2; }\n" TAIL);
	b = built(dir, TRIXIE);
	assert_true(b.replayed);
	assert_non_null(strstr(b.log, "idle_again"));
	assert_non_null(strstr(b.log, "idle_b"));
	assert_null(strstr(b.log, "idle_a'"));
	assert_int_equal(b.findings.n, 2);
	build_free(&b);
}

/* An error: the findings are make's; and with it mended, all is right again. */
static void error_is_makes(const char *target, const char *wrong, const char *words)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := whole.o\nwhole-y := a.o b.o\n", "a.c",
		HEAD "int b(void);\n#define VALUE b()\n" TAIL, "b.c",
		"int b(void);\nint b(void) { return 1; }\n", NULL);

	struct build b, fresh;
	AUTO_FREE char *said = NULL, *anew = NULL;

	build_first(dir, target);
	lab_write(dir, "b.c", "%s", wrong);
	b = built(dir, target);
	fresh = from_nothing(dir, target);
	assert_false(b.ok || b.replayed || fresh.ok);
	said = findings_text(&b);
	anew = findings_text(&fresh);
	assert_string_equal(said, anew);
	assert_non_null(strstr(said, words));
	build_free(&b);
	build_free(&fresh);
	lab_write(dir, "b.c", "int b(void);\nint b(void) { return 5; }\n");
	expect(dir, target, false);
	lab_write(dir, "b.c", "int b(void);\nint b(void) { return 7; }\n");
	expect(dir, target, true);
}

static void an_error_in_the_source_is_told_as_make_tells_it(void **state)
{
	(void)state;
	error_is_makes(
		BOOKWORM, "int b(void);\nint b(void) { return undeclared; }\n", "undeclared");
}

static void an_unknown_symbol_is_told_as_make_tells_it(void **state)
{
	(void)state;
	error_is_makes(TRIXIE,
		"int b(void);\nint nowhere(void);\nint b(void) { return nowhere(); }\n", "nowhere");
}

/* ---- what is make's ---- */

static void falls_back(const char *target, const char *file, const char *content)
{
	AUTO_FREE char *dir = composite();

	build_first(dir, target);
	lab_write(dir, file, "%s", content);
	expect(dir, target, false);
}

static void another_makefile_is_makes(void **state)
{
	(void)state;
	falls_back(TRIXIE, "Makefile",
		"obj-m := whole.o\nwhole-y := a.o sub/b.o c.o\nccflags-y := -I$(src) -DMORE\n");
}

static void a_new_file_is_makes(void **state)
{
	(void)state;
	falls_back(BOOKWORM, "new.h", "#define NEW 1\n");
}

static void a_new_include_of_a_header_there_was_is_seen_from_then_on(void **state)
{
	AUTO_FREE char *dir = source("Makefile", "obj-m := one.o\n", "one.c",
		HEAD "#define VALUE 1\n" TAIL, "late.h", "#define LATE 1\n", NULL);

	(void)state;
	build_first(dir, BOOKWORM);
	lab_write(dir, "one.c",
		HEAD "#include \"late.h\"\n#define VALUE LATE\nint late = LATE;\n" TAIL);
	expect(dir, BOOKWORM, true);
	lab_write(dir, "late.h", "#define LATE 2\n");
	expect(dir, BOOKWORM, true);
}

static void a_makefile_that_looks_at_the_source_is_makes(void **state)
{
	AUTO_FREE char *dir = source("Makefile",
		"obj-m := one.o\nccflags-y := -DLINES=$(shell wc -l < $(src)/one.c)\n", "one.c",
		HEAD "#define VALUE 1\nint lines = LINES;\n" TAIL, NULL);

	(void)state;
	build_first(dir, TRIXIE);
	lab_write(dir, "one.c", HEAD "#define VALUE 1\n\n\n\nint lines = LINES;\n" TAIL);
	expect(dir, TRIXIE, false);
}

static void a_header_that_is_generated_is_makes(void **state)
{
	AUTO_FREE char *dir = source("Makefile",
		"obj-m := one.o\n$(obj)/one.o: $(obj)/made.h\n$(obj)/made.h: $(src)/seed.h\n"
		"\tsed s/SEED/MADE/ $< > $@\nclean-files := made.h\n",
		"seed.h", "#define SEED 1\n", "one.c",
		HEAD
		"#include \"seed.h\"\n#include \"made.h\"\n#define VALUE 1\nint made = MADE;\n" TAIL,
		NULL);

	(void)state;
	build_first(dir, BOOKWORM);
	lab_write(dir, "seed.h", "#define SEED 2\n");
	expect(dir, BOOKWORM, false);
}

static void make_finds_nothing_to_do_afterwards(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *dir = composite();
		struct build b;

		build_first(dir, systems[i]);
		lab_write(dir, "c.c", "int c(int v);\nint c(int v) { return v * 5; }\n");
		expect(dir, systems[i], true);
		lab_write(dir, "Makefile",
			"# The same.\nobj-m := whole.o\nwhole-y := a.o sub/b.o c.o\nccflags-y := -I$(src)\n");
		b = built(dir, systems[i]);
		assert_true(b.ok && b.rebuilt && !b.replayed);
		if (strstr(b.log, "CC [M]") || strstr(b.log, "LD [M]"))
			fail_msg("make had something to do:\n%s", b.log);
		build_free(&b);
	}
}

/* Marks every mirror as one in which something was at work when it died. */
static void dirty_all(const char *target_dir)
{
	AUTO_FREE char *command =
		xasprintf("for base in '%s'/*/src; do : >\"${base%%src}dirty\"; done", target_dir);

	assert_int_equal(system(command), 0);
}

static void a_build_that_was_killed_is_not_built_upon(void **state)
{
	AUTO_FREE char *cache = path_cache_dir();
	AUTO_FREE char *flat = target_flat_name(target_of(TRIXIE)->name);
	AUTO_FREE char *mirrors = xasprintf("%s/build/%s", cache, flat);
	AUTO_FREE char *dir = composite();

	(void)state;
	build_first(dir, TRIXIE);
	dirty_all(mirrors);
	lab_write(dir, "c.c", "int c(int v);\nint c(int v) { return v * 7; }\n");
	expect(dir, TRIXIE, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_of_one_file),
		cmocka_unit_test(a_module_with_a_version_has_the_sum_of_its_new_source),
		cmocka_unit_test(a_module_of_several_files_and_one_below),
		cmocka_unit_test(a_header_of_its_own_makes_all_that_include_it_anew),
		cmocka_unit_test(modules_that_use_each_others_symbols),
		cmocka_unit_test(modules_in_directories_of_their_own),
		cmocka_unit_test(a_module_with_an_assembler_file),
		cmocka_unit_test(parameters_and_sections),
		cmocka_unit_test(flags_of_all_kinds),
		cmocka_unit_test(warnings_of_all_files_show_every_time),
		cmocka_unit_test(an_error_in_the_source_is_told_as_make_tells_it),
		cmocka_unit_test(an_unknown_symbol_is_told_as_make_tells_it),
		cmocka_unit_test(another_makefile_is_makes),
		cmocka_unit_test(a_new_file_is_makes),
		cmocka_unit_test(a_new_include_of_a_header_there_was_is_seen_from_then_on),
		cmocka_unit_test(a_makefile_that_looks_at_the_source_is_makes),
		cmocka_unit_test(a_header_that_is_generated_is_makes),
		cmocka_unit_test(make_finds_nothing_to_do_afterwards),
		cmocka_unit_test(a_build_that_was_killed_is_not_built_upon),
	};

	return cmocka_run_group_tests_name("replay", tests, load_targets, unload_targets);
}
