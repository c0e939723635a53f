/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module says is to be found of it, and whether it was. */
#include "home.h"

#include "trial/expect.h"
#include "trial/trial.h"

static struct expect read_expect(const char *text)
{
	AUTO_FREE char *dir = in_home("m");
	struct expect e;
	struct error err = {{0}};

	put("m/expect", text);
	if (expect_read(dir, &e, &err))
		fail_msg("%s", err.text);
	return e;
}

static void refused(const char *text, const char *words)
{
	AUTO_FREE char *dir = in_home("m");
	struct expect e;
	struct error err = {{0}};

	put("m/expect", text);
	assert_int_equal(expect_read(dir, &e, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	expect_free(&e);
}

static void the_first_line_that_fits_counts(void **state)
{
	struct expect e = read_expect("# a comment\n"
				      "linux debug,race lock-twice timeout=2.5\n\n"
				      "linux any lock-wait@none,memory-leak # and why\n"
				      "freebsd debug nothing\n");
	const struct expected *x = expect_for(&e, TARGET_LINUX, KIND_RACE);

	(void)state;
	assert_string_equal(x->rules[0].rule, "lock-twice");
	assert_true(x->rules[0].placed);
	x = expect_for(&e, TARGET_LINUX, KIND_STOCK);
	assert_int_equal(x->nrules, 2);
	assert_string_equal(x->rules[0].rule, "lock-wait");
	assert_false(x->rules[0].placed);
	assert_true(x->rules[1].placed);
	assert_null(expect_for(&e, TARGET_FREEBSD, KIND_STOCK));
	assert_int_equal(expect_for(&e, TARGET_FREEBSD, KIND_DEBUG)->nrules, 0);
	assert_int_equal(expect_kinds(&e, TARGET_FREEBSD), KIND_DEBUG);
	expect_free(&e);
}

static void its_options_are_the_trials(void **state)
{
	struct expect e = read_expect(
		"linux any nothing timeout=2.5 exercise=auto seed=7 cycles=3 cpus=4 exercise-timeout=9\n");
	struct trial_options o = {.call_timeout_ms = 30000, .cpus = 2};

	(void)state;
	expect_apply(&e.lines[0], &o);
	assert_int_equal(o.call_timeout_ms, 2500);
	assert_int_equal(o.exercise, EXERCISE_AUTO);
	assert_int_equal(o.seed, 7);
	assert_int_equal(o.cycles, 3);
	assert_int_equal(o.cpus, 4);
	assert_int_equal(o.exercise_timeout_ms, 9000);
	expect_free(&e);
}

static void what_is_wrong_in_it_is_said_with_its_line(void **state)
{
	(void)state;
	refused("linux any\n", "expect:1: a line is");
	refused("# x\nplan9 any hang\n", "expect:2: the system is");
	refused("linux sometimes hang\n", "the kind of target is");
	refused("linux any Hang\n", "a rule is");
	refused("linux any hang@nowhere\n", "a rule is");
	refused("linux any hang timeout=never\n", "the options are");
	refused("linux any hang colour=red\n", "the options are");
}

static void a_module_without_one_says_nothing(void **state)
{
	AUTO_FREE char *dir = in_home("none");
	struct expect e;
	struct error err;

	(void)state;
	assert_int_equal(expect_read(dir, &e, &err), -ENOENT);
	expect_free(&e);
}

static void the_kind_of_a_target_is_in_its_name(void **state)
{
	static const struct {
		const char *name;
		enum target_kind kind;
	} names[] = {{"debian:bookworm/cloud", KIND_STOCK}, {"debian:bookworm/debug", KIND_DEBUG},
		{"debian:bookworm/race", KIND_RACE}, {"freebsd:14.0", KIND_STOCK},
		{"freebsd:14.0/debug", KIND_DEBUG}, {"host", KIND_STOCK}};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(expect_kind(&(struct target){.name = (char *)names[i].name}),
			names[i].kind);
}

static void add(struct findings *f, const char *rule, enum severity severity, const char *file,
	unsigned line)
{
	struct finding *new = finding_add(f, rule, severity, CLASS_CRASH, xstrdup(rule), NULL);

	new->file = file ? xstrdup(file) : NULL;
	new->line = line;
}

static void check(const char *line, const struct findings *f, const char *why)
{
	struct expect e = read_expect(line);
	AUTO_FREE char *dir = in_home("m/linux");
	AUTO_BUF struct buf said = {0};
	bool met = expect_met(&e.lines[0], dir, f, &said);

	if (why && met)
		fail_msg("'%s' was met", line);
	if (!why && !met)
		fail_msg("'%s': %s", line, said.data);
	if (why)
		assert_string_equal(said.data, why);
	expect_free(&e);
}

static void the_leading_finding_is_to_be_where_the_source_has_its_mark(void **state)
{
	struct findings f = {0};

	(void)state;
	put("m/linux/a.c", "int a;\nint b; /* expect: hang null-call */\n");
	put("m/linux/sub/a.c", "/* expect: hang */\n");
	add(&f, "compiler-warning", SEVERITY_WARNING, "a.c", 1);
	add(&f, "hang", SEVERITY_ERROR, "/src/m/linux/a.c", 2);
	check("linux any hang\n", &f, NULL);
	check("linux any hang@none\n", &f, NULL);
	check("linux any null-call\n", &f, "found hang at a.c:2");
	check("linux any nothing\n", &f, "found hang at a.c:2");
	f.items[1].line = 1;
	check("linux any hang\n", &f, "found hang at a.c:1");
	free(f.items[1].file);
	f.items[1].file = xstrdup("sub/a.c");
	check("linux any hang\n", &f, NULL);
	/* A name that only ends like the file's is another file's. */
	free(f.items[1].file);
	f.items[1].file = xstrdup("extra.c");
	f.items[1].line = 2;
	check("linux any hang\n", &f, "found hang at extra.c:2");
	findings_free(&f);
}

static void the_others_are_to_be_there_too(void **state)
{
	struct findings f = {0};

	(void)state;
	put("m/linux/a.c", "int a; /* expect: memory-leak */\n");
	add(&f, "init-error", SEVERITY_ERROR, NULL, 0);
	add(&f, "memory-leak", SEVERITY_ERROR, "a.c", 1);
	check("linux any init-error@none,memory-leak\n", &f, NULL);
	check("linux any memory-leak,init-error@none\n", &f, "found init-error");
	f.items[1].line = 2;
	check("linux any init-error@none,memory-leak\n", &f, "did not find memory-leak at a.c:1");
	findings_free(&f);
}

static void nothing_is_nothing_at_all_but_what_was_silenced(void **state)
{
	struct findings f = {0};
	AUTO_STRV struct strv rules = {0};

	(void)state;
	check("linux any nothing\n", &f, NULL);
	check("linux any hang\n", &f, "found nothing");
	add(&f, "module-missing", SEVERITY_NOTE, NULL, 0);
	check("linux any nothing\n", &f, "found module-missing");
	strv_add(&rules, "module-missing");
	assert_int_equal(findings_silence(&f, &rules), 1);
	check("linux any nothing\n", &f, NULL);
	findings_free(&f);
}

static void what_was_silenced_does_not_count(void **state)
{
	struct findings f = {0};
	AUTO_STRV struct strv rules = {0};

	(void)state;
	add(&f, "hang", SEVERITY_ERROR, NULL, 0);
	add(&f, "kernel-warning", SEVERITY_WARNING, NULL, 0);
	strv_adds(&rules, "hang", "no-exit", NULL);
	assert_int_equal(findings_worst(&f), CLASS_CRASH);
	assert_int_equal(findings_silence(&f, &rules), 1);
	assert_int_equal(findings_worst(&f), CLASS_PASS);
	assert_int_equal(findings_count(&f, SEVERITY_ERROR), 0);
	assert_int_equal(findings_count(&f, SEVERITY_WARNING), 1);
	assert_string_equal(findings_leading(&f)->rule, "kernel-warning");
	findings_free(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_line_that_fits_counts),
		TEST(its_options_are_the_trials),
		TEST(what_is_wrong_in_it_is_said_with_its_line),
		TEST(a_module_without_one_says_nothing),
		TEST(the_kind_of_a_target_is_in_its_name),
		TEST(the_leading_finding_is_to_be_where_the_source_has_its_mark),
		TEST(the_others_are_to_be_there_too),
		TEST(nothing_is_nothing_at_all_but_what_was_silenced),
		TEST(what_was_silenced_does_not_count),
	};

	return cmocka_run_group_tests_name("expect", tests, NULL, NULL);
}
