/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --exercise=auto finds what a hostile program would find, in all files that a module made, and nothing in a module that
 * is right; it does so from several threads, and its seed repeats.
 */
#include "lab.h"
#include "toy.h"

static struct outcome automatic(const char *target, const char *source, const char *seed)
{
	AUTO_FREE char *dir = lab_module("toy", source);

	return lab_run("run", "--json", "--exercise", "auto", "--seed", seed, "--exercise-timeout",
		"6", "-t", target, dir, NULL);
}

static void auto_finds_nothing_in_a_device_that_is_right(void **state)
{
	static const char *const targets[] = {BOOKWORM, TRIXIE};

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = automatic(targets[t], RIGHT, "7");

		lab_expect(&o, 0, "pass");
		lab_expect_said(&o, "auto, seed 7", " threads, ");
		lab_expect_said(&o, "auto, seed 7", " calls, sequence ");
		assert_null(strstr(lab_step(&o, "auto, seed 7", "output"), "0 files"));
		lab_free(&o);
	}
}

/* Whoever calls first is remembered; another task with the same memory is another thread of it. */
static void auto_uses_a_file_from_threads_that_share_their_memory(void **state)
{
	struct outcome o = automatic(BOOKWORM,
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

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "toy: a thread of the same"));
	assert_null(strstr(log.data, "toy: a stranger"));
	lab_free(&o);
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
		const char *sequence = strstr(lab_step(&o, what, "output"), "threads, ");
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
	first = xstrdup(lab_step(&o, "auto, seed 7", "output"));
	assert_non_null(strstr(first, "sequence "));
	assert_string_equal(lab_step(&o, "auto, seed 7  (cycle 2)", "output"), first);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_finds_nothing_in_a_device_that_is_right),
		cmocka_unit_test(auto_uses_a_file_from_threads_that_share_their_memory),
		cmocka_unit_test(a_seed_repeats_and_another_does_something_else),
		cmocka_unit_test(what_a_cycle_before_made_is_not_used_again),
		cmocka_unit_test(auto_finds_a_null_pointer_behind_an_ioctl),
		cmocka_unit_test(auto_finds_a_user_pointer_that_is_used_as_it_is),
		cmocka_unit_test(auto_uses_a_device_that_has_a_number_and_no_node),
		cmocka_unit_test(auto_uses_what_lies_in_new_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
