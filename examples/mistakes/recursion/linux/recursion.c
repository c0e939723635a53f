/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Finds how deep a pond is by going down a step at a time. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static unsigned int depth_of_pond = 1000000;
module_param(depth_of_pond, uint, 0444);
MODULE_PARM_DESC(depth_of_pond, "in steps");

static noinline unsigned int depth(unsigned int at)
{
	unsigned int below = 0;

	/* The mistake: each step takes a piece of a stack of 16 KB. A loop takes none. */
	if (READ_ONCE(depth_of_pond) > at)
		below = 1 + depth(at + 1); /* expect: stack-overflow */
	barrier();
	return below;
}

static int __init recursion_init(void)
{
	pr_info("recursion: %u steps deep\n", depth(0));
	return 0;
}

static void __exit recursion_exit(void)
{
}

module_init(recursion_init);
module_exit(recursion_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Calls itself too often");
