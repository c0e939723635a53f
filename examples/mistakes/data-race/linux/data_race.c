/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counts on all processors at the same time. What was counted to is in files below /sys/module/data_race/parameters. */
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/smp.h>

#define ROUNDS 4000000

static unsigned int count;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "what was counted to");

static unsigned int expected;
module_param(expected, uint, 0444);
MODULE_PARM_DESC(expected, "what it is to be");

static void count_up(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		/* The mistake: "++" reads, adds and writes, and another processor may come in between. An atomic_t
		 * or a lock is what it takes. */
		count++; /* expect: data-race */
		barrier();
	}
}

static int __init data_race_init(void)
{
	on_each_cpu(count_up, NULL, 1);
	expected = num_online_cpus() * ROUNDS;
	return 0;
}

static void __exit data_race_exit(void)
{
}

module_init(data_race_init);
module_exit(data_race_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Counts without a lock");
