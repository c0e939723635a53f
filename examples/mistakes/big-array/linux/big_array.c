/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Turns a text round, in a buffer that is far too large for the place where it is. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/thread_info.h>

#define BUFFER THREAD_SIZE

static noinline int turn_round(const char *text) /* expect: stack-overflow */
{
	/* The mistake: that is the whole stack, 16 KB in most kernels. This belongs to kmalloc(). */
	char buffer[BUFFER]; /* expect: compiler-warning */
	size_t i, len = strlen(text);

	memset(buffer, 0, sizeof(buffer)); /* expect: stack-overflow */
	for (i = 0; i < len; i++)
		buffer[len - 1 - i] = text[i];
	pr_info("big-array: %s\n", buffer);
	return buffer[0];
}

static int __init big_array_init(void)
{
	return turn_round("redrum") == 'm' ? 0 : -EINVAL;
}

static void __exit big_array_exit(void)
{
}

module_init(big_array_init);
module_exit(big_array_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Puts much on the stack");
