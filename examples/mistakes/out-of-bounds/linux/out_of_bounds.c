/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Makes a table of squares, and one more than there is room for. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

#define SQUARES 10

static unsigned int *squares;

static noinline void fill(unsigned int n)
{
	unsigned int i;

	/* The mistake: "<=" goes one too far. */
	for (i = 0; i <= n; i++)
		squares[i] = i * i; /* expect: out-of-bounds */
}

static int __init out_of_bounds_init(void)
{
	squares = kmalloc_array(SQUARES, sizeof(*squares), GFP_KERNEL);
	if (!squares)
		return -ENOMEM;
	fill(SQUARES);
	return 0;
}

static void __exit out_of_bounds_exit(void)
{
	kfree(squares);
}

module_init(out_of_bounds_init);
module_exit(out_of_bounds_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Writes one past the end");
