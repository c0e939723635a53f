/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Walks along a list while it frees it. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

struct step {
	struct step *next;
	unsigned long length;
};

static struct step *way;

static void free_way(void)
{
	struct step *s;

	/* The mistake: when the loop asks for s->next, s is no more. Read it before kfree(). */
	for (s = way; s; s = s->next) /* expect: use-after-free */
		kfree(s);
	way = NULL;
}

static int __init use_after_free_init(void)
{
	int i;

	for (i = 1; i <= 3; i++) {
		struct step *s = kzalloc(sizeof(*s), GFP_KERNEL);

		if (!s) {
			free_way();
			return -ENOMEM;
		}
		s->length = i;
		s->next = way;
		way = s;
	}
	return 0;
}

static void __exit use_after_free_exit(void)
{
	free_way();
}

module_init(use_after_free_init);
module_exit(use_after_free_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Reads what it has freed");
