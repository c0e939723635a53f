/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes wrong while a module is built, and what is wrong with the file that came of it. */
#include "rules/rules.h"

const struct rule rules_build[] = {
	{
		.id = "compiler-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the compiler refuses the source",
		.meaning =
			"The compiler, with the flags of this kernel, could not make an object of the "
			"file. Place and words are the compiler's. The same source may well build for "
			"another kernel: functions come and go between versions.",
		.linux_example =
			"char name[8];\n"
			"strlcpy(name, \"abc\", sizeof(name));    /* Linux 6.8 removed it: use strscpy() */\n",
		.remedy =
			"Correct the first error and build again; those after it may be its "
			"consequences. A function that another version had is named with what took its "
			"place.",
	},
	{
		.id = "compiler-warning",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the compiler warns of the source",
		.meaning =
			"The code can be compiled, but the compiler doubts that it does what was meant. "
			"In the kernel most of these are mistakes: a format that does not fit, a value "
			"that is never set, a stack frame of more than 2 KB.",
		.linux_example =
			"char buffer[4096];    /* -Wframe-larger-than: a stack has 16 KB in all */\n",
		.remedy =
			"Change the code until the compiler is content. Casts and pragmas only hide "
			"what it says.",
	},
	{
		.id = "linker-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module's objects cannot be put together",
		.meaning = "Two objects define the same name, or one of them is missing.",
		.linux_example =
			"int count;    /* in a.c and in b.c: multiple definition of `count' */\n",
		.remedy =
			"Make it static where only one file uses it; else define it in one file and "
			"declare it, with extern, in a header.",
	},
	{
		.id = "linker-warning",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the linker warns",
		.meaning =
			"The module was put together, but the linker found something unusual about it, "
			"an executable stack for instance.",
		.linux_example = "/* in a.S, without a .note.GNU-stack section: */\n"
				 "missing .note.GNU-stack section implies executable stack\n",
		.remedy = "Do what the linker asks for; an assembler file ends with .section "
			  ".note.GNU-stack,\"\",@progbits",
	},
	{
		.id = "make-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "make cannot go on",
		.meaning =
			"The Makefile is wrong, or names a file that is not there. Make itself says "
			"this, before or instead of the compiler.",
		.linux_example = "obj-m := helo.o    # and the source is hello.c\n",
		.remedy =
			"The object in obj-m (or in NAME-objs; for FreeBSD the file in SRCS) has the "
			"name of its source.",
	},
	{
		.id = "make-warning",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "make warns",
		.meaning =
			"Make found something odd in the Makefile and went on, two recipes for the same "
			"file for instance: the second one counts.",
		.linux_example = "clean:\n"
				 "\trm -f *.o\n"
				 "clean:\n"
				 "\trm -f *.ko    # overriding recipe for target 'clean'\n",
		.remedy = "Mend the line that make names; remove what the Makefile says twice.",
	},
	{
		.id = "modpost",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "modpost, the last step of a Linux build, complains",
		.meaning =
			"After the compiler, modpost looks at the module as a whole: at the symbols "
			"that it needs, and at references between sections that are dropped after init "
			"and those that stay.",
		.linux_example =
			"static int __init setup(void);\n"
			"void later(void) { setup(); }    /* setup() is gone when this is called */\n",
		.remedy =
			"What a section mismatch names has the wrong mark: __init is for what only init "
			"calls, __exit for what only exit does.",
	},
	{
		.id = "build-failed",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the build failed without saying why",
		.meaning =
			"Make ended with an error, or made no module, and nothing that it said tells "
			"why.",
		.linux_example =
			"obj-y := hello.o    # for what is part of the kernel; a module is obj-m\n",
		.remedy =
			"Read the whole log of the build (--json has it); run it by hand with V=1.",
	},
	{
		.id = "build-empty",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the build made no module",
		.meaning = "The build ended well, but there is no .ko.",
		.linux_example = "obj-$(CONFIG_MINE) := mine.o    # and nobody set CONFIG_MINE\n",
		.remedy =
			"Name the module's object: obj-m += hello.o; for FreeBSD KMOD= hello and SRCS= "
			"hello.c.",
	},
	{
		.id = "more-findings",
		.severity = SEVERITY_NOTE,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "there was more than is shown",
		.meaning =
			"A build can complain thousands of times, mostly about one thing. The first "
			"ones are shown.",
		.linux_example =
			"#include \"missing-semicolon.h\"    /* and every file includes it */\n",
		.remedy = "Correct the first ones and build again.",
	},
	{
		.id = "license-missing",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module names no licence",
		.meaning =
			"A Linux module is to say under which licence it is. Without that the kernel counts as tainted (it says so in each of its reports), its authors will not look at reports, and all symbols that "
			"are exported to GPL modules only are out of reach.",
		.linux_example = "/* no MODULE_LICENSE() anywhere */\n",
		.remedy = "Add MODULE_LICENSE(\"GPL\"), or the licence that it really has.",
	},
	{
		.id = "not-a-module",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the file is no kernel module",
		.meaning = "It is no ELF file, or one that has not what makes a module.",
		.linux_example = "kmodlab run hello.o    # the object: the module is hello.ko\n",
		.remedy = "Give the .ko file, or the directory with its Makefile.",
	},
	{
		.id = "damaged-file",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module's file is damaged",
		.meaning =
			"Parts of it lie outside of it, or do not fit together: it was cut off, or "
			"something has worked on it that should not have.",
		.linux_example = "head -c 4000 hello.ko > cut.ko\n",
		.remedy =
			"Build it again from a clean directory; copy it as a whole. strip without "
			"--strip-debug does damage too.",
	},
	{
		.id = "wrong-arch",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module is for another processor",
		.meaning = "The machine code in it is not what the target's processor runs.",
		.linux_example = "make ARCH=arm64    # and the target is x86_64\n",
		.remedy = "Build it for the target: give its source directory.",
	},
	{
		.id = "wrong-os",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module is for another system",
		.meaning =
			"It is a FreeBSD module and the target is Linux, or the other way round.",
		.linux_example = "kmodlab run -t freebsd:14.0 linux/hello.ko\n",
		.remedy = "Build it for this target: give its source directory.",
	},
	{
		.id = "module-cycle",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "modules need each other in a circle",
		.meaning =
			"One needs the other to be loaded first, and that one the first. Neither can "
			"be.",
		.linux_example = "/* a.c */ EXPORT_SYMBOL(a); void a(void) { b(); }\n"
				 "/* b.c */ EXPORT_SYMBOL(b); void b(void) { a(); }\n",
		.remedy = "Move what both need into a third module, or make one of two.",
	},
	{
		.id = "objtool",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "objtool complains of the machine code",
		.meaning =
			"After the compiler, objtool follows the instructions of each object of a Linux "
			"module, so that the kernel can unwind its stack. It found a place where it "
			"cannot: mostly assembler, or a function that ends where it should not.",
		.linux_example = "asm volatile(\"push %rax\");    /* stack state mismatch */\n",
		.remedy =
			"See that each way through the assembler leaves the stack as it found it; and "
			"that no function that returns is declared __noreturn.",
	},
	{.id = NULL},
};
