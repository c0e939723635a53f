/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A device that always reads as nothing, and that is still there when its module is gone. */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static int major;

static ssize_t forgotten_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	return 0;
}

static const struct file_operations forgotten_fops = {
	.owner = THIS_MODULE,
	.read = forgotten_read,
};

static int __init forgotten_device_init(void)
{
	major = register_chrdev(0, "forgotten", &forgotten_fops); /* expect: leftover-device */
	if (major < 0)
		return major;
	pr_info("forgotten: character device %d\n", major);
	return 0;
}

static void __exit forgotten_device_exit(void)
{
	/* The mistake: unregister_chrdev(major, "forgotten") is missing. */
	pr_info("forgotten: going\n");
}

module_init(forgotten_device_init);
module_exit(forgotten_device_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Forgets its device when it goes");
