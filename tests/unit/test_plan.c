/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command line comes to: modules by targets, and what is refused before anything is begun. */
#include "home.h"

#include "cli/cli.h"
#include "cli/plan.h"

static char said[2048];

/* The program's own is beside main(). */
int cli_fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(said, sizeof said, format, args);
	va_end(args);
	return status;
}

/* Three targets, two of them Linux; their kernels and build trees are there. */
static struct targets make_targets(void)
{
	static const char *const names[] = {
		"debian:bookworm/cloud", "freebsd:14.0", "debian:trixie/cloud"};
	struct targets all = {0};

	put("kernel", "");
	put("root/build/Makefile", "");
	for (size_t i = 0; i < 3; i++)
		*ARRAY_ADD(all.items, all.n) = (struct target){.name = xstrdup(names[i]),
			.os = i == 1 ? TARGET_FREEBSD : TARGET_LINUX,
			.arch = xstrdup("x86_64"),
			.release = xstrdup("1"),
			.kernel = in_home("kernel"),
			.root = in_home("root"),
			.build = xstrdup("/build"),
			.added = xstrdup("2026-11-22T13:05:00Z")};
	return all;
}

/* Plans what stands in `words`: paths below the test's directory, and "-t" with its value. The plan as
 * text, a line for each row: its label, and a letter for each column ("x": a trial, "s": a trial to be
 * skipped, "-": none). Caller frees. */
static char *plan_text(const struct targets *all, int *status, const char *const *words)
{
	AUTO_STRV struct strv targets = {0}, paths = {0};
	const char *shard = NULL;
	struct buf out = {0};
	struct plan p;

	for (; *words; words++) {
		AUTO_FREE char *path = in_home(*words);

		if (!strcmp(*words, "-t"))
			strv_add(&targets, *++words);
		else if (!strcmp(*words, "--shard"))
			shard = *++words;
		else
			strv_add(&paths, path);
	}
	said[0] = 0;
	*status = plan_make(&p,
		&(struct plan_request){
			.paths = paths.v, .npaths = paths.n, .targets = &targets, .shard = shard},
		all);
	buf_add(&out, "", 0);
	for (size_t r = 0; r < p.nrows && *status == EXIT_PASSED; r++) {
		buf_addf(&out, "%s ", p.rows[r].label);
		for (size_t c = 0; c < p.ncolumns; c++) {
			char cell = '-';

			for (size_t i = 0; i < p.n; i++)
				if (p.items[i].row == r && p.items[i].column == c)
					cell = p.columns[c].target && !p.items[i].why ? 'x' : 's';
			buf_addf(&out, "%c", cell);
		}
		buf_adds(&out, "\n");
	}
	if (*status == EXIT_PASSED)
		buf_adds(&out, plan_is_table(&p) ? "table" : "story");
	plan_free(&p);
	return buf_take(&out);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect(const struct targets *all, const char *const *words, const char *wanted)
{
	int status;
	AUTO_FREE char *text = plan_text(all, &status, words);

	if (status != EXIT_PASSED)
		fail_msg("status %d: %s", status, said);
	assert_string_equal(text, wanted);
}

static void refused(
	const struct targets *all, const char *const *words, int wanted, const char *sentence)
{
	int status;

	free(plan_text(all, &status, words));
	assert_int_equal(status, wanted);
	if (!strstr(said, sentence))
		fail_msg("\"%s\" does not say \"%s\"", said, sentence);
}

static void put_sources(void)
{
	put("both/linux/Makefile", "obj-m += both.o\n");
	put("both/linux/both.c", "");
	put("both/freebsd/Makefile", "KMOD=both\nSRCS=both.c\n.include <bsd.kmod.mk>\n");
	put("hello/Makefile", "obj-m += hello.o\n");
	put("hello/hello.c", "");
}

static void put_elf(const char *path, unsigned char osabi)
{
	AUTO_FREE char *file = in_home(path);
	unsigned char header[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1, osabi};
	struct error err;

	put(path, "");
	assert_int_equal(path_write(file, header, sizeof header, &err), 0);
}

static void without_a_target_named_the_oldest_of_each_system_is_taken(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	expect(&all, WORDS("both"), "both xx\nstory");
	expect(&all, WORDS("hello"), "hello x\nstory");
	expect(&all, WORDS("hello", "both"), "hello x-\nboth xx\ntable");
	targets_free(&all);
}

static void its_configuration_names_targets_when_none_is_typed(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	put("hello/kmodlab.ini", "[run]\ntarget = debian:*\n");
	expect(&all, WORDS("hello"), "hello xx\ntable");
	expect(&all, WORDS("hello", "-t", "debian:trixie"), "hello x\nstory");
	put("both/kmodlab.ini", "[run.linux]\ntarget = debian:trixie\n");
	expect(&all, WORDS("both"), "both xx\nstory");
	put("both/kmodlab.ini", "[run]\ntarget = debian:trixie\n");
	expect(&all, WORDS("both"), "both x\nstory");
	targets_free(&all);
}

static void a_configuration_that_is_wrong_is_refused(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	put("hello/kmodlab.ini", "[run]\ncpu = 1\n");
	refused(&all, WORDS("hello"), EXIT_USAGE, "hello/kmodlab.ini:2: [run] has no key 'cpu'");
	put("hello/kmodlab.ini", "[run]\n\ntarget = debian:sid\n");
	refused(&all, WORDS("hello"), EXIT_USAGE,
		"hello/kmodlab.ini:3: debian:sid/cloud is not among the targets");
	put("hello/kmodlab.ini", "[run]\ntarget = freebsd:14.0\n");
	refused(&all, WORDS("hello"), EXIT_USAGE,
		"no target that kmodlab.ini names is for a system");
	targets_free(&all);
}

static void a_system_without_a_target_is_skipped(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	target_free(&all.items[1]);
	all.items[1] = all.items[2];
	all.n = 2;
	expect(&all, WORDS("both"), "both xs\nstory");
	targets_free(&all);
}

static void all_and_patterns_mean_targets_in_the_registrys_order(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	expect(&all, WORDS("both", "-t", "all"), "both xxx\ntable");
	expect(&all, WORDS("hello", "-t", "all"), "hello x-x\ntable");
	expect(&all, WORDS("hello", "-t", "debian:*"), "hello xx\ntable");
	expect(&all, WORDS("hello", "-t", "*book*"), "hello x\nstory");
	/* The first mention counts; none is there twice. */
	expect(&all, WORDS("both", "-t", "freebsd:14.0", "-t", "all", "-t", "debian:trixie"),
		"both xxx\ntable");
	targets_free(&all);
}

static void what_fits_nothing_is_refused_and_says_what_there_is(void **state)
{
	struct targets all = make_targets(), none = {0};

	(void)state;
	put_sources();
	refused(&all, WORDS("hello", "-t", "fedora:*"), EXIT_USAGE,
		"no target fits the pattern \"fedora:*\"; the targets are debian:bookworm/cloud, freebsd:14.0, "
		"debian:trixie/cloud");
	refused(&none, WORDS("hello", "-t", "all"), EXIT_INFRASTRUCTURE, "kmodlab target add");
	refused(&all, WORDS("hello", "-t", "debian:bookwrm"), EXIT_USAGE, "did you mean bookworm");
	refused(&all, WORDS("hello", "-t", "freebsd*"), EXIT_USAGE, "nothing to run");
	refused(&all, WORDS("hello", "-t", "freebsd:14.0"), EXIT_USAGE, "has no source for");
	refused(&all, WORDS("nowhere"), EXIT_USAGE, "there is no directory or file");
	targets_free(&all);
}

static void a_directory_of_modules_stands_for_all_of_them_sorted(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_elf("m/kernel/net/b.ko", 0);
	put_elf("m/kernel/fs/a-b.ko", 0);
	put_elf("m/kernel/lib/c.ko", 9);
	put("m/modules.dep", "");
	put_link("m/build", "/usr/include");
	expect(&all, WORDS("m"), "a_b x-\nc -x\nb x-\ntable");
	expect(&all, WORDS("m", "-t", "all"), "a_b x-x\nc -x-\nb x-x\ntable");
	/* Sent by name, a module goes where it was sent. */
	expect(&all, WORDS("m/kernel/lib/c.ko", "-t", "debian:bookworm"), "c x\nstory");
	put("empty/README", "");
	refused(&all, WORDS("empty"), EXIT_USAGE, "no .ko file below it");
	targets_free(&all);
}

static void a_modules_source_is_its_source_whatever_lies_beside_it(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	put_elf("hello/hello.ko", 0);
	put_elf("hello/old/other.ko", 0);
	expect(&all, WORDS("hello"), "hello x\nstory");
	targets_free(&all);
}

static void a_directory_of_sources_stands_for_all_of_them_sorted(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	put("g/README", "");
	put("g/z/linux/Makefile", "obj-m += z.o\n");
	put("g/z/linux/z.c", "");
	put("g/deep/er/a/Makefile", "obj-m += a.o\n");
	put("g/deep/er/a/a.c", "");
	put("g/deep/er/a/sub/Makefile", "obj-m += not.o\n");
	put("g/.hidden/Makefile", "obj-m += not.o\n");
	put("g/y/freebsd/Makefile", "KMOD=y\nSRCS=y.c\n.include <bsd.kmod.mk>\n");
	/* What make has left beside the sources is no row of its own. */
	put_elf("g/z/linux/z.ko", 0);
	put_link("g/loop", "..");
	expect(&all, WORDS("g"), "a x-\ny -x\nz x-\ntable");
	/* Those that are not for the target's system are left out; who names one is told. */
	expect(&all, WORDS("g", "-t", "debian:bookworm"), "a x\ny -\nz x\ntable");
	refused(&all, WORDS("g/y", "-t", "debian:bookworm"), EXIT_USAGE, "has no source for");
	targets_free(&all);
}

/* Renames the last of the three targets. */
static struct targets with_debug(void)
{
	struct targets all = make_targets();

	free(all.items[2].name);
	all.items[2].name = xstrdup("debian:bookworm/debug");
	return all;
}

static void what_takes_another_kind_of_target_gets_it_or_is_skipped(void **state)
{
	struct targets all = with_debug();

	(void)state;
	put_sources();
	put("hello/expect", "linux debug lock-order\n");
	put("both/expect", "linux any hang\nfreebsd debug hang\n");
	/* By itself it takes the one that is there; there is none for FreeBSD. */
	expect(&all, WORDS("hello", "both"), "hello x--\nboth -xs\ntable");
	expect(&all, WORDS("hello", "-t", "debian:bookworm/cloud"), "hello s\nstory");
	expect(&all, WORDS("hello", "-t", "debian:*"), "hello -x\ntable");
	targets_free(&all);
}

static void why_it_is_skipped_names_the_target_to_add(void **state)
{
	struct targets all = make_targets();
	AUTO_STRV struct strv none = {0};
	AUTO_FREE char *dir = in_home("hello");
	struct plan p;

	(void)state;
	put_sources();
	put("hello/expect", "linux race data-race\n");
	assert_int_equal(
		plan_make(&p, &(struct plan_request){.paths = &dir, .npaths = 1, .targets = &none},
			&all),
		EXIT_PASSED);
	assert_string_equal(
		p.items[0].why, "needs a race target: kmodlab target add debian:bookworm/race");
	plan_free(&p);
	assert_int_equal(
		plan_make(&p,
			&(struct plan_request){
				.paths = &dir, .npaths = 1, .targets = &none, .require = true},
			&all),
		EXIT_INFRASTRUCTURE);
	plan_free(&p);
	targets_free(&all);
}

static void what_is_to_be_checked_has_to_say_what_is_expected(void **state)
{
	struct targets all = make_targets();
	AUTO_STRV struct strv none = {0};
	AUTO_FREE char *dir = in_home("hello");
	struct plan_request q = {.paths = &dir, .npaths = 1, .targets = &none, .expect = true};
	struct plan p;

	(void)state;
	put_sources();
	assert_int_equal(plan_make(&p, &q, &all), EXIT_USAGE);
	assert_non_null(strstr(said, "hello/expect"));
	plan_free(&p);
	put("hello/expect", "whatever this is\n");
	assert_int_equal(plan_make(&p, &q, &all), EXIT_USAGE);
	assert_non_null(strstr(said, "hello/expect:1"));
	plan_free(&p);
	/* To who does not ask for it, the file is anybody's. */
	q.expect = false;
	assert_int_equal(plan_make(&p, &q, &all), EXIT_PASSED);
	assert_null(p.rows[0].expect);
	plan_free(&p);
	targets_free(&all);
}

static void modules_of_one_name_are_told_apart_by_their_paths(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_elf("m/6.1/kernel/a.ko", 0);
	put_elf("m/6.12/kernel/a.ko", 0);
	put_elf("m/6.12/kernel/b.ko", 0);
	expect(&all, WORDS("m"), "6.1/kernel/a.ko x\n6.12/kernel/a.ko x\nb x\ntable");
	targets_free(&all);
}

static void thousands_of_modules_are_planned_in_no_time(void **state)
{
	struct targets all = make_targets();
	AUTO_STRV struct strv none = {0};
	AUTO_FREE char *dir = in_home("m");
	struct plan p;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		AUTO_FREE char *name = xasprintf("m/%d/m%d.ko", i / 100, i);

		put_elf(name, 0);
	}
	assert_int_equal(
		plan_make(&p, &(struct plan_request){.paths = &dir, .npaths = 1, .targets = &none},
			&all),
		EXIT_PASSED);
	assert_int_equal(p.nrows, 3000);
	assert_int_equal(p.n, 3000);
	plan_free(&p);
	targets_free(&all);
}

static void a_shard_is_every_nth_trial_of_the_plan(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	expect(&all, WORDS("both", "hello", "-t", "all"), "both xxx\nhello x-x\ntable");
	expect(&all, WORDS("both", "hello", "-t", "all", "--shard", "1/1"),
		"both xxx\nhello x-x\ntable");
	expect(&all, WORDS("both", "hello", "-t", "all", "--shard", "1/2"),
		"both x-x\nhello --x\ntable");
	expect(&all, WORDS("both", "hello", "-t", "all", "--shard", "2/2"),
		"both -x-\nhello x--\ntable");
	targets_free(&all);
}

static void a_module_of_which_a_shard_has_nothing_is_not_in_it(void **state)
{
	struct targets all = make_targets();

	(void)state;
	put_sources();
	expect(&all, WORDS("both", "hello", "-t", "all", "--shard", "4/5"), "hello x--\ntable");
	/* More shards than trials. */
	expect(&all, WORDS("both", "hello", "-t", "all", "--shard", "6/6"), "table");
	targets_free(&all);
}

/* Adds to `seen` how often each trial is in that shard of m/'s modules, of which the name ends in a number. */
static size_t count_shard(
	const struct targets *all, const char *dir, unsigned shard, unsigned shards, unsigned *seen)
{
	AUTO_FREE char *text = xasprintf("%u/%u", shard, shards), *path = xstrdup(dir);
	AUTO_STRV struct strv targets = {0};
	struct plan p;
	size_t n;

	strv_add(&targets, "debian:*");
	assert_int_equal(
		plan_make(&p,
			&(struct plan_request){
				.paths = &path, .npaths = 1, .targets = &targets, .shard = text},
			all),
		EXIT_PASSED);
	assert_int_equal(p.shard, shard);
	assert_int_equal(p.shards, shards);
	assert_int_equal(p.whole, 74);
	for (size_t i = 0; i < p.n; i++) {
		const char *name = p.rows[p.items[i].row].name;

		seen[2 * atoi(name + strcspn(name, "0123456789")) + p.items[i].column]++;
	}
	n = p.n;
	plan_free(&p);
	return n;
}

static void all_shards_together_are_all_trials_each_once(void **state)
{
	struct targets all = make_targets();
	AUTO_FREE char *dir = in_home("m");

	(void)state;
	for (int i = 0; i < 37; i++) {
		AUTO_FREE char *name = xasprintf("m/m%d.ko", i);

		put_elf(name, 0);
	}
	for (unsigned shards = 1; shards < 80; shards += shards < 10 ? 1 : 23) {
		unsigned seen[74] = {0};

		for (unsigned shard = 1; shard <= shards; shard++) {
			size_t n = count_shard(&all, dir, shard, shards, seen);

			assert_true(n == 74 / shards || n == 74 / shards + 1);
		}
		for (size_t i = 0; i < 74; i++)
			assert_int_equal(seen[i], 1);
	}
	targets_free(&all);
}

static void what_is_no_shard_is_refused(void **state)
{
	static const char *const wrong[] = {"0/2", "3/2", "5/4", "1/0", "0/0", "", "/", "1", "1/",
		"/2", "-1/2", "+1/2", " 1/2", "1/2 ", "1/2/3", "a/b", "1.5/2",
		"1/99999999999999999999", "4294967297/4294967298", "1/10001"};
	struct targets all = make_targets();
	unsigned shard, shards;

	(void)state;
	put_sources();
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		refused(&all, WORDS("hello", "--shard", wrong[i]), EXIT_USAGE, "is no shard");
	assert_true(plan_take_shard("10000/10000", &shard, &shards));
	assert_int_equal(shard, 10000);
	targets_free(&all);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_target_named_the_oldest_of_each_system_is_taken),
		TEST(its_configuration_names_targets_when_none_is_typed),
		TEST(a_configuration_that_is_wrong_is_refused),
		TEST(a_system_without_a_target_is_skipped),
		TEST(all_and_patterns_mean_targets_in_the_registrys_order),
		TEST(what_fits_nothing_is_refused_and_says_what_there_is),
		TEST(a_directory_of_modules_stands_for_all_of_them_sorted),
		TEST(a_modules_source_is_its_source_whatever_lies_beside_it),
		TEST(a_directory_of_sources_stands_for_all_of_them_sorted),
		TEST(what_takes_another_kind_of_target_gets_it_or_is_skipped),
		TEST(why_it_is_skipped_names_the_target_to_add),
		TEST(what_is_to_be_checked_has_to_say_what_is_expected),
		TEST(modules_of_one_name_are_told_apart_by_their_paths),
		TEST(thousands_of_modules_are_planned_in_no_time),
		TEST(a_shard_is_every_nth_trial_of_the_plan),
		TEST(a_module_of_which_a_shard_has_nothing_is_not_in_it),
		TEST(all_shards_together_are_all_trials_each_once),
		TEST(what_is_no_shard_is_refused),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
