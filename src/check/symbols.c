/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two files tell about a Linux target's symbols (FreeBSD's are check/symbols-freebsd.c's): its exports
 * (check/exports.h), and the list taken from the running kernel, which has every name, exported or not, sorted.
 */
#include "check/symbols.h"

#include "check/exports.h"
#include "check/names.h"
#include "check/symbols-freebsd.h"

#include <string.h>

/* ---- looking up ---- */

static enum symbol_state not_exported(const struct target *target, const char *name)
{
	struct text names = names_file(target->symbols);

	if (!names.len)
		return SYMBOL_UNKNOWN;
	return names_have(names, name) ? SYMBOL_UNEXPORTED : SYMBOL_ABSENT;
}

static void look_up_linux(const struct target *target, const char *name, struct symbol_info *out)
{
	const struct exports *exports = exports_of(target);
	struct exported found;

	/* Without the exports, "not exported" cannot be told from "exported". */
	if (!exports)
		return;
	if (!exports_find(exports, name, &found)) {
		out->state = not_exported(target, name);
		return;
	}
	out->state = found.gpl ? SYMBOL_GPL_ONLY : SYMBOL_EXPORTED;
	out->owner = xstrndup(found.owner.p, found.owner.len);
	if (found.space.len)
		out->namespace = xstrndup(found.space.p, found.space.len);
}

void symbol_look_up_exactly(const struct target *target, const char *name, struct symbol_info *out)
{
	*out = (struct symbol_info){.state = SYMBOL_UNKNOWN, .os = target->os};
	if (target->os == TARGET_FREEBSD)
		freebsd_symbol_look_up(target, name, out);
	else
		look_up_linux(target, name, out);
}

void symbol_look_up(const struct target *target, const char *name, struct symbol_info *out)
{
	const struct exports *exports = exports_of(target);

	symbol_look_up_exactly(target, name, out);
	if (target->os == TARGET_FREEBSD)
		out->nearest =
			out->state == SYMBOL_ABSENT ? freebsd_symbol_nearest(target, name) : NULL;
	else if (exports && !out->owner)
		out->nearest = exports_nearest(exports, name);
}

void symbol_info_free(struct symbol_info *s)
{
	free(s->owner);
	free(s->namespace);
	free(s->nearest);
	*s = (struct symbol_info){0};
}

/* ---- saying it ---- */

static const struct {
	const char *symbol;
	const char *hint;
} hints[] = {
	{"kallsyms_lookup_name",
		"It has not been exported since Linux 5.7: use an exported function for what is "
		"wanted, or put a kprobe on the symbol by its name."},
	{"kallsyms_on_each_symbol",
		"It has not been exported since Linux 5.7: use an exported function for what is "
		"wanted."},
	{"sys_call_table",
		"System calls are not to be replaced by a module: watch them with a kprobe, a "
		"tracepoint or ftrace."},
	{"tasklist_lock", "Modules walk tasks under rcu_read_lock() instead."},
	{"find_task_by_vpid",
		"Use get_pid_task(find_vpid(nr), PIDTYPE_PID), and put_task_struct() "
		"when done."},
	{"find_task_by_pid_ns",
		"Use get_pid_task(find_vpid(nr), PIDTYPE_PID), and "
		"put_task_struct() when done."},
	{"do_exit",
		"It has not been exported since Linux 5.17: a kernel thread ends by returning "
		"from its function, or with kthread_exit()."},
	{"complete_and_exit", "Linux 5.17 renamed it kthread_complete_and_exit()."},
	{"init_timer", "Linux 4.15 removed it: use timer_setup()."},
	{"setup_timer", "Linux 4.15 removed it: use timer_setup()."},
	{"del_timer", "Linux 6.15 removed it: use timer_delete(), there since 6.2."},
	{"del_timer_sync", "Linux 6.15 removed it: use timer_delete_sync(), there since 6.2."},
	{"do_gettimeofday", "Linux 5.0 removed it: use ktime_get_real_ts64()."},
	{"getnstimeofday", "Use ktime_get_real_ts64(), which took its place."},
	{"ioremap_nocache", "Linux 5.6 removed it: ioremap() does the same."},
	{"create_proc_entry", "Linux 3.10 removed it: use proc_create()."},
	{"pci_alloc_consistent", "Linux 5.18 removed it: use dma_alloc_coherent()."},
	{"pci_free_consistent", "Linux 5.18 removed it: use dma_free_coherent()."},
	{"strlcpy", "Linux 6.8 removed it: use strscpy()."},
	{"prandom_u32", "Use get_random_u32(), which took its place."},
	{"vfs_read", "Use kernel_read(), which takes a kernel buffer."},
	{"vfs_write", "Use kernel_write(), which takes a kernel buffer."},
	{"printf", "The kernel has no C library: use printk() or pr_info()."},
	{"puts", "The kernel has no C library: use printk() or pr_info()."},
	{"putchar", "The kernel has no C library: use printk() or pr_cont()."},
	{"malloc", "The kernel has no C library: use kmalloc() from <linux/slab.h>."},
	{"calloc", "The kernel has no C library: use kcalloc() from <linux/slab.h>."},
	{"realloc", "The kernel has no C library: use krealloc() from <linux/slab.h>."},
	{"free", "The kernel has no C library: use kfree() from <linux/slab.h>."},
	{"sleep", "The kernel has no C library: use ssleep() or msleep() from <linux/delay.h>."},
	{"usleep", "The kernel has no C library: use usleep_range() from <linux/delay.h>."},
	{"exit", "A module does not exit: return an error from its function."},
	{"__udivdi3", "This kernel divides 64-bit numbers with div_u64() and do_div()."},
};

const char *symbol_hint(enum target_os os, const char *name)
{
	if (os == TARGET_FREEBSD)
		return freebsd_symbol_hint(name);
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (!strcmp(hints[i].symbol, name))
			return hints[i].hint;
	return NULL;
}

/* It is exported: why could a module not have it? */
static void explain_exported(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice)
{
	const char *owner = info->owner ? info->owner : "vmlinux";
	const char *base = strrchr(owner, '/') ? strrchr(owner, '/') + 1 : owner;

	if (info->namespace && !strncmp(info->namespace, "module:", 7)) {
		*message = xasprintf("%s uses %s, which the kernel exports to %s alone.", module,
			symbol, info->namespace + 7);
		*advice = xstrdup(
			"It is not for modules from elsewhere: find another function that is exported to all (Module.symvers in the build tree lists them).");
	} else if (info->namespace) {
		*message = xasprintf("%s uses %s, which is in the symbol namespace %s.", module,
			symbol, info->namespace);
		*advice =
			xasprintf("Import the namespace: MODULE_IMPORT_NS(%s), from Linux 6.13 on "
				  "MODULE_IMPORT_NS(\"%s\").",
				info->namespace, info->namespace);
	} else if (strcmp(base, "vmlinux")) {
		*message = xasprintf("%s uses %s, which is not in the kernel itself but in the "
				     "module %s.",
			module, symbol, base);
		*advice = xasprintf("Have %s loaded before %s.", base, module);
	} else if (info->state == SYMBOL_GPL_ONLY) {
		*message = xasprintf("%s uses %s, which the kernel gives to GPL-compatible modules "
				     "only.",
			module, symbol);
		*advice = xstrdup("MODULE_LICENSE must name a GPL-compatible licence (\"GPL\", "
				  "\"Dual MIT/GPL\", \"Dual BSD/GPL\"), and the code be under it.");
	} else {
		*message = xasprintf("%s uses %s, which this kernel does export: the module was "
				     "built for another one.",
			module, symbol);
		*advice = xstrdup("Build it for this target: give its source directory.");
	}
}

void symbol_explain(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice)
{
	const char *hint = symbol_hint(info->os, symbol);

	*advice = NULL;
	if (info->os == TARGET_FREEBSD) {
		freebsd_symbol_explain(module, symbol, info, message, advice);
		return;
	}
	switch (info->state) {
	case SYMBOL_EXPORTED:
	case SYMBOL_GPL_ONLY:
		explain_exported(module, symbol, info, message, advice);
		return;
	case SYMBOL_UNEXPORTED:
		*message = xasprintf("%s uses %s, which the kernel has but does not export to "
				     "modules.",
			module, symbol);
		if (!hint)
			*advice = info->nearest
				? xasprintf("Use an exported function that does the same; %s is "
					    "one with nearly that name.",
					  info->nearest)
				: xstrdup("Use an exported function that does the same: "
					  "Module.symvers in the build tree lists them.");
		break;
	case SYMBOL_ABSENT:
		*message =
			xasprintf("%s uses %s, which this kernel does not have.", module, symbol);
		break;
	case SYMBOL_UNKNOWN:
		*message = xasprintf("%s uses %s, which nothing exports.", module, symbol);
		break;
	}
	if (hint)
		*advice = xstrdup(hint);
	else if (!*advice && info->nearest)
		*advice = xasprintf("Was %s meant? The kernel exports that.", info->nearest);
	else if (!*advice)
		*advice =
			xasprintf("If %s is the module's own, list the file that defines it in "
				  "the Makefile (%s-y); if it is another module's, build and load "
				  "the two together.",
				symbol, module);
}
