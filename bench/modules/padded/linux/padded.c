/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hello with 20 MiB of constants, none of them zero. The assembler makes them: an initializer of that size
 * takes the compiler half a minute.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

#define PADDING_BYTES (20 << 20)

__asm__(".pushsection .rodata\n"
	"padding:\t.fill 20 << 20, 1, 0x5a\n"
	".popsection");
extern const unsigned char padding[PADDING_BYTES];

static int __init padded_init(void)
{
	printk(KERN_ALERT "Hello, %c\n", padding[PADDING_BYTES - 1]);
	return 0;
}

static void __exit padded_exit(void)
{
	printk(KERN_ALERT "Goodbye, %c\n", padding[0]);
}

module_init(padded_init);
module_exit(padded_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Hello with 20 MiB of constants");
