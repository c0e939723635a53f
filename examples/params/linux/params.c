/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A module that is told what to do: insmod params.ko whom=Mom howmany=3 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#define HOWMANY_MAX 100

static char *whom = "world";
module_param(whom, charp, 0444);
MODULE_PARM_DESC(whom, "whom to greet");

static int howmany = 1;
module_param(howmany, int, 0444);
MODULE_PARM_DESC(howmany, "how many times, 0 to 100");

static int __init params_init(void)
{
	int i;

	/* The kernel has seen to it that it is a number; whether it is a sane one is ours to see. */
	if (howmany < 0 || howmany > HOWMANY_MAX) {
		printk(KERN_ERR "params: howmany=%d is not between 0 and %d\n", howmany,
			HOWMANY_MAX);
		return -EINVAL;
	}
	for (i = 0; i < howmany; i++)
		printk(KERN_ALERT "Hello, %s\n", whom);
	return 0;
}

static void __exit params_exit(void)
{
	printk(KERN_ALERT "Goodbye, cruel world\n");
}

module_init(params_init);
module_exit(params_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Greets whom it is told to, as often as it is told to");
