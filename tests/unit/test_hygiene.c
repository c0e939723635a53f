/* SPDX-License-Identifier: BSD-2-Clause */
/* What stops no module from working is said, with its line, and nothing is said of what headers do. */
#include "check/check.h"
#include "check/interfaces.h"
#include "home.h"

struct made {
	struct target target;
	struct buf bytes;
	struct ko ko;
	struct findings found;
};

/* Checks the module OBJECTS/file for a kernel that was configured so. */
static void check(struct made *m, const char *file, const char *config)
{
	AUTO_FREE char *path = xasprintf(OBJECTS "/%s", file);

	set_up(NULL);
	*m = (struct made){.target = {.name = home,
				   .os = TARGET_LINUX,
				   .arch = "x86_64",
				   .release = "6.1.0",
				   .root = home,
				   .build = "",
				   .symbols = in_home("symbols")}};
	put("symbols", "init_task\npanic_timeout\nschedule\n");
	put("include/config/auto.conf", config);
	assert_int_equal(path_read(path, 1 << 20, &m->bytes), 0);
	ko_read(m->bytes.data, m->bytes.len, path, &m->ko);
	assert_int_equal(m->ko.kind, KO_LINUX);
	check_module(&(struct check_request){.path = path,
			     .bytes = m->bytes.data,
			     .len = m->bytes.len,
			     .ko = &m->ko,
			     .target = &m->target,
			     .beside = &m->ko,
			     .nbeside = 1,
			     .thorough = true},
		NULL, &m->found);
}

static void done(struct made *m)
{
	assert_int_equal(tear_down(NULL), 0);
	*home = 0;
	free(m->target.symbols);
	buf_free(&m->bytes);
	ko_free(&m->ko);
	findings_free(&m->found);
}

/* What a test that failed has left. */
static int forget(void **state)
{
	return *home ? tear_down(state) : 0;
}

static const struct finding *find(const struct made *m, const char *rule)
{
	const struct finding *found = NULL;

	for (size_t i = 0; i < m->found.n; i++)
		if (!strcmp(m->found.items[i].rule, rule)) {
			if (found)
				fail_msg("more than one %s: %s and %s", rule, found->message,
					m->found.items[i].message);
			found = &m->found.items[i];
		}
	return found;
}

/* The line of sloppy.c that carries the comment "line: RULE". */
static unsigned marked_line(const char *rule)
{
	AUTO_FREE char *mark = xasprintf("line: %s ", rule);
	FILE *f = fopen(SOURCE "/tests/unit/code/driver/sloppy.c", "r");
	char line[256];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		n++;
		if (strstr(line, mark))
			break;
	}
	fclose(f);
	return n;
}

static void what_stands_in_a_line_is_found_there(void **state)
{
	static const struct {
		const char *rule, *function;
	} marked[] = {
		{"init-reached", "sloppy_open"},
		{"printk-level", "sloppy_read"},
		{"interface-unsafe", "sloppy_read"},
		{"double-underscore", "sloppy_write"},
	};
	struct made m;

	(void)state;
	check(&m, "sloppy.ko", "\n");
	for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
		const struct finding *f = find(&m, marked[i].rule);

		if (!f)
			fail_msg("no %s", marked[i].rule);
		assert_string_equal(f->function, marked[i].function);
		assert_non_null(f->file);
		assert_non_null(strstr(f->file, "sloppy.c"));
		assert_int_equal(f->line, marked_line(marked[i].rule));
		assert_non_null(f->advice);
	}
	assert_non_null(strstr(find(&m, "printk-level")->message, "here we are"));
	assert_non_null(strstr(find(&m, "interface-unsafe")->message, "strcpy"));
	assert_non_null(strstr(find(&m, "init-reached")->message, "setup"));
	assert_non_null(strstr(find(&m, "double-underscore")->message, "__inner"));
	done(&m);
}

static void what_a_module_does_not_say_of_itself_is_missed(void **state)
{
	struct made m;

	(void)state;
	check(&m, "sloppy.ko", "\n");
	assert_non_null(find(&m, "description-missing"));
	assert_non_null(find(&m, "author-missing"));
	assert_null(find(&m, "debug-missing"));
	done(&m);
	check(&m, "sloppy-bare.ko", "\n");
	assert_non_null(find(&m, "debug-missing"));
	done(&m);
}

/* Without source nobody can tell whose call it is, but the names are told. */
static void without_debug_information_the_names_are_told(void **state)
{
	const struct finding *f;
	struct made m;

	(void)state;
	check(&m, "sloppy-bare.ko", "\n");
	f = find(&m, "double-underscore");
	assert_non_null(f);
	assert_null(f->file);
	assert_non_null(strstr(f->message, "__in_header, __in_macro, __inner"));
	assert_string_equal(find(&m, "printk-level")->function, "sloppy_read");
	done(&m);
}

static void code_that_can_be_written_to_is_an_error(void **state)
{
	const struct finding *f;
	struct made m;

	(void)state;
	check(&m, "sloppy.ko", "\n");
	f = find(&m, "writable-code");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_non_null(strstr(f->message, ".patch"));
	done(&m);
}

static void a_global_with_a_name_of_the_kernels_is_told(void **state)
{
	const struct finding *f;
	struct made m;

	(void)state;
	check(&m, "sloppy.ko", "\n");
	f = find(&m, "name-shadowed");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "variable panic_timeout"));
	done(&m);
}

static void how_the_kernel_was_built_is_compared(void **state)
{
	const struct finding *f;
	struct made m;

	(void)state;
	check(&m, "sloppy.ko", "\nCONFIG_X86=y\n");
	assert_null(find(&m, "build-flags"));
	done(&m);
	check(&m, "sloppy.ko", "\nCONFIG_RETPOLINE=y\n");
	f = find(&m, "build-flags");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "retpoline"));
	done(&m);
	check(&m, "sloppy.ko", "\nCONFIG_X86_KERNEL_IBT=y\n");
	f = find(&m, "build-flags");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "endbr64"));
	assert_non_null(f->function);
	done(&m);
}

static void each_line_of_the_list_is_whole(void **state)
{
	FILE *f = fopen(SOURCE "/src/check/interfaces.txt", "r");
	char line[512];
	size_t n = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		char os[16], kind[16], name[64], since[16];
		struct interface i;
		int at = 0;

		if (*line == '#')
			continue;
		n++;
		assert_int_equal(
			sscanf(line, "%15s %15s %63s %15s%n", os, kind, name, since, &at), 4);
		assert_true(!strcmp(os, "linux") || !strcmp(os, "freebsd"));
		assert_true(interface_find(
			strcmp(os, "linux") ? TARGET_FREEBSD : TARGET_LINUX, name, &i));
		if (!strcmp(kind, "header")) {
			assert_int_equal(i.kind, INTERFACE_HEADER);
			assert_int_equal(i.instead.len, 0);
			continue;
		}
		assert_true(!strcmp(kind, "unsafe") || !strcmp(kind, "deprecated") ||
			!strcmp(kind, "discouraged"));
		assert_int_not_equal(i.kind, INTERFACE_HEADER);
		assert_int_equal(i.instead.p[i.instead.len - 1], '.');
	}
	fclose(f);
	assert_true(n > 100);
}

static void a_function_that_nobody_minds_is_not_in_it(void **state)
{
	struct interface i;

	(void)state;
	assert_false(interface_find(TARGET_LINUX, "kfree", &i));
	assert_false(interface_find(TARGET_LINUX, "", &i));
	assert_true(interface_find(TARGET_LINUX, "sprintf", &i));
	assert_false(interface_find(TARGET_FREEBSD, "del_timer", &i));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_stands_in_a_line_is_found_there, forget),
		cmocka_unit_test_teardown(what_a_module_does_not_say_of_itself_is_missed, forget),
		cmocka_unit_test_teardown(without_debug_information_the_names_are_told, forget),
		cmocka_unit_test_teardown(code_that_can_be_written_to_is_an_error, forget),
		cmocka_unit_test_teardown(a_global_with_a_name_of_the_kernels_is_told, forget),
		cmocka_unit_test_teardown(how_the_kernel_was_built_is_compared, forget),
		cmocka_unit_test_teardown(each_line_of_the_list_is_whole, forget),
		cmocka_unit_test_teardown(a_function_that_nobody_minds_is_not_in_it, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
