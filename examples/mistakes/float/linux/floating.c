/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Works out how warm it is, with a kind of number that the kernel does not use. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static int raw = 617;
module_param(raw, int, 0444);
MODULE_PARM_DESC(raw, "what the sensor says");

/*
 * The mistake: the registers for floating point are the running program's, and the kernel does not save them for
 * itself. Count in thousandths instead: raw * 48828 / 1000.
 */
static noinline double celsius(int from)
{
	return from * 0.048828; /* expect: float-outside */
}

static int __init floating_init(void)
{
	pr_info("float: %d degrees\n", (int)celsius(raw)); /* expect: float-outside */
	return 0;
}

static void __exit floating_exit(void)
{
}

module_init(floating_init);
module_exit(floating_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Calculates with fractions");
