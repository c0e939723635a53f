/* SPDX-License-Identifier: BSD-2-Clause */
/* What kmodlab check says for information. */
#include "rules/rules.h"

const struct rule rules_hygiene[] = {
	{
		.id = "interface-unsafe",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module uses a function that easily writes too far",
		.meaning =
			"Functions such as strcpy() and sprintf() are not told how much room there is "
			"where they write. In a kernel, what they write too much goes into somebody "
			"else's memory.",
		.linux_example = "sprintf(buf, \"%s\\n\", name);    /* how long is name? */\n",
		.remedy = "The finding names the function to use instead.",
	},
	{
		.id = "interface-deprecated",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module uses a function that is on its way out",
		.meaning =
			"The kernel's developers want no new users of this function, and some release "
			"has taken it away, or will. The module works until then.",
		.linux_example = "del_timer_sync(&t);    /* gone with Linux 6.15 */\n",
		.freebsd_example = "dev = make_dev(&sw, 0, UID_ROOT, GID_WHEEL, 0600, \"x\");\n",
		.remedy = "The finding names what took its place, and since when that is there.",
	},
	{
		.id = "interface-discouraged",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module uses a function that drivers rarely should",
		.meaning =
			"It is there, and not forbidden, but in a driver it mostly means that something "
			"is done in the kernel that belongs elsewhere, or that a better function was not "
			"found.",
		.linux_example = "filp_open(\"/etc/x.conf\", O_RDONLY, 0);\n",
		.remedy = "The finding names the usual way. Keep it if you know why.",
	},
	{
		.id = "double-underscore",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module calls a function whose name begins with two underscores",
		.meaning =
			"Two underscores mark the inner half of a function: it leaves out a lock, a "
			"check or a preparation that the one without them does first, and may change in "
			"any release. Calls that macros and inline functions of the kernel's headers "
			"make are not meant: with the source at hand they are told apart.",
		.linux_example = "dev = __dev_get_by_index(net, 2);    /* where is the lock? */\n",
		.remedy =
			"Call the function without the underscores; or make sure that what it would do "
			"first is done here.",
	},
	{
		.id = "description-missing",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module does not say what it is for",
		.meaning =
			"modinfo shows no description, and newer builds of the kernel warn of it.",
		.linux_example = "/* no MODULE_DESCRIPTION() anywhere */\n",
		.remedy = "Add MODULE_DESCRIPTION(\"Blinks the light of the X board\");",
	},
	{
		.id = "author-missing",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module does not say whose it is",
		.meaning = "Who finds a mistake in it does not know whom to tell.",
		.linux_example = "/* no MODULE_AUTHOR() anywhere */\n",
		.remedy = "Add MODULE_AUTHOR(\"Name <address>\");",
	},
	{
		.id = "debug-missing",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module has no debug information",
		.meaning =
			"Debug information (DWARF) is what leads from a place in the machine code to a "
			"line of source. Without it, findings name functions only.",
		.linux_example = "strip --strip-debug hello.ko\n",
		.remedy =
			"Build it with debug information (kmodlab does when it is given the source "
			"directory) and strip only what is shipped.",
	},
	{
		.id = "build-flags",
		.severity = SEVERITY_WARNING,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module was built without what the kernel was built with",
		.meaning =
			"The kernel defends itself against processors that run ahead of their programs "
			"(retpolines) or against jumps to where no function begins (indirect branch "
			"tracking), and it takes all code to do so. This module's does not.",
		.linux_example = "KCFLAGS=-fcf-protection=none make\n",
		.remedy =
			"Build it in the kernel's own build tree, with its own flags and compiler.",
	},
	{
		.id = "writable-code",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module has memory that can be both written and executed",
		.meaning =
			"Whoever can write into it runs code in the kernel. Linux refuses such a module "
			"since 5.8 (errno 8); FreeBSD takes it, and it is a warning there.",
		.linux_example = "asm(\".section .patch, \\\"awx\\\"; ret; .previous\");\n",
		.remedy = "Put code and data into sections of their own.",
	},
	{
		.id = "init-reached",
		.severity = SEVERITY_WARNING,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "code that stays uses code or data that goes when init has returned",
		.meaning =
			"What is marked __init or __initdata is thrown away when the module's init has "
			"returned. A function without that mark that uses it will jump to, or read, "
			"whatever is there by then.",
		.linux_example = "static void __init setup(void) { … }\n"
				 "static int hello_open(…) { setup(); … }\n",
		.remedy =
			"Take the mark off, or see that only init calls it (and mark the caller).",
	},
	{
		.id = "printk-level",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a message is logged without a level",
		.meaning =
			"A bare printk() gets the default level, warning on most systems: mostly a "
			"leftover of debugging.",
		.linux_example = "printk(\"here\\n\");\n",
		.remedy =
			"Use pr_debug(), pr_info(), pr_err(), or dev_info() where there is a device.",
	},
	{
		.id = "name-shadowed",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a global name of the module's is one of the kernel's too",
		.meaning =
			"The module uses its own. But in a call trace, a probe or a debugger nobody can "
			"tell the two, and a forgotten header makes the wrong one of them be used.",
		.linux_example = "int panic_timeout = 3;\n",
		.remedy = "Make it static, or begin its name with the module's.",
	},
	{.id = NULL},
};
