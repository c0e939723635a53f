/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a symbol is not to be had, by the target's own files. */
#include "home.h"

#include "check/symbols.h"

static const char symvers[] =
	"0x12345678\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x12345679\tschedule_timeout\tvmlinux\tEXPORT_SYMBOL\t\n"
	"0x1234567a\tsynchronize_rcu\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"
	"0x1234567b\tusb_register_driver\tdrivers/usb/core/usbcore\tEXPORT_SYMBOL_GPL\t\n"
	"0x1234567c\tdma_buf_put\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n"
	"0x1234567d\tkvm_thing\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:kvm,kvm-intel\n"
	"0x1234567e\told_order\t\tdrivers/x/y\tEXPORT_SYMBOL\n"
	"0x1234567f\tlast_one\tvmlinux\tEXPORT_SYMBOL";
static const char names[] = "_printk\ncpu_up\ncpu_up_all\nhidden_fn\nprintk\nzzz\n";

static int prepare(void **state)
{
	if (set_up(state))
		return -1;
	put("root/build/Module.symvers", symvers);
	put("symbols", names);
	return 0;
}

static struct symbol_info look_up(const char *name)
{
	AUTO_FREE char *root = in_home("root"), *symbols = in_home("symbols");
	struct target t = {.name = (char *)"t",
		.root = root,
		.build = (char *)"/build",
		.release = (char *)"6.1.0",
		.symbols = symbols};
	struct symbol_info info;

	symbol_look_up(&t, name, &info);
	return info;
}

static void exported_symbols_are_found_with_their_owner(void **state)
{
	struct symbol_info info = look_up("printk");

	(void)state;
	assert_int_equal(info.state, SYMBOL_EXPORTED);
	assert_string_equal(info.owner, "vmlinux");
	assert_null(info.namespace);
	symbol_info_free(&info);
	info = look_up("usb_register_driver");
	assert_int_equal(info.state, SYMBOL_GPL_ONLY);
	assert_string_equal(info.owner, "drivers/usb/core/usbcore");
	symbol_info_free(&info);
	info = look_up("last_one");
	assert_int_equal(info.state, SYMBOL_EXPORTED);
	symbol_info_free(&info);
}

static void namespaces_are_told_in_either_order_of_columns(void **state)
{
	struct symbol_info info = look_up("dma_buf_put");

	(void)state;
	assert_string_equal(info.namespace, "DMA_BUF");
	symbol_info_free(&info);
	info = look_up("old_order");
	assert_int_equal(info.state, SYMBOL_EXPORTED);
	assert_string_equal(info.owner, "drivers/x/y");
	assert_null(info.namespace);
	symbol_info_free(&info);
}

static void what_the_kernel_has_but_does_not_export_is_told_from_what_it_lacks(void **state)
{
	static const struct {
		const char *name;
		enum symbol_state state;
	} cases[] = {
		{"hidden_fn", SYMBOL_UNEXPORTED},
		{"_printk", SYMBOL_UNEXPORTED},
		{"zzz", SYMBOL_UNEXPORTED},
		{"cpu_up", SYMBOL_UNEXPORTED},
		{"cpu_up_all", SYMBOL_UNEXPORTED},
		{"cpu", SYMBOL_ABSENT},
		{"", SYMBOL_ABSENT},
		{"cpu_up_", SYMBOL_ABSENT},
		{"hidden", SYMBOL_ABSENT},
		{"zzzz", SYMBOL_ABSENT},
		{"A", SYMBOL_ABSENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct symbol_info info = look_up(cases[i].name);

		if (info.state != cases[i].state)
			fail_msg("%s: %d", cases[i].name, info.state);
		symbol_info_free(&info);
	}
}

static void without_its_files_nothing_is_claimed(void **state)
{
	struct symbol_info info;

	(void)state;
	put("symbols", "");
	info = look_up("hidden_fn");
	assert_int_equal(info.state, SYMBOL_UNKNOWN);
	symbol_info_free(&info);
	put("root/build/Module.symvers", "");
	info = look_up("printk");
	assert_int_equal(info.state, SYMBOL_UNKNOWN);
	symbol_info_free(&info);
}

static void the_nearest_export_is_what_was_meant(void **state)
{
	static const char *const slips[][2] = {{"shcedule_timeout", "schedule_timeout"},
		{"schedule_timeuot", "schedule_timeout"}, {"pritnk", "printk"},
		{"synchronise_rcu", "synchronize_rcu"}};

	(void)state;
	for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
		struct symbol_info info = look_up(slips[i][0]);

		assert_non_null(info.nearest);
		assert_string_equal(info.nearest, slips[i][1]);
		symbol_info_free(&info);
	}
}

static void nothing_is_guessed_from_afar(void **state)
{
	static const char *const strangers[] = {"x", "foo", "print_hex", "my_driver_probe",
		("a_name_that_is_far_longer_than_any_name_that_anybody_would_give_to_a_function_in_a_"
		 "kernel_or_elsewhere_on_this_earth")};

	(void)state;
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		struct symbol_info info = look_up(strangers[i]);

		assert_null(info.nearest);
		symbol_info_free(&info);
	}
}

static void expect_words(const char *symbol, const char *in_message, const char *in_advice)
{
	struct symbol_info info = look_up(symbol);
	char *message, *advice;

	symbol_explain("mine", symbol, &info, &message, &advice);
	if (!strstr(message, in_message))
		fail_msg("\"%s\" does not say \"%s\"", message, in_message);
	assert_non_null(strstr(message, "mine"));
	assert_non_null(strstr(message, symbol));
	assert_non_null(advice);
	if (!strstr(advice, in_advice))
		fail_msg("\"%s\" does not say \"%s\"", advice, in_advice);
	free(message);
	free(advice);
	symbol_info_free(&info);
}

static void each_reason_has_its_sentence_and_its_advice(void **state)
{
	(void)state;
	expect_words("printk", "does export", "for this target");
	expect_words("synchronize_rcu", "GPL-compatible", "MODULE_LICENSE");
	expect_words("usb_register_driver", "in the module usbcore", "usbcore loaded before mine");
	expect_words("dma_buf_put", "namespace DMA_BUF", "MODULE_IMPORT_NS");
	expect_words("kvm_thing", "to kvm,kvm-intel alone", "another function");
	expect_words("hidden_fn", "does not export", "exported function");
	expect_words("pritnk", "does not have", "printk");
	expect_words("my_own_fn", "does not have", "mine-y");
	expect_words("kallsyms_lookup_name", "does not have", "5.7");
}

static void well_known_ones_have_a_hint_and_others_none(void **state)
{
	(void)state;
	assert_non_null(symbol_hint(TARGET_LINUX, "del_timer_sync"));
	assert_null(symbol_hint(TARGET_LINUX, "timer_setup"));
	assert_null(symbol_hint(TARGET_LINUX, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported_symbols_are_found_with_their_owner),
		cmocka_unit_test(namespaces_are_told_in_either_order_of_columns),
		cmocka_unit_test(
			what_the_kernel_has_but_does_not_export_is_told_from_what_it_lacks),
		cmocka_unit_test(the_nearest_export_is_what_was_meant),
		cmocka_unit_test(nothing_is_guessed_from_afar),
		cmocka_unit_test(each_reason_has_its_sentence_and_its_advice),
		cmocka_unit_test(well_known_ones_have_a_hint_and_others_none),
		cmocka_unit_test(without_its_files_nothing_is_claimed),
	};

	return cmocka_run_group_tests_name("symbols", tests, prepare, tear_down);
}
