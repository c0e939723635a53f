/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* /dev/sum adds up the bytes that are written to it. */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include <asm/page.h>

static unsigned int sum;

static ssize_t sum_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	size_t i;

	/* The mistake: the address is a program's. That it is not NULL, and in the range of a program's memory, does
	 * not mean that there is any, nor that the kernel may use it. copy_from_user() sees to both. */
	if ((unsigned long)from < PAGE_SIZE)
		return -EFAULT;
	for (i = 0; i < size; i++)
		sum += *(const unsigned char __force *)(from + i); /* expect: user-access */
	return size;
}

static const struct file_operations sum_fops = {
	.owner = THIS_MODULE,
	.write = sum_write,
};

static struct miscdevice sum_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sum",
	.fops = &sum_fops,
};

static int __init user_pointer_init(void)
{
	return misc_register(&sum_device);
}

static void __exit user_pointer_exit(void)
{
	misc_deregister(&sum_device);
}

module_init(user_pointer_init);
module_exit(user_pointer_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Goes through a pointer from user space");
