/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "base/buf.h"
#include "report/json.h"
#include "report/terminal.h"

#include <json-c/json.h>
#include <stdio.h>

static struct target target = {.name = (char *)"debian:bookworm/cloud",
	.os = TARGET_LINUX,
	.arch = (char *)"x86_64",
	.release = (char *)"6.1.0"};

/* A trial that loaded one module, logged two lines and found one error. */
static struct trial make(void)
{
	struct trial t = {.target = &target, .verdict = VERDICT_FAIL, .class = CLASS_LOAD};
	struct finding *f;

	t.name = strdup("hello");
	t.source = strdup("/src/hello");
	*ARRAY_ADD(t.steps, t.nsteps) =
		(struct step){.stage = STAGE_LOAD, .took_us = 1500, .what = strdup("hello")};
	*ARRAY_ADD(t.run.calls, t.run.ncalls) =
		(struct call){.kind = CALL_LOAD, .returned = true, .error = 12};
	*ARRAY_ADD(t.run.log, t.run.nlog) = (struct record){
		.level = 1, .usec = 5, .text = strdup("Hello \"quoted\"\nsecond line")};
	*ARRAY_ADD(t.run.log, t.run.nlog) = (struct record){
		.level = 4, .usec = 6, .origin = ORIGIN_TAINT, .text = strdup("taints kernel")};
	f = finding_add(&t.findings, "init-error", SEVERITY_ERROR, CLASS_LOAD,
		strdup("hello's init returned -ENOMEM"), strdup("Do something."));
	f->file = strdup("/src/hello/hello.c");
	f->line = 7;
	return t;
}

static void the_terminal_report_has_levels_findings_and_verdict(void **state)
{
	struct trial t = make();
	char *text = NULL;
	size_t len;
	struct terminal term;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	terminal_setup(&term, out);
	terminal_watch(&term, &t, STAGE_LOAD, &t.steps[0]);
	terminal_finish(&term, &t);
	fclose(out);
	assert_non_null(strstr(text, "hello  on debian:bookworm/cloud (Linux 6.1.0, x86_64)\n"));
	assert_non_null(
		strstr(text, "alert    Hello \"quoted\"\n                      second line\n"));
	assert_non_null(strstr(text, "taint    taints kernel\n"));
	assert_non_null(strstr(
		text, "error: /src/hello/hello.c:7: hello's init returned -ENOMEM [init-error]\n"));
	assert_non_null(strstr(text, "→ Do something.\n"));
	assert_non_null(strstr(text, "FAIL (load)  hello on debian:bookworm/cloud"));
	assert_null(strchr(text, '\033'));
	free(text);
	trial_free(&t);
}

static void json_says_the_same_to_programs(void **state)
{
	struct trial t = make();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json_object *all, *o;
	struct json j;

	(void)state;
	json_begin(&j, out);
	json_trial(&j, &t);
	assert_int_equal(json_end(&j, false), 0);
	fclose(out);
	all = json_tokener_parse(text);
	assert_non_null(all);
	json_object_object_get_ex(all, "failed", &o);
	assert_int_equal(json_object_get_int(o), 1);
	json_object_object_get_ex(all, "trials", &o);
	o = json_object_array_get_idx(o, 0);
	struct json_object *verdict, *log, *first, *words;
	json_object_object_get_ex(o, "verdict", &verdict);
	assert_string_equal(json_object_get_string(verdict), "load");
	json_object_object_get_ex(o, "log", &log);
	first = json_object_array_get_idx(log, 0);
	json_object_object_get_ex(first, "text", &words);
	assert_string_equal(json_object_get_string(words), "Hello \"quoted\"\nsecond line");
	json_object_put(all);
	free(text);
	trial_free(&t);
}

static void an_infrastructure_error_is_never_the_modules(void **state)
{
	struct trial t = make();
	char *text = NULL;
	size_t len;
	struct terminal term;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	t.verdict = VERDICT_INFRASTRUCTURE;
	error_set(&t.error, 5, "QEMU was killed by signal 9");
	terminal_setup(&term, out);
	terminal_finish(&term, &t);
	fclose(out);
	assert_non_null(
		strstr(text, "ERROR (not the module's doing): QEMU was killed by signal 9"));
	assert_null(strstr(text, "FAIL"));
	assert_string_equal(trial_verdict_name(&t), "infrastructure");
	free(text);
	trial_free(&t);
}

static void a_second_machine_is_told_of_and_the_first_ones_doings_are_not_kept(void **state)
{
	struct trial t = make();
	struct step boot = {.stage = STAGE_BOOT, .ok = true, .what = (char *)""};
	char *text = NULL;
	size_t len;
	struct terminal term;
	struct json j;
	FILE *out = open_memstream(&text, &len);
	size_t nsteps = t.nsteps;

	(void)state;
	terminal_setup(&term, out);
	/* The first machine came up, and failed. */
	t.nsteps = 0;
	t.run.nlog = 0;
	terminal_watch(&term, &t, STAGE_BOOT, &boot);
	t.retried = strdup("QEMU was killed by signal 9");
	terminal_watch(&term, &t, STAGE_BOOT, NULL);
	t.nsteps = nsteps;
	t.run.nlog = 2;
	terminal_watch(&term, &t, STAGE_LOAD, &t.steps[0]);
	terminal_finish(&term, &t);
	json_begin(&j, out);
	json_trial(&j, &t);
	json_end(&j, false);
	fclose(out);
	assert_non_null(
		strstr(text, "retried  in another machine: QEMU was killed by signal 9\n  load "));
	assert_non_null(strstr(text, "\"retried\": true"));
	assert_null(strstr(strstr(text, "retried  in") + 1, "retried  in"));
	free(text);
	trial_free(&t);
}

static void a_flood_is_shown_by_its_beginning_and_its_end(void **state)
{
	struct trial t = make();
	char *text = NULL;
	size_t len;
	struct terminal term;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		AUTO_FREE char *line = xasprintf("line %d.", i);

		*ARRAY_ADD(t.run.log, t.run.nlog) =
			(struct record){.level = 6, .text = xstrdup(line)};
	}
	terminal_setup(&term, out);
	terminal_finish(&term, &t);
	fclose(out);
	assert_non_null(strstr(text, "line 3."));
	assert_non_null(strstr(text, "lines left out"));
	assert_null(strstr(text, "line 500."));
	assert_non_null(strstr(text, "line 999."));
	free(text);
	trial_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_terminal_report_has_levels_findings_and_verdict),
		cmocka_unit_test(json_says_the_same_to_programs),
		cmocka_unit_test(an_infrastructure_error_is_never_the_modules),
		cmocka_unit_test(
			a_second_machine_is_told_of_and_the_first_ones_doings_are_not_kept),
		cmocka_unit_test(a_flood_is_shown_by_its_beginning_and_its_end),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
