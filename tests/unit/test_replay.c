/* SPDX-License-Identifier: BSD-2-Clause */
/* What a build without make is put together from: records, the kernel's makefiles, the module's own, and
 * the log of the build before. */
#include "unit.h"

#include "build/kbuild-live.h"
#include "build/kbuild-rules.h"
#include "build/record.h"
#include "build/replay.h"

#include <stdbool.h>

#define COMPILED                                                                                   \
	"savedcmd_/m/a.o :=  gcc -Wp,-MMD,/m/.a.o.d -DX='\"$$5$(pound)\"' -c -o /m/a.o /m/a.c "    \
	"  ; ./tools/objtool/objtool --orc  --module /m/a.o\n\n"                                   \
	"source_/m/a.o := /m/a.c\n\n"                                                              \
	"deps_/m/a.o := \\\n"                                                                      \
	"  /k/include/linux/kconfig.h \\\n"                                                        \
	"    $(wildcard include/config/FOO) \\\n"                                                  \
	"  /m/sub/../priv.h \\\n\n"                                                                \
	"/m/a.o: $(deps_/m/a.o)\n\n$(deps_/m/a.o):\n"

static bool parses(const char *text)
{
	struct record r;
	bool good = record_parse(text, strlen(text), &r);

	record_free(&r);
	return good;
}

static struct record parsed(const char *text)
{
	struct record r;

	assert_true(record_parse(text, strlen(text), &r));
	return r;
}

static void a_record_tells_command_source_and_headers(void **state)
{
	struct record r = parsed(COMPILED "\n/m/a.o: $(wildcard ./tools/objtool/objtool)\n"
					  "#SYMVER shared 0x739a6bd2\n");

	(void)state;
	assert_string_equal(r.target, "/m/a.o");
	assert_string_equal(r.source, "/m/a.c");
	assert_int_equal(r.deps.n, 2);
	assert_string_equal(r.deps.v[1], "/m/sub/../priv.h");
	assert_non_null(strstr(r.command, "-DX='\"$5#\"'"));
	assert_non_null(strstr(r.saved, "-DX='\"$$5$(pound)\"'"));
	assert_string_equal(r.tail, "\n/m/a.o: $(wildcard ./tools/objtool/objtool)\n");
	record_free(&r);
}

static void a_link_is_recorded_without_a_source(void **state)
{
	struct record r = parsed("cmd_/m/a.ko := ld -r -o /m/a.ko /m/a.o /m/a.mod.o;  true\n");

	(void)state;
	assert_null(r.source);
	assert_string_equal(r.command, "ld -r -o /m/a.ko /m/a.o /m/a.mod.o;  true");
	record_free(&r);
}

static void a_record_with_a_line_of_no_known_kind_is_none(void **state)
{
	(void)state;
	assert_true(parses(COMPILED));
	assert_false(parses(""));
	assert_false(parses("\n"));
	assert_false(parses("something_/m/a.o := gcc\n"));
	assert_false(parses(COMPILED "more: of it\n"));
	assert_false(parses(COMPILED "/m/b.o: $(wildcard x)\n"));
	assert_false(parses("savedcmd_/m/a.o := gcc $(shell id)\n"));
	assert_false(parses("savedcmd_/m/a;b.o := gcc\n"));
	assert_false(parses("savedcmd_/m/a.o := gcc\n\nsource_/m/b.o := /m/b.c\n"));
	assert_false(parses("savedcmd_/m/a.o := gcc\n\nsource_/m/a.o := /m/a.c\n\n"
			    "deps_/m/a.o := \\\n  /m/$(x).h \\\n\n"
			    "/m/a.o: $(deps_/m/a.o)\n\n$(deps_/m/a.o):\n"));
	assert_false(record_parse("savedcmd_a := b\0c\n", 18, &(struct record){0}));
}

static bool compiles(const char *command)
{
	AUTO_FREE char *text =
		xasprintf("savedcmd_a.o := %s\n\nsource_a.o := a.c\n\ndeps_a.o := \\\n\n"
			  "a.o: $(deps_a.o)\n\n$(deps_a.o):\n",
			command);
	struct record r = parsed(text);
	struct compile c;
	bool good = record_compile(&r, &c);

	if (good) {
		assert_string_equal(c.compiler, "gcc-12");
		assert_string_equal(c.depend, "./.a.o.d");
		assert_string_equal(c.flags, "-Wp,-MMD,./.a.o.d -O2");
	}
	compile_free(&c);
	record_free(&r);
	return good;
}

static void only_the_usual_call_of_the_compiler_is_run_again(void **state)
{
	(void)state;
	assert_true(compiles(" gcc-12 -Wp,-MMD,./.a.o.d -O2 -c -o a.o a.c"));
	assert_true(compiles(
		"gcc-12 -Wp,-MMD,./.a.o.d -O2 -c -o a.o a.c   ; /k/tools/objtool/objtool --orc a.o"));
	assert_false(compiles("gcc-12 -O2 -c -o a.o a.c"));
	assert_false(compiles("gcc-12 -Wp,-MMD,./.a.o.d -O2 -c -o b.o a.c"));
	assert_false(compiles("gcc-12 -Wp,-MMD,./.a.o.d -O2 -c -o a.o a.c; strip a.o"));
	assert_false(
		compiles("gcc-12 -Wp,-MMD,./.a.o.d -O2 -c -o a.o a.c; ./objtool a.o; strip a.o"));
	assert_false(compiles("gcc-12 -Wp,-MMD,./.a.o.d -O2; id -c -o a.o a.c"));
}

static void paths_in_records_are_followed_to_their_end(void **state)
{
	static const char *const paths[][2] = {{"/m/sub/../priv.h", "/m/priv.h"},
		{"./include/x.h", "/k/build/include/x.h"}, {"../x.h", "/k/x.h"}, {"/../../x", "/x"},
		{"..//..", "/"}, {"a.o", "/k/build/a.o"}};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		AUTO_FREE char *path = record_resolve("/k/build", paths[i][0]);

		assert_string_equal(path, paths[i][1]);
	}
}

static void a_record_lies_beside_what_it_is_about(void **state)
{
	AUTO_FREE char *top = kbuild_record_of("a.o"), *below = kbuild_record_of("x/y/a.mod.o");

	(void)state;
	assert_string_equal(top, ".a.o.cmd");
	assert_string_equal(below, "x/y/.a.mod.o.cmd");
}

/* ---- the kernel's makefiles ---- */

#define INCLUDE                                                                                    \
	"\ncmd_and_fixdep = $(cmd); scripts/basic/fixdep $(depfile) $@ '$(make-cmd)' > "           \
	"$(dot-target).cmd; rm -f $(depfile)\n"
#define BUILD(more)                                                                                \
	"\ndefine rule_cc_o_c\n $(call cmd_and_fixdep,cc_o_c)\n" more                              \
	"endef\n\ndefine rule_as_o_S\n $(call cmd_and_fixdep,as_o_S)\nendef\n"
#define FINAL(more)                                                                                \
	"\n%.mod.o: %.mod.c FORCE\n $(call if_changed_dep,cc_o_c)\n"                               \
	"\n cmd_btf_ko = $(PAHOLE) -J $@; echo $$?\n"                                              \
	"\n%.ko: %.o %.mod.o FORCE\n +$(call if_changed,ld_ko_o)\n" more "\n"

static void a_kernel_whose_rules_have_an_unknown_line_is_makes(void **state)
{
	struct kbuild_rules r;

	(void)state;
	assert_true(kbuild_rules_parse(BUILD(""), FINAL(""), INCLUDE, "\n", &r));
	assert_false(r.c.versions || r.c.checks_exports || r.types);
	kbuild_rules_free(&r);
	assert_false(
		kbuild_rules_parse(BUILD(" $(call cmd,novelty)\n"), FINAL(""), INCLUDE, "\n", &r));
	assert_false(kbuild_rules_parse(BUILD(""), FINAL(" strip $@\n"), INCLUDE, "\n", &r));
	assert_false(kbuild_rules_parse(BUILD(""), FINAL(""), "\n", "\n", &r));
	assert_false(kbuild_rules_parse("\n", FINAL(""), INCLUDE, "\n", &r));
	assert_false(
		kbuild_rules_parse(BUILD(""), FINAL(""), INCLUDE, "\nCONFIG_MODVERSIONS=y\n", &r));
	assert_false(kbuild_rules_parse(BUILD(" $(call cmd,record_mcount)\n"), FINAL(""), INCLUDE,
		"\nCONFIG_FTRACE_MCOUNT_USE_RECORDMCOUNT=y\n", &r));
}

static void what_a_kernel_does_beyond_its_records_is_read_from_its_makefiles(void **state)
{
	static const char bytes[] = "PAHOLE=pahole -x\0OTHER=1";
	struct exports exports = {bytes, sizeof bytes};
	AUTO_BUF struct buf text = {0}, none = {0};
	struct kbuild_rules r;

	(void)state;
	assert_true(kbuild_rules_parse(BUILD(" $(call cmd,check_local_export)\n"), FINAL(""),
		INCLUDE, "\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n", &r));
	assert_true(r.c.checks_exports);
	assert_true(kbuild_expand(r.types, "/m/a.ko", &exports, &text));
	assert_string_equal(text.data, "pahole -x -J /m/a.ko; echo $?");
	assert_false(kbuild_expand("$(ABSENT) $@", "a", &exports, &none));
	assert_false(kbuild_expand("$(call f,$@)", "a", &exports, &none));
	kbuild_rules_free(&r);
}

static void continued_lines_of_a_makefile_are_one(void **state)
{
	AUTO_BUF struct buf text = {0};

	(void)state;
	buf_adds(&text, "a =  \\\n\t\tb   \\\n  c\n\td\n");
	kbuild_squeeze(&text);
	assert_string_equal(text.data, "a = b c\n d\n");
}

/* ---- the module's makefiles ---- */

static void a_makefile_that_looks_elsewhere_is_makes(void **state)
{
	(void)state;
	assert_true(kbuild_makefile_is_closed("obj-m := a.o\nccflags-y += -DX\n"));
	assert_true(kbuild_makefile_is_closed(
		"KDIR ?= /lib/modules/$(shell uname -r)/build\nall:\n\t[ a != b ]\n"));
	assert_true(kbuild_makefile_is_closed("include $(src)/flags.mk\n# $(shell id) != x\n"));
	assert_false(kbuild_makefile_is_closed("ccflags-y += -DV=$(shell git describe)\n"));
	assert_false(kbuild_makefile_is_closed("V != cat version.h\n"));
	assert_false(kbuild_makefile_is_closed("V := $(file <version.h)\n"));
	assert_false(kbuild_makefile_is_closed("include $(src)/config.h\n"));
	assert_false(kbuild_makefile_is_closed("export CC = other\n"));
}

/* ---- the log ---- */

static void what_was_said_about_files_left_alone_is_said_again(void **state)
{
	AUTO_FREE char *log = replay_log(
		"  CC [M]  /m/a.o\na.c: old\n   ^~\n  CC [M]  /m/b.o\nb.c: kept\n"
		"  MODPOST /m/Module.symvers\nmake: Leaving\n",
		"  CC [M]  /m/a.o\na.c: new\n  LD [M]  /m/x.o\n  MODPOST /m/Module.symvers\n",
		NULL);

	(void)state;
	assert_string_equal(log,
		"  CC [M]  /m/a.o\na.c: new\n  CC [M]  /m/b.o\nb.c: kept\n"
		"  MODPOST /m/Module.symvers\nmake: Leaving\n  LD [M]  /m/x.o\n");
}

static void paths_that_are_relative_are_said_to_be_so(void **state)
{
	AUTO_FREE char *log = replay_log("", "  CC [M]  a.o\na.c: new\n", "/m");

	(void)state;
	assert_true(replay_log_is_relative("x\n  CC [M]  a.o\n"));
	assert_false(replay_log_is_relative("  CC [M]  /m/a.o\n"));
	assert_false(replay_log_is_relative(""));
	assert_string_equal(log,
		"make[1]: Entering directory '/m'\n  CC [M]  a.o\na.c: new\n"
		"make[1]: Leaving directory '/m'\n");
}

static void any_text_is_one_word_for_the_shell(void **state)
{
	AUTO_BUF struct buf to = {0};

	(void)state;
	replay_quote(&to, "it's $(here)");
	assert_string_equal(to.data, "'it'\\''s $(here)'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_tells_command_source_and_headers),
		cmocka_unit_test(a_link_is_recorded_without_a_source),
		cmocka_unit_test(a_record_with_a_line_of_no_known_kind_is_none),
		cmocka_unit_test(only_the_usual_call_of_the_compiler_is_run_again),
		cmocka_unit_test(paths_in_records_are_followed_to_their_end),
		cmocka_unit_test(a_record_lies_beside_what_it_is_about),
		cmocka_unit_test(a_kernel_whose_rules_have_an_unknown_line_is_makes),
		cmocka_unit_test(what_a_kernel_does_beyond_its_records_is_read_from_its_makefiles),
		cmocka_unit_test(continued_lines_of_a_makefile_are_one),
		cmocka_unit_test(a_makefile_that_looks_elsewhere_is_makes),
		cmocka_unit_test(what_was_said_about_files_left_alone_is_said_again),
		cmocka_unit_test(paths_that_are_relative_are_said_to_be_so),
		cmocka_unit_test(any_text_is_one_word_for_the_shell),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
