/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real logs of FreeBSD kernels, each with what is to be found in it on top, a line for each report in order:
 * "# RULE | PLACE | FUNCTION", or "# nothing". PLACE is the source line that the kernel itself named, FUNCTION the
 * innermost frame in a module, which are those above the kernel: a name, or the address of what trapped.
 */
#include "unit.h"

#include "base/path.h"
#include "judge/msgbuf.h"
#include "judge/report.h"

#include <dirent.h>
#include <stdio.h>

#define MODULES UINT64_C(0xffffffff82000000)

/* Lines of text as records. */
static void read_lines(const char *text, struct run *run)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		struct record *r = ARRAY_ADD(run->log, run->nlog);

		r->text = xstrndup(text, n);
		text += n + (text[n] == '\n');
	}
}

static char *describe(const struct report *r)
{
	const struct report_frame *inner = NULL;
	AUTO_FREE char *place = NULL, *function = NULL;

	for (size_t i = 0; i < r->nframes && !inner; i++)
		if (r->frames[i].stack == STACK_HERE && r->frames[i].address >= MODULES)
			inner = &r->frames[i];
	place = r->file ? xasprintf("%s:%u", r->file, r->line) : xstrdup("-");
	if (!inner)
		function = xstrdup("-");
	else if (inner->function)
		function = xstrdup(inner->function);
	else
		function = xasprintf("0x%llx", (unsigned long long)inner->address);
	return xasprintf("# %s | %s | %s\n", r->rule, place, function);
}

static void check_file(const char *path)
{
	AUTO_BUF struct buf text = {0}, got = {0};
	AUTO_FREE char *wanted = NULL;
	struct run run = {0};
	struct report r;
	const char *log;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (log = text.data; *log == '#' && log[1] == ' '; log += strcspn(log, "\n") + 1)
		;
	wanted = xstrndup(text.data, (size_t)(log - text.data));
	read_lines(log, &run);
	assert_true(run.nlog > 0);
	for (size_t from = 0; report_find_freebsd(run.log, run.nlog, from, &r);) {
		AUTO_FREE char *line = describe(&r);

		buf_adds(&got, line);
		assert_non_null(r.title);
		assert_true(r.first >= from && r.last >= r.first && r.last < run.nlog);
		assert_int_equal(r.fatal, r.last == run.nlog - 1 && strstr(text.data, "\npanic: "));
		from = r.last + 1;
		report_free(&r);
	}
	if (!got.len)
		buf_adds(&got, "# nothing\n");
	if (strcmp(got.data, wanted))
		fail_msg("%s:\nwanted\n%sgot\n%s", path, wanted, got.data);
	run_free(&run);
}

static void real_logs_give_what_stands_on_top_of_them(void **state)
{
	DIR *dir = opendir(FIXTURES "/freebsd");
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO_FREE char *path = xasprintf(FIXTURES "/freebsd/%s", e->d_name);

		if (!strstr(e->d_name, ".log"))
			continue;
		check_file(path);
		n++;
	}
	closedir(dir);
	assert_true(n >= 30);
}

/* ---- single lines ---- */

static struct report only(const char *text)
{
	struct run run = {0};
	struct report r;

	read_lines(text, &run);
	assert_int_equal(report_find_freebsd(run.log, run.nlog, 0, &r), 1);
	run_free(&run);
	return r;
}

#define PANIC(text) "panic: " text "\ncpuid = 0\ntime = 1\nUptime: 1s"

static void each_panic_is_told_in_plain_words(void **state)
{
	static const struct {
		const char *text, *rule, *says;
	} wanted[] = {
		{PANIC("we planned this"), "panic", "panic: we planned this"},
		{PANIC("mtx_lock_spin: recursed on non-recursive mutex m @ a.c:3"), "lock-twice",
			"a second time"},
		{PANIC("mutex m not owned at a.c:3"), "lock-misuse", "not held"},
		{PANIC("spin lock held too long"), "lock-wait", "too long"},
		{PANIC("deadlres_td_sleep_q: possible deadlock detected for 0x1 (x), blocked for 9 ticks"),
			"sleeps-forever", "not woken"},
		{PANIC("deadlres_td_on_lock: possible deadlock detected for 0x1 (x), blocked for 9 ticks"),
			"lock-wait", "does not get it"},
		{PANIC("ASan: Invalid access, 8-byte read at 0x1, UMAUseAfterFree(fd)"),
			"use-after-free", "after it was freed"},
		{PANIC("ASan: Invalid access, 1-byte write at 0x1, MallocRedZone(fb)"),
			"out-of-bounds", "past its end"},
		{PANIC("Thread 0x1 cannot exit while holding sleeplocks"), "lock-held",
			"thread ended"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct report r = only(wanted[i].text);

		assert_string_equal(r.rule, wanted[i].rule);
		if (!strstr(r.title, wanted[i].says))
			fail_msg("'%s' is not in: %s", wanted[i].says, r.title);
		assert_true(r.fatal);
		report_free(&r);
	}
}

static void kasan_may_go_on(void **state)
{
	struct report r = only(
		"ASan: Invalid access, 1-byte read at 0xfffff80001, MallocRedZone(fb)\n"
		"#0 0xffffffff80bb9d23 at kasan_report+0xc\n#1 0xffffffff8261805c at handler+0x5c\n"
		"later");

	(void)state;
	assert_string_equal(r.rule, "out-of-bounds");
	assert_false(r.fatal);
	assert_int_equal(r.class, CLASS_BUG);
	assert_int_equal(r.last, 2);
	assert_int_equal(r.nframes, 1);
	assert_string_equal(r.frames[0].function, "handler");
	report_free(&r);
}

static void both_sides_of_a_race_are_frames(void **state)
{
	struct report r =
		only("CSan: Racy Access [Cpu0 Write Addr=0x1 Size=4 PC=0xffffffff82618010<>] "
		     "[Cpu1 Read Addr=0x1 Size=4 PC=0xffffffff82618020<>]");

	(void)state;
	assert_string_equal(r.rule, "data-race");
	assert_int_equal(r.nframes, 2);
	assert_int_equal(r.frames[0].stack, STACK_OTHER);
	assert_int_equal(r.frames[0].address, 0xffffffff82618020);
	assert_int_equal(r.frames[1].stack, STACK_HERE);
	assert_int_equal(r.frames[1].address, 0xffffffff82618010);
	report_free(&r);
}

static void the_debuggers_backtrace_is_read_as_well(void **state)
{
	struct report r = only(
		"Fatal trap 12: page fault while in kernel mode\ncpuid = 0; apic id = 00\n"
		"fault virtual address\t= 0x8\nfault code\t\t= supervisor write data, page not present\n"
		"KDB: stack backtrace:\n"
		"db_trace_self_wrapper() at db_trace_self_wrapper+0x2b/frame 0xfffffe0000000000\n"
		"vpanic() at vpanic+0x132/frame 0xfffffe0000000000\n"
		"calltrap() at calltrap+0x8/frame 0xfffffe0000000000\n"
		"--- trap 0xc, rip = 0xffffffff82618014, rsp = 0x1, rbp = 0x2 ---\n"
		"handler() at handler+0x14/frame 0xfffffe0000000000\n"
		"module_register_init() at module_register_init+0xb0/frame 0xfffffe0000000000\n");

	(void)state;
	assert_string_equal(r.rule, "null-dereference");
	assert_string_equal(r.title, "a NULL pointer was written through (address 0x8)");
	assert_int_equal(r.nframes, 2);
	assert_string_equal(r.frames[0].function, "handler");
	assert_int_equal(r.frames[0].address, 0xffffffff82618014);
	assert_true(r.frames[0].exact);
	assert_false(r.frames[1].exact);
	report_free(&r);
}

static void words_alone_are_no_report(void **state)
{
	static const char *const texts[] = {"panic: not really", "Fatal trap 12: only said",
		"lock order reversal: is what we had", "Warning: memory type", "Freed UMA keg (",
		"it had with the following locks held:", "ASan: no"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct record log = {.text = (char *)texts[i]};
		struct report r;

		assert_int_equal(report_find_freebsd(&log, 1, 0, &r), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_logs_give_what_stands_on_top_of_them),
		cmocka_unit_test(each_panic_is_told_in_plain_words),
		cmocka_unit_test(kasan_may_go_on),
		cmocka_unit_test(both_sides_of_a_race_are_frames),
		cmocka_unit_test(the_debuggers_backtrace_is_read_as_well),
		cmocka_unit_test(words_alone_are_no_report),
	};

	return cmocka_run_group_tests_name("freebsd_report", tests, NULL, NULL);
}
