/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Kernel code runs on behalf of a process: a module's init, of the one that loads it. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>

static int __init current_init(void)
{
	printk(KERN_INFO "The process is \"%s\" (pid %i)\n", current->comm, current->pid);
	return 0;
}

static void __exit current_exit(void)
{
	printk(KERN_INFO "The process is \"%s\" (pid %i) when it goes\n", current->comm,
		current->pid);
}

module_init(current_init);
module_exit(current_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Says which process loads it");
