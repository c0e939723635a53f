/* SPDX-License-Identifier: BSD-2-Clause */
/* What Slurm and GNU parallel say of their jobs, and what is asked of them. */
#include "unit.h"

#include "home.h"

#include "spread/executor.h"
#include "spread/listing.h"
#include "spread/program.h"

#include <stdio.h>

/* ---- what the executors say ---- */

static void lines_of_sacct_and_squeue_are_understood(void **state)
{
	struct listed l;

	(void)state;
	assert_true(listing_take("17_3|NODE_FAIL|n1|0:0\n18_1|X|y|z", &l));
	assert_true(l.job == 17 && listing_has(&l, 3) && !listing_has(&l, 1));
	assert_string_equal(l.state, "NODE_FAIL");
	assert_string_equal(l.node, "n1");
	assert_string_equal(l.more, "0:0");
	assert_true(listing_is_final(l.state));
	assert_true(listing_take("17_[4-7,9,20-30:5%2]|PENDING|None assigned|0:0", &l));
	assert_true(listing_has(&l, 4) && listing_has(&l, 7) && listing_has(&l, 9) &&
		listing_has(&l, 25));
	assert_false(listing_has(&l, 8) || listing_has(&l, 2) || listing_has(&l, 26));
	assert_string_equal(l.node, "");
	assert_false(listing_is_final(l.state));
	assert_true(listing_take("5_1|CANCELLED by 1000|n2|0:15", &l));
	assert_string_equal(l.state, "CANCELLED");
	assert_true(listing_take("5_1|RUNNING|n2", &l));
	assert_string_equal(l.more, "");
	assert_true(listing_take("5_1|RUNNING|n\033[2J|x", &l));
	assert_string_equal(l.node, "n?[2J");
	assert_false(listing_take("5|RUNNING|n2|", &l));
	assert_false(listing_take("", &l));
	assert_false(listing_take("slurm_load_jobs error: Invalid job id specified", &l));
	assert_false(listing_take("99999999999999999999_1|RUNNING||", &l));
	assert_true(listing_take("5_[1-3|RUNNING||", &l));
	assert_true(listing_take("5_|RUNNING||", &l));
	assert_false(listing_has(&l, 0));
}

static void lines_of_parallels_job_log_are_understood(void **state)
{
	struct logged l;

	(void)state;
	assert_true(joblog_take(
		"3\tssh -F /x/config two\t1764.1\t     0.5\t0\t0\t255\t0\tkmodlab __task x 3\n",
		&l));
	assert_int_equal(l.place, 3);
	assert_string_equal(l.host, "two");
	assert_int_equal(l.status, 255);
	assert_int_equal(l.signal, 0);
	assert_true(joblog_take("12\t:\t1764.1\t0.5\t0\t0\t0\t9\tx", &l));
	assert_string_equal(l.host, ":");
	assert_int_equal(l.signal, 9);
	assert_false(joblog_take(
		"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand", &l));
	assert_false(joblog_take("1\ttwo\t1764.1\t0.5\t0\t0\t255", &l));
	assert_false(joblog_take("1\ttwo\t1764.1\t0.5\t0\t0\t-1\t0\tx", &l));
	assert_false(joblog_take("", &l));
}

static void numbers_words_and_tails_are_written_for_others(void **state)
{
	struct task tasks[6] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 5},
		{.number = 7}, {.number = 8}};
	struct crew c = {.tasks = tasks, .n = 6};
	const size_t all[] = {0, 1, 2, 3, 4, 5};
	AUTO_FREE char *list = tasks_list(&c, all, 6), *quoted = program_quote("it's $x");
	AUTO_FREE char *tail = program_tail("first\nsecond\033[2J\nthird\n\n", 25, 18);

	(void)state;
	assert_string_equal(list, "1-3,5,7-8");
	assert_string_equal(quoted, "'it'\\''s $x'");
	assert_string_equal(tail, "second[2J | third");
}

/* ---- Slurm, with programs that only say that they are its ---- */

static void put_program(const char *name, const char *script)
{
	AUTO_FREE char *path = xasprintf("bin/%s", name), *file = in_home(path);
	AUTO_FREE char *text = xasprintf("#!/bin/sh\n%s\n", script);

	put(path, text);
	assert_int_equal(chmod(file, 0755), 0);
}

static void what_tasks_wait_for_is_asked_of_squeue_beside_the_accounts(void **state)
{
	static const struct strv none;
	const struct executor *slurm = &executor_slurm;
	AUTO_FREE char *path = xstrdup(getenv("PATH")), *bin = in_home("bin");
	AUTO_FREE char *both = xasprintf("%s:%s", bin, path);
	struct task tasks[] = {{.number = 1}, {.number = 2}};
	struct crew c = {.folder = home,
		.program = "/bin/true",
		.cpus = 2,
		.sbatch = &none,
		.tasks = tasks,
		.n = 2};
	struct error err;

	(void)state;
	put_program("sbatch", "echo 6");
	put_program("scancel", "exit 0");
	put_program("sacct", "echo '6_[1-2]|PENDING|None assigned|0:0'");
	put_program("squeue", "echo '6_1|PENDING||Resources'; echo '6_2|PENDING||Priority'");
	setenv("PATH", both, 1);
	assert_int_equal(slurm->begin(&c, &err), 0);
	assert_int_equal(slurm->submit(&c, (const size_t[]){0, 1}, 2, &err), 0);
	assert_int_equal(slurm->look(&c, &err), 0);
	assert_true(tasks[0].out && tasks[1].out);
	assert_string_equal(tasks[0].state, "PENDING (Resources)");
	assert_string_equal(tasks[1].state, "PENDING (Priority)");
	/* The accounts have answered: squeue need not. */
	put_program("squeue", "echo 'Unable to contact slurm controller'; exit 1");
	assert_int_equal(slurm->look(&c, &err), 0);
	put_program("squeue", "echo '6_1|RUNNING|n9|None'");
	put_program("sacct", "echo '6_1|RUNNING|n1|0:0'; echo '6_[2]|PENDING|None assigned|0:0'");
	assert_int_equal(slurm->look(&c, &err), 0);
	assert_string_equal(tasks[0].node, "n1");
	put_program("sacct", "echo '6_1|FAILED|n1|0:9'; echo '6_2|COMPLETED|n2|0:0'");
	assert_int_equal(slurm->look(&c, &err), 0);
	assert_false(tasks[0].out || tasks[1].out || tasks[0].whole);
	assert_true(tasks[1].whole);
	assert_string_equal(tasks[0].state, "FAILED (0:9)");
	slurm->end(&c);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < 2; i++) {
		free(tasks[i].state);
		free(tasks[i].node);
	}
}

static void accounts_that_do_not_answer_are_not_waited_for_again(void **state)
{
	static const struct strv none;
	const struct executor *slurm = &executor_slurm;
	AUTO_FREE char *path = xstrdup(getenv("PATH")), *bin = in_home("bin");
	AUTO_FREE char *both = xasprintf("%s:%s", bin, path);
	struct task task = {.number = 1};
	struct crew c = {.folder = home,
		.program = "/bin/true",
		.cpus = 2,
		.sbatch = &none,
		.tasks = &task,
		.n = 1};
	AUTO_FREE char *asked = in_home("bin/sacct.asked");
	AUTO_BUF struct buf times = {0};
	int usual_ms = slurm_accounts_ms;
	struct error err;

	(void)state;
	slurm_accounts_ms = 2000;
	put_program("sbatch", "echo 7");
	put_program("scancel", "exit 0");
	put_program("sacct", "echo once >>\"$0.asked\"; exec sleep 45");
	put_program("squeue", "echo '7_1|RUNNING|n1|None'");
	setenv("PATH", both, 1);
	assert_int_equal(slurm->begin(&c, &err), 0);
	assert_int_equal(slurm->submit(&c, (const size_t[]){0}, 1, &err), 0);
	assert_int_equal(slurm->look(&c, &err), 0);
	assert_true(task.running);
	put_program("squeue", "echo '7_1|FAILED|n1|NonZeroExitCode'");
	assert_int_equal(slurm->look(&c, &err), 0);
	assert_false(task.out);
	assert_string_equal(task.state, "FAILED (NonZeroExitCode)");
	assert_int_equal(path_read(asked, 100, &times), 0);
	assert_string_equal(times.data, "once\n");
	slurm_accounts_ms = usual_ms;
	slurm->end(&c);
	setenv("PATH", path, 1);
	free(task.state);
	free(task.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_sacct_and_squeue_are_understood),
		cmocka_unit_test(lines_of_parallels_job_log_are_understood),
		cmocka_unit_test(numbers_words_and_tails_are_written_for_others),
		cmocka_unit_test_setup_teardown(
			what_tasks_wait_for_is_asked_of_squeue_beside_the_accounts, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			accounts_that_do_not_answer_are_not_waited_for_again, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("executors", tests, NULL, NULL);
}
