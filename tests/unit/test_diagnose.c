/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixtures/build has what real builds printed, each with what is to be found in it on top, in
 * order: "# SEVERITY RULE PLACE | MESSAGE" for each finding, or "# nothing". The source was in
 * /home/user/mod. Files without such lines are no fixtures.
 */
#include "unit.h"

#include "base/path.h"
#include "build/build.h"

#include <dirent.h>

#define DIR_SEEN "/home/user/mod"

static struct findings diagnose(const char *log)
{
	struct findings found = {0};

	build_diagnose(log, DIR_SEEN, DIR_SEEN, NULL, &found);
	return found;
}

static char *place_text(const struct finding *f)
{
	if (!f->file)
		return xstrdup("-");
	if (!f->line)
		return xstrdup(f->file);
	return f->column ? xasprintf("%s:%u:%u", f->file, f->line, f->column)
			 : xasprintf("%s:%u", f->file, f->line);
}

static void check_file(const char *path)
{
	AUTO_BUF struct buf text = {0};
	struct findings found;
	const char *line, *log;
	size_t i = 0;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (log = text.data; *log == '#';)
		log = strchr(log, '\n') + 1;
	assert_true(log > text.data);
	found = diagnose(log);
	for (line = text.data; *line == '#'; line = strchr(line, '\n') + 1) {
		AUTO_FREE char *wanted = xstrndup(line + 2, strcspn(line + 2, "\n"));
		AUTO_FREE char *place = i < found.n ? place_text(&found.items[i]) : NULL;
		AUTO_FREE char *got = NULL;

		if (!strcmp(wanted, "nothing"))
			break;
		if (i >= found.n)
			fail_msg("%s: '%s' not found", path, wanted);
		got = xasprintf("%s %s %s | %s", severity_name(found.items[i].severity),
			found.items[i].rule, place, found.items[i].message);
		if (strcmp(got, wanted))
			fail_msg("%s:\n  wanted %s\n  got    %s", path, wanted, got);
		i++;
	}
	if (i < found.n)
		fail_msg("%s: one too many: %s", path, found.items[i].message);
	findings_free(&found);
}

static void real_logs_give_what_stands_on_top_of_them(void **state)
{
	DIR *dir = opendir(FIXTURES "/build");
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO_FREE char *path = xasprintf(FIXTURES "/build/%s", e->d_name);

		if (!strstr(e->d_name, ".log"))
			continue;
		check_file(path);
		n++;
	}
	closedir(dir);
	assert_true(n >= 15);
}

/* The only finding in `log`. */
static struct finding only(struct findings *found, const char *log)
{
	*found = diagnose(log);
	if (found->n != 1)
		fail_msg("%zu findings in: %s", found->n, log);
	return found->items[0];
}

static void the_quoted_source_and_its_notes_are_the_excerpt(void **state)
{
	static const char log[] = "/home/user/mod/a.c: In function 'f':\n"
				  "/home/user/mod/a.c:3:5: error: 'x' undeclared\n"
				  "    3 |     x = 1;\n"
				  "      |     ^\n"
				  "/home/user/mod/a.c:3:5: note: each undeclared identifier\n"
				  "  CC [M]  /home/user/mod/b.o\n";
	struct findings found;
	struct finding f = only(&found, log);

	(void)state;
	assert_string_equal(f.message, "'x' undeclared");
	assert_int_equal(f.class, CLASS_BUILD);
	assert_string_equal(f.excerpt,
		"    3 |     x = 1;\n"
		"      |     ^\n"
		"/home/user/mod/a.c:3:5: note: each undeclared identifier");
	findings_free(&found);
}

static void the_way_into_a_header_is_shown_and_none_into_the_file_itself(void **state)
{
	static const char in_header[] = "In file included from /home/user/mod/a.c:1:\n"
					"/home/user/mod/a.h:3:5: error: no\n    3 | x\n";
	static const char in_file[] = "In file included from /k/include/linux/module.h:12,\n"
				      "                 from /home/user/mod/a.c:1:\n"
				      "/home/user/mod/a.c:3:5: error: no\n    3 | x\n";
	struct findings found;
	struct finding f = only(&found, in_header);

	(void)state;
	assert_string_equal(f.excerpt, "In file included from /home/user/mod/a.c:1:\n    3 | x");
	findings_free(&found);
	f = only(&found, in_file);
	assert_string_equal(f.excerpt, "    3 | x");
	findings_free(&found);
}

static void clang_is_understood(void **state)
{
	struct findings found;
	struct finding f = only(&found,
		"/home/user/mod/a.c:3:9: error: use of undeclared "
		"identifier 'x'\n        x = 1;\n        ^\n"
		"1 error generated.\n");

	(void)state;
	assert_string_equal(f.rule, "compiler-error");
	assert_int_equal(f.column, 9);
	assert_string_equal(f.excerpt, "        x = 1;\n        ^");
	findings_free(&found);
}

static void each_is_told_once_and_errors_come_first(void **state)
{
	struct findings found = diagnose("/home/user/mod/a.h:1:1: warning: w\n"
					 "/home/user/mod/a.c:2:1: error: e\n"
					 "/home/user/mod/a.h:1:1: warning: w\n"
					 "/home/user/mod/a.c:2:1: error: e\n");

	(void)state;
	assert_int_equal(found.n, 2);
	assert_string_equal(found.items[0].message, "e");
	assert_string_equal(found.items[1].message, "w");
	assert_int_equal(findings_worst(&found), CLASS_BUILD);
	findings_free(&found);
}

static void a_hundred_are_listed_and_the_rest_is_counted(void **state)
{
	AUTO_BUF struct buf log = {0};
	struct findings found;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_addf(&log, "/home/user/mod/a.c:%d:1: error: e\n", i + 1);
	found = diagnose(log.data);
	assert_int_equal(found.n, 101);
	assert_string_equal(found.items[100].rule, "more-findings");
	assert_int_equal(found.items[100].severity, SEVERITY_NOTE);
	assert_non_null(strstr(found.items[100].message, " 4900 more"));
	findings_free(&found);
}

static void the_sandboxs_path_becomes_the_users(void **state)
{
	struct findings found = {0};

	(void)state;
	build_diagnose("/module/a.c:3:1: error: no\n   3 | in /modules and /module/a.h\n",
		"/module", "/usr/src/my mod", NULL, &found);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.items[0].file, "/usr/src/my mod/a.c");
	assert_string_equal(found.items[0].excerpt, "   3 | in /modules and /usr/src/my mod/a.h");
	findings_free(&found);
}

static void paths_are_resolved_where_make_says_it_is(void **state)
{
	static const char log[] = "make[1]: Entering directory '/usr/src/linux-headers'\n"
				  "./include/linux/x.h:1:1: warning: kernel's\n"
				  "make[2]: Entering directory '/home/user/mod'\n"
				  "sub/a.c:1:1: warning: mine\n"
				  "/usr/src/linux/y.h:1:1: warning: absolute\n"
				  "make[2]: Leaving directory '/home/user/mod'\n"
				  "include/linux/z.h:1:1: warning: kernel's again\n";
	struct findings found = diagnose(log);

	(void)state;
	assert_int_equal(found.n, 4);
	assert_string_equal(found.items[0].file, "./include/linux/x.h");
	assert_string_equal(found.items[1].file, "/home/user/mod/sub/a.c");
	assert_string_equal(found.items[2].file, "/usr/src/linux/y.h");
	assert_string_equal(found.items[3].file, "include/linux/z.h");
	findings_free(&found);
}

static void a_c_library_function_is_advised_against(void **state)
{
	struct findings found;
	struct finding f = only(&found,
		"/home/user/mod/a.c:3:1: error: implicit declaration of function 'malloc' "
		"[-Werror=implicit-function-declaration]\n");

	(void)state;
	assert_non_null(strstr(f.advice, "kmalloc()"));
	findings_free(&found);
	f = only(&found,
		"/home/user/mod/a.c:1:10: fatal error: stdio.h: No such file or directory\n");
	assert_non_null(strstr(f.advice, "printk()"));
	findings_free(&found);
	f = only(&found,
		"/home/user/mod/a.c:1:10: fatal error: ../b.h: No such file or directory\n");
	assert_non_null(strstr(f.advice, "holds all of the module's source"));
	findings_free(&found);
}

static void objtools_warnings_are_warnings(void **state)
{
	struct findings found;
	struct finding f = only(&found,
		"/home/user/mod/a.o: warning: objtool: f()+0x5: sibling "
		"call from callable instruction\n");

	(void)state;
	assert_string_equal(f.rule, "objtool");
	assert_int_equal(f.severity, SEVERITY_WARNING);
	assert_string_equal(f.message, "f()+0x5: sibling call from callable instruction");
	findings_free(&found);
}

static void a_program_that_is_not_there_is_named(void **state)
{
	struct findings found;
	struct finding f = only(&found,
		"/bin/sh: 1: python: not found\n"
		"make: *** [Makefile:3: gen.h] Error 127\n");

	(void)state;
	assert_string_equal(f.rule, "make-error");
	assert_string_equal(f.message, "/bin/sh: 1: python: not found");
	findings_free(&found);
}

static void a_failure_of_no_known_kind_shows_the_end_of_the_log(void **state)
{
	AUTO_BUF struct buf log = {0};
	struct findings found;
	struct finding f;

	(void)state;
	for (int i = 1; i <= 40; i++)
		buf_addf(&log, "line %d\n", i);
	buf_adds(&log, "make: *** [Makefile:3: all] Error 1\n");
	f = only(&found, log.data);
	assert_string_equal(f.rule, "build-failed");
	assert_int_equal(f.class, CLASS_BUILD);
	assert_int_equal(strncmp(f.excerpt, "line 22\n", 8), 0);
	assert_non_null(strstr(f.excerpt, "Error 1"));
	findings_free(&found);
}

static void what_a_makefile_echoes_is_no_finding(void **state)
{
	struct findings found = diagnose("all is well: 3 errors expected\nNote: error: none\n"
					 "12:30:11: starting\nERRORS: 0\n\n:::\n: *** \nmake\n"
					 "make: 'x' is up to date.\n");

	(void)state;
	assert_int_equal(found.n, 0);
	findings_free(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_logs_give_what_stands_on_top_of_them),
		cmocka_unit_test(the_quoted_source_and_its_notes_are_the_excerpt),
		cmocka_unit_test(the_way_into_a_header_is_shown_and_none_into_the_file_itself),
		cmocka_unit_test(clang_is_understood),
		cmocka_unit_test(each_is_told_once_and_errors_come_first),
		cmocka_unit_test(a_hundred_are_listed_and_the_rest_is_counted),
		cmocka_unit_test(the_sandboxs_path_becomes_the_users),
		cmocka_unit_test(paths_are_resolved_where_make_says_it_is),
		cmocka_unit_test(a_c_library_function_is_advised_against),
		cmocka_unit_test(objtools_warnings_are_warnings),
		cmocka_unit_test(a_program_that_is_not_there_is_named),
		cmocka_unit_test(a_failure_of_no_known_kind_shows_the_end_of_the_log),
		cmocka_unit_test(what_a_makefile_echoes_is_no_finding),
	};

	return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
