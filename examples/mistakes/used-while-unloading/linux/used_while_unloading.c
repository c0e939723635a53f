/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* /dev/slow makes those who read it wait. Its module can go while they do, and its code under their feet. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static ssize_t slow_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	msleep(400);
	return 0;
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
