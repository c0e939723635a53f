/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab watch, its output read as it comes: a save brings a verdict, and nothing is left when it ends. */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char fine[] =
	"static int __init begin(void) { pr_info(\"it begins\\n\"); return 0; }\n"
	"static void __exit end(void) { }\n"
	"module_init(begin); module_exit(end);\n";
static const char wrong[] = "static int __init begin(void) { return nothing; }\n"
			    "module_init(begin);\n";
static const char slow[] = "static int __init begin(void) { ssleep(100); return 0; }\n"
			   "static void __exit end(void) { }\n"
			   "module_init(begin); module_exit(end);\n";

struct watched {
	pid_t pid;
	int out;
	struct buf said; /* since the last that was waited for */
};

static struct watched start(const char *dir)
{
	struct watched w = {0};
	int out[2];

	assert_int_equal(pipe(out), 0);
	w.pid = fork();
	if (!w.pid) {
		/* A test in the background has it ignored. */
		signal(SIGINT, SIG_DFL);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		execl(getenv("KMODLAB"), "kmodlab", "watch", "-t", BOOKWORM, dir, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	w.out = out[0];
	return w;
}

/* Waits until it says these words, then forgets what it said up to the end of that line. */
static void until(struct watched *w, const char *words)
{
	int64_t deadline = clock_us() + 120000000;
	struct pollfd fd = {w->out, POLLIN, 0};
	char bytes[4096], *at, *end;

	buf_add(&w->said, "", 0);
	while (!w->said.len || !(at = strstr(w->said.data, words)) || !(end = strchr(at, '\n'))) {
		ssize_t n = poll(&fd, 1, clock_left_ms(deadline)) > 0
			? read(w->out, bytes, sizeof bytes)
			: 0;

		if (n <= 0)
			fail_msg("'%s' was not said, but: %s", words,
				w->said.len ? w->said.data : "nothing");
		buf_add(&w->said, bytes, (size_t)n);
	}
	buf_consume(&w->said, (size_t)(end + 1 - w->said.data));
}

/* As an editor does: beside, then renamed. */
static void save(const char *dir, const char *source)
{
	lab_write(dir, "watched.c",
		"#include <linux/module.h>\n#include <linux/delay.h>\nMODULE_LICENSE(\"GPL\");\n"
		"MODULE_DESCRIPTION(\"test\");\n%s",
		source);
}

static size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void each_save_brings_a_verdict_and_ctrl_c_leaves_nothing(void **state)
{
	AUTO_FREE char *dir = lab_module("watched", fine);
	size_t files = files_in(dir);
	struct watched w = start(dir);
	int status;

	(void)state;
	until(&w, "PASS  watched");
	until(&w, " s from the start to this");
	save(dir, wrong);
	until(&w, "FAIL (build)  watched");
	until(&w, " s from the save of watched.c to this");
	/* What a build makes is no save. */
	lab_write(dir, "watched.o", "x");
	lab_write(dir, ".watched.o.cmd", "x");
	save(dir, fine);
	until(&w, "PASS  watched");
	until(&w, " s from the save of watched.c to this");
	/* By now a machine waits for the next save. */
	usleep(300000);
	kill(w.pid, SIGINT);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	assert_int_equal(lab_machines_left(), 0);
	assert_int_equal(files_in(dir), files + 2);
	close(w.out);
	buf_free(&w.said);
}

static void a_save_ends_the_run_that_it_finds(void **state)
{
	AUTO_FREE char *dir = lab_module("watched", fine);
	struct watched w = start(dir);
	int64_t began;
	int status;

	(void)state;
	until(&w, "PASS  watched");
	save(dir, slow);
	usleep(1500000);
	began = clock_us();
	save(dir, fine);
	/* The run that was ended says nothing. */
	until(&w, "PASS  watched");
	assert_true(clock_us() - began < 90000000);
	kill(w.pid, SIGTERM);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(lab_machines_left(), 0);
	close(w.out);
	buf_free(&w.said);
}

static void what_cannot_be_watched_is_refused(void **state)
{
	struct outcome o = lab_run("watch", "/nowhere/at/all", NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "there is no directory or file /nowhere/at/all"));
	lab_free(&o);
	o = lab_run("watch", NULL);
	assert_int_equal(o.status, 2);
	lab_free(&o);
	o = lab_run("watch", "--timeout=never", ".", NULL);
	assert_int_equal(o.status, 2);
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_save_brings_a_verdict_and_ctrl_c_leaves_nothing),
		cmocka_unit_test(a_save_ends_the_run_that_it_finds),
		cmocka_unit_test(what_cannot_be_watched_is_refused),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
