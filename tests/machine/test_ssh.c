/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real machines, reached over ssh: one of our own stands in for them, in QEMU, with Debian's kernel and this host's
 * sshd (ssh-box). What is promised: the same verdicts as anywhere else, nothing left on the machine whatever
 * happens, and that nobody gets there without having said so.
 */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PATIENCE_US 120000000 /* for what takes a second on a host that is not busy */
#define FINE                                                                                       \
	"static int __init i(void) { pr_info(\"here\\n\"); return 0; }\n"                          \
	"static void __exit x(void) { pr_info(\"gone\\n\"); }\nmodule_init(i); module_exit(x);\n"
#define LEAKY                                                                                      \
	"static int __init i(void) { return kmalloc(1000, GFP_KERNEL) ? 0 : -ENOMEM; }\n"          \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"
#define FATAL                                                                                      \
	"static int __init i(void) { panic(\"on purpose\"); return 0; }\n"                         \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"
#define STAYS                                                                                      \
	"static int __init i(void) { __module_get(THIS_MODULE); return 0; }\n"                     \
	"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"

static struct {
	char *dir;
	struct proc qemu;
} box = {.qemu.pidfd = -1};

static int said(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a shell command; its status as of system(3). */
static int said(const char *format, ...)
{
	AUTO_BUF struct buf command = {0};
	va_list args;

	va_start(args, format);
	buf_vaddf(&command, format, args);
	va_end(args);
	return system(command.data);
}

/* Waits until the command succeeds. */
static bool comes_true(const char *command)
{
	int64_t until = clock_us() + PATIENCE_US;

	while (clock_us() < until) {
		if (!said("%s", command))
			return true;
		usleep(100000);
	}
	return false;
}

/* Nothing of us is on the machine: no module of these tests, no agent, no file. */
static void box_is_clean(void)
{
	assert_true(comes_true(
		"box '! grep -q -e ^fine -e ^leaky -e ^waits /proc/modules && "
		"! ps | grep -v grep | grep -q -e --lend && ! ls -d /tmp/kmodlab-* 2>/dev/null'"));
}

/* ---- the machine ---- */

/*
 * It has one processor: with two, QEMU 7.2's translator sometimes goes on with an int3 that the kernel has long
 * taken back (that is how it changes its code for a tracepoint), and one processor is in it for ever.
 */
static void boot_box(const struct target *t)
{
	int port = lab_free_port();
	AUTO_FREE char *initrd = xasprintf("%s/initramfs", box.dir);
	AUTO_FREE char *serial = xasprintf("file:%s/console", box.dir);
	AUTO_FREE char *nic = xasprintf(
		"user,restrict=on,hostfwd=tcp:127.0.0.1:%d-:22,model=virtio-net-pci", port);
	char *argv[] = {"qemu-system-x86_64", "-M", "pc", "-nodefaults", "-display", "none",
		"-accel", "tcg,thread=multi", "-cpu", "max,la57=off,erms=off,fsrm=off", "-m", "384",
		"-no-reboot", "-kernel", t->kernel, "-initrd", initrd, "-append",
		"console=ttyS0 quiet panic=-1 no_timer_check", "-serial", serial, "-nic", nic,
		NULL};
	struct error err;

	assert_int_equal(
		said("cd '%s' && sed 's/PORT/%d/' config.in >config && sed 's/PORT/%d/' known_hosts.in >known_hosts && : >console",
			box.dir, port, port),
		0);
	assert_int_equal(
		proc_start(&box.qemu,
			&(struct proc_options){.argv = argv, .in = -1, .out = -1, .err = 2}, &err),
		0);
}

static int set_up(void **state)
{
	AUTO_FREE char *data = path_data_dir(), *own = lab_dir(), *path = NULL;
	struct targets all;
	struct error err;
	const struct target *t;

	(void)state;
	assert_int_equal(targets_load(&all, &err), 0);
	t = target_find(&all, BOOKWORM, &err);
	assert_non_null(t);
	box.dir = lab_dir();
	assert_int_equal(
		said("'%s/tests/machine/ssh-box' '%s' '%s'", lab_source(), box.dir, t->modules), 0);
	boot_box(t);
	targets_free(&all);
	/* Targets of our own: nobody else is to find a real machine among theirs. */
	assert_int_equal(
		said("mkdir -p '%s/kmodlab/targets' && cp '%s/targets/debian-bookworm-cloud.ini' '%s/kmodlab/targets/'",
			own, data, own),
		0);
	setenv("XDG_DATA_HOME", own, 1);
	path = xasprintf("%s/bin:%s", box.dir, getenv("PATH"));
	setenv("PATH", path, 1);
	setenv("BOX_SHARED", "yes", 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	said("box true && ssh -S '%s/master' -O exit box", box.dir);
	proc_close(&box.qemu);
	free(box.dir);
	return 0;
}

/* ---- kmodlab in the background ---- */

static pid_t start_as(const char *how, const char *module, const char *out)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		/* A test that fails leaves nothing running. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(getenv("KMODLAB"), "kmodlab", "run", how, "-t", "ssh:box",
			"--exercise-timeout", "300", module, NULL);
		_exit(127);
	}
	return pid;
}

static pid_t start(const char *module, const char *out)
{
	return start_as("--verbose", module, out);
}

/* A module whose test goes on until there is a file /var/tmp/go on the machine. */
static char *waiting_module(void)
{
	char *dir = lab_module("waits", FINE);

	lab_write(dir, "test.sh",
		"#!/bin/sh\n: >/var/tmp/begun\nwhile [ ! -e /var/tmp/go ]; do sleep 0.1; done\n");
	return dir;
}

static void until_it_waits(void)
{
	assert_true(comes_true("box 'test -e /var/tmp/begun && rm /var/tmp/begun'"));
}

/* Ends it with a signal while its module is loaded there. */
static void ended_by(int sig, int status)
{
	AUTO_FREE char *module = waiting_module(), *at = lab_dir(), *out = xasprintf("%s/out", at);
	pid_t pid;

	/* With a connection of its own. */
	unsetenv("BOX_SHARED");
	pid = start(module, out);
	setenv("BOX_SHARED", "yes", 1);
	until_it_waits();
	assert_int_equal(said("box 'grep -q ^waits /proc/modules'"), 0);
	kill(pid, sig);
	assert_int_equal(lab_end(pid), status);
	box_is_clean();
}

/* ---- the promises ---- */

static void a_real_machine_is_refused_without_consent(void **state)
{
	struct outcome o = lab_run("target", "add", "ssh:box", NULL);

	(void)state;
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "--i-can-lose-this-machine"));
	lab_free(&o);
}

static void one_that_cannot_be_reached_or_used_is_not_added(void **state)
{
	struct outcome o;

	(void)state;
	o = lab_run("target", "add", "ssh:nowhere", "--i-can-lose-this-machine", NULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "cannot be reached"));
	lab_free(&o);
	assert_true(comes_true("box true 2>/dev/null"));
	o = lab_run("target", "add", "ssh:guestbox", "--i-can-lose-this-machine", NULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "takes root"));
	lab_free(&o);
	o = lab_run(
		"target", "add", "ssh:box", "--i-can-lose-this-machine", "--tree", "/usr", NULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err.data, "no kernel's build tree"));
	lab_free(&o);
}

static void it_is_added_and_chosen_by_name_alone(void **state)
{
	struct outcome o = lab_run("target", "add", "ssh:box", "--i-can-lose-this-machine", NULL);
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());
	struct target_choices chosen = {0};
	struct targets all;
	struct error err;

	(void)state;
	if (o.status)
		fail_msg("%s", o.err.data);
	assert_non_null(strstr(o.err.data, "built with the tree of " BOOKWORM));
	lab_free(&o);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 2);
	assert_int_equal(target_choose(&all, "all", &chosen, &err), 0);
	assert_int_equal(target_choose(&all, "*", &chosen, &err), 0);
	assert_int_equal(chosen.n, 1);
	assert_string_equal(chosen.items[0].target->name, BOOKWORM);
	assert_string_equal(target_default(&all, TARGET_LINUX)->name, BOOKWORM);
	o = lab_run("run", "-t", "ssh:box", "--executor=slurm", hello, NULL);
	assert_int_equal(o.status, 2);
	assert_non_null(strstr(o.err.data, "leave out --executor"));
	lab_free(&o);
	assert_int_equal(target_choose(&all, "ssh:*", &chosen, &err), 0);
	assert_int_equal(chosen.n, 2);
	free(chosen.items);
	targets_free(&all);
	for (int i = 0; i < 2; i++) {
		o = lab_run(i ? "debug" : "shell", "-t", "ssh:box", hello, NULL);
		assert_int_equal(o.status, 2);
		assert_non_null(strstr(o.err.data, "is a real machine"));
		lab_free(&o);
	}
	box_is_clean();
}

/* What a run comes to, without times and without what the kernel says of any module. */
static char *story(const char *target, const char *dir, const char *verdict, int status)
{
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);
	AUTO_BUF struct buf log = {0};
	struct json_object *f;
	char *text;

	lab_expect(&o, status, verdict);
	assert_string_equal(
		lab_field(&o, "real_machine"), strcmp(target, BOOKWORM) ? "true" : "false");
	assert_int_equal(
		strstr(o.err.data, "CAREFUL: ssh:box") != NULL, strcmp(target, BOOKWORM) != 0);
	lab_log(&o, "module", &log);
	f = lab_finding(&o, "memory-leak");
	text = xasprintf("%s%s", log.data, f ? lab_string(f, "message") : "");
	lab_free(&o);
	return text;
}

static void verdict_log_and_findings_are_those_of_a_virtual_machine(void **state)
{
	AUTO_FREE char *fine = lab_module("fine", FINE), *leaky = lab_module("leaky", LEAKY);
	AUTO_FREE char *here = story(BOOKWORM, fine, "pass", 0);
	AUTO_FREE char *there = story("ssh:box", fine, "pass", 0);
	AUTO_FREE char *here2 = story(BOOKWORM, leaky, "leak", 1);
	AUTO_FREE char *there2 = story("ssh:box", leaky, "leak", 1);

	(void)state;
	assert_string_equal(here, there);
	assert_non_null(strstr(there, "here"));
	assert_string_equal(here2, there2);
	assert_non_null(strstr(there2, "1000 bytes"));
	box_is_clean();
}

static void ctrl_c_leaves_nothing_there(void **state)
{
	(void)state;
	ended_by(SIGINT, 128 + SIGINT);
}

static void sigkill_leaves_nothing_there(void **state)
{
	(void)state;
	ended_by(SIGKILL, 128 + SIGKILL);
}

static void a_connection_that_breaks_is_not_the_modules_fault(void **state)
{
	AUTO_FREE char *module = waiting_module(), *at = lab_dir(), *out = xasprintf("%s/out", at);
	AUTO_BUF struct buf text = {0};
	pid_t pid = start(module, out);

	(void)state;
	until_it_waits();
	assert_int_equal(said("kill -9 $(pgrep -x -P %d ssh)", (int)pid), 0);
	assert_int_equal(lab_end(pid), 3);
	assert_int_equal(path_read(out, 1 << 20, &text), 0);
	assert_non_null(strstr(text.data, "the machine still runs"));
	box_is_clean();
}

static void one_trial_at_a_time_is_there(void **state)
{
	AUTO_FREE char *module = waiting_module(), *fine = lab_module("fine", FINE);
	AUTO_FREE char *at = lab_dir(), *first = xasprintf("%s/1", at),
		       *second = xasprintf("%s/2", at);
	AUTO_FREE char *waits = xasprintf("grep -q 'another kmodlab' '%s'", second);
	pid_t one = start(module, first), two;

	(void)state;
	until_it_waits();
	two = start(fine, second);
	assert_true(comes_true(waits));
	assert_int_equal(said("box ': >/var/tmp/go'"), 0);
	assert_int_equal(lab_end(one), 0);
	assert_int_equal(lab_end(two), 0);
	assert_int_equal(said("box 'rm /var/tmp/go'"), 0);
	box_is_clean();
}

/* A machine of ours is thrown away, and one that complains of time that stood still gets another try. Here the module
 * may have done its worst already. */
static void nothing_is_tried_twice_there(void **state)
{
	AUTO_FREE char *module = lab_module("fails",
		"static int __init i(void) { msleep(4000); return -EIO; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	AUTO_FREE char *at = lab_dir(), *out = xasprintf("%s/out", at);
	AUTO_BUF struct buf text = {0};
	pid_t pid = start_as("--json", module, out);

	(void)state;
	assert_true(comes_true("box 'grep -q ^fails /proc/modules'"));
	kill(pid, SIGSTOP);
	sleep(7);
	kill(pid, SIGCONT);
	assert_int_equal(lab_end(pid), 1);
	assert_int_equal(path_read(out, 1 << 20, &text), 0);
	assert_non_null(strstr(text.data, "init-error"));
	assert_non_null(strstr(text.data, "\"retried\": false"));
	box_is_clean();
}

static void what_cannot_be_unloaded_is_told(void **state)
{
	AUTO_FREE char *dir = lab_module("stays", STAYS);
	struct outcome o = lab_run("run", "--json", "-t", "ssh:box", dir, NULL);

	(void)state;
	lab_expect(&o, 1, "unload");
	assert_non_null(strstr(lab_field(&o, "note"), "still has stays loaded"));
	lab_free(&o);
}

/* The last: it is no more after that. */
static void a_machine_that_dies_of_it_was_lost(void **state)
{
	AUTO_FREE char *dir = lab_module("fatal", FATAL);
	struct outcome o = lab_run("run", "--json", "-t", "ssh:box", dir, NULL);

	(void)state;
	lab_expect(&o, 1, "crash");
	/* The last words may or may not have come through. */
	if (!lab_finding(&o, "panic"))
		lab_expect_finding(&o, "machine-lost", "was lost while fatal's init ran");
	assert_non_null(strstr(lab_field(&o, "note"), "switch it off and on"));
	lab_free(&o);
	o = lab_run("run", "--json", "-t", "ssh:box", dir, NULL);
	lab_expect(&o, 3, "infrastructure");
	assert_non_null(strstr(lab_field(&o, "error"), "cannot be reached"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_machine_is_refused_without_consent),
		cmocka_unit_test(one_that_cannot_be_reached_or_used_is_not_added),
		cmocka_unit_test(it_is_added_and_chosen_by_name_alone),
		cmocka_unit_test(verdict_log_and_findings_are_those_of_a_virtual_machine),
		cmocka_unit_test(ctrl_c_leaves_nothing_there),
		cmocka_unit_test(sigkill_leaves_nothing_there),
		cmocka_unit_test(a_connection_that_breaks_is_not_the_modules_fault),
		cmocka_unit_test(one_trial_at_a_time_is_there),
		cmocka_unit_test(nothing_is_tried_twice_there),
		cmocka_unit_test(what_cannot_be_unloaded_is_told),
		cmocka_unit_test(a_machine_that_dies_of_it_was_lost),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
