/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Remembers the words it is given, and forgets to give their memory back. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

struct word {
	struct list_head link;
	char text[100];
};

static LIST_HEAD(words);

static int remember(const char *text)
{
	struct word *w = kzalloc(sizeof(*w), GFP_KERNEL); /* expect: memory-leak */

	if (!w)
		return -ENOMEM;
	strscpy(w->text, text, sizeof(w->text));
	list_add_tail(&w->link, &words);
	return 0;
}

static void forget_all(void)
{
	struct word *w, *next;

	list_for_each_entry_safe(w, next, &words, link)
	{
		list_del(&w->link);
		/* The mistake: the list has forgotten the word, but kfree(w) is missing. */
	}
}

static int __init forgotten_memory_init(void)
{
	int error = remember("three");

	if (!error)
		error = remember("little words");
	if (error)
		forget_all();
	return error;
}

static void __exit forgotten_memory_exit(void)
{
	forget_all();
}

module_init(forgotten_memory_init);
module_exit(forgotten_memory_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Forgets memory when it goes");
