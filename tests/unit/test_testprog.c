/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.c and test.sh beside a module: what is compiled, when again, and what is said where that cannot be. The
 * compiler is this machine's own, in the sandbox.
 */
#include "home.h"

#include "build/testprog.h"

static struct target target;

static int make_target(void **state)
{
	AUTO_FREE char *cache = NULL;

	if (set_up(state))
		return -1;
	cache = in_home("cache");
	target = (struct target){.name = xstrdup("test:machine"),
		.os = TARGET_LINUX,
		.root = xstrdup("/"),
		.release = xstrdup("1"),
		.arch = xstrdup("x86_64"),
		.build = in_home("build")};
	put("build/Makefile", "");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static int drop_target(void **state)
{
	target_free(&target);
	return tear_down(state);
}

static int build(struct test_programs *out, struct findings *found, struct error *err)
{
	AUTO_FREE char *dir = in_home("toy");

	*found = (struct findings){0};
	return testprog_build(dir, &target, 60000, out, found, err);
}

/* Builds what must be one program without a finding; it. */
static struct test_programs built(const char *what)
{
	struct test_programs all;
	struct findings found;
	struct error err;

	if (build(&all, &found, &err))
		fail_msg("%s", err.text);
	if (found.n)
		fail_msg("%s: %s", found.items[0].rule, found.items[0].message);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].what, what);
	return all;
}

static bool has_text(const struct test_programs *all, const char *text)
{
	return memmem(all->items[0].bytes, all->items[0].len, text, strlen(text)) != NULL;
}

/* With nothing to compile with: what still comes was kept. */
static bool is_kept(void)
{
	AUTO_FREE char *path = xstrdup(getenv("PATH"));
	struct test_programs all;
	struct findings found;
	struct error err;
	bool kept;

	setenv("PATH", "/nonexistent", 1);
	kept = !build(&all, &found, &err) && all.n == 1;
	setenv("PATH", path, 1);
	testprog_free(&all);
	findings_free(&found);
	return kept;
}

static void without_tests_there_is_nothing_to_run(void **state)
{
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/toy.c", "");
	assert_int_equal(build(&all, &found, &err), 0);
	assert_int_equal(all.n, 0);
	assert_null(all.shell);
	assert_int_equal(found.n, 0);
}

static void a_program_is_compiled_once_and_again_when_it_or_its_header_changes(void **state)
{
	struct test_programs all;

	(void)state;
	put("toy/test.h", "#define SAY \"first words\"\n");
	put("toy/test.c",
		"#include <stdio.h>\n#include \"test.h\"\n"
		"int main(void) { return puts(SAY) < 0; }\n");
	all = built("test.c");
	assert_false(all.items[0].script);
	assert_memory_equal(all.items[0].bytes,
		"\x7f"
		"ELF",
		4);
	assert_true(has_text(&all, "first words"));
	testprog_free(&all);
	assert_true(is_kept());

	put("toy/test.h", "#define SAY \"second words\"\n");
	assert_false(is_kept());
	all = built("test.c");
	assert_true(has_text(&all, "second words"));
	testprog_free(&all);
	assert_true(is_kept());

	put("toy/test.c", "#include <stdio.h>\nint main(void) { return puts(\"third\") < 0; }\n");
	assert_false(is_kept());
	all = built("test.c");
	assert_true(has_text(&all, "third"));
	testprog_free(&all);
	/* It no longer matters to the program. */
	put("toy/test.h", "#error\n");
	assert_true(is_kept());
}

static void what_does_not_compile_is_a_finding_with_its_line_and_keeps_nothing(void **state)
{
	AUTO_FREE char *file = in_home("toy/test.c");
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/test.c", "int main(void) { return 0; }\n");
	all = built("test.c");
	testprog_free(&all);
	put("toy/test.c", "int main(void)\n{\n\treturn nothing;\n}\n");
	for (int i = 0; i < 2; i++) {
		if (build(&all, &found, &err))
			fail_msg("%s", err.text);
		assert_int_equal(all.n, 0);
		assert_int_equal(findings_count(&found, SEVERITY_ERROR), 1);
		assert_string_equal(found.items[0].rule, "test-build");
		assert_int_equal(found.items[0].class, CLASS_BUILD);
		assert_string_equal(found.items[0].file, file);
		assert_int_equal(found.items[0].line, 3);
		findings_free(&found);
	}
	assert_false(is_kept());
}

static void what_the_linker_misses_is_a_finding_too(void **state)
{
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/test.c", "int other(void);\nint main(void) { return other(); }\n");
	if (build(&all, &found, &err))
		fail_msg("%s", err.text);
	assert_int_equal(all.n, 0);
	assert_int_equal(findings_count(&found, SEVERITY_ERROR), 1);
	assert_string_equal(found.items[0].rule, "test-build");
	assert_non_null(strstr(found.items[0].message, "other"));
	assert_int_equal(found.items[0].line, 2);
	findings_free(&found);
}

/* Puts a busybox of that content first, and nothing else, in the way to programs; builds. */
static int build_with_busybox(
	const char *busybox, struct test_programs *all, struct findings *found, struct error *err)
{
	AUTO_FREE char *before = xstrdup(getenv("PATH")), *bin = in_home("bin");
	AUTO_FREE char *file = in_home("bin/busybox");
	int r;

	unlink(file);
	if (busybox) {
		put("bin/busybox", busybox);
		assert_int_equal(chmod(file, 0755), 0);
	}
	setenv("PATH", bin, 1);
	r = build(all, found, err);
	setenv("PATH", before, 1);
	return r;
}

static void a_script_comes_with_the_shell_that_runs_it(void **state)
{
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/test.sh", "exit 3\n");
	assert_int_equal(build_with_busybox("a static one", &all, &found, &err), 0);
	assert_int_equal(found.n, 0);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].what, "test.sh");
	assert_true(all.items[0].script);
	assert_int_equal(all.items[0].len, 7);
	assert_memory_equal(all.items[0].bytes, "exit 3\n", 7);
	assert_int_equal(all.shell_len, 12);
	assert_memory_equal(all.shell, "a static one", 12);
	testprog_free(&all);
}

static void a_shell_that_needs_libraries_or_is_not_there_is_said_and_how_it_comes_here(void **state)
{
	static const char *const shells[] = {"with /lib64/ld-linux-x86-64.so.2", "", NULL};
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/test.sh", "exit 3\n");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(build_with_busybox(shells[i], &all, &found, &err), -ENOENT);
		assert_non_null(strstr(err.text, "apt-get install busybox-static"));
		assert_non_null(strstr(err.text, "/toy/test.sh"));
		assert_int_equal(all.n, 0);
	}
}

static void become_freebsd(void)
{
	target.os = TARGET_FREEBSD;
	free(target.root);
	free(target.release);
	free(target.build);
	target.root = in_home("root");
	target.release = xstrdup("14.9-RELEASE-p1");
	target.build = xstrdup("/usr/src");
	put("root/usr/src/Makefile", "");
}

static void freebsd_without_its_base_skips_both_and_says_so(void **state)
{
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("toy/test.c", "int main(void) { return 0; }\n");
	put("toy/test.sh", "exit 3\n");
	become_freebsd();
	assert_int_equal(build(&all, &found, &err), 0);
	assert_int_equal(all.n, 0);
	assert_int_equal(found.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(found.items[i].rule, "test-skipped");
		assert_int_equal(found.items[i].severity, SEVERITY_NOTE);
		assert_int_equal(found.items[i].class, CLASS_PASS);
		assert_non_null(strstr(found.items[i].message, i ? "test.sh" : "test.c"));
		assert_non_null(strstr(found.items[i].message, "base.txz"));
		/* Where it is to be put, and what then. */
		assert_non_null(strstr(found.items[i].advice, "/cache/kmodlab/sets/freebsd-14.9"));
		assert_non_null(
			strstr(found.items[i].advice, "kmodlab target remove test:machine"));
	}
	findings_free(&found);
}

static void freebsds_shell_comes_with_the_names_of_its_programs(void **state)
{
	AUTO_FREE char *shell = in_home("root/rescue/sh"), *cat = in_home("root/rescue/cat"),
		       *bracket = in_home("root/rescue/[");
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	put("root/rescue/sh", "a crunched one");
	put("root/rescue/nextboot", "another file");
	assert_int_equal(link(shell, cat), 0);
	assert_int_equal(link(shell, bracket), 0);
	put("toy/test.sh", "exit 3\n");
	become_freebsd();
	assert_int_equal(build(&all, &found, &err), 0);
	assert_int_equal(found.n, 0);
	assert_int_equal(all.n, 1);
	assert_true(all.items[0].script);
	assert_int_equal(all.shell_len, 14);
	assert_memory_equal(all.shell, "a crunched one", 14);
	assert_int_equal(all.shell_names.n, 2);
	assert_string_equal(all.shell_names.v[0], "[");
	assert_string_equal(all.shell_names.v[1], "cat");
	testprog_free(&all);
}

/* Makes, in <home>/root, what a program for FreeBSD is linked with: enough for one that only ends. */
static void make_small_base(void)
{
	AUTO_FREE char *root = in_home("root");
	AUTO_FREE char *command = xasprintf(
		"cd %s/usr/lib && t=--target=x86_64-unknown-freebsd14.9 && "
		"echo '.globl _start; _start: call main; mov %%eax, %%edi; mov $1, %%eax; syscall' | "
		"clang $t -x assembler -c -o crt1.o - && "
		"for o in crti crtn crtbeginT crtend; do : | clang $t -x assembler -c -o $o.o - || exit; done && "
		"echo 'int answer(void) { return 42; }' | clang $t -x c -c -o c.o - && "
		"llvm-ar-$(clang -dumpversion | cut -d. -f1) rc libc.a c.o && "
		"for a in gcc gcc_eh pthread; do cp libc.a lib$a.a || exit; done",
		root);

	put("root/usr/include/stdio.h", "int answer(void);\n");
	put("root/usr/lib/c.o", "");
	assert_int_equal(system(command), 0);
}

static void for_freebsd_a_program_is_linked_with_what_the_target_has(void **state)
{
	static const char freebsd[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 9 /* ELFOSABI_FREEBSD */};
	struct test_programs all;
	struct findings found;
	struct error err;

	(void)state;
	make_small_base();
	put("root/usr/src/sys/conf/kmod.mk", "");
	put("root/usr/src/share/mk/bsd.kmod.mk", "");
	put("toy/test.c", "#include <stdio.h>\nint main(void) { return answer(); }\n");
	become_freebsd();
	all = built("test.c");
	assert_true(all.items[0].len > sizeof freebsd);
	assert_memory_equal(all.items[0].bytes, freebsd, sizeof freebsd);
	testprog_free(&all);
	put("toy/test.c", "#include <stdio.h>\nint main(void) { return question(); }\n");
	assert_int_equal(build(&all, &found, &err), 0);
	assert_int_equal(all.n, 0);
	assert_true(found.n > 0);
	assert_string_equal(found.items[0].rule, "test-build");
	findings_free(&found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_target, drop_target)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_tests_there_is_nothing_to_run),
		TEST(a_program_is_compiled_once_and_again_when_it_or_its_header_changes),
		TEST(what_does_not_compile_is_a_finding_with_its_line_and_keeps_nothing),
		TEST(what_the_linker_misses_is_a_finding_too),
		TEST(a_script_comes_with_the_shell_that_runs_it),
		TEST(a_shell_that_needs_libraries_or_is_not_there_is_said_and_how_it_comes_here),
		TEST(freebsd_without_its_base_skips_both_and_says_so),
		TEST(freebsds_shell_comes_with_the_names_of_its_programs),
		TEST(for_freebsd_a_program_is_linked_with_what_the_target_has),
	};

	return cmocka_run_group_tests_name("testprog", tests, NULL, NULL);
}
