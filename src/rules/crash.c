/* SPDX-License-Identifier: BSD-2-Clause */
/* What takes the kernel, or the thread in it, down. */
#include "rules/rules.h"

const struct rule rules_crash[] = {
	{
		.id = "null-dereference",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a NULL pointer was followed",
		.meaning =
			"The code read or wrote through a pointer that is NULL, or NULL and a little: "
			"the address is then the offset of the member in its structure, which tells "
			"which one it was.",
		.linux_example = "struct thing *t = NULL;\n"
				 "t->count++;\n",
		.remedy =
			"Check what may return NULL (allocations, searches) before using it; see that "
			"it is set before the first use, and not used after it was set back.",
	},
	{
		.id = "wild-pointer",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a bad pointer was followed",
		.meaning =
			"There is nothing at that address: the pointer was never set, was overwritten, "
			"or leads to what was freed or unmapped. Addresses that look like 0x6b6b6b6b or "
			"0xdeadc0de are what a kernel fills freed memory with.",
		.linux_example = "int *p = (int *)0xffff000012345678;\n"
				 "return *p;\n",
		.remedy =
			"Find who sets the pointer, and whether what it points to still lives. A debug "
			"target stops earlier, where it goes wrong.",
	},
	{
		.id = "null-call",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a function pointer that is NULL was called",
		.meaning =
			"The processor went to address 0: a structure of functions has an empty place "
			"where somebody calls.",
		.linux_example = "static struct ops ops = { .open = my_open };\n"
				 "ops.close();\n",
		.remedy =
			"Fill it in, or check it before calling; the first line of the trace is who "
			"called.",
	},
	{
		.id = "general-protection",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "an address that cannot exist was used",
		.meaning =
			"On x86-64 the upper bits of an address are all equal. This one's are not: it "
			"is no pointer at all but something else, or freed memory with a pattern in it "
			"(0x6b6b..., 0xdeadc0de...).",
		.linux_example = "struct thing *t = *(struct thing **)\"not a pointer\";\n"
				 "t->count++;\n",
		.remedy =
			"See what the registers of the report look like: text, a pattern, a number. "
			"Then find who wrote that there. A debug target tells it apart.",
	},
	{
		.id = "bug-assertion",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_DEBUG,
		.title = "an assertion of the kernel, or of the module, failed",
		.meaning =
			"Somebody wrote down in the code what has to be true there (BUG_ON, KASSERT), "
			"and it is not.",
		.linux_example = "BUG_ON(count < 0);\n",
		.freebsd_example =
			"KASSERT(count >= 0, (\"count is %d\", count));    /* checked with INVARIANTS only */\n",
		.remedy =
			"The condition in the source at that place says what is wrong; the trace, how "
			"it came there.",
	},
	{
		.id = "divide-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a division by zero",
		.meaning = "The divisor was 0, or the quotient does not fit.",
		.linux_example = "return total / count;    /* count is 0 */\n",
		.remedy = "Check the divisor, above all if it comes from a user or from a device.",
	},
	{
		.id = "invalid-opcode",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the processor met what is no instruction",
		.meaning =
			"It ran into data, into overwritten code, or into an ud2 that the compiler has "
			"put where, as it sees it, nothing can come.",
		.linux_example =
			"int f(void) { }    /* its value is used, and it returns none */\n",
		.remedy =
			"Compile with all warnings; look for a function without a return, and for a "
			"function pointer that was overwritten.",
	},
	{
		.id = "stack-overflow",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the stack is used up",
		.meaning =
			"A thread in the kernel has 16 KB of stack, for all functions that call each "
			"other. A large array or a recursion comes to its end, and there the kernel "
			"stops.",
		.linux_example = "char buffer[16384];\n"
				 "memset(buffer, 0, sizeof(buffer));\n",
		.remedy =
			"Large buffers belong to kmalloc() or malloc(9), recursions are written as "
			"loops. -Wframe-larger-than (compiler-warning) tells the large ones.",
	},
	{
		.id = "double-fault",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a fault while the processor handled a fault",
		.meaning =
			"Mostly the stack is used up (kmodlab explain stack-overflow): the first fault finds no place for "
			"its frame.",
		.linux_example =
			"int f(int n) { volatile char a[1024]; a[0] = n; return f(n + 1) + a[0]; }\n",
		.remedy = "Look for large arrays and recursion on the way that the trace shows.",
	},
	{
		.id = "panic",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "somebody called panic()",
		.meaning = "The module, or the kernel on its behalf, decided that it cannot go on.",
		.linux_example = "panic(\"no more ideas\");\n",
		.remedy = "The message says why; a module should return an error instead.",
	},
	{
		.id = "triple-fault",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the machine reset itself without a word",
		.meaning =
			"The processor met a fault that it could not even begin to handle: the page "
			"tables, the table of interrupts or the stack are destroyed. Or the code asked "
			"for a reboot.",
		.linux_example =
			"asm volatile(\"lidt %0; int3\" : : \"m\" ((struct { short a; long b; }){0}));\n",
		.remedy =
			"Look for what writes to addresses of its own making; run it on a debug target.",
	},
	{
		.id = "machine-lost",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a real machine was lost while the module was in it",
		.meaning =
			"The connection to an ssh target ended, and the machine did not answer any more, "
			"or was there again as one that had restarted. Had only the network failed, it "
			"would still run since the same start; that is no finding, but an error of the "
			"trial. What the kernel said last did not get through.",
		.linux_example = "panic(\"nobody reads this\");\n",
		.remedy =
			"Switch the machine off and on if it does not come back by itself. Run the module on "
			"a target that is a virtual machine: there the kernel's last words are kept.",
	},
	{
		.id = "code-gone",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "code was run that is not there any more",
		.meaning =
			"Somebody called a function of the module, or returned into one, after the "
			"module was unloaded: a timer, a thread, an open file, a callback that was not "
			"taken back.",
		.linux_example =
			"static const struct file_operations fops = { .read = my_read };    /* no .owner */\n",
		.freebsd_example =
			"case MOD_UNLOAD: going = true; return (0);    /* and does not wait for its thread */\n",
		.remedy =
			"Before exit returns, all that could call the module has to be undone, and "
			"waited for. A file_operations needs .owner = THIS_MODULE, which keeps the "
			"module while a file is open.",
	},
	{
		.id = "user-access",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "memory of a program was used directly",
		.meaning =
			"A pointer from a program (in write, ioctl, ...) was followed as if it were one "
			"of the kernel's. The processor forbids that (SMAP), because the program can "
			"pass any address, also one of the kernel's own.",
		.linux_example =
			"ssize_t w(struct file *f, const char __user *from, size_t n, loff_t *o)\n"
			"{\n"
			"\treturn from[0] == 'x' ? n : -EINVAL;\n"
			"}\n",
		.freebsd_example = "char c = *(char *)uio->uio_iov->iov_base;\n",
		.remedy =
			"copy_from_user(), copy_to_user(), get_user(), put_user(); FreeBSD: uiomove(9), "
			"copyin(9), copyout(9). And see to what they return.",
	},
	{
		.id = "execute-data",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "data was run as code",
		.meaning =
			"The processor came to a page that is not for code: a function pointer was "
			"overwritten, or points to an object.",
		.linux_example = "((void (*)(void))buffer)();\n",
		.remedy =
			"Find who sets that function pointer; look for writes past the end beside it.",
	},
	{
		.id = "gone-mad",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the machine makes no sense any more",
		.meaning =
			"What comes out of it is not what the agent, kmodlab's program in it, says: memory that is not the module's was overwritten.",
		.linux_example = "memset(phys_to_virt(0), 0xff, 1 << 30);\n",
		.remedy =
			"Look for writes past the end of a buffer or through a wild pointer; a debug target finds those where they happen.",
	},
	{
		.id = "crash",
		.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the kernel crashed",
		.meaning =
			"The kernel, or the thread that the module ran in, came to a sudden end, of a "
			"kind that has no rule of its own.",
		.linux_example = "send_sig(SIGKILL, current, 0);\n",
		.remedy =
			"The report is shown whole; the function after \"in\" is where it happened, the "
			"trace shows how it came there.",
	},
	{.id = NULL},
};
