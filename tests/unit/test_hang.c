/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines that hung, as they were seen, each with what is to be said of it on top: "# linux load NAME", then
 * "# RULE: MESSAGE".
 */
#include "unit.h"

#include "base/path.h"
#include "judge/judge.h"
#include "judge/stands.h"
#include "machine/stuck.h"
#include "trial/addresses.h"

#include <dirent.h>
#include <stdio.h>

/* A run that ended in the call, with this text. */
static void judge(const char *os, const char *call, const char *name, const char *text,
	struct findings *found)
{
	struct ko ko = {.name = (char *)name};
	struct call calls[] = {{.kind = strcmp(call, "load") ? CALL_UNLOAD : CALL_LOAD, .ko = &ko}};
	struct run run = {.os = strcmp(os, "linux") ? TARGET_FREEBSD : TARGET_LINUX,
		.calls = calls,
		.ncalls = 1,
		.end = RUN_SILENT,
		.timeout_ms = 2000,
		.stuck = (char *)text};

	judge_hang(&run, found);
}

static void check_file(const char *path)
{
	AUTO_BUF struct buf text = {0};
	char os[16], call[16], name[32];
	AUTO_FREE char *wanted = NULL, *got = NULL;
	struct findings found = {0};
	const char *line;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	assert_int_equal(sscanf(text.data, "# %15s %15s %31s", os, call, name), 3);
	line = strchr(text.data, '\n') + 1;
	wanted = xstrndup(line + 2, strcspn(line + 2, "\n"));
	line = strchr(line, '\n') + 1;
	judge(os, call, name, line, &found);
	assert_int_equal(found.n, 1);
	got = xasprintf("%s: %s", found.items[0].rule, found.items[0].message);
	if (strcmp(got, wanted))
		fail_msg("%s:\n  wanted %s\n  got    %s", path, wanted, got);
	assert_int_equal(found.items[0].class, CLASS_HANG);
	assert_non_null(found.items[0].function);
	assert_string_equal(found.items[0].excerpt, line);
	findings_free(&found);
}

static void what_was_seen_of_a_hang_gives_what_stands_on_top_of_it(void **state)
{
	DIR *dir = opendir(FIXTURES "/hang");
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO_FREE char *path = xasprintf(FIXTURES "/hang/%s", e->d_name);

		if (!strstr(e->d_name, ".stuck"))
			continue;
		check_file(path);
		n++;
	}
	closedir(dir);
	assert_true(n >= 15);
}

static void a_hang_of_which_nothing_was_seen_is_still_one(void **state)
{
	struct findings found = {0};

	(void)state;
	judge("linux", "unload", "hello", NULL, &found);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.items[0].rule, "hang");
	assert_string_equal(found.items[0].message, "hello's exit does not come back within 2 s");
	assert_null(found.items[0].trace);
	findings_free(&found);
}

static void the_trace_begins_with_the_one_that_hangs_and_its_module(void **state)
{
	static const char text[] = "cpu 0: idle, interrupts on\n"
				   "cpu 1: kernel, interrupts off\n"
				   "  native_queued_spin_lock_slowpath+0x30\n"
				   "  _raw_spin_lock+0x1a\n"
				   "  take+0x12 [lock]\n"
				   "  do_one_initcall+0x59\n"
				   "  ~ native_queued_spin_lock_slowpath+0x30\n";
	struct findings found = {0};

	(void)state;
	judge("linux", "load", "lock", text, &found);
	assert_string_equal(found.items[0].rule, "lock-wait");
	assert_string_equal(found.items[0].function, "take");
	assert_string_equal(found.items[0].trace,
		"cpu 1: in the kernel, interrupts off\n"
		"  take+0x12 [lock]\n"
		"  native_queued_spin_lock_slowpath+0x30\n"
		"  _raw_spin_lock+0x1a\n"
		"  do_one_initcall+0x59\n"
		"cpu 0: idle\n");
	findings_free(&found);
}

/* It takes and releases a lock in each round: now and then it is in its own code. */
static void a_loop_that_takes_locks_is_a_loop(void **state)
{
	static const char text[] = "cpu 0: kernel, interrupts on\n"
				   "  _raw_spin_lock+0x1a\n"
				   "  turn+0x12 [loop]\n"
				   "  do_one_initcall+0x59\n"
				   "  ~ turn+0x22 [loop]\n";
	struct findings found = {0};

	(void)state;
	judge("linux", "load", "loop", text, &found);
	assert_string_equal(found.items[0].rule, "endless-loop");
	findings_free(&found);
}

/* Who waits stands in lockdep's list as well, and must not be taken for who has the lock. */
static void of_those_in_lockdeps_list_the_one_that_does_not_wait_has_the_lock(void **state)
{
	static const char tasks[] =
		"task 43 (init): D, i, caller\n"
		"  mutex_lock_nested\n"
		"  [<0>] i+0x45/0x1000 [bad]\n"
		"task 50 (late): D, i\n"
		"  mutex_lock_nested\n"
		"  [<0>] late+0x45/0x1000 [bad]\n"
		"log: Showing all locks held in the system:\n"
		"log: 1 lock held by late/50:\n"
		"log:  #0: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: late+0x45/0x90 [bad]\n";
	static const char *const ends[][2] = {
		{"log: 2 locks held by init/43:\n"
		 "log:  #0: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: i+0x13/0x90 [bad]\n"
		 "log:  #1: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: i+0x45/0x90 [bad]\n",
			"the mutex &d->lock, which it holds itself: it was taken twice (taken in i), in i"},
		{"log: 1 lock held by init/43:\n"
		 "log:  #0: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: i+0x45/0x90 [bad]\n"
		 "log: 1 lock held by away/with/7:\n"
		 "log:  #0: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: gone+0x1/0x90 [bad]\n",
			"the mutex &d->lock, held by task 7 (away/with) (taken in gone), in i"},
		{"log: 1 lock held by init/43:\n"
		 "log:  #0: ffffffffa0205068 (&d->lock){+.+.}-{3:3}, at: i+0x45/0x90 [bad]\n",
			"the mutex &d->lock, in i; meanwhile task 50 (late) waits in late for a mutex"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		AUTO_FREE char *text = xasprintf("%s%s", tasks, ends[i][0]);
		struct findings found = {0};

		judge("linux", "load", "bad", text, &found);
		assert_string_equal(found.items[0].rule, "lock-wait");
		if (!strstr(found.items[0].message, ends[i][1]))
			fail_msg("wanted '%s' in '%s'", ends[i][1], found.items[0].message);
		findings_free(&found);
	}
}

static void what_makes_no_sense_is_left_out(void **state)
{
	static const char text[] =
		"cpu\ncpu 1\n  +0x12\n  a b+0x1\ntask 12: D\ntask (x): D\nlock\nlock x\n"
		"lock y (\nlock ()\nlog: NMI backtrace for cpu 7\nlog: RIP: \nnonsense\n  ~ \n";
	struct stands s;

	(void)state;
	stands_parse(text, &s);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.items[i].nframes, 0);
	assert_int_equal(s.nlocks, 0);
	stands_free(&s);
}

static void the_kernels_own_trace_takes_the_place_of_what_was_scanned(void **state)
{
	static const char text[] = "cpu 1: kernel, interrupts on\n"
				   "  spin+0x7 [spin]\n"
				   "  stale_function+0x10\n"
				   "  ~ spin+0x9 [spin]\n"
				   "log: NMI backtrace for cpu 1\n"
				   "log: RIP: 0010:spin+0x9/0x20 [spin]\n"
				   "log: Call Trace:\n"
				   "log:  <TASK>\n"
				   "log:  ? stale_function+0x10/0x20\n"
				   "log:  init+0xa/0x1000 [spin]\n"
				   "log:  </TASK>\n";
	struct stands s;

	(void)state;
	stands_parse(text, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.items[0].nframes, 3);
	assert_string_equal(s.items[0].frames[0].function, "spin");
	assert_int_equal(s.items[0].frames[0].offset, 9);
	assert_string_equal(s.items[0].frames[1].function, "init");
	assert_true(s.items[0].frames[2].other);
	stands_free(&s);
}

static void registers_are_read_as_qemu_tells_them(void **state)
{
	AUTO_BUF struct buf text = {0};
	struct cpu_state cpus[STUCK_CPUS];

	(void)state;
	assert_int_equal(path_read(FIXTURES "/hang/registers.txt", 1 << 20, &text), 0);
	assert_int_equal(cpu_states_parse(text.data, cpus), 2);
	assert_int_equal(cpus[0].index, 0);
	assert_true(cpus[0].rip == 0xffffffffc020600d);
	assert_true(cpus[0].regs[REG_RSP] == 0xffffc900007c3c68);
	assert_true(cpus[0].regs[REG_RDI] == 0xffffc900007c3c50);
	assert_true(cpus[0].regs[15] == 0xffffc900007c3d08);
	assert_true(cpus[0].gs == 0xffff88800f400000);
	assert_false(cpus[0].interrupts);
	assert_false(cpus[0].user);
	assert_false(cpus[0].halted);
	assert_int_equal(cpus[1].index, 1);
	assert_true(cpus[1].halted);
	assert_true(cpus[1].interrupts);
	/* Cut short, the second one is not whole. */
	strstr(text.data, "CPU#1")[200] = 0;
	assert_int_equal(cpu_states_parse(text.data, cpus), 1);
}

static void addresses_have_the_names_that_the_kernel_gave_them(void **state)
{
	static const char text[] = "ffffffff81000000 T _stext\n"
				   "ffffffff81000040 t quiet\n"
				   "ffffffff81000100 D jiffies\n"
				   "ffffffffc0200000 t hello_init\t[hello]\n"
				   "ffffffffc0200000 t init_module\t[hello]\n"
				   "ffffffffc0201000 d my_lock\t[hello]\n"
				   "garbage\n12 \nffffffff81000200 T \n";
	struct addresses a = {0};

	(void)state;
	addresses_add_kallsyms(&a, text, sizeof text - 1);
	assert_int_equal(a.n, 6);
	assert_string_equal(addresses_find(&a, 0xffffffff81000044, true)->name, "quiet");
	assert_string_equal(addresses_find(&a, 0xffffffffc0200010, true)->name, "hello_init");
	assert_string_equal(addresses_find(&a, 0xffffffffc0200010, true)->module, "hello");
	assert_string_equal(addresses_find(&a, 0xffffffffc0201008, false)->name, "my_lock");
	assert_null(addresses_find(&a, 0xffffffff81000104, true));
	assert_null(addresses_find(&a, 0xffffffffd0000000, true));
	assert_null(addresses_find(&a, 1, true));
	assert_non_null(addresses_named(&a, "my_lock", "hello"));
	assert_null(addresses_named(&a, "my_lock", NULL));
	addresses_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_seen_of_a_hang_gives_what_stands_on_top_of_it),
		cmocka_unit_test(a_hang_of_which_nothing_was_seen_is_still_one),
		cmocka_unit_test(the_trace_begins_with_the_one_that_hangs_and_its_module),
		cmocka_unit_test(a_loop_that_takes_locks_is_a_loop),
		cmocka_unit_test(of_those_in_lockdeps_list_the_one_that_does_not_wait_has_the_lock),
		cmocka_unit_test(what_makes_no_sense_is_left_out),
		cmocka_unit_test(the_kernels_own_trace_takes_the_place_of_what_was_scanned),
		cmocka_unit_test(registers_are_read_as_qemu_tells_them),
		cmocka_unit_test(addresses_have_the_names_that_the_kernel_gave_them),
	};

	return cmocka_run_group_tests_name("hang", tests, NULL, NULL);
}
