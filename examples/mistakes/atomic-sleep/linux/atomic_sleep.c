/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waits for hardware that is slow, and keeps everybody else from running meanwhile. */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);
static int state;

static noinline void reset(void)
{
	spin_lock(&lock);
	state = 1;
	/* The mistake: who holds a spinlock must not sleep. A mutex would do; or udelay(), for microseconds. */
	msleep(20); /* expect: atomic-sleep */
	state = 0;
	spin_unlock(&lock);
}

static int __init atomic_sleep_init(void)
{
	reset();
	return 0;
}

static void __exit atomic_sleep_exit(void)
{
}

module_init(atomic_sleep_init);
module_exit(atomic_sleep_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Sleeps under a spinlock");
