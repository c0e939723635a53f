/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building a FreeBSD module again without make, as test_replay.c has it for Linux. Skipped by name where
 * there is no target freebsd:…, which $KMODLAB_FREEBSD names.
 */
#include "rebuild.h"

#include "base/path.h"

#include <unistd.h>

#define HEAD                                                                                       \
	"#include <sys/param.h>\n#include <sys/kernel.h>\n#include <sys/module.h>\n"               \
	"#include <sys/systm.h>\n"
#define TAIL                                                                                       \
	"static int ev(module_t m, int w, void *a) { return (w == MOD_LOAD ? VALUE & 0 : 45); }\n" \
	"static moduledata_t mod = { \"test\", ev, NULL };\n"                                      \
	"DECLARE_MODULE(test, mod, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(test, 1);\n"
#define MAKEFILE(srcs) "KMOD=\ttest\nSRCS=\t" srcs "\n.include <bsd.kmod.mk>\n"

static const char *freebsd(void)
{
	const char *name = getenv("KMODLAB_FREEBSD");

	if (!name || !*name) {
		print_message("no FreeBSD sets in ~/.cache/kmodlab/sets/freebsd-*/\n");
		skip();
	}
	return name;
}

static char *single(void)
{
	return source("Makefile", MAKEFILE("one.c"), "one.c", HEAD "#define VALUE 1\n" TAIL,
		"late.h", "#define LATE 1\n", NULL);
}

#define A "#include \"priv.h\"\nint shared = 1;\nint b(int v);\n#define VALUE b(P)\n" TAIL
#define B(expression)                                                                              \
	"#include \"priv.h\"\nint b(int v);\nint b(int v)\n{\n\treturn (" expression ");\n}\n"

static char *composite(const char *makefile)
{
	return source("Makefile", makefile, "a.c", HEAD A, "b.c", B("v + P"), "priv.h",
		"#define P 1\n", NULL);
}

/* ---- shapes ---- */

static void a_module_of_one_file(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = single();
	struct build b;

	(void)state;
	edit_replays(target, dir, "one.c", HEAD "int more;\n#define VALUE 2\n" TAIL);
	b = built(dir, target);
	assert_non_null(find(&b, "test")->debug); /* its line numbers are beside it */
	build_free(&b);
}

static void line_numbers_beside_the_module_are_those_of_a_build_from_nothing(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = single();
	AUTO_BUF struct buf ours = {0}, theirs = {0};
	struct build b, fresh;

	(void)state;
	build_first(dir, target);
	lab_write(dir, "one.c", HEAD "\n\nint more;\n#define VALUE 2\n" TAIL);
	b = built(dir, target);
	assert_true(b.replayed);
	assert_int_equal(path_read(find(&b, "test")->debug, 16 << 20, &ours), 0);
	fresh = from_nothing(dir, target);
	assert_int_equal(path_read(find(&fresh, "test")->debug, 16 << 20, &theirs), 0);
	assert_int_equal(ours.len, theirs.len);
	assert_memory_equal(ours.data, theirs.data, ours.len);
	build_free(&b);
	build_free(&fresh);
}

static void a_module_of_several_files_and_their_header(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = composite(MAKEFILE("a.c b.c"));

	(void)state;
	edit_replays(target, dir, "b.c", B("v - P"));
	edit_replays(target, dir, "priv.h", "#define P 42\n");
}

static void exported_symbols_stay_exported(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir =
		composite("KMOD=\ttest\nSRCS=\ta.c b.c\nEXPORT_SYMS=\tb\n.include <bsd.kmod.mk>\n");

	(void)state;
	edit_replays(target, dir, "b.c", B("v * 3 + P"));
}

static void a_module_with_an_assembler_file(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile", MAKEFILE("a.c three.S"), "a.c",
		HEAD "int three(void);\n#define VALUE three()\n" TAIL, "three.S",
		"#include <machine/asmacros.h>\nENTRY(three)\n\tmovl $3, %eax\n\tret\nEND(three)\n",
		NULL);

	(void)state;
	edit_replays(target, dir, "three.S",
		"#include <machine/asmacros.h>\nENTRY(three)\n\tmovl $4, %eax\n\tret\nEND(three)\n");
}

static void flags_of_all_kinds(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile",
		"# Flags.\nKMOD=\ttest\nSRCS=\tone.c\nCFLAGS+=\t-DNAME=\\\"x\\\\ny\\\"\n"
		".if ${MACHINE} == \"amd64\"\nCFLAGS+= \\\n\t-DWIDE=64\n.endif\n"
		"DEBUG_FLAGS=\t-g\n.include <bsd.kmod.mk>\n",
		"one.c", HEAD "#define VALUE (WIDE + sizeof NAME)\n" TAIL, NULL);

	(void)state;
	edit_replays(
		target, dir, "one.c", HEAD "int more;\n#define VALUE (1 + sizeof NAME)\n" TAIL);
}

#define INTERFACE(args) "INTERFACE foo;\nMETHOD int bar {\n\tdevice_t dev;\n" args "};\n"

static void interfaces_are_made_by_make_and_used_by_a_replay(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile",
		MAKEFILE("a.c device_if.h bus_if.h foo_if.c foo_if.h"), "foo_if.m", INTERFACE(""),
		"a.c", HEAD "#include <sys/bus.h>\n#include \"foo_if.h\"\n#define VALUE 1\n" TAIL,
		NULL);

	(void)state;
	edit_replays(target, dir, "a.c",
		HEAD
		"#include <sys/bus.h>\n#include \"foo_if.h\"\nint more;\n#define VALUE 1\n" TAIL);
	lab_write(dir, "foo_if.m", INTERFACE("\tint more;\n"));
	expect(dir, target, false);
}

/* ---- what it says ---- */

static void warnings_of_all_files_show_every_time(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile",
		"KMOD=\ttest\nSRCS=\ta.c b.c\nWERROR=\n.include <bsd.kmod.mk>\n", "a.c",
		HEAD
		"#define VALUE 1\nint a(void);\nint a(void) { int idle_a; return (1); }\n" TAIL,
		"b.c", "int b(void);\nint b(void) { int idle_b; return (1); }\n", NULL);
	struct build b;

	(void)state;
	build_first(dir, target);
	lab_write(dir, "a.c",
		HEAD
		"#define VALUE 2\nint a(void);\nint a(void) { int idle_again; return (1); }\n" TAIL);
	b = built(dir, target);
	assert_true(b.replayed);
	assert_non_null(strstr(b.log, "idle_again"));
	assert_non_null(strstr(b.log, "idle_b"));
	assert_null(strstr(b.log, "'idle_a'"));
	assert_int_equal(b.findings.n, 2);
	build_free(&b);
}

/* An error: the findings are make's; and with it mended, all is right again. */
static void error_is_makes(const char *wrong, const char *words)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = composite(MAKEFILE("a.c b.c"));
	AUTO_FREE char *said = NULL, *anew = NULL;
	struct build b, fresh;

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
	lab_write(dir, "b.c", B("v + 5 + P"));
	expect(dir, target, false);
	lab_write(dir, "b.c", B("v + 7 + P"));
	expect(dir, target, true);
}

static void an_error_in_the_source_is_told_as_make_tells_it(void **state)
{
	(void)state;
	error_is_makes(B("undeclared"), "undeclared");
}

static void a_symbol_defined_twice_is_told_as_make_tells_it(void **state)
{
	(void)state;
	error_is_makes(B("v") "int shared = 2;\n", "shared");
}

/* ---- what is make's ---- */

static void another_makefile_is_makes_and_all_is_made_anew(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = composite(MAKEFILE("a.c b.c"));

	(void)state;
	build_first(dir, target);
	lab_write(dir, "Makefile", "CFLAGS+= -DMORE\n" MAKEFILE("a.c b.c"));
	expect(dir, target, false);
	lab_write(dir, "b.c", "#ifdef MORE\nint more;\n#endif\n" B("v"));
	expect(dir, target, true);
}

static void a_new_file_is_makes(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = composite(MAKEFILE("a.c b.c"));

	(void)state;
	build_first(dir, target);
	lab_write(dir, "new.h", "#define NEW 1\n");
	expect(dir, target, false);
}

static void a_file_that_no_object_is_made_from_is_makes(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile",
		"KMOD=\ttest\nSRCS=\tone.c\nEXPORT_SYMS=\tnames\n.include <bsd.kmod.mk>\n", "names",
		"first\n", "one.c",
		HEAD "int first;\nint second;\n#define VALUE (first + second)\n" TAIL, NULL);

	(void)state;
	build_first(dir, target);
	lab_write(dir, "names", "second\n");
	expect(dir, target, false);
	lab_write(dir, "one.c", HEAD "int first;\nint second;\n#define VALUE (second)\n" TAIL);
	expect(dir, target, true);
}

static void a_makefile_with_a_rule_is_makes(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = source("Makefile",
		"KMOD=\ttest\nSRCS=\tone.c made.h\nCFLAGS+= -I.\nmade.h: seed.h\n"
		"\t@sed s/SEED/MADE/ seed.h > made.h\n.include <bsd.kmod.mk>\n",
		"seed.h", "#define SEED 1\n", "one.c",
		HEAD
		"#include \"seed.h\"\n#include \"made.h\"\n#define VALUE 1\nint made = MADE;\n" TAIL,
		NULL);

	(void)state;
	build_first(dir, target);
	lab_write(dir, "seed.h", "#define SEED 2\n");
	expect(dir, target, false);
}

static void a_new_include_of_a_header_there_was_is_seen_from_then_on(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = single();

	(void)state;
	build_first(dir, target);
	lab_write(dir, "one.c",
		HEAD "#include \"late.h\"\n#define VALUE LATE\nint late = LATE;\n" TAIL);
	expect(dir, target, true);
	lab_write(dir, "late.h", "#define LATE 2\n");
	expect(dir, target, true);
}

static void make_compiles_nothing_afterwards(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = composite(MAKEFILE("a.c b.c"));
	struct build b;

	(void)state;
	build_first(dir, target);
	lab_write(dir, "b.c", B("v + 9 * P"));
	expect(dir, target, true);
	lab_write(dir, "new.h", "#define NEW 1\n");
	b = built(dir, target);
	assert_true(b.ok && b.rebuilt && !b.replayed);
	if (strstr(b.log, " -c a.c") || strstr(b.log, " -c b.c"))
		fail_msg("make had something to do:\n%s", b.log);
	build_free(&b);
	/* What was recorded of the objects then is still there. */
	lab_write(dir, "b.c", B("v + 11 * P"));
	expect(dir, target, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_of_one_file),
		cmocka_unit_test(line_numbers_beside_the_module_are_those_of_a_build_from_nothing),
		cmocka_unit_test(a_module_of_several_files_and_their_header),
		cmocka_unit_test(exported_symbols_stay_exported),
		cmocka_unit_test(a_module_with_an_assembler_file),
		cmocka_unit_test(flags_of_all_kinds),
		cmocka_unit_test(interfaces_are_made_by_make_and_used_by_a_replay),
		cmocka_unit_test(warnings_of_all_files_show_every_time),
		cmocka_unit_test(an_error_in_the_source_is_told_as_make_tells_it),
		cmocka_unit_test(a_symbol_defined_twice_is_told_as_make_tells_it),
		cmocka_unit_test(another_makefile_is_makes_and_all_is_made_anew),
		cmocka_unit_test(a_new_file_is_makes),
		cmocka_unit_test(a_file_that_no_object_is_made_from_is_makes),
		cmocka_unit_test(a_makefile_with_a_rule_is_makes),
		cmocka_unit_test(a_new_include_of_a_header_there_was_is_seen_from_then_on),
		cmocka_unit_test(make_compiles_nothing_afterwards),
	};

	return cmocka_run_group_tests_name("replay_freebsd", tests, load_targets, unload_targets);
}
