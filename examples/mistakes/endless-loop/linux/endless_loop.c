/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waits for a device to say that it is ready, and there is no device. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

#define READY 0x80

static unsigned int status;

static noinline void wait_until_ready(void)
{
	/* The mistake: no limit. A device that is broken or gone never becomes ready. */
	while (!(READ_ONCE(status) & READY)) /* expect: endless-loop */
		cpu_relax();		     /* expect: endless-loop */
}

static int __init endless_loop_init(void)
{
	wait_until_ready();
	return 0;
}

static void __exit endless_loop_exit(void)
{
}

module_init(endless_loop_init);
module_exit(endless_loop_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Waits for what never comes");
