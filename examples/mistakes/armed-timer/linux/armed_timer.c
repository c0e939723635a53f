/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counts the minutes, also those after its end. */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/timer.h>

static unsigned int minutes;

static void count(struct timer_list *timer)
{ /* expect: leftover-timer object-state */
	minutes++;
	mod_timer(timer, jiffies + 60 * HZ);
}

static DEFINE_TIMER(clock_timer, count);

static int __init armed_timer_init(void)
{
	mod_timer(&clock_timer, jiffies + 60 * HZ);
	return 0;
}

static void __exit armed_timer_exit(void)
{
	/* The mistake: the timer is still armed, and what it will call is about to go. What is missing is
	 * timer_delete_sync(&clock_timer), before Linux 6.2 del_timer_sync(). */
	pr_info("armed-timer: %u minutes\n", minutes);
}

module_init(armed_timer_init);
module_exit(armed_timer_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Leaves a timer running");
