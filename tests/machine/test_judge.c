/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab judge as a user runs it: what it says, and its exit status. Needs no machine. */
#include "lab.h"

#include "base/path.h"

#include <errno.h>
#include <stdio.h>

#define NULL_LOG "linux/null-struct-member-bookworm.log"

/* The path of a real log. Caller frees. */
static char *fixture(const char *name)
{
	return xasprintf("%s/tests/unit/fixtures/%s", lab_source(), name);
}

static void a_log_with_a_crash_gives_the_finding_and_status_1(void **state)
{
	AUTO_FREE char *log = fixture(NULL_LOG);
	struct outcome o = lab_run("judge", log, NULL);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out.data, "[null-dereference]"));
	assert_non_null(strstr(o.out.data, "1 finding in "));
	/* Nobody loaded anything here. */
	assert_null(strstr(o.out.data, "before anything was loaded"));
	assert_null(strstr(o.out.data, ", while"));
	lab_free(&o);
}

static void a_log_without_anything_says_so_in_a_line_and_is_status_0(void **state)
{
	AUTO_FREE char *dir = lab_dir(), *log = xasprintf("%s/log", dir), *line = NULL;
	struct outcome o;

	(void)state;
	lab_write(dir, "log", "[    0.1] hello\n[    0.2] BUG: says my driver\n");
	line = xasprintf("nothing was found in %s (Linux, 2 lines)\n", log);
	o = lab_run("judge", log, NULL);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out.data, line);
	lab_free(&o);
}

static void the_system_is_seen_or_said(void **state)
{
	AUTO_FREE char *log = fixture("freebsd/null-init-generic.log");
	struct outcome seen = lab_run("judge", "--json", log, NULL);
	struct outcome said = lab_run("judge", "--json", "--os", "linux", log, NULL);
	struct json_object *list = json_object_object_get(seen.json, "findings");

	(void)state;
	assert_int_equal(seen.status, 1);
	assert_string_equal(lab_string(seen.json, "os"), "FreeBSD");
	assert_int_equal(json_object_array_length(list), 1);
	assert_string_equal(
		lab_string(json_object_array_get_idx(list, 0), "rule"), "null-dereference");
	assert_int_equal(said.status, 0);
	assert_string_equal(lab_string(said.json, "os"), "Linux");
	lab_free(&seen);
	lab_free(&said);
}

static void what_is_silenced_does_not_count_but_is_in_the_json(void **state)
{
	AUTO_FREE char *log = fixture(NULL_LOG);
	struct outcome o = lab_run("judge", "--silence", "hang,null-dereference", log, NULL);
	struct outcome j = lab_run("judge", "--json", "--silence", "null-dereference", log, NULL);
	struct outcome other = lab_run("judge", "--silence", "hang", log, NULL);
	struct json_object *list = json_object_object_get(j.json, "findings");

	(void)state;
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "nothing was found in "));
	assert_non_null(strstr(o.out.data, "; 1 finding silenced)\n"));
	assert_null(strstr(o.out.data, "[null-dereference]"));
	assert_int_equal(j.status, 0);
	assert_int_equal(json_object_array_length(list), 1);
	assert_true(json_object_get_boolean(
		json_object_object_get(json_object_array_get_idx(list, 0), "silenced")));
	assert_int_equal(other.status, 1);
	lab_free(&o);
	lab_free(&j);
	lab_free(&other);
}

static void boots_are_told_apart(void **state)
{
	AUTO_FREE char *dir = lab_dir(), *log = xasprintf("%s/log", dir);
	AUTO_FREE char *path = fixture(NULL_LOG);
	AUTO_BUF struct buf text = {0};
	struct outcome o;

	(void)state;
	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	lab_write(dir, "log",
		"[    0.000000] Linux version 6.1.0\n%s"
		"[    0.000000] Linux version 6.1.0\n[    1.0] all is well\n",
		text.data);
	o = lab_run("judge", log, NULL);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out.data, ", in boot 1 of 2 "));
	assert_non_null(strstr(o.out.data, "1 finding in "));
	lab_free(&o);
}

static void what_cannot_be_read_is_status_3_and_what_cannot_be_meant_is_2(void **state)
{
	AUTO_FREE char *log = fixture(NULL_LOG), *dir = lab_dir();
	AUTO_FREE char *none = xasprintf("%s/none", dir);
	struct {
		struct outcome o;
		int status;
		const char *words;
	} all[] = {
		{lab_run("judge", none, NULL), 3, "cannot read "},
		{lab_run("judge", dir, NULL), 3, "cannot read "},
		{lab_run("judge", "--symbols", none, log, NULL), 3, "--symbols: there is no "},
		{lab_run("judge", "--symbols", log, log, NULL), 2, " is neither a module nor "},
		{lab_run("judge", NULL), 2, "give one file with a log"},
		{lab_run("judge", log, log, NULL), 2, "give one file with a log"},
		{lab_run("judge", getenv("KMODLAB"), NULL), 2, "a module goes behind --symbols"},
		{lab_run("judge", "--os", "plan9", log, NULL), 2,
			"--os is linux or freebsd, and not 'plan9'"},
		{lab_run("judge", "--silence", "null-derefrence", log, NULL), 2,
			"did you mean 'null-dereference'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i].o.status != all[i].status || !strstr(all[i].o.err.data, all[i].words))
			fail_msg("case %zu: status %d, said: %s", i, all[i].o.status,
				all[i].o.err.data);
		assert_true(!all[i].o.out.len);
		lab_free(&all[i].o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_with_a_crash_gives_the_finding_and_status_1),
		cmocka_unit_test(a_log_without_anything_says_so_in_a_line_and_is_status_0),
		cmocka_unit_test(the_system_is_seen_or_said),
		cmocka_unit_test(what_is_silenced_does_not_count_but_is_in_the_json),
		cmocka_unit_test(boots_are_told_apart),
		cmocka_unit_test(what_cannot_be_read_is_status_3_and_what_cannot_be_meant_is_2),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
