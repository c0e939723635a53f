/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two accounts, each with its lock. Money goes from the first to the second, and back: two who do that at the
 * same time wait for each other for ever. It rarely happens, and never when somebody looks.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(first_lock);
static DEFINE_MUTEX(second_lock);
static int first = 100, second = 100;

static noinline void pay(int n)
{
	mutex_lock(&first_lock);
	mutex_lock(&second_lock);
	first -= n;
	second += n;
	mutex_unlock(&second_lock);
	mutex_unlock(&first_lock);
}

static noinline void pay_back(int n)
{
	/* The mistake: the same two locks, the other way round. */
	mutex_lock(&second_lock);
	mutex_lock(&first_lock); /* expect: lock-order */
	first += n;
	second -= n;
	mutex_unlock(&first_lock);
	mutex_unlock(&second_lock);
}

static int __init lock_order_init(void)
{
	pay(10);
	return 0;
}

static void __exit lock_order_exit(void)
{
	pay_back(10);
}

module_init(lock_order_init);
module_exit(lock_order_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Takes two locks in two orders");
