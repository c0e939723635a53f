/* SPDX-License-Identifier: BSD-2-Clause */
/* What a FreeBSD build without make is put together from: the scripts that make left, .depend files, the
 * module's makefile, and the log of the build before. */
#include "unit.h"

#include "build/bsd-record.h"

#include <stdbool.h>
#include <string.h>

#define CLANG  "clang --target=x86_64-unknown-freebsd14 -O2 -g "
#define DEPEND "-MD  -MF.depend.a.o -MTa.o "
#define LINK                                                                                       \
	"ld.lld -m elf_x86_64_fbsd -T /freebsd/src/sys/conf/ldscript.kmod.amd64 -r  -o m.ko.full " \
	"a.o b.o \n"
#define TRIM                                                                                       \
	"original-awk -f /freebsd/src/sys/conf/kmod_syms.awk m.ko.full  export_syms | xargs -J% "  \
	"llvm-objcopy % m.ko.full\n"

static struct bsd_script parsed(const char *text)
{
	struct bsd_script s;

	bsd_script_parse(text, strlen(text), &s);
	return s;
}

static void is(const char *text, enum bsd_shape shape, const char *output)
{
	struct bsd_script s = parsed(text);

	if (s.shape != shape || (output && strcmp(s.output, output)))
		fail_msg("%d %s: %s", s.shape, s.output ? s.output : "", text);
	bsd_script_free(&s);
}

static void a_script_tells_what_it_makes(void **state)
{
	(void)state;
	is(CLANG DEPEND "-c a.c -o a.o\n\n", BSD_COMPILE, "a.o");
	is(CLANG "-DX=\\\"x\\\\ny\\\" " DEPEND " -c a.S -o a.o\n", BSD_COMPILE, "a.o");
	is(LINK ":> export_syms\n" TRIM, BSD_LINK, "m.ko.full");
	is(LINK "printf '%s' \"f\ng\n\" > export_syms\n" TRIM, BSD_LINK, "m.ko.full");
	is(LINK "grep -v '^#' < names > export_syms\n" TRIM, BSD_LINK, "m.ko.full");
	is("llvm-objcopy --only-keep-debug m.ko.full m.ko.debug\n", BSD_DEBUG, "m.ko.debug");
	is("llvm-objcopy --strip-debug --add-gnu-debuglink=m.ko.debug  m.ko.full m.ko\n", BSD_STRIP,
		"m.ko");
	is("original-awk -f /freebsd/src/sys/tools/makeobjops.awk "
	   "/freebsd/src/sys/kern/bus_if.m -h\n",
		BSD_INTERFACE, "bus_if.h");
	is("touch opt_global.h\nset -\necho \"#define SMP 1\" >> opt_global.h\nset -v\n",
		BSD_KERNELS, NULL);
	is("set -\nset -v\n\n", BSD_NOTHING, NULL);
	is("", BSD_NOTHING, NULL);
}

static void a_link_tells_all_its_objects(void **state)
{
	struct bsd_script s = parsed(LINK ":> export_syms\n" TRIM);

	(void)state;
	assert_int_equal(s.objects.n, 2);
	assert_string_equal(s.objects.v[1], "b.o");
	bsd_script_free(&s);
}

static void a_script_of_any_other_kind_is_unknown(void **state)
{
	(void)state;
	is(CLANG DEPEND "-c a.c -o a.o\ntouch seen\n", BSD_UNKNOWN, NULL);
	is(CLANG DEPEND "-c a.c -o a.o; touch seen\n", BSD_UNKNOWN, NULL);
	is(CLANG DEPEND "-c a.c -o b.o\n", BSD_UNKNOWN, NULL);
	is(CLANG "-c a.c -o a.o\n", BSD_UNKNOWN, NULL);
	is(CLANG DEPEND "-DX=`date` -c a.c -o a.o\n", BSD_UNKNOWN, NULL);
	is(CLANG DEPEND "-c 'a b.c' -o a.o\n", BSD_UNKNOWN, NULL);
	is(LINK ":> export_syms\n" TRIM "touch seen\n", BSD_UNKNOWN, NULL);
	is(LINK "printf '%s' \"f\n", BSD_UNKNOWN, NULL);
	is("ld.lld -r -o m.ko.full a.o blob\n", BSD_UNKNOWN, NULL);
	is("set -\necho hidden\nset -v\n", BSD_UNKNOWN, NULL);
	is("set -e\n", BSD_UNKNOWN, NULL);
}

static bool depends(const char *text, size_t n)
{
	struct strv deps = {0};
	bool good = bsd_depend_parse(text, "a.o", &deps) && deps.n == n;

	strv_free(&deps);
	return good;
}

static void headers_are_read_from_what_the_compiler_wrote(void **state)
{
	(void)state;
	assert_true(depends("a.o: a.c /m/opt_global.h \\\n  machine/endian.h priv.h\n", 4));
	assert_false(depends("b.o: a.c\n", 1));
	assert_false(depends("a.o: a.c a\\ b.h\n", 2));
	assert_false(depends("a.o: a.c\nb.o: b.c\n", 1));
	assert_false(depends("", 0));
}

static void a_makefile_of_variables_is_closed(void **state)
{
	(void)state;
	assert_true(bsd_makefile_is_closed(
		"# m: a\nKMOD=\tm\nSRCS=\ta.c \\\n\tb.c\nCFLAGS+= -DX\n"
		"CFLAGS.a.c= -O1\n.if ${MACHINE} == \"amd64\"\nSRCS+= c.c\n"
		".endif\n.PATH: ${.CURDIR}/sub\n\n.include <bsd.kmod.mk>\n"));
}

static void a_makefile_that_does_more_is_not(void **state)
{
	static const char *const open[] = {"all: foo\n", "a.o: b.h\n", "\ttouch x\n", "X!= date\n",
		"X=${:!date!}\n", "X:sh= date\n", "X=${Y:sh}\n", ".export X\n",
		".include \"other.mk\"\n", ".include <bsd.subdir.mk>\n", "MAKEFLAGS+= -B\n",
		".SHELL: name=sh\n", "SHELL=x\n", NULL};

	(void)state;
	for (size_t i = 0; open[i]; i++)
		if (bsd_makefile_is_closed(open[i]))
			fail_msg("%s", open[i]);
}

static void the_pieces_of_a_log_are_put_together_and_what_is_new_takes_its_place(void **state)
{
	AUTO_FREE char *log = bsd_merge_log(
		"bmake: Entering directory `/m'\n--- a.o ---\n--- b.o ---\nclang b--- a.o ---\n"
		"clang a.c\na.c: old\n--- b.o ---\n.c\nb.c: kept\nbmake: Leaving directory `/m'\n",
		"--- a.o ---\nclang a.c\na.c: new\n--- m.ko ---\nstrip\n", "/m");

	(void)state;
	assert_string_equal(log,
		"bmake: Entering directory `/m'\n--- a.o ---\nclang a.c\na.c: new\n"
		"--- b.o ---\nclang b.c\nb.c: kept\n--- m.ko ---\nstrip\n"
		"bmake: Leaving directory `/m'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_tells_what_it_makes),
		cmocka_unit_test(a_link_tells_all_its_objects),
		cmocka_unit_test(a_script_of_any_other_kind_is_unknown),
		cmocka_unit_test(headers_are_read_from_what_the_compiler_wrote),
		cmocka_unit_test(a_makefile_of_variables_is_closed),
		cmocka_unit_test(a_makefile_that_does_more_is_not),
		cmocka_unit_test(
			the_pieces_of_a_log_are_put_together_and_what_is_new_takes_its_place),
	};

	return cmocka_run_group_tests_name("bsd_replay", tests, NULL, NULL);
}
