/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who reads /dev/slow waits until a signal comes. The module can go meanwhile, and its code under their feet. */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

static ssize_t slow_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	while (!signal_pending(current)) /* expect: code-gone */
		usleep_range(500, 1000); /* expect: code-gone */
	return -EINTR;
}

static const struct file_operations slow_fops = {
	/* The mistake: .owner = THIS_MODULE is missing, so an open file does not keep the module here. */
	.read = slow_read,
};

static struct miscdevice slow_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "slow",
	.fops = &slow_fops,
};

static int __init used_while_unloading_init(void)
{
	return misc_register(&slow_device);
}

static void __exit used_while_unloading_exit(void)
{
	misc_deregister(&slow_device);
}

module_init(used_while_unloading_init);
module_exit(used_while_unloading_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Goes while somebody is in it");
