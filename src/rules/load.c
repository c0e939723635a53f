/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a kernel does not take a module or does not let it go, and what its own tests found. */
#include "rules/rules.h"

const struct rule rules_load[] = {
	{
		.id = "symbol-unknown",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module uses a symbol that it cannot have",
		.meaning =
			"Functions and variables of the kernel are there for modules only if they are "
			"exported. This one is not, or this kernel has not got it at all; the message "
			"says which.",
		.linux_example =
			"extern unsigned long kallsyms_lookup_name(const char *name);\n"
			"kallsyms_lookup_name(\"x\");    /* not exported since Linux 5.7 */\n",
		.freebsd_example =
			"extern int hidden_helper(void);    /* static in the kernel's source */\n",
		.remedy =
			"Use a function that a header of this kernel declares and exports. If another "
			"module of yours has it, name that on the command line too; FreeBSD also wants "
			"a MODULE_DEPEND() then.",
	},
	{
		.id = "symbol-version",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a symbol has another version than the module was built for",
		.meaning =
			"The kernel keeps a checksum of each exported symbol's type. The module was "
			"built for a kernel in which this one looked otherwise.",
		.linux_example = "kmodlab run -t debian:trixie built-for-bookworm/hello.ko\n",
		.remedy = "Build it for this target: give its source directory.",
	},
	{
		.id = "symbol-duplicate",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module exports what is exported already",
		.meaning = "Two modules, or the module and the kernel, export the same name.",
		.linux_example = "EXPORT_SYMBOL(printk);\n",
		.remedy = "Give it another name, one that begins with the module's.",
	},
	{
		.id = "license-gpl",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the symbol is for GPL modules only",
		.meaning =
			"The kernel exports it with EXPORT_SYMBOL_GPL, and the module's licence is "
			"another or none.",
		.linux_example = "MODULE_LICENSE(\"Proprietary\");\n"
				 "... kthread_stop(task);\n",
		.remedy = "If the module's licence is compatible with the GPL, say so in "
			  "MODULE_LICENSE(); else do without that symbol.",
	},
	{
		.id = "namespace-import",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the symbol's namespace is not imported",
		.meaning =
			"Some symbols are exported into a namespace, and a module that uses one is to "
			"say that it knows.",
		.linux_example = "/* uses dma_buf_fd(), without MODULE_IMPORT_NS */\n",
		.remedy =
			"Add MODULE_IMPORT_NS() with the namespace in the message: a plain word before "
			"Linux 6.13, a string since then.",
	},
	{
		.id = "vermagic",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module was built for another kernel",
		.meaning =
			"A module carries the version and the main settings of the kernel that it was "
			"built for, and a kernel takes its own only. Both are shown.",
		.linux_example = "kmodlab run -t debian:trixie built-for-bookworm/hello.ko\n",
		.remedy = "Build it for this target: give its source directory.",
	},
	{
		.id = "kernel-version",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_NONE,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module was built for another version of FreeBSD",
		.meaning =
			"The module depends on a range of kernel versions, and this kernel is outside.",
		.freebsd_example = "MODULE_DEPEND(hello, kernel, 1300000, 1300000, 1399999);\n",
		.remedy = "Build it for this target: give its source directory.",
	},
	{
		.id = "dependency-missing",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a module that this one depends on is not there",
		.meaning =
			"It takes symbols from a module which neither the kernel has nor the command "
			"line gives. FreeBSD: MODULE_DEPEND() names such a module, or a version of it "
			"that there is none of.",
		.linux_example =
			"/* uses i2c_bit_add_bus(), on a kernel without i2c-algo-bit.ko */\n",
		.freebsd_example = "MODULE_DEPEND(hello, goodbye, 1, 1, 1);\n",
		.remedy = "Give that module on the command line too; on FreeBSD see that it has a "
			  "MODULE_VERSION().",
	},
	{
		.id = "module-missing",
		.severity = SEVERITY_NOTE,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the kernel was asked to load a module that could not be had",
		.meaning =
			"Code in the kernel asked for a module by name, and there is none. That may be "
			"why something else went wrong.",
		.linux_example = "request_module(\"no-such-thing\");\n",
		.remedy =
			"If it is yours, name its .ko on the command line too; if the kernel has it, "
			"another flavour of the target may.",
	},
	{
		.id = "signature",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the kernel takes signed modules only",
		.meaning =
			"The kernel was told to take no module that is not signed with a key that it "
			"knows.",
		.linux_example = "module.sig_enforce=1    # on the kernel's command line\n",
		.remedy =
			"Sign it with scripts/sign-file, or test on a kernel that does not enforce "
			"this.",
	},
	{
		.id = "param-unknown",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module has no such parameter",
		.meaning =
			"The kernel loaded the module and left the parameter aside, which is easy to "
			"overlook.",
		.linux_example = "kmodlab run hello -- cuont=3\n",
		.remedy = "Look at its spelling: modinfo lists those there are.",
	},
	{
		.id = "param-invalid",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the parameter does not take that value",
		.meaning = "The value is not of the parameter's type, or is out of its range.",
		.linux_example =
			"module_param(count, int, 0444);    /* and count=many was given */\n",
		.remedy = "Give a value of the type that the message names.",
	},
	{
		.id = "init-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "init returned an error",
		.meaning =
			"The module was there and decided itself not to stay: its init (FreeBSD: its "
			"event handler at MOD_LOAD) returned the error that is named. If that is right, "
			"the test has to provide what it lacked; else this is the place to look.",
		.linux_example = "static int __init hello_init(void) { return -ENODEV; }\n",
		.freebsd_example = "case MOD_LOAD: return (ENXIO);\n",
		.remedy =
			"Follow in the source what returns this; the log lines of the load may say "
			"more. What was done before it failed has to be undone on the way out.",
	},
	{
		.id = "load-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the kernel refuses the module",
		.meaning = "The kernel gave an error and no reason that is known here.",
		.linux_example = "insmod hello.ko    # Operation not permitted\n",
		.remedy =
			"The meaning of the error is in the message; look into the log lines of the load (kmodlab log --since load).",
	},
	{
		.id = "license-unknown",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the module names a licence that the kernel does not know",
		.meaning =
			"Linux compares the text of MODULE_LICENSE() with a few that it knows, letter by "
			"letter. Any other is a proprietary module to it: the kernel counts as tainted, "
			"and all symbols that are exported to GPL modules only are out of reach.",
		.linux_example = "MODULE_LICENSE(\"GPLv2\");    /* \"GPL\" or \"GPL v2\" */\n",
		.remedy =
			"Write one of \"GPL\", \"GPL v2\", \"GPL and additional rights\", \"Dual BSD/GPL\", "
			"\"Dual MIT/GPL\", \"Dual MPL/GPL\", whichever is true; or \"Proprietary\".",
	},
	{
		.id = "no-init",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "nothing of the module runs when it is loaded",
		.meaning =
			"It has no init, and exports nothing that others could call: the kernel loads it "
			"and never comes back to it. With an exit and no init, which is said for "
			"information, the exit has nothing to undo.",
		.linux_example =
			"static int hello_init(void) { ... }    /* and no module_init() */\n",
		.remedy = "Name the function that is to run in module_init(), or let a macro like "
			  "module_pci_driver() do so.",
	},
	{
		.id = "module-undeclared",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_NONE,
		.on_freebsd = SIGHT_STOCK,
		.title = "the file declares no module",
		.meaning =
			"A FreeBSD kernel module says in its metadata which modules are in the file, "
			"what they depend on and who handles their events. This one says nothing: the "
			"kernel loads it, but calls nothing in it except for SYSINITs, and no other "
			"module can depend on it.",
		.freebsd_example = "/* a handler, and no DECLARE_MODULE() for it */\n",
		.remedy =
			"Add DECLARE_MODULE(), or DEV_MODULE() or DRIVER_MODULE() which contain it, "
			"and MODULE_VERSION().",
	},
	{
		.id = "already-loaded",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the kernel has a module of that name already",
		.meaning =
			"A kernel has each module's name once, and counts those that are built in.",
		.linux_example = "obj-m := loop.o\n",
		.freebsd_example =
			"DECLARE_MODULE(null, ...);    /* the kernel's own /dev/null */\n",
		.remedy = "Give yours another name.",
	},
	{
		.id = "no-exit",
		.severity = SEVERITY_ERROR,
		.class = CLASS_UNLOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module cannot be unloaded",
		.meaning =
			"It has an init, but does not say how to undo it (FreeBSD: its handler does not "
			"know MOD_UNLOAD), so it stays until the machine is switched off.",
		.linux_example = "module_init(hello_init);    /* and no module_exit() */\n",
		.freebsd_example = "case MOD_LOAD: return (0);\n"
				   "default: return (EOPNOTSUPP);    /* MOD_UNLOAD too */\n",
		.remedy =
			"Write a function that undoes the init, and name it in module_exit(). FreeBSD: "
			"handle MOD_UNLOAD and return 0.",
	},
	{
		.id = "in-use",
		.severity = SEVERITY_ERROR,
		.class = CLASS_UNLOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the module is still in use",
		.meaning =
			"Somebody holds a reference to it: an open file, another module, or its own "
			"code that took one and did not give it back.",
		.linux_example =
			"static int __init hello_init(void) { __module_get(THIS_MODULE); return 0; }\n",
		.freebsd_example = "case MOD_QUIESCE: return (EBUSY);\n",
		.remedy =
			"Give back in every way out what was taken: try_module_get() with module_put(), "
			"and so on.",
	},
	{
		.id = "unload-error",
		.severity = SEVERITY_ERROR,
		.class = CLASS_UNLOAD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the kernel refuses to unload the module",
		.meaning =
			"The kernel gave an error and no reason that is known here. On FreeBSD that is "
			"what the handler returned at MOD_UNLOAD.",
		.freebsd_example = "case MOD_UNLOAD: return (EINVAL);\n",
		.remedy =
			"The meaning of the error is in the message; look into the log lines of the unload (kmodlab log --since unload).",
	},
	{
		.id = "log-dropped",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "lines of the log were lost",
		.meaning =
			"So much was logged that the kernel's buffer overflowed before it could be "
			"read. What else went wrong may be in what is lost.",
		.linux_example = "for (i = 0; i < 1000000; i++) printk(\"%d\\n\", i);\n",
		.remedy =
			"Log less, or limit the rate: pr_info_ratelimited(); FreeBSD: ppsratecheck(9).",
	},
	{
		.id = "test-build",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUILD,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the test beside the module does not compile",
		.meaning =
			"test.c is compiled for the machine, as a program with no library but what is "
			"in it. It could not be.",
		.linux_example = "int main(void) { retrun 0; }\n",
		.remedy =
			"Correct what the compiler says; see in man kmodlab what a test.c has to work "
			"with.",
	},
	{
		.id = "test-failed",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the test beside the module failed",
		.meaning =
			"test.c or test.sh ran with the module loaded and ended with another status "
			"than 0. What it wrote is shown.",
		.linux_example = "int main(void) { return count() == 3 ? 0 : 1; }\n",
		.remedy = "Its output says what it missed; if it does not, let it say more.",
	},
	{
		.id = "test-signal",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the test beside the module was killed by a signal",
		.meaning =
			"A bad pointer in the test itself does that, and so does a module that gives "
			"the program bad memory (a mapping without pages behind it: SIGBUS).",
		.linux_example =
			"*(volatile char *)mmap(0, 4096, 1, 1, fd, 0);    /* SIGBUS, if the module's mmap made nothing */\n",
		.remedy =
			"Find out which access it was (a printf() before each one tells); if it is one to memory of the module, look at its mmap function.",
	},
	{
		.id = "test-timeout",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the test beside the module did not end in time",
		.meaning =
			"test.c or test.sh still ran when its time was over, and no task was in the "
			"module's code: the program itself waits or runs in circles. (With one in the "
			"module's code it is a hang: endless-loop, lock-wait, sleeps-forever.)",
		.linux_example = "while (!file_exists(\"/dev/hello\"))\n\tsleep(1);\n",
		.freebsd_example = "while (!file_exists(\"/dev/hello\"))\n\tsleep(1);\n",
		.remedy = "Give what the test waits for a limit, or the test more time with "
			  "--exercise-timeout.",
	},
	{
		.id = "test-skipped",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_NONE,
		.on_freebsd = SIGHT_STOCK,
		.title = "the test beside the module could not be run on this target",
		.meaning =
			"test.c needs a C library and its headers, test.sh a shell. On FreeBSD both are "
			"in the release's base.txz, which the target was made without.",
		.freebsd_example = "ls freebsd/test.c    # beside the module's Makefile\n",
		.remedy =
			"Nothing is wrong with the module. Put base.txz beside kernel.txz in the folder "
			"that the finding names, remove the target and add it again; or leave it: "
			"--exercise=auto uses the module's files without any of that.",
	},
	{
		.id = "finding-missing",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "what kmodlab.ini expects to be found was not found",
		.meaning =
			"The module's kmodlab.ini has a line `finding = RULE` in [expect], and no finding "
			"of that rule, in that line of the source if one is given, came up.",
		.linux_example = "# kmodlab.ini\n[expect]\nfinding = kernel-warning@hello.c:42\n",
		.remedy =
			"If the mistake is mended, take the line away. If the source has moved, "
			"correct the number. If it is to come up still, see by the log why it does not.",
	},
	{
		.id = "log-missing",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a line that is to be in the kernel's log is not there",
		.meaning =
			"The module's kmodlab.ini has a line `log = TEXT` in [expect], and no line of the "
			"log has that text in it.",
		.linux_example = "# kmodlab.ini\n[expect]\nlog = hello: ready\n",
		.remedy =
			"The lines that are there show which way the module went instead. pr_debug() is "
			"silent unless DEBUG is defined.",
	},
	{
		.id = "log-unwanted",
		.severity = SEVERITY_ERROR,
		.class = CLASS_TEST,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a line that is not to be in the kernel's log is there",
		.meaning =
			"The module's kmodlab.ini has a line `log-not = TEXT` in [expect], and a line of "
			"the log has that text in it.",
		.linux_example = "# kmodlab.ini\n[expect]\nlog-not = hello: falling back\n",
		.remedy =
			"Find out why the module, or the kernel about it, says so: kmodlab log shows the line among the others.",
	},
	{.id = NULL},
};
