/* SPDX-License-Identifier: BSD-2-Clause */
/* Trials on other machines, without any: what goes there and comes back, and what is done about tasks that bring
 * nothing. */
#include "unit.h"

#include "home.h"

#include "report/json.h"
#include "spread/executor.h"
#include "spread/result.h"
#include "spread/spread.h"

#include <stdio.h>

static struct target target = {.name = (char *)"debian:bookworm/cloud",
	.os = TARGET_LINUX,
	.arch = (char *)"x86_64",
	.release = (char *)"6.1.0"};

/* A trial in which everything has a value of its own. */
static struct trial make(void)
{
	struct trial t = {.os = TARGET_LINUX,
		.verdict = VERDICT_FAIL,
		.class = CLASS_CRASH,
		.took_us = 123456,
		.rebuilt = true,
		.replayed = true,
		.accel = ACCEL_TCG,
		.restored = true,
		.target = &target};
	struct stack_use *use;
	struct finding *f;

	t.name = xstrdup("hello");
	t.source = xstrdup("/src/hello \303\244\"\\");
	t.note = xstrdup("a note");
	t.machine_release = xstrdup("6.1.0");
	t.retried = xstrdup("it died");
	t.asked = xstrdup("crc32c");
	t.unexpected = xstrdup("nothing was found");
	*ARRAY_ADD(t.steps, t.nsteps) = (struct step){
		.stage = STAGE_BUILD, .ok = true, .took_us = 7, .what = xstrdup("hello.ko")};
	*ARRAY_ADD(t.steps, t.nsteps) = (struct step){
		.stage = STAGE_EXERCISE, .took_us = 9, .what = xstrdup(""), .call = 1};
	t.run.end = RUN_ENDED;
	t.run.dropped = 3;
	t.run.dropped_more = true;
	t.run.timeout_ms = 30000;
	t.run.surveyed = true;
	t.run.restored = true;
	t.run.stuck = xstrdup("stuck");
	t.run.params = xstrdup("a=1");
	t.run.console = xstrdup("console\r\n\001\xff");
	*ARRAY_ADD(t.run.calls, t.run.ncalls) = (struct call){.kind = CALL_LOAD,
		.supporting = true,
		.optional = true,
		.returned = true,
		.error = 12,
		.took_us = 1};
	*ARRAY_ADD(t.run.calls, t.run.ncalls) = (struct call){.kind = CALL_EXERCISE,
		.error = -3,
		.signal = 11,
		.what = xstrdup("test.sh"),
		.again = xstrdup("kmodlab run"),
		.output = xstrdup("said\n")};
	*ARRAY_ADD(t.run.log, t.run.nlog) = (struct record){.seq = UINT64_MAX,
		.usec = 5,
		.level = LEVEL_NONE,
		.facility = 3,
		.text = xstrdup("Hello\nworld"),
		.origin = ORIGIN_KERNEL,
		.call = 1,
		.after = true};
	f = finding_add(&t.findings, "null-pointer", SEVERITY_ERROR, CLASS_CRASH,
		xstrdup("it crashed"), xstrdup("Do not."));
	f->rule = "init-error";
	f->file = xstrdup("/src/hello.c");
	f->line = 4294967295U;
	f->column = 2;
	f->function = xstrdup("hello_init");
	f->trace = xstrdup("a\nb");
	f->excerpt = xstrdup("c");
	f->silenced = f->expected = true;
	use = ARRAY_ADD(t.stacks, t.nstacks);
	*use = (struct stack_use){
		.size = 16384, .deepest = 200, .chain = xstrdup("a > b"), .unknown = true};
	*ARRAY_ADD(use->frames, use->nframes) = (struct stack_frame){.function = xstrdup("a"),
		.file = xstrdup("a.c"),
		.line = 3,
		.bytes = 100,
		.deepest = 200,
		.dynamic = true,
		.recursive = true,
		.indirect = true};
	return t;
}

static char *as_json(const struct trial *t)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json j;

	json_begin(&j, out);
	json_trial(&j, t);
	fclose(out);
	return text;
}

static void a_result_that_was_read_is_the_one_that_was_written(void **state)
{
	struct trial t = make(), back;
	AUTO_FREE char *text = result_print(&t, "n1"), *node = NULL, *again = NULL;
	AUTO_FREE char *before = as_json(&t), *after = NULL;
	struct error err;

	(void)state;
	assert_int_equal(result_parse(text, strlen(text), &back, &node, &err), 0);
	assert_string_equal(node, "n1");
	again = result_print(&back, node);
	assert_string_equal(again, text);
	back.target = &target;
	after = as_json(&back);
	assert_string_equal(after, before);
	trial_free(&t);
	trial_free(&back);
}

static void refuse_result(const char *text, size_t len, const char *words)
{
	struct error err;
	struct trial t;
	char *node;

	assert_int_equal(result_parse(text, len, &t, &node, &err), -EINVAL);
	assert_non_null(strstr(err.text, words));
	trial_free(&t);
	free(node);
}

/* `text` with `from` replaced by `to`, once. */
static char *altered(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void a_damaged_result_is_refused(void **state)
{
	static const char *const damage[][2] = {
		{"\"init-error\"", "\"no-such-rule\""},
		{"\"level\":9", "\"level\":10"},
		{"\"level\":9", "\"level\":\"9\""},
		{"\"stage\":0", "\"stage\":6"},
		{"\"stage\":0", "\"stage\":-1"},
		{"\"verdict\":1", "\"verdict\":4"},
		{"\"what\":\"\"", "\"what\":null"},
		{"\"text\":", "\"words\":"},
		{"\"log\":[{", "\"log\":[7,{"},
		{"Hello\\nworld", "Hello\\u0000world"},
		{"\"run\":{", "\"run\":7,\"ran\":{"},
	};
	struct trial t = make();
	AUTO_FREE char *text = result_print(&t, "n1");

	(void)state;
	for (size_t len = 0; len + 2 < strlen(text); len++)
		refuse_result(text, len, "damaged");
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		AUTO_FREE char *bad = altered(text, damage[i][0], damage[i][1]);

		refuse_result(bad, strlen(bad), "damaged");
	}
	trial_free(&t);
}

static void a_result_of_another_version_is_refused_with_both(void **state)
{
	struct trial t = make();
	AUTO_FREE char *text = result_print(&t, "n1");
	AUTO_FREE char *bad = altered(text, KMODLAB_VERSION, "99.7");

	(void)state;
	refuse_result(bad, strlen(bad), "99.7");
	refuse_result(bad, strlen(bad), KMODLAB_VERSION);
	trial_free(&t);
}

/* ---- the description ---- */

static void a_description_comes_back_whole(void **state)
{
	struct described trials[] = {
		{(char *)"a dir", TARGET_LINUX, (char *)"debian:bookworm/cloud", true, false},
		{(char *)"../b", TARGET_FREEBSD, (char *)"freebsd:14.0", false, true},
		{(char *)"c", TARGET_LINUX, (char *)"host", false, false}};
	struct description d = {.cwd = (char *)"/home/me",
		.has_params = true,
		.seed = UINT64_MAX,
		.jobs = 3,
		.chunk = 2,
		.frames = true,
		.trials = trials,
		.n = 3};
	struct description back;
	struct error err;
	size_t first = 7;

	(void)state;
	strv_adds(&d.options, "--cycles=3", "--strict", NULL);
	strv_adds(&d.given, "/home/me/a.ko", "/home/me/b.ko", NULL);
	strv_adds(&d.environment, "XDG_DATA_HOME=/x", NULL);
	assert_int_equal(description_write(&d, home, &err), 0);
	assert_true(folder_stands(home));
	assert_int_equal(description_read(&back, home, &err), 0);
	assert_string_equal(back.cwd, "/home/me");
	assert_string_equal(back.options.v[1], "--strict");
	assert_int_equal(back.options.n, 2);
	assert_int_equal(back.given.n, 2);
	assert_string_equal(back.given.v[1], "/home/me/b.ko");
	assert_true(back.has_params && !back.params.n && back.frames);
	assert_true(back.seed == UINT64_MAX && back.jobs == 3);
	assert_string_equal(back.trials[1].path, "../b");
	assert_int_equal(back.trials[1].os, TARGET_FREEBSD);
	assert_true(back.trials[0].config && !back.trials[1].config && back.trials[1].expect);
	assert_int_equal(description_tasks(&back), 2);
	assert_int_equal(description_task(&back, 1, &first), 2);
	assert_int_equal(first, 0);
	assert_int_equal(description_task(&back, 2, &first), 1);
	assert_int_equal(first, 2);
	assert_int_equal(description_task(&back, 3, &first), 0);
	assert_int_equal(description_task(&back, 0, &first), 0);
	description_free(&back);
	strv_free(&d.options);
	strv_free(&d.given);
	strv_free(&d.environment);
}

static void a_machine_that_does_not_see_the_folder_says_so(void **state)
{
	AUTO_FREE char *elsewhere = in_home("not-mounted"), *node = node_name();
	struct description d;
	struct error err;

	(void)state;
	assert_int_equal(description_read(&d, elsewhere, &err), -ENOENT);
	assert_non_null(strstr(err.text, elsewhere));
	assert_non_null(strstr(err.text, node));
	assert_non_null(strstr(err.text, "--shared"));
	assert_false(folder_stands(elsewhere));
	description_free(&d);
}

static void a_task_never_has_too_many_or_no_trials(void **state)
{
	(void)state;
	assert_int_equal(spread_chunk(1, 0), 1);
	assert_int_equal(spread_chunk(250, 0), 1);
	assert_int_equal(spread_chunk(251, 0), 2);
	assert_int_equal(spread_chunk(4000, 0), 16);
	assert_int_equal(spread_chunk(8, 2), 1);
	assert_int_equal(spread_chunk(100, 2), 13);
	assert_int_equal(spread_chunk(0, 2), 1);
}

/* ---- a run, with an executor that only says that it runs something ---- */

static struct {
	unsigned submitted;
	size_t failing; /* this task brings no result ... */
	unsigned times; /* ... so often */
	const char *folder;
} fake;

static int fake_begin(struct crew *c, struct error *err)
{
	(void)err;
	c->own = &fake;
	fake.folder = c->folder;
	return 0;
}

static int fake_submit(struct crew *c, const size_t *tasks, size_t n, struct error *err)
{
	fake.submitted++;
	/* The last ones first. */
	for (size_t i = n; i--;) {
		struct task *t = &c->tasks[tasks[i]];
		struct trial trial = make();
		AUTO_FREE char *path = folder_result(c->folder, t->number - 1);
		AUTO_FREE char *text = NULL, *output = folder_output(c->folder, t->number);

		t->out = true;
		trial.took_us = (int64_t)t->number;
		text = result_print(&trial, "fake");
		if (t->number == fake.failing && fake.submitted <= fake.times)
			assert_int_equal(path_write(output, "bang\nit broke\n", 14, err), 0);
		else
			assert_int_equal(path_write(path, text, strlen(text), err), 0);
		trial_free(&trial);
	}
	return 0;
}

static int fake_look(struct crew *c, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i].out) {
			c->tasks[i].out = false;
			task_says(&c->tasks[i], "NODE_FAIL", "n7");
		}
	return 0;
}

static char *fake_what(const struct crew *c)
{
	(void)c;
	return xstrdup("nobody");
}

static bool fake_cancel(struct crew *c)
{
	(void)c;
	return true;
}

static void fake_end(struct crew *c)
{
	c->own = NULL;
}

struct seen {
	size_t done, over, errors, skipped;
	char *why;
};

static void seen_over(void *arg, size_t i, struct trial *t)
{
	(void)i;
	(void)t;
	((struct seen *)arg)->over++;
}

static void seen_done(void *arg, size_t i, struct trial *t)
{
	struct seen *s = arg;

	assert_int_equal(i, s->done);
	s->done++;
	s->skipped += t->verdict == VERDICT_SKIPPED;
	s->errors += t->verdict == VERDICT_INFRASTRUCTURE;
	if (t->verdict == VERDICT_INFRASTRUCTURE)
		s->why = xstrdup(t->error.text);
	if (t->verdict == VERDICT_FAIL)
		assert_ptr_equal(t->target, &target);
}

/* Four trials, the third of them without a target, with an executor that tries so often. */
static void fake_run(unsigned tries, struct seen *seen)
{
	static const struct strv none;
	const struct executor executor = {"fake", "Nobody", tries, fake_begin, fake_submit,
		fake_look, fake_what, fake_cancel, fake_end};
	const struct many_item items[] = {{.path = "a", .target = &target},
		{.path = "b", .target = &target}, {.path = "c", .why = "there is no target"},
		{.path = "d", .target = &target}};
	const struct many_options many = {
		.items = items, .n = 4, .over = seen_over, .done = seen_done, .arg = seen};
	const struct spread_options o = {
		.executor = &executor, .shared = home, .sbatch = &none, .chunk = 1};
	AUTO_FREE char *folder = NULL;
	struct spread *s;
	struct error err;

	assert_int_equal(spread_open(&s, &o, &many, &err), 0);
	folder = xstrdup(fake.folder);
	spread_gather(s);
	spread_close(s);
	assert_false(path_is_dir(folder));
	assert_int_equal(seen->done, 4);
	assert_int_equal(seen->over, 4);
	assert_int_equal(seen->skipped, 1);
}

static void results_come_in_order_and_lost_ones_again(void **state)
{
	struct seen seen = {0};

	(void)state;
	fake = (__typeof__(fake)){.failing = 2, .times = 1};
	fake_run(2, &seen);
	assert_int_equal(seen.errors, 0);
	assert_int_equal(fake.submitted, 2);
}

static void a_task_that_never_brings_one_is_an_error_that_says_where(void **state)
{
	struct seen seen = {0};

	(void)state;
	fake = (__typeof__(fake)){.failing = 1, .times = 9};
	fake_run(1, &seen);
	assert_int_equal(seen.errors, 1);
	assert_int_equal(fake.submitted, 1);
	assert_non_null(strstr(seen.why, "n7"));
	assert_non_null(strstr(seen.why, "NODE_FAIL"));
	assert_non_null(strstr(seen.why, "bang | it broke"));
	free(seen.why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_that_was_read_is_the_one_that_was_written),
		cmocka_unit_test(a_damaged_result_is_refused),
		cmocka_unit_test(a_result_of_another_version_is_refused_with_both),
		cmocka_unit_test_setup_teardown(a_description_comes_back_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_machine_that_does_not_see_the_folder_says_so, set_up, tear_down),
		cmocka_unit_test(a_task_never_has_too_many_or_no_trials),
		cmocka_unit_test_setup_teardown(
			results_come_in_order_and_lost_ones_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_task_that_never_brings_one_is_an_error_that_says_where, set_up,
			tear_down),
	};

	return cmocka_run_group_tests_name("trials on other machines", tests, NULL, NULL);
}
