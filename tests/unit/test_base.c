/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "base/archive.h"
#include "base/clock.h"
#include "base/finding.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/scratch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_buffer_is_always_terminated_and_can_be_consumed(void **state)
{
	AUTO_BUF struct buf b = {0};

	(void)state;
	buf_addf(&b, "%d-%s", 42, "x");
	assert_string_equal(b.data, "42-x");
	buf_consume(&b, 3);
	assert_string_equal(b.data, "x");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
}

static void the_worst_finding_gives_the_class_and_warnings_give_none(void **state)
{
	struct findings f = {0};

	(void)state;
	finding_add(&f, "a", SEVERITY_WARNING, CLASS_CRASH, xstrdup("w"), NULL);
	assert_int_equal(findings_worst(&f), CLASS_PASS);
	finding_add(&f, "b", SEVERITY_ERROR, CLASS_HANG, xstrdup("h"), NULL);
	finding_add(&f, "c", SEVERITY_ERROR, CLASS_LOAD, xstrdup("l"), NULL);
	assert_int_equal(findings_worst(&f), CLASS_HANG);
	findings_free(&f);
}

static void xdg_directories_are_followed_and_relative_ones_ignored(void **state)
{
	AUTO_FREE char *set = NULL, *unset = NULL;

	(void)state;
	setenv("XDG_DATA_HOME", "/somewhere", 1);
	set = path_data_dir();
	assert_string_equal(set, "/somewhere/kmodlab");
	setenv("XDG_DATA_HOME", "relative", 1);
	setenv("HOME", "/home/u", 1);
	unset = path_data_dir();
	assert_string_equal(unset, "/home/u/.local/share/kmodlab");
	unsetenv("XDG_DATA_HOME");
}

static void a_file_longer_than_allowed_is_not_read(void **state)
{
	AUTO_BUF struct buf b = {0};

	(void)state;
	assert_int_equal(path_read("/proc/self/maps", 10, &b), -EFBIG);
	assert_int_equal(path_read("/proc", 10, &b), -EISDIR);
	assert_int_equal(path_read("/nonexistent", 10, &b), -ENOENT);
	assert_int_equal(path_read("/dev/zero", 10, &b), -EINVAL);
}

static void a_scratch_directory_goes_away_with_what_is_in_it(void **state)
{
	struct scratch s;
	struct error err;
	AUTO_FREE char *path = NULL, *inner = NULL;

	(void)state;
	assert_int_equal(scratch_open(&s, "/tmp/kmodlab-unit-", &err), 0);
	path = xstrdup(s.path);
	inner = xasprintf("%s/a/b", path);
	assert_int_equal(path_make_dirs(inner, &err), 0);
	chmod(inner, 0);
	scratch_close(&s);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_scratch_directory_goes_away_when_its_owner_is_killed(void **state)
{
	int pipes[2];
	char path[256] = {0};
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		struct scratch s;
		struct error err;

		scratch_open(&s, "/tmp/kmodlab-unit-", &err);
		(void)!write(pipes[1], s.path, strlen(s.path));
		pause();
	}
	assert_true(read(pipes[0], path, sizeof path - 1) > 0);
	assert_int_equal(access(path, F_OK), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 500 && !access(path, F_OK); i++)
		usleep(10000);
	assert_int_equal(access(path, F_OK), -1);
	close(pipes[0]);
	close(pipes[1]);
}

static void a_lock_is_held_against_another_process_until_its_holder_ends(void **state)
{
	struct error err;
	pid_t child;
	int fd, status;

	(void)state;
	fd = lock_take("/tmp/kmodlab-unit-lock", 1000, &err);
	assert_true(fd >= 0);
	child = fork();
	if (!child)
		_exit(lock_take("/tmp/kmodlab-unit-lock", 50, &err) == -ETIMEDOUT ? 0 : 1);
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	close(fd);
	fd = lock_take("/tmp/kmodlab-unit-lock", 50, &err);
	assert_true(fd >= 0);
	close(fd);
	unlink("/tmp/kmodlab-unit-lock");
}

static void collect(void *arg, const char *line, size_t len)
{
	buf_addf(arg, "[%s]", line);
	(void)len;
}

static void a_process_gives_its_output_line_by_line_and_its_status(void **state)
{
	char *argv[] = {"sh", "-c", "echo one; echo two >&2; printf three; exit 7", NULL};
	AUTO_BUF struct buf lines = {0};
	struct error err;
	int64_t cpu;
	int status = proc_run(argv, 10000, collect, NULL, &lines, &cpu, &err);

	(void)state;
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(lines.data, "[one][two][three]");
}

static void a_process_that_takes_too_long_is_killed(void **state)
{
	char *argv[] = {"sleep", "60", NULL};
	struct error err;
	int64_t began = clock_us();

	(void)state;
	assert_int_equal(proc_run(argv, 100, NULL, NULL, NULL, NULL, &err), -ETIMEDOUT);
	assert_true(clock_us() - began < 10000000);
}

static void a_program_that_is_missing_is_named(void **state)
{
	char *argv[] = {"no-such-program-here", NULL};
	struct error err;

	(void)state;
	assert_int_equal(proc_run(argv, 100, NULL, NULL, NULL, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no-such-program-here"));
}

static void compressed_files_are_read_plain_and_damaged_ones_refused(void **state)
{
	static const char gz[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07"
				 "\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
	AUTO_BUF struct buf b = {0}, c = {0};
	struct error err;

	(void)state;
	assert_int_equal(path_write("/tmp/kmodlab-unit.gz", gz, sizeof gz - 1, &err), 0);
	assert_int_equal(archive_read_plain("/tmp/kmodlab-unit.gz", 100, &b, &err), 0);
	assert_string_equal(b.data, "hello");
	assert_int_equal(path_write("/tmp/kmodlab-unit.gz", gz, 12, &err), 0);
	assert_int_equal(archive_read_plain("/tmp/kmodlab-unit.gz", 100, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "damaged"));
	unlink("/tmp/kmodlab-unit.gz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_always_terminated_and_can_be_consumed),
		cmocka_unit_test(the_worst_finding_gives_the_class_and_warnings_give_none),
		cmocka_unit_test(xdg_directories_are_followed_and_relative_ones_ignored),
		cmocka_unit_test(a_file_longer_than_allowed_is_not_read),
		cmocka_unit_test(a_scratch_directory_goes_away_with_what_is_in_it),
		cmocka_unit_test(a_scratch_directory_goes_away_when_its_owner_is_killed),
		cmocka_unit_test(a_lock_is_held_against_another_process_until_its_holder_ends),
		cmocka_unit_test(a_process_gives_its_output_line_by_line_and_its_status),
		cmocka_unit_test(a_process_that_takes_too_long_is_killed),
		cmocka_unit_test(a_program_that_is_missing_is_named),
		cmocka_unit_test(compressed_files_are_read_plain_and_damaged_ones_refused),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
