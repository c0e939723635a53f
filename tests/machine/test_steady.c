/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thousand trials in a row, with machines killed at random moments: every verdict is right, nothing grows,
 * nothing is left, and no kernel remarks that its machine had been put aside for a while.
 */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIALS 1000
#define KILLS  60
/* Modules may be named up to this often on one command line. */
#define MOST_WORDS (TRIALS + 16)

static const char hello[] = "static int __init i(void) { pr_info(\"here I am\\n\"); return 0; }\n"
			    "static void __exit x(void) { pr_info(\"and gone\\n\"); }\n"
			    "module_init(i); module_exit(x);\n";

struct steady {
	pid_t pid;
	char *out; /* its JSON */
	int kills;
	int most_files; /* descriptors that it had open at a time */
	long rss_kib;	/* the most memory that it had */
	int status;
};

/* Starts `n` trials of the module `ko`, the report into a file. */
static void begin(struct steady *s, const char *ko, int n)
{
	AUTO_FREE char *dir = lab_dir();

	s->out = xasprintf("%s/json", dir);
	s->pid = fork();
	if (!s->pid) {
		const char *words[MOST_WORDS] = {
			getenv("KMODLAB"), "run", "--json", "-j", "2", "-t", BOOKWORM};
		int fd = open(s->out, O_WRONLY | O_CREAT, 0600), at = 7;

		for (int i = 0; i < n; i++)
			words[at++] = ko;
		dup2(fd, 1);
		execv(words[0], (char **)words);
		_exit(127);
	}
	assert_true(s->pid > 0);
}

static int open_files(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Waits for its end, and kills a machine of its every now and then. */
static void attend(struct steady *s, int kills)
{
	struct rusage use;
	unsigned seed = 1;

	for (;;) {
		pid_t machines[16], got = wait4(s->pid, &s->status, WNOHANG, &use);
		int n, files = open_files(s->pid);

		if (got == s->pid)
			break;
		assert_true(got == 0 || errno == EINTR);
		if (files > s->most_files)
			s->most_files = files;
		/* Several times what a trial takes, so that no two kills need be of one trial. */
		usleep(160000 + (unsigned)rand_r(&seed) % 600000);
		n = lab_machines_of(s->pid, machines, 16);
		if (s->kills < kills && n > 0 && !kill(machines[rand_r(&seed) % n], SIGKILL))
			s->kills++;
	}
	s->rss_kib = use.ru_maxrss;
}

static const char *string_of(struct json_object *o, const char *key)
{
	return lab_string(o, key);
}

/* The module's two lines; true when the kernel remarks on time that it missed. */
static bool log_is_as_ever(struct json_object *trial)
{
	static const char *const remarks[] = {
		"stall", "lockup", "hung", "clocksource", "tsc", "blocked for", "NMI"};
	struct json_object *log;
	bool remarked = false;
	int lines = 0;

	assert_true(json_object_object_get_ex(trial, "log", &log));
	for (size_t i = 0; i < json_object_array_length(log); i++) {
		struct json_object *line = json_object_array_get_idx(log, i);
		const char *text = string_of(line, "text");

		lines += !strcmp(string_of(line, "origin"), "module");
		for (size_t k = 0; k < sizeof remarks / sizeof *remarks; k++)
			if (strstr(text, remarks[k])) {
				print_message("# the kernel remarks: %s\n", text);
				remarked = true;
			}
	}
	assert_int_equal(lines, 2);
	return remarked;
}

struct tally {
	int passed, errors, retried, remarks;
};

static void check_trial(struct json_object *trial, struct tally *t)
{
	const char *verdict = string_of(trial, "verdict");
	struct json_object *retried;

	assert_true(json_object_object_get_ex(trial, "retried", &retried));
	t->retried += json_object_get_boolean(retried);
	if (!strcmp(verdict, "pass")) {
		t->passed++;
		t->remarks += log_is_as_ever(trial);
		return;
	}
	/* Killed twice. */
	if (strcmp(verdict, "infrastructure") || !strstr(string_of(trial, "error"), "signal 9") ||
		!json_object_get_boolean(retried))
		fail_msg("%.2000s", json_object_to_json_string(trial));
	t->errors++;
}

static struct tally check(const struct steady *s, int n)
{
	struct json_object *all = json_object_from_file(s->out), *trials;
	struct tally t = {0};

	assert_non_null(all);
	assert_true(json_object_object_get_ex(all, "trials", &trials));
	assert_int_equal(json_object_array_length(trials), n);
	for (size_t i = 0; i < json_object_array_length(trials); i++)
		check_trial(json_object_array_get_idx(trials, i), &t);
	json_object_put(all);
	assert_int_equal(WIFEXITED(s->status), 1);
	assert_int_equal(WEXITSTATUS(s->status), t.errors ? 3 : 0);
	/* A host may stand still once. Time that a snapshot misses would be remarked on in every trial. */
	assert_true(t.remarks <= 2);
	return t;
}

static void a_thousand_trials_with_machines_killed_are_all_judged_right(void **state)
{
	AUTO_FREE char *ko = lab_ko("hello", hello, BOOKWORM);
	struct steady few = {0}, many = {0};
	struct tally t;

	(void)state;
	begin(&few, ko, 50);
	attend(&few, 0);
	t = check(&few, 50);
	assert_int_equal(t.passed, 50);
	assert_true(t.retried <= 1);

	begin(&many, ko, TRIALS);
	attend(&many, KILLS);
	t = check(&many, TRIALS);
	print_message("# %d kills: %d retried, %d in error; %ld and %ld KiB, %d and %d files\n",
		many.kills, t.retried, t.errors, few.rss_kib, many.rss_kib, few.most_files,
		many.most_files);
	assert_int_equal(many.kills, KILLS);
	/* A machine may be killed when its trial is over, or the same trial's twice. */
	assert_true(t.retried >= KILLS / 4);
	assert_true(t.errors <= KILLS / 5);
	assert_int_equal(t.passed + t.errors, TRIALS);
	/* Flat: twenty times as many trials. */
	assert_true(many.rss_kib < few.rss_kib * 3 / 2);
	assert_true(many.most_files < few.most_files + 24);
	assert_int_equal(lab_machines_left(), 0);
	free(few.out);
	free(many.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_trials_with_machines_killed_are_all_judged_right),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
