/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Needs two things, gets one, and goes without giving it back. */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

#define MAJOR_WANTED 1 /* which /dev/mem and /dev/null have had since 1991 */

static char *page;

static const struct file_operations half_fops = {
	.owner = THIS_MODULE,
};

static int __init half_init_init(void)
{
	int error;

	page = kmalloc(3000, GFP_KERNEL); /* expect: memory-leak */
	if (!page)
		return -ENOMEM;
	error = register_chrdev(MAJOR_WANTED, "half", &half_fops);
	if (error)
		return error; /* The mistake: without kfree(page). exit is not called for what did not init. */
	return 0;
}

static void __exit half_init_exit(void)
{
	unregister_chrdev(MAJOR_WANTED, "half");
	kfree(page);
}

module_init(half_init_init);
module_exit(half_init_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Fails halfway");
