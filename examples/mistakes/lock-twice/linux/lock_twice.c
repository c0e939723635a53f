/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Moves apples from one basket to the other, and locks itself out. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(lock);
static int baskets[2] = {10, 0};

static noinline int apples(int basket)
{
	int n;

	/* The mistake: move() calls this with the lock held, and a mutex cannot be taken twice. */
	mutex_lock(&lock); /* expect: lock-wait lock-twice */
	n = baskets[basket];
	mutex_unlock(&lock);
	return n;
}

static noinline void move(int n)
{
	mutex_lock(&lock);
	if (apples(0) >= n) {
		baskets[0] -= n;
		baskets[1] += n;
	}
	mutex_unlock(&lock);
}

static int __init lock_twice_init(void)
{
	move(3);
	pr_info("lock-twice: %d apples left\n", apples(0));
	return 0;
}

static void __exit lock_twice_exit(void)
{
}

module_init(lock_twice_init);
module_exit(lock_twice_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Takes a lock that it holds");
