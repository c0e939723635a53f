/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trials on other machines, as far as one machine can be several: a Slurm of our own with a controller and two nodes, and
 * an sshd of our own for GNU parallel (cluster.h).
 */
#include "cluster.h"

#include "base/clock.h"
#include "base/path.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOW                                                                                       \
	"static int __init slow_init(void) { msleep(6000); return 0; }\n"                          \
	"static void __exit slow_exit(void) { }\n"                                                 \
	"module_init(slow_init); module_exit(slow_exit);\n"

#define QUICK                                                                                      \
	"static int __init quick_init(void) { pr_info(\"quick: here\\n\"); return 0; }\n"          \
	"static void __exit quick_exit(void) { }\n"                                                \
	"module_init(quick_init); module_exit(quick_exit);\n"

static void need_slurm(void)
{
	if (no_slurm)
		skip();
}

static void need_ssh(void)
{
	if (no_ssh)
		skip();
}

/* ---- what is looked at ---- */

/* Everything that measures time, removed from what a report says. */
static char *timeless(const char *text)
{
	struct buf out = {0};

	for (; *text; text++) {
		if (isdigit((unsigned char)*text)) {
			while (isdigit((unsigned char)text[1]) || text[1] == '.' ||
				(text[1] == 'e' && text[2] == '-'))
				text++;
			buf_adds(&out, "#");
		} else if (*text != ' ') {
			buf_add(&out, text, 1);
		}
	}
	return buf_take(&out);
}

/* The JSON report, without what the kernel says by itself when it has to wait for its host. Caller frees. */
static char *report(const struct outcome *o)
{
	struct json_object *trials;
	char *text;

	assert_non_null(o->json);
	assert_true(json_object_object_get_ex(o->json, "trials", &trials));
	for (size_t i = 0; i < json_object_array_length(trials); i++) {
		struct json_object *trial = json_object_array_get_idx(trials, i), *log, *steps;

		json_object_object_del(trial, "console");
		/* The second to run finds what the first has built and saved. */
		json_object_object_del(trial, "restored");
		/* Nor is it the report's doing when the host stands still. */
		json_object_object_del(trial, "note");
		json_object_object_del(trial, "retried");
		json_object_object_del(trial, "retried_because");
		json_object_object_get_ex(trial, "steps", &steps);
		for (size_t k = 0; k < json_object_array_length(steps); k++) {
			json_object_object_del(json_object_array_get_idx(steps, k), "rebuilt");
			json_object_object_del(json_object_array_get_idx(steps, k), "replayed");
		}
		json_object_object_get_ex(trial, "log", &log);
		for (size_t k = json_object_array_length(log); k--;)
			if (!strcmp(lab_string(json_object_array_get_idx(log, k), "origin"),
				    "kernel"))
				json_object_array_del_idx(log, k, 1);
	}
	text = timeless(json_object_to_json_string(o->json));
	return text;
}

static void same_reports(const struct outcome *a, const struct outcome *b)
{
	AUTO_FREE char *one = report(a), *other = report(b);

	assert_string_equal(one, other);
}

/* The file as a report in JUnit's XML, without logs. Caller frees. */
static char *junit(const char *name)
{
	AUTO_FREE char *path = in_dir(name);
	AUTO_BUF struct buf text = {0};
	char *begin, *end;

	assert_int_equal(path_read(path, 1 << 24, &text), 0);
	while ((begin = strstr(text.data, "<system-out>"))) {
		end = strstr(begin, "</system-out>");
		assert_non_null(end);
		end += strlen("</system-out>");
		memmove(begin, end, strlen(end) + 1);
	}
	return timeless(text.data);
}

static void same_files(const char *a, const char *b)
{
	AUTO_FREE char *one = junit(a), *other = junit(b);

	assert_string_equal(one, other);
}

static bool is_empty(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, NULL);

	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n == 2;
}

/* No job waits or runs, the folder is gone, no machine is left. */
static void nothing_is_left(void)
{
	assert_true(no_slurm || comes("squeue -h -o %i", ""));
	assert_true(is_empty(shared));
	assert_int_equal(lab_machines_left(), 0);
}

/* The word behind `what` in the process's /proc file `file`, whose words end with NULs. */
static bool proc_says(pid_t pid, const char *file, const char *what)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	AUTO_BUF struct buf text = {0};

	if (path_read(path, 1 << 20, &text) || !text.len)
		return false;
	for (size_t i = 0; i < text.len; i += strlen(text.data + i) + 1)
		if (!strcmp(text.data + i, what))
			return true;
	return false;
}

/* A task of ours that runs on this node (NULL: on any), or 0. */
static pid_t find_task(const char *node)
{
	AUTO_FREE char *conf = xasprintf("SLURM_CONF=%s", getenv("SLURM_CONF"));
	AUTO_FREE char *name = xasprintf("SLURMD_NODENAME=%s", node ? node : "");
	DIR *d = opendir("/proc");
	pid_t found = 0;
	struct dirent *e;

	while (d && !found && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && proc_says(pid, "cmdline", "__task") &&
			proc_says(pid, "environ", conf) &&
			(!node || proc_says(pid, "environ", name)))
			found = pid;
	}
	if (d)
		closedir(d);
	return found;
}

static pid_t parent_of(pid_t pid)
{
	AUTO_FREE char *command = xasprintf("ps -o ppid= -p %d", (int)pid);
	AUTO_FREE char *said = ask(command);

	return atoi(said);
}

/* kmodlab, with what it says in files of this name. */
static pid_t start_run(const char *name, const char *module)
{
	AUTO_FREE char *out = xasprintf("%s/%s.out", dir, name),
		       *err = xasprintf("%s/%s.err", dir, name);
	AUTO_FREE char *where = xasprintf("--shared=%s", shared);
	pid_t pid = fork();

	if (!pid) {
		dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
		dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
		execl(getenv("KMODLAB"), "kmodlab", "run", "--json", "--executor=slurm", where,
			"-t", BOOKWORM, "-t", TRIXIE, module, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static struct outcome end_run(const char *name, pid_t pid)
{
	AUTO_FREE char *out = xasprintf("%s/%s.out", dir, name),
		       *err = xasprintf("%s/%s.err", dir, name);
	struct outcome o = {.status = lab_end(pid)};

	path_read(out, 1 << 24, &o.out);
	path_read(err, 1 << 24, &o.err);
	buf_adds(&o.out, "");
	buf_adds(&o.err, "");
	if (*o.out.data == '{')
		o.json = json_tokener_parse(o.out.data);
	return o;
}

/* ---- Slurm ---- */

static void a_job_array_gives_the_same_reports_as_this_machine(void **state)
{
	AUTO_FREE char *quick = lab_module("quick", QUICK);
	AUTO_FREE char *bad = lab_module("bad",
		"static int __init bad_init(void) { return -ENOMEM; }\n"
		"module_init(bad_init);\n");
	AUTO_FREE char *where = xasprintf("--shared=%s", shared);
	AUTO_FREE char *here_xml = xasprintf("--junit=%s/here.xml", dir);
	AUTO_FREE char *there_xml = xasprintf("--junit=%s/there.xml", dir);
	struct outcome here, there;

	(void)state;
	need_slurm();
	here = lab_run("run", "--json", here_xml, "-t", BOOKWORM, "-t", TRIXIE, quick, bad, NULL);
	there = lab_run("run", "--json", there_xml, "-t", BOOKWORM, "-t", TRIXIE,
		"--executor=slurm", where, quick, bad, NULL);
	assert_int_equal(here.status, 1);
	if (there.status != 1 || !there.json)
		fprintf(stderr, "%s\n%s\n", there.out.data, there.err.data);
	assert_int_equal(there.status, 1);
	assert_int_equal(lab_trials(&there), 4);
	assert_non_null(strstr(there.err.data, "4 trials in 4 tasks"));
	same_reports(&here, &there);
	same_files("here.xml", "there.xml");
	nothing_is_left();
	lab_free(&here);
	lab_free(&there);
}

static void trials_of_a_node_that_is_lost_are_run_again(void **state)
{
	AUTO_FREE char *slow = NULL;
	static const char *const told[] = {
		"ended without a result on n1", "ended without a result on n2"};
	int64_t until = clock_us() + PATIENCE_US;
	struct outcome o;
	pid_t run, task = 0, step;
	int lost = 1;

	(void)state;
	need_slurm();
	/* A node whose last step has just died may get nothing to do for a while: then it is the other one. */
	assert_true(comes("sinfo -h -N -o %T 2>/dev/null", "idle\nidle\n"));
	slow = lab_module("slow", SLOW);
	run = start_run("lost", slow);
	while (!task && clock_us() < until) {
		lost = !lost;
		task = find_task(lost ? "n2" : "n1");
		usleep(50000);
	}
	assert_int_not_equal(task, 0);
	/* All that the node has dies at once: its daemon, the step, what that runs. */
	step = parent_of(task);
	proc_close(&daemons[lost ? NODE2 : NODE1]);
	kill(step, SIGKILL);
	kill(task, SIGKILL);
	o = end_run("lost", run);
	/* The node comes back for those who follow. */
	assert_true(cluster_node(lost ? NODE2 : NODE1));
	if (o.status)
		fprintf(stderr, "%s\n%s\n", o.out.data, o.err.data);
	assert_int_equal(o.status, 0);
	assert_int_equal(lab_trials(&o), 2);
	assert_string_equal(lab_trial_field(&o, 0, "verdict"), "pass");
	assert_string_equal(lab_trial_field(&o, 1, "verdict"), "pass");
	assert_non_null(strstr(o.err.data, told[lost]));
	assert_non_null(strstr(o.err.data, "run again"));
	lab_free(&o);
	assert_true(comes("sinfo -h -N -o %T 2>/dev/null", "idle\nidle\n"));
	nothing_is_left();
}

static void a_task_that_always_dies_is_an_error_that_names_the_node(void **state)
{
	AUTO_FREE char *slow = NULL;
	struct outcome o;
	siginfo_t info;
	pid_t run, task;

	(void)state;
	need_slurm();
	slow = lab_module("doomed", SLOW);
	run = start_run("doomed", slow);
	do {
		task = find_task(NULL);
		if (task)
			kill(task, SIGKILL);
		usleep(50000);
		info.si_pid = 0;
	} while (!waitid(P_PID, (id_t)run, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid);
	o = end_run("doomed", run);
	assert_int_equal(o.status, 3);
	assert_int_equal(lab_trials(&o), 2);
	assert_string_equal(lab_field(&o, "verdict"), "infrastructure");
	assert_non_null(strstr(lab_field(&o, "error"), "it was not finished on n"));
	assert_non_null(strstr(lab_field(&o, "error"), "3 times"));
	assert_non_null(strstr(lab_field(&o, "error"), "FAILED"));
	lab_free(&o);
	nothing_is_left();
}

static void ctrl_c_empties_the_queue_and_removes_the_folder(void **state)
{
	AUTO_FREE char *slow = NULL;
	struct outcome o;
	pid_t run;

	(void)state;
	need_slurm();
	slow = lab_module("stopped", SLOW);
	run = start_run("stopped", slow);
	assert_true(comes("squeue -h -t RUNNING -o x", "x\nx\n"));
	assert_false(is_empty(shared));
	kill(run, SIGINT);
	o = end_run("stopped", run);
	assert_int_equal(o.status, 128 + SIGINT);
	assert_non_null(strstr(o.out.data, "\"interrupted\": true"));
	lab_free(&o);
	nothing_is_left();
	assert_int_equal(find_task(NULL), 0);
}

static void what_sbatch_refuses_is_told_in_its_own_words(void **state)
{
	AUTO_FREE char *where = xasprintf("--shared=%s", shared);
	AUTO_FREE char *quick = lab_module("refused", QUICK);
	struct outcome o;

	(void)state;
	need_slurm();
	o = lab_run("run", "--executor=slurm", "--sbatch=--partition=nowhere --time=10", where,
		"-t", BOOKWORM, quick, NULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "Slurm does not take the job"));
	assert_non_null(strstr(o.err.data, "invalid partition specified: nowhere"));
	assert_string_equal(o.out.data, "");
	lab_free(&o);
	nothing_is_left();
}

/* ---- GNU parallel ---- */

/* Runs `module` on the targets of that pattern with these logins of ours ("one two"). */
static struct outcome on_logins(const char *names, const char *target, const char *module)
{
	AUTO_FREE char *where = xasprintf("--shared=%s", shared), *copy = xstrdup(names);
	AUTO_BUF struct buf logins = {0};
	char *rest = copy, *name;

	buf_adds(&logins, "--logins=");
	while ((name = strsep(&rest, " ")))
		buf_addf(&logins, "%sssh -F %s/ssh.conf %s",
			logins.data[logins.len - 1] == '=' ? "" : ",", dir, name);
	return lab_run("run", "--json", "--executor=parallel", where, logins.data, "-t", target,
		module, NULL);
}

static void parallel_runs_the_same_description_on_logins(void **state)
{
	AUTO_FREE char *quick = lab_module("apart", QUICK);
	struct outcome here, there;

	(void)state;
	need_ssh();
	here = lab_run("run", "--json", "-t", BOOKWORM, "-t", TRIXIE, quick, NULL);
	there = on_logins("one two", "debian:*/cloud", quick);
	assert_int_equal(here.status, 0);
	if (there.status)
		fprintf(stderr, "%s\n%s\n", there.out.data, there.err.data);
	assert_int_equal(there.status, 0);
	assert_int_equal(lab_trials(&there), 2);
	same_reports(&here, &there);
	lab_free(&here);
	lab_free(&there);
	nothing_is_left();
}

static void a_module_finds_one_of_another_shard_there_too(void **state)
{
	AUTO_FREE char *kos = lab_pair(), *where = xasprintf("--shared=%s", shared);
	AUTO_FREE char *login = xasprintf("--logins=ssh -F %s/ssh.conf one", dir);
	struct outcome o;

	(void)state;
	need_ssh();
	o = lab_run("run", "--json", "--executor=parallel", where, login, "-t", BOOKWORM,
		"--shard=2/2", kos, NULL);
	lab_expect(&o, 0, "pass");
	assert_int_equal(lab_trials(&o), 1);
	assert_string_equal(lab_field(&o, "module"), "taker");
	lab_free(&o);
	nothing_is_left();
}

static void a_login_that_does_not_see_the_folder_is_told_and_gone_around(void **state)
{
	AUTO_FREE char *quick = lab_module("unseen", QUICK);
	struct outcome blind, both;

	(void)state;
	need_ssh();
	blind = on_logins("blind", BOOKWORM, quick);
	if (blind.status != 3)
		fprintf(stderr, "%s\n%s\n", blind.out.data, blind.err.data);
	assert_int_equal(blind.status, 3);
	assert_non_null(strstr(lab_field(&blind, "error"), "it was not finished on blind"));
	assert_non_null(strstr(lab_field(&blind, "error"), "does not see the folder"));
	assert_non_null(strstr(lab_field(&blind, "error"), "--shared"));
	both = on_logins("blind one", BOOKWORM, quick);
	if (both.status)
		fprintf(stderr, "%s\n%s\n", both.out.data, both.err.data);
	assert_int_equal(both.status, 0);
	assert_int_equal(lab_trials(&both), 1);
	lab_free(&blind);
	lab_free(&both);
	nothing_is_left();
}

static void a_login_without_the_target_says_how_it_comes_there(void **state)
{
	AUTO_FREE char *quick = lab_module("targetless", QUICK);
	struct outcome o;

	(void)state;
	need_ssh();
	o = on_logins("bare", BOOKWORM, quick);
	if (o.status != 3)
		fprintf(stderr, "%s\n%s\n", o.out.data, o.err.data);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(lab_field(&o, "error"), "on the machine "));
	assert_non_null(strstr(lab_field(&o, "error"), "kmodlab target add"));
	lab_free(&o);
	nothing_is_left();
}

/* ---- neither ---- */

static void expect_refusal(int status, const char *words, const char *first, const char *second)
{
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = second ? lab_run("run", "-t", BOOKWORM, hello, first, second, NULL)
				  : lab_run("run", "-t", BOOKWORM, hello, first, NULL);

	assert_int_equal(o.status, status);
	if (!strstr(o.err.data, words))
		fprintf(stderr, "%s\n", o.err.data);
	assert_non_null(strstr(o.err.data, words));
	lab_free(&o);
}

static void what_makes_no_sense_together_is_refused(void **state)
{
	AUTO_FREE char *path = xstrdup(getenv("PATH"));
	struct outcome watch;

	(void)state;
	expect_refusal(2, "needs --executor", "--shared=/tmp", NULL);
	expect_refusal(2, "needs --executor", "--chunk=3", NULL);
	expect_refusal(2, "--logins is for --executor=parallel", "--executor=slurm", "--logins=a");
	expect_refusal(
		2, "--sbatch is for --executor=slurm", "--executor=parallel", "--sbatch=--x");
	expect_refusal(2, "needs --logins", "--executor=parallel", NULL);
	expect_refusal(2, "needs --logins", "--executor=parallel", "--logins=,");
	expect_refusal(2, "not a value", "--executor=pigeons", NULL);
	expect_refusal(3, "cannot use /nowhere/at/all as the folder for all machines: No such file",
		"--executor=slurm", "--shared=/nowhere/at/all");
	watch = lab_run("watch", "--executor=slurm", "/tmp", NULL);
	assert_int_equal(watch.status, 2);
	lab_free(&watch);
	setenv("PATH", "/nowhere", true);
	expect_refusal(3, "slurm-client", "--executor=slurm", NULL);
	expect_refusal(3, "package is parallel", "--executor=parallel", "--logins=a");
	setenv("PATH", path, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_together_is_refused),
		cmocka_unit_test(a_job_array_gives_the_same_reports_as_this_machine),
		cmocka_unit_test(what_sbatch_refuses_is_told_in_its_own_words),
		cmocka_unit_test(ctrl_c_empties_the_queue_and_removes_the_folder),
		cmocka_unit_test(a_task_that_always_dies_is_an_error_that_names_the_node),
		cmocka_unit_test(trials_of_a_node_that_is_lost_are_run_again),
		cmocka_unit_test(parallel_runs_the_same_description_on_logins),
		cmocka_unit_test(a_module_finds_one_of_another_shard_there_too),
		cmocka_unit_test(a_login_that_does_not_see_the_folder_is_told_and_gone_around),
		cmocka_unit_test(a_login_without_the_target_says_how_it_comes_there),
	};

	return cmocka_run_group_tests_name(
		"trials on other machines", tests, cluster_begin, cluster_end);
}
