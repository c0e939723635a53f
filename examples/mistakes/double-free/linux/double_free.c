/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Two functions that both believe the buffer to be theirs. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *buffer;

static void show_and_free(void)
{
	pr_info("double-free: %s\n", buffer);
	kfree(buffer);
	/* The mistake: buffer still points to what is no more; set it to NULL here. */
}

static int __init double_free_init(void)
{
	buffer = kstrdup("once", GFP_KERNEL);
	return buffer ? 0 : -ENOMEM;
}

static void __exit double_free_exit(void)
{
	show_and_free();
	kfree(buffer); /* expect: double-free */
	pr_info("double-free: both are content\n");
}

module_init(double_free_init);
module_exit(double_free_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Frees twice");
