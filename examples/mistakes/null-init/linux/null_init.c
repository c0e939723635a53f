/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counts letters in a table that was never made. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

struct counts {
	unsigned int letters[26];
	unsigned int others;
};

/* The mistake: nothing points it anywhere, and nobody asks whether it is NULL. */
static struct counts *counts;

static noinline void count(const char *text)
{
	for (; *text; text++) {
		if (*text >= 'a' && *text <= 'z')
			counts->letters[*text - 'a']++; /* expect: null-dereference */
		else
			counts->others++;
	}
}

static int __init null_init_init(void)
{
	count("a word");
	pr_info("null-init: %u others\n", counts->others);
	return 0;
}

static void __exit null_init_exit(void)
{
}

module_init(null_init_init);
module_exit(null_init_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Goes through a NULL pointer in its init");
