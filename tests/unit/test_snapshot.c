/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots as files: kept whole or not at all, and nothing believed that somebody has touched. */
#include "home.h"

#include "base/buf.h"
#include "machine/snapshot.h"

#include <fcntl.h>
#include <sys/mman.h>

#define RAM_BYTES ((uint64_t)8 << 20)
#define KEY	  "qemu x\nkernel y\n"

static const struct hello hello = {PROTO_LINUX, 2, "6.1.0", "#1 SMP", "x86_64"};

/* A cache of its own for each test. */
static int begin(void **state)
{
	AUTO_FREE char *cache = NULL;

	if (set_up(state))
		return -1;
	cache = in_home("cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static int memory(uint64_t bytes, uint64_t at, const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(pwrite(fd, text, strlen(text), (off_t)at), strlen(text));
	return fd;
}

/* Keeps one, and returns where. */
static char *keep(const char *key)
{
	char *dir = snapshot_dir("debian-x", key);
	int ram = memory(RAM_BYTES, 5 << 20, "in the middle");
	int state = memory(5, 0, "state");
	struct error err;

	assert_int_equal(snapshot_keep(dir, key, ram, RAM_BYTES, state, &hello, &err), 0);
	close(ram);
	close(state);
	return dir;
}

static void overwrite(const char *dir, const char *name, off_t at, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
	close(fd);
}

static void cut(const char *dir, const char *name, off_t to)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(truncate(path, to), 0);
}

static void is_refused_and_gone(const char *dir, const char *key, uint64_t ram_bytes)
{
	struct snapshot s;

	assert_int_equal(snapshot_open(dir, key, ram_bytes, &s), -ENOENT);
	assert_false(path_is_dir(dir));
}

static void what_is_kept_comes_back_and_takes_only_the_room_it_needs(void **state)
{
	AUTO_FREE char *dir = keep(KEY);
	char text[14] = "";
	struct snapshot s;
	struct stat st;

	(void)state;
	assert_int_equal(snapshot_open(dir, KEY, RAM_BYTES, &s), 0);
	assert_int_equal(pread(s.ram, text, 13, 5 << 20), 13);
	assert_string_equal(text, "in the middle");
	assert_int_equal(fstat(s.ram, &st), 0);
	assert_int_equal(st.st_size, RAM_BYTES);
	assert_true(st.st_blocks * 512 < 1 << 20);
	memset(text, 0, sizeof text);
	assert_int_equal(read(s.state, text, 13), 5);
	assert_string_equal(text, "state");
	assert_string_equal(s.hello.release, "6.1.0");
	assert_int_equal(s.hello.cpus, 2);
	snapshot_close(&s);
}

static void where_there_is_none_nothing_is_opened(void **state)
{
	AUTO_FREE char *dir = snapshot_dir("debian-x", "another key");

	(void)state;
	is_refused_and_gone(dir, "another key", RAM_BYTES);
}

static void one_that_is_cut_off_is_refused_and_removed(void **state)
{
	static const struct {
		const char *name;
		off_t to;
	} cuts[] = {{"ram", RAM_BYTES - 4096}, {"ram", 0}, {"state", 4}, {"state", 0}, {"info", 0},
		{"info", 40}};

	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		AUTO_FREE char *dir = keep(KEY);

		cut(dir, cuts[i].name, cuts[i].to);
		is_refused_and_gone(dir, KEY, RAM_BYTES);
	}
}

static void one_that_somebody_wrote_into_is_refused(void **state)
{
	static const char *const names[] = {"ram", "state"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *dir = keep(KEY);

		usleep(20000); /* the clock that dates files ticks every few milliseconds */
		overwrite(dir, names[i], 1, "x");
		is_refused_and_gone(dir, KEY, RAM_BYTES);
	}
}

static void one_made_for_another_machine_is_refused(void **state)
{
	AUTO_FREE char *dir = keep(KEY), *other = NULL;

	(void)state;
	is_refused_and_gone(dir, "qemu z\n", RAM_BYTES);
	other = keep(KEY);
	is_refused_and_gone(other, KEY, RAM_BYTES * 2);
}

static void a_file_that_is_missing_or_a_link_is_refused(void **state)
{
	static const char *const names[] = {"ram", "state", "info"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *dir = keep(KEY);
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names[i]);
		AUTO_FREE char *aside = xasprintf("%s.aside", dir);

		assert_int_equal(rename(path, aside), 0);
		if (i < 2)
			assert_int_equal(symlink(aside, path), 0);
		is_refused_and_gone(dir, KEY, RAM_BYTES);
		unlink(aside);
	}
}

static void a_new_one_takes_the_place_of_the_old(void **state)
{
	AUTO_FREE char *dir = keep(KEY), *again = keep(KEY);
	struct snapshot s;

	(void)state;
	assert_string_equal(dir, again);
	assert_int_equal(snapshot_open(dir, KEY, RAM_BYTES, &s), 0);
	snapshot_close(&s);
}

static void an_open_one_can_be_removed(void **state)
{
	AUTO_FREE char *dir = keep(KEY);
	char byte;
	struct snapshot s;

	(void)state;
	assert_int_equal(snapshot_open(dir, KEY, RAM_BYTES, &s), 0);
	snapshot_drop(dir);
	assert_int_equal(pread(s.ram, &byte, 1, 5 << 20), 1);
	assert_int_equal(byte, 'i');
	snapshot_close(&s);
}

static void all_are_listed_with_target_and_last_use(void **state)
{
	AUTO_FREE char *a = keep("a"), *b = keep("b");
	struct snapshot_list list;
	bool found = false;

	(void)state;
	cut(b, "info", 3);
	snapshot_list(&list);
	for (size_t i = 0; i < list.n; i++) {
		if (!strcmp(list.items[i].dir, a)) {
			found = true;
			assert_string_equal(list.items[i].target, "debian-x");
			assert_string_equal(list.items[i].key, "a");
			assert_true(list.items[i].used > 0 && list.items[i].bytes > 0);
		}
		if (!strcmp(list.items[i].dir, b))
			assert_string_equal(list.items[i].key, "");
	}
	assert_true(found);
	snapshot_list_free(&list);
}

static void the_lock_and_what_is_being_made_are_no_snapshots(void **state)
{
	AUTO_FREE char *dir = snapshot_dir("debian-lock", KEY);
	AUTO_FREE char *half = xasprintf("%s.AbCdEf", dir);
	struct snapshot_list list;
	struct error err;
	int turn = snapshot_take_turn(dir, 1000, &err);

	(void)state;
	assert_true(turn >= 0);
	assert_int_equal(path_make_dirs(half, &err), 0);
	snapshot_list(&list);
	for (size_t i = 0; i < list.n; i++)
		assert_null(strstr(list.items[i].dir, "debian-lock"));
	snapshot_list_free(&list);
	close(turn);
}

static void what_cannot_be_written_leaves_nothing_half_made(void **state)
{
	AUTO_FREE char *dir = snapshot_dir("debian-full", KEY);
	int devices = memory(5, 0, "state");
	struct snapshot_list list;
	struct error err;

	(void)state;
	/* Memory that cannot be read stands for a disk that is full. */
	assert_true(snapshot_keep(dir, KEY, -1, RAM_BYTES, devices, &hello, &err) < 0);
	assert_non_null(strstr(err.text, "cannot keep a snapshot"));
	assert_false(path_is_dir(dir));
	snapshot_list(&list);
	assert_int_equal(list.n, 0);
	snapshot_list_free(&list);
	close(devices);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)
	const struct CMUnitTest tests[] = {
		FRESH(what_is_kept_comes_back_and_takes_only_the_room_it_needs),
		FRESH(where_there_is_none_nothing_is_opened),
		FRESH(one_that_is_cut_off_is_refused_and_removed),
		FRESH(one_that_somebody_wrote_into_is_refused),
		FRESH(one_made_for_another_machine_is_refused),
		FRESH(a_file_that_is_missing_or_a_link_is_refused),
		FRESH(a_new_one_takes_the_place_of_the_old),
		FRESH(an_open_one_can_be_removed),
		FRESH(all_are_listed_with_target_and_last_use),
		FRESH(the_lock_and_what_is_being_made_are_no_snapshots),
		FRESH(what_cannot_be_written_leaves_nothing_half_made),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
