/* SPDX-License-Identifier: BSD-2-Clause */
/* From what was followed and not undone to findings. */
#include "unit.h"

#include "judge/judge.h"

static struct ko ko = {.name = "hello"}, other = {.name = "dependency"};

/* The findings when `things` are left after the calls. */
static struct findings judge(
	struct call *calls, size_t ncalls, struct thing *things, size_t n, enum target_os os)
{
	struct run run = {
		.os = os, .calls = calls, .ncalls = ncalls, .left = {things, n}, .surveyed = true};
	struct findings f = {0};

	judge_leaks(&run, &f);
	return f;
}

static struct call loaded[] = {
	{.kind = CALL_LOAD, .ko = &other, .supporting = true, .returned = true},
	{.kind = CALL_LOAD, .ko = &ko, .returned = true},
	{.kind = CALL_UNLOAD, .ko = &ko, .returned = true},
	{.kind = CALL_LOAD, .ko = &ko, .returned = true},
	{.kind = CALL_UNLOAD, .ko = &ko, .returned = true},
};

static void expect(struct findings f, const char *rule, const char *message)
{
	assert_int_equal(f.n, 1);
	assert_string_equal(f.items[0].rule, rule);
	assert_string_equal(f.items[0].message, message);
	assert_int_equal(f.items[0].class, CLASS_LEAK);
	assert_non_null(f.items[0].advice);
	findings_free(&f);
}

static void memory_is_told_with_its_count_and_bytes(void **state)
{
	struct thing three = {PROTO_MEMORY, "kmalloc", "", 0xffffffffc0000010, 192, 3};
	struct thing one = {PROTO_MEMORY, "vmalloc", "", 0, 1, 1};

	(void)state;
	expect(judge(loaded, 3, &three, 1, TARGET_LINUX), "memory-leak",
		"hello leaves 3 allocations behind when it is unloaded, 192 bytes in all (kmalloc)");
	expect(judge(loaded, 3, &one, 1, TARGET_LINUX), "memory-leak",
		"hello leaves 1 allocation behind when it is unloaded, 1 byte in all (vmalloc)");
}

static void several_loads_are_said_to_be_several(void **state)
{
	struct thing thing = {PROTO_MEMORY, "pages", "", 0, 8192, 2};

	(void)state;
	expect(judge(loaded, 5, &thing, 1, TARGET_LINUX), "memory-leak",
		"hello leaves 2 allocations behind after 2 loads and unloads, 8192 bytes in all (pages)");
}

static void an_init_that_failed_is_not_called_unloaded(void **state)
{
	struct call failed = {.kind = CALL_LOAD, .ko = &ko, .returned = true, .error = 12};
	struct thing thing = {PROTO_MEMORY, "kmalloc", "", 0, 64, 1};

	(void)state;
	expect(judge(&failed, 1, &thing, 1, TARGET_LINUX), "memory-leak",
		"hello leaves 1 allocation behind though its init failed, 64 bytes in all (kmalloc)");
}

static void each_other_sort_has_its_rule(void **state)
{
	static const struct {
		enum proto_kind kind;
		char *name;
		const char *rule, *message;
	} cases[] = {
		{PROTO_TIMER, "", "leftover-timer",
			"hello leaves a timer that is still armed behind when it is unloaded"},
		{PROTO_TIMER, "hrtimer", "leftover-timer",
			"hello leaves a timer that is still armed behind when it is unloaded"},
		{PROTO_WORK, "", "leftover-work",
			"hello leaves delayed work that is still to be done behind when it is unloaded"},
		{PROTO_WORKQUEUE, "wq", "leftover-workqueue",
			"hello leaves a workqueue 'wq' behind when it is unloaded"},
		{PROTO_NOTIFIER, "", "leftover-notifier",
			"hello leaves a notifier that is still registered behind when it is unloaded"},
		{PROTO_ZONE, "things", "leftover-zone",
			"hello leaves a cache of objects 'things' behind when it is unloaded"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct thing thing = {cases[i].kind, cases[i].name, "", 0, 0, 1};

		expect(judge(loaded, 3, &thing, 1, TARGET_LINUX), cases[i].rule, cases[i].message);
	}
}

static void what_was_not_followed_is_a_note_and_no_failure(void **state)
{
	struct thing thing = {PROTO_UNSEEN, "BPF", "", 0, 0, 0};
	struct findings f = judge(loaded, 3, &thing, 1, TARGET_LINUX);

	(void)state;
	assert_int_equal(f.n, 1);
	assert_int_equal(f.items[0].severity, SEVERITY_NOTE);
	assert_non_null(strstr(f.items[0].message, "this kernel has no BPF"));
	findings_free(&f);
}

static void listed_things_and_freebsds_are_left_to_the_others(void **state)
{
	struct thing things[] = {{PROTO_DEVICE, "char 240 foo", "", 0, 0, 1},
		{PROTO_MEMORY, "mytype", "", 0, 64, 1}};
	struct findings f = judge(loaded, 3, things, 1, TARGET_LINUX);

	(void)state;
	assert_int_equal(f.n, 0);
	f = judge(loaded, 3, things, 2, TARGET_FREEBSD);
	assert_int_equal(f.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_told_with_its_count_and_bytes),
		cmocka_unit_test(several_loads_are_said_to_be_several),
		cmocka_unit_test(an_init_that_failed_is_not_called_unloaded),
		cmocka_unit_test(each_other_sort_has_its_rule),
		cmocka_unit_test(what_was_not_followed_is_a_note_and_no_failure),
		cmocka_unit_test(listed_things_and_freebsds_are_left_to_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
