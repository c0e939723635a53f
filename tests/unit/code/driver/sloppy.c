/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody in a hurry writes; tests/unit/test_hygiene.c says what is to be found in it, and where. */
#include "hasty.h"

char name[16];

/* The kernel has a variable of that name too. */
int panic_timeout = 3;

static noinline __init int setup(int x)
{
	return x * 3 + name[0];
}

int sloppy_open(int x)
{
	return setup(x) + 1; /* line: init-reached */
}

int sloppy_read(const char *from)
{
	_printk("here we are: %s\n", from); /* line: printk-level */
	_printk(KERN_INFO "and this has a level: %s\n", from);
	strcpy(name, from); /* line: interface-unsafe */
	return in_header(name[1]) + macro(name[2]);
}

int sloppy_write(int x)
{
	return 2 * __inner(x + 1); /* line: double-underscore */
}

/* Section .patch is both. */
__asm__(".section .patch, \"awx\", @progbits\n\tret\n\t.previous");

int (*const sloppy_ops[])(int) = {sloppy_open, sloppy_write};

INFO("license=GPL");
INFO("vermagic=6.1.0 ");
int __attribute__((section(".gnu.linkonce.this_module"))) this_module[16];
