/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counts the tenths of a second, also those after its end. */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/timer.h>

static unsigned int tenths;

static void tick(struct timer_list *timer)
{
	tenths++;
	mod_timer(timer, jiffies + HZ / 10);
}

static DEFINE_TIMER(clock_timer, tick);

static int __init armed_timer_init(void)
{
	mod_timer(&clock_timer, jiffies + HZ / 10); /* expect: leftover-timer */
	return 0;
}

static void __exit armed_timer_exit(void)
{
	/* The mistake: the timer is still armed, and what it will call is about to go. What is missing is
	 * timer_delete_sync(&clock_timer), before Linux 6.2 del_timer_sync(). */
	pr_info("armed-timer: %u tenths of a second\n", tenths);
}

module_init(armed_timer_init);
module_exit(armed_timer_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Leaves a timer running");
