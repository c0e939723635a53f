/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kmodlab tells an editor is asked of clangd itself: on the examples it finds every header and sees no
 * error, and in a module that does not build it sees that module's errors and no others.
 */
#include "lab.h"

#include "base/path.h"
#include "base/proc.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_line(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
	buf_adds(arg, "\n");
}

/* Runs the program; it must end well. What it printed goes to `out`. */
static int run(struct strv *argv, struct buf *out)
{
	struct error err;
	int r = proc_run(argv->v, 120000, add_line, NULL, out, NULL, &err);

	strv_free(argv);
	buf_adds(out, "");
	return r;
}

/* A copy of examples/hello. */
static char *hello(void)
{
	AUTO_FREE char *top = lab_dir(), *from = xasprintf("%s/examples/hello", lab_source());
	AUTO_STRV struct strv argv = {0};
	AUTO_BUF struct buf out = {0};

	strv_adds(&argv, "/bin/cp", "-r", from, top, NULL);
	assert_int_equal(run(&argv, &out), 0);
	return xasprintf("%s/hello", top);
}

/* What clangd says of `file`, with the database in `dir`. */
static void check(const char *dir, const char *file, struct buf *out)
{
	AUTO_FREE char *program = path_program("clangd");
	AUTO_STRV struct strv argv = {0};

	if (!program) {
		print_message("clangd is not installed\n");
		skip();
	}
	strv_add(&argv, program);
	strv_addf(&argv, "--check=%s/%s", dir, file);
	strv_addf(&argv, "--compile-commands-dir=%s", dir);
	run(&argv, out);
}

static void expect_clean(const char *dir, const char *file)
{
	AUTO_BUF struct buf out = {0};

	check(dir, file, &out);
	if (!strstr(out.data, "All checks completed, 0 errors"))
		fail_msg("%s", out.data);
	assert_non_null(strstr(out.data, "Compile command from CDB"));
	assert_null(strstr(out.data, "\nE["));
}

static void expect_said(const struct buf *text, const char *words)
{
	if (!text->data || !strstr(text->data, words))
		fail_msg("'%s' is not in: %s", words, text->data ? text->data : "");
}

static bool has_file(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return !access(path, F_OK);
}

static const char *freebsd(void)
{
	const char *name = getenv("KMODLAB_FREEBSD");

	if (!name || !*name) {
		print_message("no FreeBSD sets in ~/.cache/kmodlab/sets/freebsd-*/\n");
		skip();
	}
	return name;
}

/* ---- clangd ---- */

static void clangd_sees_no_error_in_the_linux_hello(void **state)
{
	static const char *const targets[] = {BOOKWORM, TRIXIE};
	AUTO_FREE char *dir = hello();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = lab_run("compdb", dir, "-t", targets[i], NULL);

		assert_int_equal(o.status, 0);
		expect_said(&o.out, targets[i]);
		lab_free(&o);
		expect_clean(dir, "linux/hello.c");
	}
}

static void clangd_sees_no_error_in_the_freebsd_hello(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = hello();
	struct outcome o = lab_run("compdb", dir, "-t", target, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	lab_free(&o);
	expect_clean(dir, "freebsd/hello.c");
}

static void one_file_has_both_systems(void **state)
{
	AUTO_FREE char *dir = NULL;
	struct json_object *all;
	struct outcome o;

	(void)state;
	freebsd();
	dir = hello();
	o = lab_run("compdb", dir, "-o", "-", NULL);
	assert_int_equal(o.status, 0);
	all = json_tokener_parse(o.out.data);
	assert_true(json_object_is_type(all, json_type_array));
	assert_int_equal(json_object_array_length(all), 2);
	json_object_put(all);
	assert_false(has_file(dir, "compile_commands.json"));
	lab_free(&o);
	o = lab_run("compdb", dir, NULL);
	assert_int_equal(o.status, 0);
	lab_free(&o);
	expect_clean(dir, "linux/hello.c");
	expect_clean(dir, "freebsd/hello.c");
	assert_false(has_file(dir, "linux/compile_commands.json"));
}

/* Several files, flags of each one's own, a header that the build makes and one below. */
static char *composite(const char *broken)
{
	AUTO_FREE char *sub = NULL;
	char *dir = lab_module("whole", "");

	sub = xasprintf("%s/sub", dir);
	assert_int_equal(mkdir(sub, 0777), 0);
	lab_write(dir, "Makefile",
		"obj-m := whole.o\nwhole-y := a.o sub/b.o\n"
		"ccflags-y := -I$(src)/sub -DWORDS='\"two words\"'\nCFLAGS_a.o := -DONLY_A=1\n"
		"$(obj)/a.o: $(obj)/made.h\n"
		"$(obj)/made.h:\n\techo 'static const int made = 7;' >$@\n");
	lab_write(dir, "a.c",
		"#include \"made.h\"\n#include <linux/module.h>\n#include <linux/pci.h>\n"
		"#include <linux/netdevice.h>\n#include \"p.h\"\nMODULE_LICENSE(\"GPL\");\n"
		"MODULE_DESCRIPTION(WORDS);\nint b(int v);\n"
		"static int __init i(void) { return b(P + made + ONLY_A) & 0%s; }\n"
		"module_init(i);\n",
		broken);
	lab_write(sub, "b.c", "#include \"p.h\"\nint b(int v);\nint b(int v) { return v + P; }\n");
	lab_write(sub, "p.h", "#define P 3\n");
	return dir;
}

static void clangd_finds_headers_that_the_build_makes(void **state)
{
	AUTO_FREE char *dir = composite("");
	struct outcome o = lab_run("compdb", dir, "-t", TRIXIE, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	expect_said(&o.out, ": 2 sources (");
	assert_string_equal(o.err.data ? o.err.data : "", "");
	lab_free(&o);
	expect_clean(dir, "a.c");
	expect_clean(dir, "sub/b.c");
}

static void of_a_module_that_does_not_build_clangd_sees_the_error(void **state)
{
	AUTO_FREE char *dir = composite(" + undeclared");
	AUTO_BUF struct buf out = {0};
	struct outcome o = lab_run("compdb", dir, "-t", BOOKWORM, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	expect_said(&o.err, "does not build on " BOOKWORM " yet (");
	expect_said(&o.err, "a.c:9: ");
	lab_free(&o);
	check(dir, "a.c", &out);
	expect_said(&out, "use of undeclared identifier 'undeclared'");
	expect_said(&out, "All checks completed, 1 errors");
	expect_clean(dir, "sub/b.c");
}

/* ---- the file ---- */

static void the_file_is_replaced_when_it_differs(void **state)
{
	AUTO_FREE char *dir = hello();
	struct outcome o;

	(void)state;
	lab_write(dir, "compile_commands.json", "[]\n");
	o = lab_run("compdb", dir, "-t", BOOKWORM, NULL);
	assert_int_equal(o.status, 0);
	expect_said(&o.out, "in place of the one that was there");
	lab_free(&o);
	o = lab_run("compdb", dir, "-t", BOOKWORM, NULL);
	assert_int_equal(o.status, 0);
	expect_said(&o.out, "is up to date");
	lab_free(&o);
}

static void the_file_makes_no_difference_to_the_build(void **state)
{
	AUTO_FREE char *dir = hello(), *source = xasprintf("%s/linux", dir);
	struct outcome o = lab_run("compdb", source, "-t", BOOKWORM, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_true(has_file(source, "compile_commands.json"));
	lab_free(&o);
	o = lab_run("check", source, "-t", BOOKWORM, NULL);
	assert_int_equal(o.status, 0);
	expect_said(&o.out, "(unchanged)");
	lab_free(&o);
}

static void expect_refused(struct outcome o, int status, const char *words)
{
	assert_int_equal(o.status, status);
	expect_said(&o.err, words);
	lab_free(&o);
}

static void what_cannot_be_is_refused_in_a_sentence(void **state)
{
	AUTO_FREE char *dir = hello(), *empty = lab_dir();
	AUTO_FREE char *nowhere = xasprintf("%s/no/where.json", dir);

	(void)state;
	expect_refused(lab_run("compdb", NULL), 2, "compdb of what?");
	expect_refused(lab_run("compdb", "/no/such", NULL), 2, "there is no directory /no/such");
	expect_refused(lab_run("compdb", empty, NULL), 2, "bsd.kmod.mk");
	expect_refused(lab_run("compdb", empty, "-t", BOOKWORM, NULL), 2, "obj-m");
	expect_refused(lab_run("compdb", dir, "-t", "debian:nosuch", NULL), 2, "nosuch");
	expect_refused(lab_run("compdb", dir, "-t", BOOKWORM, "-t", TRIXIE, NULL), 2, "one target");
	expect_refused(lab_run("compdb", dir, "-t", BOOKWORM, "-o", nowhere, NULL), 3, nowhere);
	expect_refused(
		lab_run("compdb", dir, "-t", BOOKWORM, "-o", dir, NULL), 2, "is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clangd_sees_no_error_in_the_linux_hello),
		cmocka_unit_test(clangd_sees_no_error_in_the_freebsd_hello),
		cmocka_unit_test(one_file_has_both_systems),
		cmocka_unit_test(clangd_finds_headers_that_the_build_makes),
		cmocka_unit_test(of_a_module_that_does_not_build_clangd_sees_the_error),
		cmocka_unit_test(the_file_is_replaced_when_it_differs),
		cmocka_unit_test(the_file_makes_no_difference_to_the_build),
		cmocka_unit_test(what_cannot_be_is_refused_in_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
