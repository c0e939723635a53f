/* SPDX-License-Identifier: BSD-2-Clause */
/* From an errno and the kernel's words to a finding. The words are those of real kernels. */
#include "unit.h"

#include "judge/judge.h"

#include <errno.h>
#include <stdio.h>

static struct ko_param params[] = {{"howmany", "int", ""}, {"whom", "charp", ""}};
static struct ko ko = {.name = "hello", .has_init = true, .params = params, .nparams = 2};

struct judged {
	struct findings f;
};

/* What is found after a call that returned `error` and logged `line`. */
static struct judged judge(enum call_kind kind, int error, const char *line)
{
	struct call call = {.kind = kind, .ko = &ko, .returned = true, .error = error};
	struct record record = {.text = (char *)line};
	struct run run = {.calls = &call, .ncalls = 1, .log = &record, .nlog = line ? 1 : 0};
	struct judged j = {0};

	judge_run(&run, NULL, &j.f);
	return j;
}

static void expect(struct judged j, const char *rule, enum class class, const char *words)
{
	assert_int_equal(j.f.n, 1);
	assert_string_equal(j.f.items[0].rule, rule);
	assert_int_equal(j.f.items[0].class, class);
	if (!strstr(j.f.items[0].message, words))
		fail_msg("'%s' does not say '%s'", j.f.items[0].message, words);
	findings_free(&j.f);
}

static void success_without_a_word_finds_nothing(void **state)
{
	struct judged j = judge(CALL_LOAD, 0, "Hello, world");

	(void)state;
	assert_int_equal(j.f.n, 0);
}

static void each_way_to_be_refused_at_load_has_its_rule(void **state)
{
	static const struct {
		int error;
		const char *line, *rule, *words;
	} cases[] = {
		{ENOENT, "hello: Unknown symbol foo_bar (err -2)", "symbol-unknown", "foo_bar"},
		{EINVAL, "hello: disagrees about version of symbol module_layout", "symbol-version",
			"module_layout"},
		{ENOEXEC,
			"hello: version magic '5.10.0-34-cloud-amd64 SMP mod_unload modversions ' should "
			"be '6.1.0-38-cloud-amd64 SMP preempt mod_unload modversions '",
			"vermagic",
			"\"5.10.0-34-cloud-amd64 SMP mod_unload modversions\", this kernel's is "
			"\"6.1.0-38-cloud-amd64 SMP preempt mod_unload modversions\""},
		{EINVAL,
			"hello: module uses symbol (dma_buf_get) from namespace DMA_BUF, but does not "
			"import it.",
			"namespace-import", "DMA_BUF"},
		{EINVAL, "hello: `lots' invalid for parameter `howmany'", "param-invalid",
			"\"lots\" is no value for the parameter howmany"},
		{ENOEXEC, "hello: exports duplicate symbol kfree (owned by kernel)",
			"symbol-duplicate", "kfree, which kernel exports"},
		{EKEYREJECTED, "Loading of unsigned module is rejected", "signature", "signed"},
		{ENOEXEC, "Invalid ELF header len 3", "damaged-file", "damaged"},
		{ENOEXEC, NULL, "damaged-file", "ENOEXEC"},
		{EEXIST, NULL, "already-loaded", "already"},
		{ENOMEM, "hello: no room", "init-error", "-ENOMEM (-12: Cannot allocate memory)"},
		{517, NULL, "init-error", "EPROBE_DEFER"},
		{4000, NULL, "init-error", "-4000, which is no error number (errno)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(judge(CALL_LOAD, cases[i].error, cases[i].line), cases[i].rule, CLASS_LOAD,
			cases[i].words);
}

static void a_parameter_that_is_ignored_is_an_error_though_the_load_succeeds(void **state)
{
	struct judged j = judge(CALL_LOAD, 0, "hello: unknown parameter 'whon' ignored");

	(void)state;
	assert_non_null(strstr(j.f.items[0].advice, "howmany, whom"));
	expect(j, "param-unknown", CLASS_LOAD, "whon");
}

static void each_way_to_be_refused_at_unload_has_its_rule(void **state)
{
	(void)state;
	expect(judge(CALL_UNLOAD, EBUSY, NULL), "no-exit", CLASS_UNLOAD, "no exit");
	ko.has_exit = true;
	expect(judge(CALL_UNLOAD, EBUSY, NULL), "in-use", CLASS_UNLOAD, "EBUSY");
	expect(judge(CALL_UNLOAD, EAGAIN, NULL), "in-use", CLASS_UNLOAD, "in use");
	expect(judge(CALL_UNLOAD, EPERM, NULL), "unload-error", CLASS_UNLOAD, "EPERM");
	ko.has_exit = false;
}

static void an_end_that_the_log_does_not_explain_is_still_named(void **state)
{
	static const struct {
		enum run_end end;
		enum class class;
		const char *words;
	} cases[] = {
		{RUN_ENDED, CLASS_CRASH, "reset itself while hello's init ran"},
		{RUN_SILENT, CLASS_HANG, "init does not come back"},
		{RUN_NONSENSE, CLASS_CRASH, "made no sense any more"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct call call = {.kind = CALL_LOAD, .ko = &ko};
		struct run run = {
			.calls = &call, .ncalls = 1, .end = cases[i].end, .timeout_ms = 5000};
		struct judged j = {0};

		judge_run(&run, NULL, &j.f);
		assert_int_equal(findings_worst(&j.f), cases[i].class);
		assert_non_null(strstr(j.f.items[0].message, cases[i].words));
		findings_free(&j.f);
	}
}

static void lost_log_lines_are_counted_in_a_warning(void **state)
{
	struct call call = {.kind = CALL_LOAD, .ko = &ko, .returned = true};
	struct run run = {.calls = &call, .ncalls = 1, .dropped = 77};
	struct judged j = {0};

	(void)state;
	judge_run(&run, NULL, &j.f);
	expect(j, "log-dropped", CLASS_PASS, "77");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_without_a_word_finds_nothing),
		cmocka_unit_test(each_way_to_be_refused_at_load_has_its_rule),
		cmocka_unit_test(a_parameter_that_is_ignored_is_an_error_though_the_load_succeeds),
		cmocka_unit_test(each_way_to_be_refused_at_unload_has_its_rule),
		cmocka_unit_test(an_end_that_the_log_does_not_explain_is_still_named),
		cmocka_unit_test(lost_log_lines_are_counted_in_a_warning),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
