/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done with a module between load and unload: its own tests are compiled and run in the machine and
 * what they say is told; --exercise=auto finds what a hostile program would find, and nothing in a module
 * that is right; and its seed repeats.
 */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>
#include <sys/stat.h>

/* A character device /dev/toy with the file operations that the test gives. */
#define TOY(functions, operations)                                                                                  \
	"#include <linux/module.h>\n#include <linux/fs.h>\n#include <linux/miscdevice.h>\n"                         \
	"#include <linux/uaccess.h>\n#include <linux/mutex.h>\n#include <linux/mm.h>\n#include <linux/vmalloc.h>\n" \
	"MODULE_LICENSE(\"GPL\");\n"                                                                                \
	"static DEFINE_MUTEX(lock);\nstatic char text[64] = \"toy\\n\";\n" functions                                \
	"static const struct file_operations ops = {.owner = THIS_MODULE, " operations "};\n"                       \
	"static struct miscdevice toy = {MISC_DYNAMIC_MINOR, \"toy\", &ops};\n"                                     \
	"static int __init i(void) { return misc_register(&toy); }\n"                                               \
	"static void __exit x(void) { misc_deregister(&toy); }\n"                                                   \
	"module_init(i); module_exit(x);\n"

#define RIGHT                                                                                      \
	TOY("static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *at)\n{\n"       \
	    "	ssize_t r;\n	mutex_lock(&lock);\n"                                                   \
	    "	r = simple_read_from_buffer(to, n, at, text, strnlen(text, sizeof(text)));\n"        \
	    "	mutex_unlock(&lock);\n	return r;\n}\n"                                               \
	    "static ssize_t put(struct file *f, const char __user *from, size_t n, loff_t *at)\n"  \
	    "{\n	ssize_t r;\n	mutex_lock(&lock);\n"                                                \
	    "	r = simple_write_to_buffer(text, sizeof(text), at, from, n);\n"                      \
	    "	mutex_unlock(&lock);\n	return r;\n}\n",                                           \
		".read = get, .write = put, .llseek = default_llseek")

/* The field of the step "exercise" whose `what` is that; "" if there is none. */
static const char *step_field(const struct outcome *o, const char *what, const char *key)
{
	struct json_object *trials, *steps;

	json_object_object_get_ex(o->json, "trials", &trials);
	json_object_object_get_ex(json_object_array_get_idx(trials, 0), "steps", &steps);
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct json_object *s = json_object_array_get_idx(steps, i);

		if (!strcmp(lab_string(s, "stage"), "exercise") &&
			!strcmp(lab_string(s, "what"), what))
			return lab_string(s, key);
	}
	return "";
}

static void expect_said(const struct outcome *o, const char *what, const char *words)
{
	const char *output = step_field(o, what, "output");

	if (!strstr(output, words))
		fail_msg("%s did not say '%s' but '%s' in:\n%.6000s", what, words, output,
			o->out.data);
}

static struct outcome with_test(const char *name, const char *text)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT);

	lab_write(dir, name, "%s", text);
	return lab_run("run", "--json", "--exercise-timeout", "3", "-t", BOOKWORM, dir, NULL);
}

static struct outcome automatic(const char *target, const char *source, const char *seed)
{
	AUTO_FREE char *dir = lab_module("toy", source);

	return lab_run("run", "--json", "--exercise", "auto", "--seed", seed, "--exercise-timeout",
		"6", "-t", target, dir, NULL);
}

/* ---- a module's own tests ---- */

static void a_test_in_c_runs_while_the_module_is_there(void **state)
{
	struct outcome o = with_test("test.c",
		"#include <fcntl.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char line[8] = \"\", where[64];\n"
		"	int fd = open(\"/dev/toy\", O_RDONLY);\n"
		"	if (fd < 0 || read(fd, line, 4) != 4)\n		return 1;\n"
		"	printf(\"read %s\", line);\n"
		"	printf(\"in %s, KMODLAB=%s of %s\\n\", getcwd(where, sizeof(where)), getenv(\"KMODLAB\"), "
		"getenv(\"KMODLAB_MODULE\"));\n"
		"	return 0;\n}\n");

	(void)state;
	lab_expect(&o, 0, "pass");
	expect_said(&o, "test.c", "read toy\n");
	expect_said(&o, "test.c", "in /tmp, KMODLAB=1 of toy\n");
	lab_free(&o);
}

static void a_test_in_c_is_not_compiled_again_until_it_changes(void **state)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT), *cache = path_cache_dir();
	AUTO_FREE char *find = xasprintf(
		"find '%s/tests' -name program -newer '%s/toy.c' -printf '%%T@\\n' | sort | tail -n 1",
		cache, dir);
	AUTO_BUF struct buf when = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct outcome o;
		char line[64] = "";
		FILE *p;

		if (i != 1)
			lab_write(dir, "test.c",
				"#include <stdio.h>\nint main(void) { return puts(\"%d\") < 0; }\n",
				i);
		o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
		lab_expect(&o, 0, "pass");
		expect_said(&o, "test.c", i == 2 ? "2\n" : "0\n");
		lab_free(&o);
		p = popen(find, "r");
		assert_non_null(p);
		assert_non_null(fgets(line, sizeof line, p));
		pclose(p);
		/* Made once, then found again, then made anew. */
		if (i == 1)
			assert_string_equal(line, when.data);
		else if (i == 2)
			assert_string_not_equal(line, when.data);
		when.len = 0;
		buf_addf(&when, "%s", line);
	}
}

static void a_test_that_fails_gives_its_status_and_its_last_lines(void **state)
{
	struct outcome o = with_test("test.c",
		"#include <stdio.h>\nint main(void)\n{\n	puts(\"42 is not 43\");\n	return 3;\n}\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "test.c of toy ended with status 3");
	assert_non_null(
		strstr(lab_string(lab_finding(&o, "test-failed"), "excerpt"), "42 is not 43"));
	lab_free(&o);
}

/* What main's -1 becomes; a signal is something else. */
static void a_high_status_is_not_taken_for_a_signal(void **state)
{
	struct outcome o = with_test("test.c", "int main(void) { return -1; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "ended with status 255");
	assert_null(lab_finding(&o, "test-signal"));
	lab_free(&o);
}

static void a_test_that_crashes_is_told_by_its_signal(void **state)
{
	struct outcome o = with_test(
		"test.c", "#include <signal.h>\nint main(void) { raise(SIGSEGV); return 0; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-signal", "test.c of toy was killed by signal 11");
	assert_null(lab_finding(&o, "test-failed"));
	lab_free(&o);
}

/* It is no oops, and the module is in order: it is unloaded, and looked after. */
static void a_test_that_kills_itself_is_no_crash_of_the_kernel(void **state)
{
	struct outcome o = with_test(
		"test.c", "#include <signal.h>\nint main(void) { raise(SIGKILL); return 0; }\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-signal", "test.c of toy was killed by signal 9");
	assert_null(lab_finding(&o, "crash"));
	assert_non_null(strstr(o.out.data, "\"unload\""));
	lab_free(&o);
}

static void a_test_that_an_oops_kills_is_a_crash_alone(void **state)
{
	AUTO_FREE char *dir = lab_module("toy",
		TOY("static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *at)\n"
		    "{\n	BUG();\n	return 0;\n}\n",
			".read = get"));
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c",
		"#include <fcntl.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char c;\n	return read(open(\"/dev/toy\", O_RDONLY), &c, 1);\n}\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "bug-assertion", "toy was exercised (test.c)");
	assert_null(lab_finding(&o, "test-signal"));
	assert_null(lab_finding(&o, "crash"));
	lab_free(&o);
}

static void a_test_that_does_not_end_is_told_from_a_module_that_hangs(void **state)
{
	static const char *const tests[][2] = {
		{"test.c", "#include <unistd.h>\nint main(void) { for (;;) pause(); return 0; }\n"},
		{"test.sh", "echo begun\nwhile :; do :; done\n"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = with_test(tests[i][0], tests[i][1]);
		AUTO_FREE char *message =
			xasprintf("%s of toy did not end within 3 s", tests[i][0]);

		lab_expect(&o, 1, "test");
		lab_expect_finding(&o, "test-timeout", message);
		assert_non_null(strstr(lab_string(lab_finding(&o, "test-timeout"), "advice"),
			i ? "runs in circles" : "waits"));
		assert_int_equal(lab_machines_left(), 0);
		lab_free(&o);
	}
}

static void a_test_that_the_module_does_not_let_go_is_a_hang(void **state)
{
	AUTO_FREE char *dir = lab_module("toy",
		TOY("static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *at)\n"
		    "{\n	mutex_lock(&lock);\n	mutex_lock(&lock);\n	return 0;\n}\n",
			".read = get"));
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c",
		"#include <fcntl.h>\n#include <unistd.h>\n"
		"int main(void)\n{\n	char c;\n	return read(open(\"/dev/toy\", O_RDONLY), &c, 1);\n}\n");
	o = lab_run("run", "--json", "--exercise-timeout", "3", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 1, "hang");
	lab_expect_finding(&o, "lock-wait", "toy's exercise (test.c) does not come back");
	assert_string_equal(lab_string(lab_finding(&o, "lock-wait"), "function"), "get");
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

static void a_test_that_does_not_compile_is_a_finding_with_its_line(void **state)
{
	struct outcome o = with_test("test.c", "int main(void)\n{\n	return nothing;\n}\n");
	struct json_object *f = lab_finding(&o, "test-build");

	(void)state;
	lab_expect(&o, 1, "build");
	lab_expect_finding(&o, "test-build", "nothing");
	assert_string_equal(lab_string(f, "line"), "3");
	assert_non_null(strstr(lab_string(f, "file"), "test.c"));
	lab_free(&o);
}

static void a_test_in_sh_has_the_usual_commands(void **state)
{
	struct outcome o = with_test("test.sh",
		"set -e\ntest -c /dev/toy\necho new >/dev/toy\n"
		"head -n 1 /dev/toy | tr a-z A-Z\ngrep -c . /proc/modules\nexit 4\n");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-failed", "test.sh of toy ended with status 4");
	expect_said(&o, "test.sh", "NEW\n1\n");
	lab_free(&o);
}

static void nothing_is_run_when_nothing_is_to_be(void **state)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT);
	struct outcome o;

	(void)state;
	lab_write(dir, "test.c", "int main(void) { return 1; }\n");
	o = lab_run("run", "--json", "--exercise", "none", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	assert_null(strstr(o.out.data, "\"exercise\""));
	lab_free(&o);
}

/* ---- everything that it made ---- */

static void auto_finds_nothing_in_a_device_that_is_right(void **state)
{
	static const char *const targets[] = {BOOKWORM, TRIXIE};

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = automatic(targets[t], RIGHT, "7");

		lab_expect(&o, 0, "pass");
		expect_said(&o, "auto, seed 7", " threads, ");
		expect_said(&o, "auto, seed 7", " calls, sequence ");
		assert_null(strstr(step_field(&o, "auto, seed 7", "output"), "0 files"));
		lab_free(&o);
	}
}

/* Whoever calls first is remembered; another task with the same memory is another thread of it. */
static void auto_uses_a_file_from_threads_that_share_their_memory(void **state)
{
	static const char *const targets[] = {BOOKWORM, TRIXIE};

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = automatic(targets[t],
			TOY("static struct task_struct *first;\nstatic struct mm_struct *its;\n"
			    "static unsigned int cpu;\n"
			    "static long control(struct file *f, unsigned int c, unsigned long a)\n{\n"
			    "	mutex_lock(&lock);\n	if (!first) {\n		first = current;\n"
			    "		its = current->mm;\n		cpu = raw_smp_processor_id();\n"
			    "	} else if (current->mm != its) {\n		pr_info_once(\"toy: a stranger\\n\");\n"
			    "	} else if (current != first && raw_smp_processor_id() != cpu) {\n"
			    "		pr_info_once(\"toy: a thread of the same\\n\");\n	}\n"
			    "	mutex_unlock(&lock);\n	return -ENOTTY;\n}\n",
				".unlocked_ioctl = control"),
			"7");
		AUTO_BUF struct buf log = {0};

		lab_expect(&o, 0, "pass");
		lab_log(&o, "module", &log);
		assert_non_null(strstr(log.data, "toy: a thread of the same"));
		assert_null(strstr(log.data, "toy: a stranger"));
		lab_free(&o);
	}
}

/* Of a device that can be mapped, too: what comes of a call, which is chance, must not be part of it. */
#define MAPPABLE                                                                                   \
	TOY("static char page[4096] __aligned(4096);\n"                                            \
	    "static int map(struct file *f, struct vm_area_struct *v)\n{\n"                        \
	    "	if (v->vm_pgoff || v->vm_end - v->vm_start > sizeof(page))\n		return -EINVAL;\n"     \
	    "	pr_info_once(\"toy mapped\\n\");\n"                                                  \
	    "	return vm_insert_page(v, v->vm_start, vmalloc_to_page(page));\n}\n",               \
		".mmap = map")

static void a_seed_repeats_and_another_does_something_else(void **state)
{
	static const char *const seeds[] = {"7", "7", "8"};
	AUTO_FREE char *first = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct outcome o = automatic(BOOKWORM, MAPPABLE, seeds[i]);
		AUTO_FREE char *what = xasprintf("auto, seed %s", seeds[i]);
		/* With the number of calls before it. */
		const char *sequence = strstr(step_field(&o, what, "output"), "threads, ");
		AUTO_BUF struct buf log = {0};

		lab_expect(&o, 0, "pass");
		lab_log(&o, "module", &log);
		assert_non_null(strstr(log.data, "toy mapped"));
		assert_non_null(sequence);
		assert_non_null(strstr(sequence, "sequence "));
		if (!i)
			first = xstrdup(sequence);
		else if (i == 1)
			assert_string_equal(sequence, first);
		else
			assert_string_not_equal(sequence, first);
		lab_free(&o);
	}
}

static void what_a_cycle_before_made_is_not_used_again(void **state)
{
	AUTO_FREE char *dir = lab_module("toy", RIGHT), *first = NULL;
	struct outcome o = lab_run("run", "--json", "--exercise", "auto", "--seed", "7", "--cycles",
		"2", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	first = xstrdup(step_field(&o, "auto, seed 7", "output"));
	assert_non_null(strstr(first, "sequence "));
	assert_string_equal(step_field(&o, "auto, seed 7  (cycle 2)", "output"), first);
	lab_free(&o);
}

static void auto_finds_a_null_pointer_behind_an_ioctl(void **state)
{
	struct outcome o = automatic(BOOKWORM,
		TOY("static int *volatile nobody;\n"
		    "static long control(struct file *f, unsigned int c, unsigned long a)\n"
		    "{\n	return c & 1 ? *nobody : -ENOTTY;\n}\n",
			".unlocked_ioctl = control"),
		"7");
	struct json_object *f = lab_finding(&o, "null-dereference");

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "null-dereference", "toy was exercised (auto, seed 7)");
	assert_string_equal(lab_string(f, "function"), "control");
	assert_non_null(strstr(lab_string(f, "advice"), "To see it again: kmodlab run "));
	assert_non_null(strstr(lab_string(f, "advice"), " --exercise=auto --seed 7 -t " BOOKWORM));
	lab_free(&o);
}

static void auto_finds_a_user_pointer_that_is_used_as_it_is(void **state)
{
	struct outcome o = automatic(TRIXIE,
		TOY("static ssize_t put(struct file *f, const char __user *from, size_t n, loff_t *at)\n"
		    "{\n	text[0] = *(const volatile char __force *)from;\n	return n;\n}\n",
			".write = put"),
		"7");

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "user-access", "toy was exercised (auto, seed 7)");
	lab_free(&o);
}

static void auto_uses_a_device_that_has_a_number_and_no_node(void **state)
{
	struct outcome o = automatic(BOOKWORM,
		"#include <linux/module.h>\n#include <linux/fs.h>\nMODULE_LICENSE(\"GPL\");\n"
		"static int begin(struct inode *n, struct file *f) { pr_info_once(\"toy opened\\n\"); "
		"return 0; }\n"
		"static const struct file_operations ops = {.owner = THIS_MODULE, .open = begin};\n"
		"static int major;\n"
		"static int __init i(void) { major = register_chrdev(0, \"toy\", &ops); "
		"return major < 0 ? major : 0; }\n"
		"static void __exit x(void) { unregister_chrdev(major, \"toy\"); }\n"
		"module_init(i); module_exit(x);\n",
		"7");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "toy opened"));
	lab_free(&o);
}

/* A parameter, an attribute, a file below a new directory of proc: each says that it was read. */
static void auto_uses_what_lies_in_new_directories(void **state)
{
	struct outcome o = automatic(BOOKWORM,
		"#include <linux/module.h>\n#include <linux/kobject.h>\n#include <linux/proc_fs.h>\n"
		"MODULE_LICENSE(\"GPL\");\nstatic struct kobject *object;\n"
		"static ssize_t depth_show(struct kobject *k, struct kobj_attribute *a, char *to)\n"
		"{ pr_info_once(\"attribute read\\n\"); return sysfs_emit(to, \"1\\n\"); }\n"
		"static struct kobj_attribute depth = __ATTR_RO(depth);\n"
		"static int get(char *to, const struct kernel_param *p)\n"
		"{ pr_info_once(\"parameter read\\n\"); return sprintf(to, \"1\\n\"); }\n"
		"static const struct kernel_param_ops param = {.get = get};\n"
		"module_param_cb(size, &param, NULL, 0400);\n"
		"static ssize_t read(struct file *f, char __user *to, size_t n, loff_t *at)\n"
		"{ pr_info_once(\"proc read\\n\"); return 0; }\n"
		"static const struct proc_ops ops = {.proc_read = read, .proc_lseek = noop_llseek};\n"
		"static int __init i(void)\n{\n"
		"	object = kobject_create_and_add(\"toy\", kernel_kobj);\n"
		"	proc_create(\"file\", 0600, proc_mkdir(\"toy\", NULL), &ops);\n"
		"	return sysfs_create_file(object, &depth.attr);\n}\n"
		"static void __exit x(void) { kobject_put(object); remove_proc_subtree(\"toy\", NULL); }\n"
		"module_init(i); module_exit(x);\n",
		"7");
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "attribute read"));
	assert_non_null(strstr(log.data, "parameter read"));
	assert_non_null(strstr(log.data, "proc read"));
	lab_free(&o);
}

/* ---- again and again ---- */

static void many_cycles_are_told_by_the_first_and_the_last(void **state)
{
	AUTO_FREE char *dir = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", "--json", "--cycles", "50", "-t", BOOKWORM, dir, NULL);
	AUTO_BUF struct buf log = {0};
	size_t hellos = 0, loads = 0;

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	for (const char *p = log.data; (p = strstr(p, "Hello, world\n")); p++)
		hellos++;
	for (const char *p = o.out.data; (p = strstr(p, "(cycle ")); p++)
		loads++;
	assert_int_equal(hellos, 50);
	assert_int_equal(loads, 2);
	assert_non_null(strstr(o.out.data, "(cycle 50)"));
	lab_free(&o);
}

/* ---- FreeBSD ---- */

#define CDEV(functions, operations)                                                                \
	"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"                \
	"#include <sys/module.h>\n#include <sys/conf.h>\n#include <sys/uio.h>\n"                   \
	"#include <sys/sysctl.h>\n#include <sys/pcpu.h>\n#include <sys/proc.h>\n"                  \
	"static struct cdev *dev;\n" functions                                                     \
	"static struct cdevsw sw = {.d_version = D_VERSION, .d_name = \"toy\", " operations "};\n" \
	"static int\nhandler(module_t mod, int what, void *arg)\n{\n"                              \
	"	if (what == MOD_LOAD)\n"                                                                 \
	"		dev = make_dev(&sw, 0, UID_ROOT, GID_WHEEL, 0600, \"toy\");\n"                          \
	"	else if (what == MOD_UNLOAD)\n		destroy_dev(dev);\n"                                     \
	"	else\n		return (EOPNOTSUPP);\n	return (0);\n}\n"                                         \
	"static moduledata_t data = { \"toy\", handler, NULL };\n"                                 \
	"DECLARE_MODULE(toy, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(toy, 1);\n"

/* With a test.c beside it if there is text for one. */
static struct outcome on_freebsd(const char *source, const char *test)
{
	const char *target = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *dir = NULL;

	if (!target || !*target)
		skip();
	dir = lab_module("toy", source);
	lab_write(dir, "Makefile", "KMOD=\ttoy\nSRCS=\ttoy.c\n\n.include <bsd.kmod.mk>\n");
	if (test)
		lab_write(dir, "test.c", "%s", test);
	return lab_run("run", "--json", "--exercise", "auto", "--seed", "7", "--exercise-timeout",
		"6", "-t", target, dir, NULL);
}

static void freebsd_files_and_sysctls_that_are_right_pass(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int value;\n"
		     "SYSCTL_INT(_hw, OID_AUTO, toy, CTLFLAG_RW, &value, 0, \"a number\");\n"
		     "static int\nget(struct cdev *d, struct uio *u, int flags)\n"
		     "{\n	char text[] = \"toy\\n\";\n"
		     "	if (u->uio_offset < 0 || u->uio_offset >= 4)\n		return (0);\n"
		     "	return (uiomove(text + u->uio_offset, MIN(u->uio_resid, 4 - u->uio_offset), u));\n"
		     "}\n",
			".d_read = get"),
		"int main(void) { return 0; }\n");

	(void)state;
	lab_expect(&o, 0, "pass");
	expect_said(&o, "auto, seed 7", "2 files, ");
	/* There is no C library for the machine in the sets: that is said, and not a failure. */
	lab_expect_finding(&o, "test-skipped", "test.c was not run");
	lab_free(&o);
}

static void freebsd_auto_uses_a_file_from_threads_that_share_their_memory(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static struct thread *volatile first;\nstatic struct vmspace *volatile its;\n"
		     "static volatile int cpu, same, strange;\n"
		     "static int\nget(struct cdev *d, struct uio *u, int flags)\n{\n"
		     "	if (first == NULL) {\n		cpu = curcpu;\n		its = curproc->p_vmspace;\n"
		     "		first = curthread;\n	} else if (curproc->p_vmspace != its) {\n"
		     "		if (!strange++)\n			printf(\"toy: a stranger\\n\");\n"
		     "	} else if (curthread != first && curcpu != cpu && !same++)\n"
		     "		printf(\"toy: a thread of the same\\n\");\n	return (0);\n}\n",
			".d_read = get, .d_flags = D_NEEDGIANT"),
		NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "toy: a thread of the same"));
	assert_null(strstr(log.data, "toy: a stranger"));
	lab_free(&o);
}

static void freebsd_auto_finds_a_null_pointer_behind_an_ioctl(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int *volatile nobody;\n"
		     "static int\ncontrol(struct cdev *d, u_long c, caddr_t data, int flags, "
		     "struct thread *td)\n{\n	return (*nobody);\n}\n",
			".d_ioctl = control"),
		NULL);

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "null-dereference", "toy was exercised (auto, seed 7)");
	lab_free(&o);
}

static void freebsd_auto_finds_a_null_pointer_behind_a_sysctl(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int *volatile nobody;\n"
		     "static int\nshow(SYSCTL_HANDLER_ARGS)\n{\n	int v = *nobody;\n"
		     "	return (sysctl_handle_int(oidp, &v, 0, req));\n}\n"
		     "SYSCTL_PROC(_hw, OID_AUTO, toy, CTLTYPE_INT | CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, 0, "
		     "show, \"I\", \"a number\");\n",
			".d_flags = 0"),
		NULL);

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "null-dereference", "toy was exercised (auto, seed 7)");
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_in_c_runs_while_the_module_is_there),
		cmocka_unit_test(a_test_in_c_is_not_compiled_again_until_it_changes),
		cmocka_unit_test(a_test_that_fails_gives_its_status_and_its_last_lines),
		cmocka_unit_test(a_high_status_is_not_taken_for_a_signal),
		cmocka_unit_test(a_test_that_crashes_is_told_by_its_signal),
		cmocka_unit_test(a_test_that_kills_itself_is_no_crash_of_the_kernel),
		cmocka_unit_test(a_test_that_an_oops_kills_is_a_crash_alone),
		cmocka_unit_test(a_test_that_does_not_end_is_told_from_a_module_that_hangs),
		cmocka_unit_test(a_test_that_the_module_does_not_let_go_is_a_hang),
		cmocka_unit_test(a_test_that_does_not_compile_is_a_finding_with_its_line),
		cmocka_unit_test(a_test_in_sh_has_the_usual_commands),
		cmocka_unit_test(nothing_is_run_when_nothing_is_to_be),
		cmocka_unit_test(auto_finds_nothing_in_a_device_that_is_right),
		cmocka_unit_test(auto_uses_a_file_from_threads_that_share_their_memory),
		cmocka_unit_test(a_seed_repeats_and_another_does_something_else),
		cmocka_unit_test(what_a_cycle_before_made_is_not_used_again),
		cmocka_unit_test(auto_finds_a_null_pointer_behind_an_ioctl),
		cmocka_unit_test(auto_finds_a_user_pointer_that_is_used_as_it_is),
		cmocka_unit_test(auto_uses_a_device_that_has_a_number_and_no_node),
		cmocka_unit_test(auto_uses_what_lies_in_new_directories),
		cmocka_unit_test(many_cycles_are_told_by_the_first_and_the_last),
		cmocka_unit_test(freebsd_files_and_sysctls_that_are_right_pass),
		cmocka_unit_test(freebsd_auto_uses_a_file_from_threads_that_share_their_memory),
		cmocka_unit_test(freebsd_auto_finds_a_null_pointer_behind_an_ioctl),
		cmocka_unit_test(freebsd_auto_finds_a_null_pointer_behind_a_sysctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
