/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine code of a finished module tells. */
#include "rules/rules.h"

const struct rule rules_code[] = {
	{
		.id = "float-outside",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "it uses floating-point registers that are not its own",
		.meaning =
			"The registers of x87, MMX, SSE and AVX belong to the program that was running "
			"when the kernel was called: it finds other numbers in them afterwards. This "
			"function has an instruction that uses one, and on no way to it were the "
			"registers asked for. Found in the machine code, so it does not matter whether "
			"the instruction was ever run.",
		.linux_example =
			"static int celsius(int raw)\n"
			"{\n"
			"        return raw * 0.048828;    /* and -msse2 for the compiler */\n"
			"}\n",
		.remedy =
			"Count in whole numbers of something smaller (thousandths), and drop the option "
			"that made the compiler take it. Where it has to be (a cipher, a checksum), "
			"put the instructions into a function of their own, in a file of its own, and "
			"call it between kernel_fpu_begin() and kernel_fpu_end(), on FreeBSD "
			"fpu_kern_enter() and fpu_kern_leave().",
	},
	{
		.id = "stack-frame",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "one function takes much of the stack",
		.meaning =
			"A thread in the kernel has a stack of 16 KiB (32 in a Linux kernel with KASAN), "
			"for everything from the system call down to the last interrupt. This function "
			"alone takes more than 2048 bytes of it (--max-frame), as the kernel's own "
			"build would complain of too. If it takes more than the whole stack, then "
			"kmodlab check makes an error of it.",
		.linux_example = "char buffer[4096];\n",
		.remedy = "Allocate it: kmalloc() and kfree(), malloc(9) and free(9). What is the "
			  "same for all calls can be static.",
	},
	{
		.id = "stack-depth",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "its functions take much of the stack together",
		.meaning =
			"The module's functions call one another, and the deepest chain of them takes "
			"more than half of the stack (--max-stack), before what the kernel takes above "
			"and below. Or a function calls itself and takes so much each time that "
			"a few dozen times are too much, and nothing in the code bounds how often.",
		.linux_example = "static int walk(struct node *n)\n"
				 "{\n"
				 "        char name[512];\n\n"
				 "        return n ? walk(n->left) + walk(n->right) : 0;\n"
				 "}\n",
		.remedy = "Allocate the largest frames' variables, turn the recursion into a loop "
			  "with a list of what is still to be done, or give it a limit.",
	},
	{
		.id = "stack-dynamic",
		.severity = SEVERITY_NOTE,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a function takes stack by a number that it is given",
		.meaning =
			"An array of variable length, or alloca(): how much of the stack it takes is "
			"known when it runs, and not before. Where the number comes from outside, so "
			"does the overflow. Linux has none of these since 4.20.",
		.linux_example = "char copy[len];\n",
		.remedy = "An array of the largest size that there may be, and a check; or an "
			  "allocation.",
	},
	{
		.id = "stack-recursion",
		.severity = SEVERITY_NOTE,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a function calls itself",
		.meaning =
			"Directly, or through others of the module. Each round takes its piece of the "
			"stack, and how many rounds there are cannot be seen in the code: in the "
			"kernel there is room for a few hundred small ones.",
		.linux_example = "return n ? 1 + depth(n->next) : 0;\n",
		.remedy = "A loop; or a limit that is checked on the way down.",
	},
	{0},
};
