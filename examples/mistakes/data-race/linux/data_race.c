/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Two threads count together, each on a processor of its own. What they count to is in a sysfs file. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define THREADS 2
#define ROUNDS	500000

static unsigned int count;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "what was counted to");

static unsigned int expected;
module_param(expected, uint, 0444);
MODULE_PARM_DESC(expected, "what it is to be");

static DECLARE_COMPLETION(over);

static int counter(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		/* The mistake: "++" reads, adds and writes, and the other may come in between. An atomic_t
		 * or a lock is what it takes. */
		count++; /* expect: data-race */
		barrier();
		if (i % 1000 == 0)
			cond_resched();
	}
	complete(&over);
	return 0;
}

static int __init data_race_init(void)
{
	int i, started = 0;

	for (i = 0; i < THREADS; i++)
		if (!IS_ERR(kthread_run(counter, NULL, "counter/%d", i)))
			started++;
	expected = started * ROUNDS;
	for (i = 0; i < started; i++)
		wait_for_completion(&over);
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
