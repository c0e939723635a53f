/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Comes, and can never go. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static int __init no_exit_init(void)
{
	pr_info("no-exit: here to stay\n");
	return 0;
}

/* The mistake: without a module_exit() the kernel does not know how to unload it, and refuses to. */
module_init(no_exit_init);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Cannot go");
