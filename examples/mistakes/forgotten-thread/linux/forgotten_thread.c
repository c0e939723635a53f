/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Has a thread that looks after something, and does not stop it. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *watchman;

static int watch(void *arg)
{
	while (!kthread_should_stop())
		msleep_interruptible(10000);
	return 0;
}

static int __init forgotten_thread_init(void)
{
	watchman = kthread_run(watch, NULL, "watchman"); /* expect: leftover-thread */
	return PTR_ERR_OR_ZERO(watchman);
}

static void __exit forgotten_thread_exit(void)
{
	/* The mistake: kthread_stop(watchman) is missing, and the code that it runs is about to go. */
	pr_info("forgotten-thread: going\n");
}

module_init(forgotten_thread_init);
module_exit(forgotten_thread_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Leaves a thread running");
