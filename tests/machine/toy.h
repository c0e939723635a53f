/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TEST_TOY_H
#define KMODLAB_TEST_TOY_H
/* A small driver for Linux that the tests fill in. */

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

#endif
