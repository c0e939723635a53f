/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Takes a lock, and forgets it on the way out that is rarely taken. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(lock);
static int level;

static noinline int set_level(int new)
{
	mutex_lock(&lock); /* expect: lock-held */
	if (new < 0)
		return -EINVAL; /* The mistake: with the lock held. */
	level = new;
	mutex_unlock(&lock);
	return 0;
}

static int __init lock_held_init(void)
{
	if (set_level(-1))
		pr_info("lock-held: there is no level -1\n");
	return 0;
}

static void __exit lock_held_exit(void)
{
	mutex_lock(&lock); /* expect: lock-wait */
	level = 0;
	mutex_unlock(&lock);
}

module_init(lock_held_init);
module_exit(lock_held_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Keeps a lock");
