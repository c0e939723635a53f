/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Has a helper only if it is asked to, and sends it away in any case. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

static bool help;
module_param(help, bool, 0444);
MODULE_PARM_DESC(help, "whether to have a helper");

struct helper {
	unsigned long deeds;
	const char *name;
};

static struct helper *helper;

static int __init null_exit_init(void)
{
	if (!help)
		return 0;
	helper = kzalloc(sizeof(*helper), GFP_KERNEL);
	if (!helper)
		return -ENOMEM;
	helper->name = "Friday";
	return 0;
}

static void __exit null_exit_exit(void)
{
	/* The mistake: without help=1 there is no helper. */
	pr_info("null-exit: good-bye %s\n", helper->name); /* expect: null-dereference */
	kfree(helper);
}

module_init(null_exit_init);
module_exit(null_exit_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Goes through a NULL pointer in its exit");
