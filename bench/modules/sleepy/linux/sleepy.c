/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Takes two seconds to come, so that its machine can be looked at from outside while it runs. */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init sleepy_init(void)
{
	msleep(2000);
	return 0;
}

static void __exit sleepy_exit(void)
{
}

module_init(sleepy_init);
module_exit(sleepy_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Takes two seconds to come");
