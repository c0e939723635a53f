/* SPDX-License-Identifier: BSD-2-Clause */
/* Adding, listing and removing targets, rightly and wrongly. */
#include "lab.h"

#include "base/path.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* A registry of this test's own, so that what it adds is in nobody's way. */
static int own_registry(void **state)
{
	AUTO_FREE char *dir = lab_dir();

	*state = xstrdup(getenv("XDG_DATA_HOME"));
	setenv("XDG_DATA_HOME", dir, 1);
	return 0;
}

static int common_registry(void **state)
{
	setenv("XDG_DATA_HOME", *state, 1);
	free(*state);
	return 0;
}

/* Nothing of a target is in the registry's directory, finished or half. */
static void nothing_registered(void)
{
	AUTO_FREE char *data = path_data_dir();
	AUTO_FREE char *command = xasprintf(
		"for i in 1 2 3 4 5 6 7 8 9 10; do l=$(find '%s' -mindepth 2 -maxdepth 2 ! -path '*/locks/*' "
		"2>/dev/null); [ -z \"$l\" ] && exit 0; sleep 0.5; done; echo \"$l\" >&2; exit 1",
		data);

	assert_int_equal(system(command), 0);
}

static void a_second_add_of_a_target_says_that_it_is_there(void **state)
{
	struct outcome o = lab_run("target", "add", "debian:bookworm", NULL);

	(void)state;
	assert_int_not_equal(o.status, 0);
	assert_non_null(strstr(o.err.data, BOOKWORM));
	assert_non_null(strstr(o.err.data, "kmodlab target remove"));
	lab_free(&o);
}

static void the_list_is_there_for_people_and_for_programs(void **state)
{
	struct outcome o = lab_run("target", "list", NULL);
	struct json_object *list;

	(void)state;
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, BOOKWORM));
	assert_non_null(strstr(o.out.data, TRIXIE));
	lab_free(&o);
	o = lab_run("target", "list", "--json", NULL);
	assert_int_equal(o.status, 0);
	list = json_tokener_parse(o.out.data);
	assert_non_null(list);
	assert_non_null(strstr(o.out.data, TRIXIE));
	json_object_put(list);
	lab_free(&o);
}

static void a_registration_is_a_readable_file(void **state)
{
	struct outcome o = lab_run("target", "show", "debian:bookworm", NULL);
	const char *at;
	AUTO_FREE char *file = NULL;
	AUTO_BUF struct buf text = {0};

	(void)state;
	assert_int_equal(o.status, 0);
	at = strstr(o.out.data, "\nfile ");
	assert_non_null(at);
	at += 6 + strspn(at + 6, " ");
	file = xstrndup(at, strcspn(at, "\n"));
	assert_int_equal(path_read(file, 10000, &text), 0);
	assert_non_null(strstr(text.data, "name = " BOOKWORM));
	lab_free(&o);
}

static void a_slip_of_the_finger_gets_the_nearest_name(void **state)
{
	struct outcome o = lab_run("target", "add", "debian:bokworm", NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "bookworm"));
	lab_free(&o);
	o = lab_run("target", "add", "debain:bookworm", NULL);
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "debian"));
	lab_free(&o);
}

static void without_a_network_it_says_so_and_registers_nothing(void **state)
{
	AUTO_FREE char *said = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"unshare --net -- \"$KMODLAB\" target add debian:bookworm >'%s/said' 2>&1; test $? = 3 && "
		"grep -qi 'network' '%s/said' || { cat '%s/said' >&2; exit 1; }",
		said, said, said);

	(void)state;
	assert_int_equal(system(command), 0);
	nothing_registered();
}

static void an_interrupted_add_leaves_nothing(int sig)
{
	AUTO_FREE char *command = NULL;
	pid_t pid = lab_start("target", "add", "debian:bookworm", NULL);

	usleep(4000000);
	kill(pid, sig);
	assert_int_equal(lab_end(pid), 128 + sig);
	nothing_registered();
	command = xasprintf("! pgrep -f 'mmdebstra[p].*%s' >/dev/null", getenv("XDG_DATA_HOME"));
	assert_int_equal(system(command), 0);
}

static void an_add_interrupted_by_ctrl_c_leaves_nothing(void **state)
{
	(void)state;
	an_interrupted_add_leaves_nothing(SIGINT);
}

static void a_killed_add_leaves_nothing(void **state)
{
	(void)state;
	an_interrupted_add_leaves_nothing(SIGKILL);
}

static void a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"unshare --mount sh -c 'mount -t tmpfs -o size=50m none \"$1\" && "
		"XDG_DATA_HOME=\"$1\" \"$KMODLAB\" target add debian:bookworm >\"$1/said\" 2>&1; test $? = 3 && "
		"cat \"$1/said\" && grep -q \"free\" \"$1/said\"' sh '%s' >/dev/null",
		dir);

	(void)state;
	assert_int_equal(system(command), 0);
}

static void removing_a_target_that_is_not_there_is_an_error(void **state)
{
	struct outcome o = lab_run("target", "remove", "debian:bookworm", NULL);

	(void)state;
	assert_int_not_equal(o.status, 0);
	assert_non_null(strstr(o.err.data, BOOKWORM));
	lab_free(&o);
}

static void without_any_target_a_run_names_the_command_that_adds_one(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", dir, NULL);

	(void)state;
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "kmodlab target add debian:bookworm"));
	lab_free(&o);
}

int main(void)
{
#define ALONE(f) cmocka_unit_test_setup_teardown(f, own_registry, common_registry)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_add_of_a_target_says_that_it_is_there),
		cmocka_unit_test(the_list_is_there_for_people_and_for_programs),
		cmocka_unit_test(a_registration_is_a_readable_file),
		cmocka_unit_test(a_slip_of_the_finger_gets_the_nearest_name),
		ALONE(without_a_network_it_says_so_and_registers_nothing),
		ALONE(an_add_interrupted_by_ctrl_c_leaves_nothing),
		ALONE(a_killed_add_leaves_nothing),
		ALONE(a_disk_that_is_too_small_is_noticed_before_anything_is_fetched),
		ALONE(removing_a_target_that_is_not_there_is_an_error),
		ALONE(without_any_target_a_run_names_the_command_that_adds_one),
	};

	return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
