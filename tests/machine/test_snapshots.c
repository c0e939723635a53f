/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines that come from a snapshot: made once, whatever goes wrong; the same answers as a machine that
 * was booted; and nothing of one trial in the next.
 */
#include "lab.h"

#include "base/path.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO                                                                                      \
	"static int __init i(void) { pr_info(\"here I am\\n\"); return 0; }\n"                     \
	"static void __exit x(void) { pr_info(\"and gone\\n\"); }\n"                               \
	"module_init(i); module_exit(x);\n"

static char *ko; /* HELLO, built */

static int make_ko(void **state)
{
	(void)state;
	ko = lab_ko("hello", HELLO, BOOKWORM);
	return 0;
}

/* A cache of its own for one test; the one of all tests is back at the end of it. Whether KVM works here need
 * not be tried again each time. */
static int own_cache(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *known = xasprintf(
		"mkdir '%s/kmodlab' && cp \"$XDG_CACHE_HOME/kmodlab/accelerator\" '%s/kmodlab/'",
		dir, dir);

	assert_int_equal(system(known), 0);
	*state = xstrdup(getenv("XDG_CACHE_HOME"));
	return setenv("XDG_CACHE_HOME", dir, 1);
}

static int cache_back(void **state)
{
	int r = path_remove_tree(getenv("XDG_CACHE_HOME"));

	setenv("XDG_CACHE_HOME", *state, 1);
	free(*state);
	return r;
}

/* How many paths in the cache the pattern fits; the first of them, if wanted, for the caller to free. */
static size_t in_cache(const char *pattern, char **first)
{
	AUTO_FREE char *whole = xasprintf("%s/kmodlab/%s", getenv("XDG_CACHE_HOME"), pattern);
	glob_t found;
	size_t n = glob(whole, 0, NULL, &found) ? 0 : found.gl_pathc;

	if (first)
		*first = n ? xstrdup(found.gl_pathv[0]) : NULL;
	if (n)
		globfree(&found);
	return n;
}

#define ALL_OF_THEM "snapshots/*-????????????????"

/* Runs it and tells whether the machine came from a snapshot. */
static bool passes_restored(const char *first, const char *second)
{
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, ko, first, second, NULL);
	bool restored;

	lab_expect(&o, 0, "pass");
	restored = strstr(o.out.data, "\"restored\": true") != NULL;
	if (!strstr(o.out.data, "here I am") || !strstr(o.out.data, "and gone"))
		fail_msg("%.4000s", o.out.data);
	lab_free(&o);
	return restored;
}

static void a_target_boots_once_and_is_continued_from_then_on(void **state)
{
	AUTO_FREE char *dir = NULL;
	struct stat first, second;
	struct outcome o;

	(void)state;
	assert_true(passes_restored(NULL, NULL));
	assert_int_equal(in_cache(ALL_OF_THEM, &dir), 1);
	assert_int_equal(stat(dir, &first), 0);
	assert_true(passes_restored(NULL, NULL));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 1);
	assert_int_equal(stat(dir, &second), 0);
	assert_int_equal(second.st_ino, first.st_ino);
	/* Nothing of the one trial is in the next: the taint is told of each time. */
	o = lab_run("run", "--json", "-j", "1", "-t", BOOKWORM, ko, ko, ko, NULL);
	assert_int_equal(o.status, 0);
	assert_int_equal(lab_trials(&o), 3);
	for (size_t at = 0, i = 0; i < 3; i++) {
		const char *taint = strstr(o.out.data + at, "loading out-of-tree module taints");

		assert_non_null(taint);
		at = (size_t)(taint - o.out.data) + 1;
	}
	lab_free(&o);
}

static void another_kind_of_machine_gets_a_snapshot_of_its_own(void **state)
{
	(void)state;
	passes_restored(NULL, NULL);
	assert_true(passes_restored("--cpus", "1"));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 2);
	assert_true(passes_restored("--memory", "300"));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 3);
}

static void cold_goes_without(void **state)
{
	struct outcome o = lab_run("run", "--json", "--cold", "-t", BOOKWORM, ko, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "\"restored\": false"));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 0);
	lab_free(&o);
}

/* Writes `text` into the file of the only snapshot, at its beginning. */
static void damage(const char *name, const char *text, off_t cut)
{
	AUTO_FREE char *pattern = xasprintf(ALL_OF_THEM "/%s", name), *file = NULL;
	int fd;

	assert_int_equal(in_cache(pattern, &file), 1);
	fd = open(file, O_WRONLY);
	assert_true(fd >= 0);
	if (text)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	else
		assert_int_equal(ftruncate(fd, cut), 0);
	close(fd);
}

static void a_damaged_one_is_noticed_and_made_again(void **state)
{
	(void)state;
	passes_restored(NULL, NULL);
	damage("ram", NULL, 100 << 20);
	assert_true(passes_restored(NULL, NULL));
	damage("state", NULL, 1000);
	assert_true(passes_restored(NULL, NULL));
	damage("info", "not JSON", 0);
	assert_true(passes_restored(NULL, NULL));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 1);
}

/* One that looks right in every way, but QEMU cannot make anything of it. */
static void one_that_qemu_refuses_is_replaced_in_the_same_run(void **state)
{
	AUTO_FREE char *script = NULL, *dir = NULL;

	(void)state;
	passes_restored(NULL, NULL);
	assert_int_equal(in_cache(ALL_OF_THEM, &dir), 1);
	script = xasprintf("python3 - '%s' <<'END'\n"
			   "import json, os, sys\n"
			   "d = sys.argv[1]\n"
			   "state = d + '/state'\n"
			   "date = os.stat(state)\n"
			   "open(state, 'r+b').write(b'QEVMxxxxxxxxxxxxxxxxxxxxxx')\n"
			   "os.utime(state, ns=(date.st_atime_ns, date.st_mtime_ns))\n"
			   "h = 0xcbf29ce484222325\n"
			   "for b in open(state, 'rb').read():\n"
			   "    h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff\n"
			   "info = json.load(open(d + '/info'))\n"
			   "info['state_hash'] = h - (1 << 64) if h >> 63 else h\n"
			   "json.dump(info, open(d + '/info', 'w'))\n"
			   "END\n",
		dir);
	assert_int_equal(system(script), 0);
	assert_true(passes_restored(NULL, NULL));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 1);
}

/* Whether the machine was given a kernel to boot; one that is continued is not. */
static bool boots(pid_t machine)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/cmdline", machine);
	static const char option[] = "-kernel";
	char line[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line);

	close_fd(&fd);
	return n > 0 && memmem(line, (size_t)n, option, sizeof option);
}

static bool is_over(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid;
}

/* Waits for both, and counts the machines that were booted meanwhile. */
static int booted_by(pid_t a, pid_t b)
{
	pid_t seen[16], machines[8];
	int nseen = 0, over = 0, n;

	while (over < 2) {
		n = lab_machines(machines, 8);
		for (int i = 0; i < n; i++) {
			int k = 0;

			while (k < nseen && seen[k] != machines[i])
				k++;
			if (k == nseen && nseen < 16 && boots(machines[i]))
				seen[nseen++] = machines[i];
		}
		over = is_over(a) + is_over(b);
		usleep(20000);
	}
	return nseen;
}

static void two_that_need_the_same_one_make_it_once(void **state)
{
	/* With the accelerator named, none is booted to see whether KVM works. */
	pid_t a = lab_start("run", "--accel", "tcg", "-t", BOOKWORM, ko, NULL);
	pid_t b = lab_start("run", "--accel", "tcg", "-t", BOOKWORM, ko, NULL);
	AUTO_FREE char *dir = NULL, *one = NULL, *other = NULL;
	int booted = booted_by(a, b), retried;

	(void)state;
	one = lab_said(a);
	other = lab_said(b);
	/* A machine that takes nothing on a host that stands still is replaced together with its snapshot, and that is said. */
	retried = (strstr(one, "  retried  ") != NULL) + (strstr(other, "  retried  ") != NULL);
	if (booted < 1 || booted > 1 + retried)
		fail_msg("%d were booted:\n%s\n%s", booted, one, other);
	assert_int_equal(lab_end(a), 0);
	assert_int_equal(lab_end(b), 0);
	assert_int_equal(in_cache("snapshots/*", NULL), 2); /* and its lock */
	assert_int_equal(in_cache(ALL_OF_THEM, &dir), 1);
}

static void killed_while_it_makes_one_it_leaves_none_or_a_whole_one(void **state)
{
	(void)state;
	for (unsigned ms = 300; ms < 6000; ms += 1100) {
		pid_t pid = lab_start("run", "-t", BOOKWORM, ko, NULL);

		usleep(ms * 1000);
		kill(pid, SIGKILL);
		lab_end(pid);
		assert_int_equal(lab_machines_left(), 0);
	}
	usleep(300000); /* the guard of what was being written has its work to do */
	assert_true(in_cache("snapshots/*", NULL) <= 2);
	assert_true(passes_restored(NULL, NULL));
}

static void a_cache_that_cannot_be_written_to_only_costs_time(void **state)
{
	struct outcome o;

	(void)state;
	setenv("XDG_CACHE_HOME", "/proc/self/nowhere", 1);
	o = lab_run("run", "--json", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "\"restored\": false"));
	assert_non_null(strstr(lab_field(&o, "note"), "every trial boots anew"));
	lab_free(&o);
}

static void prune_removes_what_is_not_used(void **state)
{
	struct outcome o;

	(void)state;
	passes_restored(NULL, NULL);
	o = lab_run("target", "prune", NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "0 of 1 snapshots removed"));
	lab_free(&o);
	o = lab_run("target", "prune", "--days", "0", NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out.data, "1 of 1 snapshots removed"));
	assert_int_equal(in_cache(ALL_OF_THEM, NULL), 0);
	lab_free(&o);
	o = lab_run("target", "prune", "--days", "soon", NULL);
	assert_int_equal(o.status, 2);
	lab_free(&o);
}

/* A module with `mib` MiB of data that is not zero. The assembler lays it down: a compiler takes minutes. */
static void large(int mib)
{
	AUTO_FREE char *source = xasprintf(
		"asm(\".section .rodata\\n.globl big\\nbig: .fill %d << 20, 1, 'x'\\n.previous\");\n"
		"extern const char big[];\n"
		"static int __init i(void) { pr_info(\"last %%c\\n\", big[(%d << 20) - 1]); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		mib, mib);
	AUTO_FREE char *dir = lab_module("large", source);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	lab_expect(&o, 0, "pass");
	assert_non_null(strstr(o.out.data, "last x"));
	lab_free(&o);
}

static void a_large_module_gets_through_also_if_larger_than_what_is_shared(void **state)
{
	(void)state;
	large(20);
	large(60);
}

static void a_million_lines_come_out_or_are_counted(void **state)
{
	AUTO_FREE char *dir = lab_module("lines",
		"static int __init i(void) { int n; for (n = 0; n < 1000000; n++) { "
		"pr_debug(\"%d\\n\", n); if (n % 64 == 0) cond_resched(); } return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	struct json_object *log, *dropped, *t;
	struct outcome o;

	(void)state;
	/* pr_debug() is only compiled in with this. */
	lab_write(dir, "Makefile", "obj-m += lines.o\nccflags-y += -DDEBUG\n");
	o = lab_run("run", "--json", "--timeout", "300", "-t", BOOKWORM, dir, NULL);
	assert_int_equal(o.status, 0);
	assert_true(json_object_object_get_ex(o.json, "trials", &t));
	t = json_object_array_get_idx(t, 0);
	assert_true(json_object_object_get_ex(t, "log", &log));
	assert_true(json_object_object_get_ex(t, "log_dropped", &dropped));
	assert_true(
		(int64_t)json_object_array_length(log) + json_object_get_int64(dropped) >= 1000000);
	lab_free(&o);
}

static void no_machine_is_left(void **state)
{
	(void)state;
	assert_int_equal(lab_machines_left(), 0);
}

int main(void)
{
#define OWN_CACHE(f) cmocka_unit_test_setup_teardown(f, own_cache, cache_back)
	const struct CMUnitTest tests[] = {
		OWN_CACHE(a_target_boots_once_and_is_continued_from_then_on),
		OWN_CACHE(another_kind_of_machine_gets_a_snapshot_of_its_own),
		OWN_CACHE(cold_goes_without),
		OWN_CACHE(a_damaged_one_is_noticed_and_made_again),
		OWN_CACHE(one_that_qemu_refuses_is_replaced_in_the_same_run),
		OWN_CACHE(two_that_need_the_same_one_make_it_once),
		OWN_CACHE(killed_while_it_makes_one_it_leaves_none_or_a_whole_one),
		OWN_CACHE(a_cache_that_cannot_be_written_to_only_costs_time),
		OWN_CACHE(prune_removes_what_is_not_used),
		cmocka_unit_test(a_large_module_gets_through_also_if_larger_than_what_is_shared),
		cmocka_unit_test(a_million_lines_come_out_or_are_counted),
		cmocka_unit_test(no_machine_is_left),
	};

	return cmocka_run_group_tests_name("snapshots", tests, make_ko, NULL);
}
