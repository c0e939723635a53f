/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* /proc/greeting, which is still there when who answers for it is gone. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int greeting_show(struct seq_file *s, void *arg)
{
	seq_puts(s, "hello\n");
	return 0;
}

static int __init forgotten_file_init(void)
{
	if (!proc_create_single("greeting", 0444, NULL, greeting_show)) /* expect: leftover-proc */
		return -ENOMEM;
	return 0;
}

static void __exit forgotten_file_exit(void)
{
	/* The mistake: remove_proc_entry("greeting", NULL) is missing. */
	pr_info("forgotten-file: going\n");
}

module_init(forgotten_file_init);
module_exit(forgotten_file_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Leaves a file in /proc");
