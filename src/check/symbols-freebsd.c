/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's linker gives a module every symbol of the kernel that is not static, and those of the modules
 * that it names with MODULE_DEPEND: there is no list of exports, and no licence to ask for.
 */
#include "check/symbols-freebsd.h"

#include "base/path.h"
#include "check/ko.h"
#include "check/names.h"
#include "check/own.h"

#include <string.h>

#define FILE_MAX_BYTES (256u << 20)

static bool whole_line(struct text line, struct text *name)
{
	*name = line;
	return line.len > 0;
}

/* What a module must depend on to have symbols of that file: a module that it declares, best one with a
 * version, since none other can be depended on. */
static void name_owner(const char *file, struct symbol_info *out)
{
	AUTO_BUF struct buf bytes = {0};
	struct ko ko;

	if (path_read(file, FILE_MAX_BYTES, &bytes) || !bytes.len) {
		out->owner = kld_file_name(file);
		return;
	}
	ko_read(bytes.data, bytes.len, file, &ko);
	for (size_t i = 0; i < ko.ndeclares && !out->owner; i++)
		if (ko.declares[i].version) {
			out->owner = xstrdup(ko.declares[i].name);
			out->owner_version = ko.declares[i].version;
		}
	if (!out->owner)
		out->owner = xstrdup(ko.name);
	ko_free(&ko);
}

void freebsd_symbol_look_up(const struct target *target, const char *name, struct symbol_info *out)
{
	struct text names = names_file(target->symbols);
	AUTO_FREE char *file = NULL;

	if (!names.len)
		return;
	out->state = SYMBOL_EXPORTED;
	if (names_have(names, name)) {
		out->owner = xstrdup("kernel");
		return;
	}
	file = own_module_defining(target, name);
	if (file) {
		name_owner(file, out);
		return;
	}
	out->state = SYMBOL_ABSENT;
}

char *freebsd_symbol_nearest(const struct target *target, const char *name)
{
	return names_nearest(names_file(target->symbols), whole_line, name);
}

static const struct {
	const char *symbol;
	const char *hint;
} hints[] = {
	{"printk", "This is Linux's: FreeBSD's kernel has printf(9) and log(9)."},
	{"_printk", "This is Linux's: FreeBSD's kernel has printf(9) and log(9)."},
	{"kmalloc", "This is Linux's: use malloc(size, type, M_WAITOK), see malloc(9)."},
	{"kzalloc", "This is Linux's: use malloc(size, type, M_WAITOK | M_ZERO), see malloc(9)."},
	{"kfree", "This is Linux's: use free(pointer, type), see malloc(9)."},
	{"vmalloc", "This is Linux's: use malloc(9), which gives large areas too."},
	{"copy_from_user", "This is Linux's: use copyin(9)."},
	{"copy_to_user", "This is Linux's: use copyout(9)."},
	{"mutex_lock", "This is Linux's: use mtx_lock(9), or sx_xlock(9) where it may sleep long."},
	{"mutex_unlock", "This is Linux's: use mtx_unlock(9), or sx_xunlock(9)."},
	{"spin_lock", "This is Linux's: use mtx_lock(9) on a mutex of the kind MTX_DEF."},
	{"register_chrdev", "This is Linux's: use make_dev_s(9)."},
	{"kthread_run", "This is Linux's: use kproc_create(9) or kthread_add(9)."},
	{"calloc", "The kernel has no C library: use malloc(9) with M_ZERO."},
	{"puts", "The kernel has no C library: use printf(9)."},
	{"putchar", "The kernel has no C library: use printf(9)."},
	{"fprintf", "The kernel has no C library: use printf(9) or log(9)."},
	{"sleep", "The kernel has no C library: use pause(9)."},
	{"usleep", "The kernel has no C library: use pause_sbt(9), or DELAY(9) to spin."},
	{"exit", "A module does not exit: return an error from its event handler."},
	{"assert", "The kernel has KASSERT(9) for that, which INVARIANTS kernels check."},
	{"abort", "The kernel has panic(9) for that, if it must be."},
	{"time", "The kernel has no C library: see time_uptime and time_second in time(9)."},
	{"rand", "Use prng32(9) or, for secrets, arc4random(9)."},
};

const char *freebsd_symbol_hint(const char *name)
{
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (!strcmp(hints[i].symbol, name))
			return hints[i].hint;
	return NULL;
}

static void explain_had(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice)
{
	if (info->owner && strcmp(info->owner, "kernel")) {
		*message = xasprintf("%s uses %s, which is not in the kernel itself but in the "
				     "module %s.",
			module, symbol, info->owner);
		*advice = xasprintf("Add MODULE_DEPEND(%s, %s, %d, %d, %d): a module sees only the "
				    "symbols of those that it depends on.",
			module, info->owner, info->owner_version, info->owner_version,
			info->owner_version);
		return;
	}
	*message = xasprintf("%s uses %s, which this kernel has, but not for the module: it is "
			     "static there, or the module was built for another kernel.",
		module, symbol);
	*advice =
		xstrdup("Use a function that a header declares, and build it for this target: give "
			"its source directory.");
}

void freebsd_symbol_explain(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice)
{
	const char *hint = freebsd_symbol_hint(symbol);

	if (info->state == SYMBOL_EXPORTED) {
		explain_had(module, symbol, info, message, advice);
		return;
	}
	*message = xasprintf(info->state == SYMBOL_ABSENT
			? "%s uses %s, which neither this kernel nor any of its modules has."
			: "%s uses %s, which could not be found.",
		module, symbol);
	if (hint)
		*advice = xstrdup(hint);
	else if (info->nearest)
		*advice = xasprintf("Was %s meant? The kernel has that.", info->nearest);
	else
		*advice = xasprintf("If %s is the module's own, add the file that defines it to "
				    "SRCS; if it is another module's, that one needs EXPORT_SYMS, "
				    "and this one MODULE_DEPEND.",
			symbol);
}
