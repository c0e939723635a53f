/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module left behind: taking what the agent tells, and what is made of it. */
#include "unit.h"

#include "judge/judge.h"
#include "trial/watch.h"

#include <stdlib.h>
#include <string.h>

static struct ko ko = {.name = "foo"}, other = {.name = "bar"};
static struct call calls[4];
static struct record records[3];

/* A run in which foo was loaded and unloaded. */
static struct run run_of(enum target_os os)
{
	memset(calls, 0, sizeof calls);
	calls[0] = (struct call){.kind = CALL_LOAD, .ko = &ko, .returned = true};
	calls[1] = (struct call){.kind = CALL_UNLOAD, .ko = &ko, .returned = true};
	return (struct run){.os = os, .calls = calls, .ncalls = 2, .surveyed = true};
}

static void leave(struct run *r, enum proto_kind kind, const char *name)
{
	thing_add(&r->left,
		(struct thing){
			.kind = kind, .name = xstrdup(name), .more = xstrdup(""), .count = 1});
}

/* Judges it; the calls and the log are not the run's own. */
static struct findings judged(struct run *r)
{
	struct findings out = {0};

	judge_left(r, &out);
	r->calls = NULL;
	r->ncalls = 0;
	r->log = NULL;
	r->nlog = 0;
	run_free(r);
	return out;
}

static const struct finding *only(const struct findings *all, const char *rule)
{
	assert_int_equal(all->n, 1);
	assert_string_equal(all->items[0].rule, rule);
	assert_int_equal(all->items[0].severity, SEVERITY_ERROR);
	assert_int_equal(all->items[0].class, CLASS_LEAK);
	assert_non_null(all->items[0].advice);
	return &all->items[0];
}

static void says(const struct finding *f, const char *words)
{
	if (!strstr(f->message, words))
		fail_msg("'%s' does not say '%s'", f->message, words);
}

static void nothing_left_is_nothing_found(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all = judged(&r);

	(void)state;
	assert_int_equal(all.n, 0);
}

static void a_devices_number_node_and_class_are_one_finding_that_names_them(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;
	const struct finding *f;

	(void)state;
	leave(&r, PROTO_NODE, "/dev/foo0");
	leave(&r, PROTO_SYSFS, "/sys/class/foo");
	leave(&r, PROTO_SYSFS, "/sys/devices/virtual/foo");
	leave(&r, PROTO_DEVICE, "char 240 foo");
	all = judged(&r);
	f = only(&all, "leftover-device");
	says(f, "foo was unloaded, but left behind: ");
	says(f, "char device number 240 'foo'");
	says(f, "/dev/foo0");
	says(f, "/sys/class/foo");
	assert_non_null(strstr(f->advice, "unregister_chrdev_region"));
	findings_free(&all);
}

static void things_of_different_sorts_and_names_are_findings_of_their_own(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	leave(&r, PROTO_PROC, "/proc/foo");
	leave(&r, PROTO_DEBUGFS, "/sys/kernel/debug/foo");
	leave(&r, PROTO_IRQ, "7 foo");
	all = judged(&r);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.items[0].rule, "leftover-proc");
	assert_string_equal(all.items[1].rule, "leftover-debugfs");
	assert_string_equal(all.items[2].rule, "leftover-irq");
	says(&all.items[2], "interrupt 7 'foo'");
	findings_free(&all);
}

static void each_sort_has_its_rule_and_its_words(void **state)
{
	static const struct {
		enum target_os os;
		enum proto_kind kind;
		const char *name, *rule, *words;
	} cases[] = {
		{TARGET_LINUX, PROTO_SYSCTL, "/proc/sys/dev/foo", "leftover-sysctl",
			"/proc/sys/dev/foo"},
		{TARGET_LINUX, PROTO_SYSFS, "/sys/kernel/foo", "leftover-sysfs", "/sys/kernel/foo"},
		{TARGET_LINUX, PROTO_REGION, "io 0300-0307 foo", "leftover-region",
			"I/O region 0300-0307 'foo'"},
		{TARGET_LINUX, PROTO_THREAD, "foo", "leftover-thread", "kernel thread 'foo'"},
		{TARGET_LINUX, PROTO_NETDEV, "foo0", "leftover-netdev", "network interface foo0"},
		{TARGET_LINUX, PROTO_FILESYSTEM, "foofs", "leftover-filesystem", "foofs"},
		{TARGET_FREEBSD, PROTO_SYSCTL, "hw.foo", "leftover-sysctl", "sysctl hw.foo"},
		{TARGET_FREEBSD, PROTO_TIMER, "", "leftover-timer", "callout"},
		{TARGET_FREEBSD, PROTO_EVENTHANDLER, "shutdown_final", "leftover-eventhandler",
			"shutdown_final"},
		{TARGET_FREEBSD, PROTO_ZONE, "foo", "leftover-zone", "UMA zone 'foo'"},
		{TARGET_FREEBSD, PROTO_MEMORY, "devbuf", "memory-leak", "malloc type 'devbuf'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run r = run_of(cases[i].os);
		struct findings all;

		leave(&r, cases[i].kind, cases[i].name);
		all = judged(&r);
		says(only(&all, cases[i].rule), cases[i].words);
		findings_free(&all);
	}
}

static void an_interface_takes_what_came_with_it_along(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	leave(&r, PROTO_PROC, "/proc/net/dev_snmp6/foo0");
	leave(&r, PROTO_NETDEV, "foo0");
	all = judged(&r);
	says(only(&all, "leftover-netdev"), "/proc/net/dev_snmp6/foo0");
	findings_free(&all);
}

static void a_zones_own_nodes_belong_to_it(void **state)
{
	struct run r = run_of(TARGET_FREEBSD);
	struct findings all;

	(void)state;
	leave(&r, PROTO_SYSCTL, "vm.uma.foo_zone");
	leave(&r, PROTO_ZONE, "foo zone");
	all = judged(&r);
	only(&all, "leftover-zone");
	findings_free(&all);
}

static void memory_beside_other_leftovers_is_a_note(void **state)
{
	struct run r = run_of(TARGET_FREEBSD);
	struct findings all;

	(void)state;
	leave(&r, PROTO_NETDEV, "foo0");
	leave(&r, PROTO_MEMORY, "temp");
	all = judged(&r);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.items[1].severity, SEVERITY_NOTE);
	assert_int_equal(all.items[1].class, CLASS_PASS);
	findings_free(&all);
}

static void a_list_that_kills_its_reader_is_the_leftover_in_it(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;
	const struct finding *f;

	(void)state;
	leave(&r, PROTO_NODE, "/dev/foo");
	leave(&r, PROTO_SYSFS, "/sys/class/misc/foo");
	leave(&r, PROTO_DEADLY, "/proc/misc");
	all = judged(&r);
	f = only(&all, "leftover-device");
	says(f, "the kernel crashed while /proc/misc was read");
	says(f, "/dev/foo");
	findings_free(&all);

	r = run_of(TARGET_LINUX);
	leave(&r, PROTO_DEADLY, "/proc/filesystems");
	all = judged(&r);
	only(&all, "leftover-filesystem");
	findings_free(&all);
}

static void the_crash_of_reading_such_a_list_is_no_finding(void **state)
{
	struct run r = run_of(TARGET_LINUX);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		records[i] = (struct record){
			.text = (char *)"Oops: 0000 [#1]", .call = 1, .after = true};
	records[1].text = (char *)"CPU: 0 PID: 84 Comm: init Tainted: G";
	r.log = records;
	r.nlog = 3;
	assert_false(judge_is_of_survey(&r, 0, 2));
	leave(&r, PROTO_DEADLY, "/proc/misc");
	assert_true(judge_is_of_survey(&r, 0, 2));
	/* One during the call, or of another process, is the module's own. */
	records[0].after = false;
	assert_false(judge_is_of_survey(&r, 0, 2));
	records[0].after = true;
	records[1].text = (char *)"CPU: 0 PID: 84 Comm: foo_thread Tainted: G";
	assert_false(judge_is_of_survey(&r, 0, 2));
	r.calls = NULL;
	r.ncalls = 0;
	r.log = NULL;
	r.nlog = 0;
	run_free(&r);
}

static void an_init_that_failed_halfway_is_told_so(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	calls[0].error = 12;
	r.ncalls = 1;
	leave(&r, PROTO_PROC, "/proc/foo");
	all = judged(&r);
	says(only(&all, "leftover-proc"), "foo's init failed, but left behind: /proc/foo");
	findings_free(&all);
}

static void a_module_that_is_still_there_has_left_nothing_behind(void **state)
{
	struct findings all;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct run r = run_of(TARGET_LINUX);

		if (i == 0)
			calls[1].error = 16;
		if (i == 1)
			calls[1].returned = false;
		if (i == 2)
			calls[1].signal = 9;
		if (i == 3)
			r.surveyed = false;
		/* A supporting module's load that failed: ours never came to be. */
		if (i == 4)
			calls[0].supporting = calls[1].supporting = true;
		leave(&r, PROTO_PROC, "/proc/foo");
		all = judged(&r);
		assert_int_equal(all.n, 0);
	}
}

static void several_modules_are_named_together(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	calls[2] = calls[1];
	calls[3] = calls[1];
	calls[1] = (struct call){.kind = CALL_LOAD, .ko = &other, .returned = true};
	calls[2].ko = &other;
	r.ncalls = 4;
	leave(&r, PROTO_PROC, "/proc/foo");
	all = judged(&r);
	says(only(&all, "leftover-proc"), "foo and bar were unloaded");
	findings_free(&all);
}

static void a_workqueues_rescuer_is_not_told_beside_the_queue(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all = {0};

	(void)state;
	leave(&r, PROTO_THREAD, "kworker/R-foo_q");
	leave(&r, PROTO_WORKQUEUE, "foo_queue");
	judge_leftovers(&r, &all);
	assert_int_equal(all.n, 0);
	leave(&r, PROTO_THREAD, "foo_thread");
	judge_leftovers(&r, &all);
	only(&all, "leftover-thread");
	r.calls = NULL;
	r.ncalls = 0;
	run_free(&r);
	findings_free(&all);
}

static void a_guest_that_tells_too_much_is_heard_to_an_end(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	for (int i = 0; i < 10000; i++)
		leave(&r, i & 1 ? PROTO_PROC : PROTO_IRQ, "/proc/foo");
	all = judged(&r);
	assert_int_equal(all.n, 2);
	findings_free(&all);
}

static void many_of_a_sort_are_counted_after_the_first(void **state)
{
	struct run r = run_of(TARGET_LINUX);
	struct findings all;

	(void)state;
	for (int i = 0; i < 30; i++) {
		AUTO_FREE char *name = xasprintf("/proc/foo%d", i);

		leave(&r, PROTO_PROC, name);
	}
	all = judged(&r);
	says(only(&all, "leftover-proc"), "/proc/foo0");
	says(&all.items[0], "and 18 more");
	findings_free(&all);
}

/* ---- taking ---- */

static void take(struct trial *t, const void *bytes, size_t len, bool loaded)
{
	struct message msg = {.type = PROTO_THING, .body = bytes, .length = (uint32_t)len};

	watch_take(t, &msg, loaded);
}

static void a_thing_goes_where_it_belongs(void **state)
{
	struct trial t = {0};
	struct {
		struct proto_thing p;
		char text[9];
	} m = {{.kind = PROTO_IRQ, .count = 3, .bytes = 5, .site = 7}, "7 foo\0a"};

	(void)state;
	take(&t, &m, sizeof m.p + 8, true);
	take(&t, &m, sizeof m.p + 8, false);
	assert_int_equal(t.run.appeared.n, 1);
	assert_int_equal(t.run.left.n, 1);
	assert_string_equal(t.run.left.items[0].name, "7 foo");
	assert_string_equal(t.run.left.items[0].more, "a");
	assert_int_equal(t.run.left.items[0].count, 3);
	assert_int_equal(t.run.left.items[0].bytes, 5);
	assert_int_equal(t.run.left.items[0].site, 7);
	run_free(&t.run);
}

static void what_makes_no_sense_is_left_out(void **state)
{
	struct trial t = {0};
	struct {
		struct proto_thing p;
		char text[9];
	} m = {{.kind = PROTO_IRQ}, "7 foo\0a"};

	(void)state;
	for (size_t len = 0; len < sizeof m.p + 8; len++)
		take(&t, &m, len, false);
	m.p.kind = PROTO_KINDS;
	take(&t, &m, sizeof m.p + 8, false);
	m.p.kind = 0;
	take(&t, &m, sizeof m.p + 8, false);
	assert_int_equal(t.run.left.n, 0);
	run_free(&t.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_left_is_nothing_found),
		cmocka_unit_test(a_devices_number_node_and_class_are_one_finding_that_names_them),
		cmocka_unit_test(things_of_different_sorts_and_names_are_findings_of_their_own),
		cmocka_unit_test(each_sort_has_its_rule_and_its_words),
		cmocka_unit_test(an_interface_takes_what_came_with_it_along),
		cmocka_unit_test(a_zones_own_nodes_belong_to_it),
		cmocka_unit_test(memory_beside_other_leftovers_is_a_note),
		cmocka_unit_test(a_list_that_kills_its_reader_is_the_leftover_in_it),
		cmocka_unit_test(the_crash_of_reading_such_a_list_is_no_finding),
		cmocka_unit_test(an_init_that_failed_halfway_is_told_so),
		cmocka_unit_test(a_module_that_is_still_there_has_left_nothing_behind),
		cmocka_unit_test(several_modules_are_named_together),
		cmocka_unit_test(a_workqueues_rescuer_is_not_told_beside_the_queue),
		cmocka_unit_test(a_guest_that_tells_too_much_is_heard_to_an_end),
		cmocka_unit_test(many_of_a_sort_are_counted_after_the_first),
		cmocka_unit_test(a_thing_goes_where_it_belongs),
		cmocka_unit_test(what_makes_no_sense_is_left_out),
	};

	return cmocka_run_group_tests_name("left", tests, NULL, NULL);
}
