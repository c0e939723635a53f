/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fails that is not the module: QEMU killed, Ctrl-C, a full disk, two at once. Never a pass, never
 * blamed on the module, and nothing is left behind.
 */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOW_INIT                                                                                  \
	"static int __init i(void) { msleep(20000); return 0; }\n"                                 \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"
#define SLOW_EXIT                                                                                  \
	"static int __init i(void) { return 0; }\n"                                                \
	"static void __exit x(void) { msleep(20000); }\nmodule_init(i); module_exit(x);\n"
#define FINE                                                                                       \
	"static int __init i(void) { return 0; }\nstatic void __exit x(void) { }\n"                \
	"module_init(i); module_exit(x);\n"

/* The first machine that `kmodlab`, our child, has started, or 0 after 30 s, or when it ended. */
static pid_t await_machine(pid_t kmodlab)
{
	int64_t until = clock_us() + 30000000;
	siginfo_t end = {0};
	pid_t pid;

	while (clock_us() < until) {
		if (lab_machines_of(kmodlab, &pid, 1))
			return pid;
		if (!waitid(P_PID, (id_t)kmodlab, &end, WEXITED | WNOHANG | WNOWAIT) && end.si_pid)
			return 0;
		usleep(2000);
	}
	return 0;
}

/* Runs the module in `dir` and sends `sig` to its machine after `delay_ms` of life; to the first one only,
 * or to each. The exit status; `text` gets what was said. */
static int run_and_kill(const char *dir, int sig, int delay_ms, bool each, struct buf *text)
{
	AUTO_FREE char *said = lab_dir(), *file = xasprintf("%s/json", said);
	AUTO_FREE char *command = xasprintf("exec \"$KMODLAB\" run --json --timeout 60 -t " BOOKWORM
					    " '%s' >'%s' 2>&1",
		dir, file);
	pid_t pid = fork(), machine;
	int killed = 0, status;

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	while ((each || !killed) && (machine = await_machine(pid))) {
		usleep((unsigned)delay_ms * 1000);
		kill(machine, sig);
		killed++;
		for (int i = 0; i < 500 && !kill(machine, 0); i++)
			usleep(2000);
	}
	assert_int_not_equal(killed, 0);
	status = lab_end(pid);
	path_read(file, 10000000, text);
	assert_int_equal(lab_machines_left(), 0);
	return status;
}

static void qemu_is_killed(const char *dir, int sig, int delay_ms)
{
	AUTO_BUF struct buf text = {0};
	int status = run_and_kill(dir, sig, delay_ms, true, &text);

	if (status != 3 || !strstr(text.data, "\"verdict\": \"infrastructure\"") ||
		!strstr(text.data, "\"retried\": true") || !strstr(text.data, "QEMU"))
		fail_msg("after %d ms: status %d: %.3000s", delay_ms, status, text.data);
}

static void a_qemu_killed_once_is_no_matter(void **state)
{
	AUTO_FREE char *dir = lab_module("sleeps",
		"static int __init i(void) { msleep(1500); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	int retried = 0;

	(void)state;
	/* One that is killed before the trial has begun with it is replaced without a word, and on a slow
	 * day that is the one that the signal meets. */
	for (int ms = 0; ms <= 800 || (!retried && ms < 4000); ms += 400) {
		AUTO_BUF struct buf text = {0};
		int status = run_and_kill(dir, SIGKILL, ms, false, &text);

		if (status || !strstr(text.data, "\"verdict\": \"pass\""))
			fail_msg("after %d ms: status %d: %.3000s", ms, status, text.data);
		if (strstr(text.data, "\"retried\": true")) {
			assert_non_null(strstr(text.data, "signal 9"));
			retried++;
		}
	}
	assert_int_not_equal(retried, 0);
}

/* Stops the run and its machine for `still_s` once that is `after_ms` old; the exit status. */
static int run_and_stop(const char *dir, int after_ms, int still_s, struct buf *text)
{
	AUTO_FREE char *said = lab_dir(), *file = xasprintf("%s/json", said);
	AUTO_FREE char *command = xasprintf("exec \"$KMODLAB\" run --json --timeout 6 -t " BOOKWORM
					    " '%s' >'%s' 2>&1",
		dir, file);
	pid_t pid = fork(), machine;
	int status;

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	machine = await_machine(pid);
	assert_int_not_equal(machine, 0);
	usleep((unsigned)after_ms * 1000);
	kill(pid, SIGSTOP);
	kill(machine, SIGSTOP);
	sleep((unsigned)still_s);
	kill(machine, SIGCONT);
	kill(pid, SIGCONT);
	status = lab_end(pid);
	path_read(file, 10000000, text);
	assert_int_equal(lab_machines_left(), 0);
	return status;
}

static void a_run_that_was_stopped_goes_on_where_it_was(void **state)
{
	AUTO_FREE char *dir = lab_module("stopped",
		"static int __init i(void) { msleep(3000); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	AUTO_BUF struct buf text = {0};
	int status;

	(void)state;
	/* Its deadline of six seconds passes while nobody looks, and that is no hang. */
	status = run_and_stop(dir, 1500, 8, &text);
	if (status || !strstr(text.data, "\"verdict\": \"pass\""))
		fail_msg("status %d: %.3000s", status, text.data);
}

static void a_qemu_killed_twice_in_any_stage_is_an_infrastructure_error(void **state)
{
	AUTO_FREE char *in = lab_module("slowin", SLOW_INIT),
		       *out = lab_module("slowout", SLOW_EXIT);

	(void)state;
	qemu_is_killed(in, SIGKILL, 0);	    /* starting */
	qemu_is_killed(in, SIGKILL, 30);    /* coming back from its snapshot */
	qemu_is_killed(in, SIGKILL, 1500);  /* init runs */
	qemu_is_killed(in, SIGTERM, 1500);  /* QEMU then exits with status 0 */
	qemu_is_killed(out, SIGKILL, 1500); /* exit runs */
}

/* A driver gives up on a device that does not answer in time, a kernel on a processor: both are right by
 * their clock, and it is not the module's doing that this jumped. */
static void a_complaint_of_time_that_stood_still_is_not_the_modules(void **state)
{
	AUTO_FREE char *dir = lab_module("complains",
		"static int __init i(void)\n{\n\tktime_t began = ktime_get();\n\n"
		"\tmsleep(2500);\n"
		"\treturn ktime_ms_delta(ktime_get(), began) > 6000 ? -ETIMEDOUT : 0;\n}\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	AUTO_BUF struct buf text = {0};
	int status;

	(void)state;
	status = run_and_stop(dir, 1500, 8, &text);
	if (status || !strstr(text.data, "\"verdict\": \"pass\"") ||
		!strstr(text.data, "stood still for"))
		fail_msg("status %d: %.3000s", status, text.data);
}

/* Interrupts `kmodlab run` after `delay_ms`; it has to be gone soon, with everything it started. */
static void interrupted(const char *dir, int sig, int delay_ms, int expected)
{
	pid_t pid = lab_start("run", "--timeout", "60", "-t", BOOKWORM, dir, NULL);
	int64_t began;
	int status;

	usleep((unsigned)delay_ms * 1000);
	began = clock_us();
	kill(pid, sig);
	status = lab_end(pid);
	if (status != expected)
		fail_msg("signal %d after %d ms: status %d", sig, delay_ms, status);
	assert_true(clock_us() - began < 15000000);
	assert_int_equal(lab_machines_left(), 0);
	/* No make, compiler or sandbox goes on either. */
	AUTO_FREE char *command =
		xasprintf("for i in $(seq 50); do "
			  "pgrep -f '[-]-bind.*%s' >/dev/null || exit 0; sleep 0.1; done; exit 1",
			dir);
	assert_int_equal(system(command), 0);
}

static void ctrl_c_ends_it_in_any_stage_and_leaves_nothing(void **state)
{
	AUTO_FREE char *in = lab_module("slowin", SLOW_INIT);

	(void)state;
	interrupted(in, SIGINT, 5, 128 + SIGINT);
	interrupted(in, SIGINT, 400, 128 + SIGINT);  /* building */
	interrupted(in, SIGINT, 4000, 128 + SIGINT); /* init runs */
	interrupted(in, SIGINT, 60, 128 + SIGINT);   /* built before: its machine comes back */
}

static void a_single_trial_that_is_interrupted_says_so(void **state)
{
	AUTO_FREE char *dir = lab_module("slowword", SLOW_INIT), *scratch = lab_dir();
	AUTO_FREE char *said = xasprintf("%s/said", scratch);
	AUTO_FREE char *command = xasprintf(
		"timeout --preserve-status -s INT 4 \"$KMODLAB\" run --timeout 60 -t " BOOKWORM
		" '%s' 2>'%s' >/dev/null",
		dir, said);
	AUTO_BUF struct buf text = {0};

	(void)state;
	(void)!system(command);
	assert_int_equal(path_read(said, 10000, &text), 0);
	if (!text.data || !strstr(text.data, "interrupted: 0 of 1 trials were run"))
		fail_msg("%s", text.len ? text.data : "nothing was said");
}

static void sigterm_and_a_closed_terminal_do_the_same(void **state)
{
	AUTO_FREE char *in = lab_module("slowin", SLOW_INIT);

	(void)state;
	interrupted(in, SIGTERM, 4000, 128 + SIGTERM);
	interrupted(in, SIGHUP, 1000, 128 + SIGHUP);
}

static void even_killed_it_leaves_no_machine_and_no_build(void **state)
{
	AUTO_FREE char *in = lab_module("slowin", SLOW_INIT);

	(void)state;
	interrupted(in, SIGKILL, 400, 128 + SIGKILL);
	interrupted(in, SIGKILL, 4000, 128 + SIGKILL);
}

static void an_interrupted_build_does_not_spoil_the_next(void **state)
{
	AUTO_FREE char *dir = lab_module("again", FINE);
	struct outcome o;

	(void)state;
	for (int ms = 60; ms <= 240; ms += 90) {
		interrupted(dir, SIGKILL, ms, 128 + SIGKILL);
		o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
		lab_expect(&o, 0, "pass");
		lab_free(&o);
		lab_write(dir, "again.c",
			"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");MODULE_DESCRIPTION(\"t\");\n"
			"static int __init i(void) { return %d - %d; }\n"
			"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
			ms, ms);
	}
}

static void two_runs_of_one_module_at_once_both_pass(void **state)
{
	AUTO_FREE char *dir = lab_module("both", FINE);
	pid_t a = lab_start("run", "-t", BOOKWORM, dir, NULL);
	pid_t b = lab_start("run", "-t", BOOKWORM, dir, NULL);
	pid_t c = lab_start("run", "-t", TRIXIE, dir, NULL);

	(void)state;
	assert_int_equal(lab_end(a), 0);
	assert_int_equal(lab_end(b), 0);
	assert_int_equal(lab_end(c), 0);
}

static void a_full_disk_is_said_to_be_one(void **state)
{
	AUTO_FREE char *dir = lab_module("nospace", FINE), *mount = lab_dir();
	AUTO_FREE char *command =
		xasprintf("unshare --mount sh -c 'mount -t tmpfs -o size=16k none \"$1\" && "
			  "XDG_CACHE_HOME=\"$1\" \"$KMODLAB\" run -t " BOOKWORM
			  " \"$2\" >\"$3\" 2>&1; test $? = 3' "
			  "sh '%s' '%s' '%s/said'",
			mount, dir, dir);
	AUTO_FREE char *said = xasprintf("%s/said", dir);
	AUTO_BUF struct buf text = {0};

	(void)state;
	if (system(command)) {
		path_read(said, 100000, &text);
		fail_msg("%s", text.data);
	}
	path_read(said, 100000, &text);
	if (!strstr(text.data, "o space") && !strstr(text.data, "full"))
		fail_msg("%s", text.data);
}

static void a_kernel_that_does_not_come_up_is_an_infrastructure_error(void **state)
{
	AUTO_FREE char *dir = lab_module("noboot", FINE);
	struct outcome o = lab_run(
		"run", "--json", "--cold", "--boot-timeout", "0.3", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 3, "infrastructure");
	assert_non_null(strstr(lab_field(&o, "error"), "did not come up within"));
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

/* A QEMU that stands still under KVM is what a host looks like whose /dev/kvm opens and does no more. */
static void a_kvm_that_was_asked_for_and_does_not_work_is_said_soon(void **state)
{
	AUTO_FREE char *dir = lab_module("nokvm", FINE), *bin = lab_dir();
	AUTO_FREE char *path = xasprintf("%s:%s", bin, getenv("PATH")),
		       *kept = xstrdup(getenv("PATH"));
	AUTO_FREE char *command = xasprintf("chmod +x '%s/qemu-system-x86_64'", bin);
	int64_t began = clock_us();
	struct outcome o;

	(void)state;
	lab_write(bin, "qemu-system-x86_64",
		"#!/bin/sh\ncase \"$*\" in *accel=kvm*|*'-accel kvm'*) exec sleep 100;; esac\n"
		"exec $(PATH='%s' command -v qemu-system-x86_64) \"$@\"\n",
		kept);
	assert_int_equal(system(command), 0);
	setenv("PATH", path, 1);
	o = lab_run("run", "--json", "--accel", "kvm", "--boot-timeout", "2", "-t", BOOKWORM, dir,
		NULL);
	setenv("PATH", kept, 1);
	lab_expect(&o, 3, "infrastructure");
	if (!strstr(lab_field(&o, "error"), "KVM does not work here: ") ||
		!strstr(lab_field(&o, "error"), "leave --accel kvm out"))
		fail_msg("%s", lab_field(&o, "error"));
	/* The build, one try, and no second one. */
	assert_true(clock_us() - began < 30000000);
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

static void without_qemu_it_says_what_to_install(void **state)
{
	AUTO_FREE char *dir = lab_module("noqemu", FINE), *bin = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"for p in bwrap make; do ln -s $(command -v $p) '%s/'; done; "
		"PATH='%s' \"$KMODLAB\" run -t " BOOKWORM " '%s' >'%s/said' 2>&1; test $? = 3 && "
		"grep -q 'apt-get install qemu-system-x86' '%s/said'",
		bin, bin, dir, bin, bin);

	(void)state;
	assert_int_equal(system(command), 0);
}

/* What is tried here is not the making of a snapshot (test_snapshots.c does that). */
static int make_snapshots(void **state)
{
	AUTO_FREE char *dir = lab_module("first", FINE);
	struct outcome a = lab_run("run", "-t", BOOKWORM, dir, NULL);
	struct outcome b = lab_run("run", "-t", TRIXIE, dir, NULL);
	int status = a.status + b.status;

	(void)state;
	lab_free(&a);
	lab_free(&b);
	return status;
}

static char *began; /* a directory made when this program started */

static void nothing_is_left_in_tmp(void **state)
{
	(void)state;
	/* Newer than this test program's start: what lay there before is not ours to judge. */
	AUTO_FREE char *command =
		xasprintf("! find /tmp -maxdepth 1 -name 'kmodlab*' -newer '%s' | grep .", began);

	assert_int_equal(system(command), 0);
}

int main(void)
{
	began = lab_dir();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_qemu_killed_twice_in_any_stage_is_an_infrastructure_error),
		cmocka_unit_test(a_qemu_killed_once_is_no_matter),
		cmocka_unit_test(a_run_that_was_stopped_goes_on_where_it_was),
		cmocka_unit_test(a_complaint_of_time_that_stood_still_is_not_the_modules),
		cmocka_unit_test(ctrl_c_ends_it_in_any_stage_and_leaves_nothing),
		cmocka_unit_test(a_single_trial_that_is_interrupted_says_so),
		cmocka_unit_test(sigterm_and_a_closed_terminal_do_the_same),
		cmocka_unit_test(even_killed_it_leaves_no_machine_and_no_build),
		cmocka_unit_test(an_interrupted_build_does_not_spoil_the_next),
		cmocka_unit_test(two_runs_of_one_module_at_once_both_pass),
		cmocka_unit_test(a_full_disk_is_said_to_be_one),
		cmocka_unit_test(a_kernel_that_does_not_come_up_is_an_infrastructure_error),
		cmocka_unit_test(a_kvm_that_was_asked_for_and_does_not_work_is_said_soon),
		cmocka_unit_test(without_qemu_it_says_what_to_install),
		cmocka_unit_test(nothing_is_left_in_tmp),
	};

	return cmocka_run_group_tests_name("faults", tests, make_snapshots, NULL);
}
