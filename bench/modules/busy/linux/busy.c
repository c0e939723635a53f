// SPDX-License-Identifier: BSD-2-Clause
/* What its work costs while kmodlab watches: loops of everything that is followed, and of what is not. Each line
 * of the log is "NAME N us". */
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

static void *volatile keep;
static void *ring[64];
static u32 numbers[4096];

#define TIMED(name, n, body)                                                                       \
	do {                                                                                       \
		u64 began = ktime_get_ns();                                                        \
		int i;                                                                             \
                                                                                                   \
		for (i = 0; i < (n); i++) {                                                        \
			body;                                                                      \
		}                                                                                  \
		pr_info("%s %llu us\n", name, (ktime_get_ns() - began) / 1000);                    \
	} while (0)

static int compare(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A driver's day: some memory, some work on it, some more. */
static void work(int i)
{
	int k;

	kfree(ring[i & 63]);
	ring[i & 63] = kmalloc(256, GFP_KERNEL);
	if (ring[i & 63])
		memset(ring[i & 63], i, 256);
	for (k = 0; k < 64; k++)
		numbers[(i * 64 + k) & 4095] = numbers[(i + k) & 4095] * 1103515245u + 12345u;
}

static int __init busy_init(void)
{
	struct kmem_cache *cache = kmem_cache_create("busy", 96, 0, 0, NULL);
	int k;

	if (!cache)
		return -ENOMEM;
	TIMED("compute", 40, sort(numbers, 4096, sizeof *numbers, compare, NULL));
	TIMED("mixed", 100000, work(i));
	TIMED("kmalloc", 100000, keep = kmalloc(64, GFP_KERNEL); kfree(keep));
	TIMED("kmem_cache", 100000, keep = kmem_cache_alloc(cache, GFP_KERNEL);
		kmem_cache_free(cache, keep));
	TIMED("pages", 50000, keep = (void *)__get_free_page(GFP_KERNEL);
		free_page((unsigned long)keep));
	TIMED("vmalloc", 2000, keep = vmalloc(8192); vfree(keep));
	for (k = 0; k < 64; k++)
		kfree(ring[k]);
	kmem_cache_destroy(cache);
	return 0;
}

static void __exit busy_exit(void)
{
}

module_init(busy_init);
module_exit(busy_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Loops of what kmodlab follows, timed");
