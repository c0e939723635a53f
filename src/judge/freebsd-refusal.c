/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why FreeBSD refused to load or unload a module: kldload(2) and kldunloadf(2), and the words of
 * sys/kern/kern_linker.c, kern_module.c and link_elf_obj.c. The event handler's own error is told in the
 * log at MOD_LOAD (the call itself then says only ENOEXEC), and is the call's errno at unload.
 */
#include "check/symbols.h"
#include "judge/refusal.h"

#include <stdio.h>
#include <string.h>

enum { F_ENOENT = 2, F_ENOEXEC = 8, F_EBUSY = 16, F_EEXIST = 17, F_EOPNOTSUPP = 45 };

static char *errno_text(int error)
{
	const char *name = errno_name_freebsd(error), *meaning = errno_meaning_freebsd(error);

	if (!name)
		return xasprintf("%d, which is no error number (errno)", error);
	return xasprintf("%s (%d: %s)", name, error, meaning);
}

static void on_symbol(const struct refusal *f, const char *at)
{
	AUTO_FREE char *symbol = refusal_word(at, " ");
	struct symbol_info info = {.state = SYMBOL_ABSENT};
	char *message, *advice;

	if (f->target)
		symbol_look_up(f->target, symbol, &info);
	symbol_explain(f->ko->name, symbol, &info, &message, &advice);
	symbol_info_free(&info);
	refusal_add(f, "symbol-unknown", message, advice);
}

static void on_dependency(const struct refusal *f, const char *at)
{
	AUTO_FREE char *name = refusal_word(at, " ");

	if (!strcmp(name, "kernel"))
		refusal_add(f, "kernel-version",
			xasprintf("%s was built for another kernel version than this one (%s)",
				f->ko->name, f->target ? f->target->release : "the target's"),
			xstrdup("Build it against this target's sources: give kmodlab run the source "
				"directory."));
	else
		refusal_add(f, "dependency-missing",
			xasprintf(
				"%s depends on the module %s, which is not available or has another "
				"version",
				f->ko->name, name),
			xasprintf(
				"See MODULE_DEPEND in the source: %s must be in this kernel, among its "
				"modules, or built in the same directory.",
				name));
}

static void on_handler(const struct refusal *f, const char *at)
{
	AUTO_FREE char *name = refusal_word(at, ",");
	const char *error = strstr(at, ") error ");
	int number = error ? atoi(error + 8) : 0;
	AUTO_FREE char *text = errno_text(number);

	refusal_add(f, "init-error",
		xasprintf("the event handler of %s returned %s at MOD_LOAD", name, text),
		xstrdup("Follow in the source what returns this; the log lines of the load may say "
			"more."));
}

static void on_registered(const struct refusal *f, const char *at)
{
	AUTO_FREE char *rest = refusal_word(at, "\n");

	refusal_add(f, "already-loaded",
		xasprintf("the kernel has a module of this name already: cannot register %s", rest),
		xstrdup("Give the module another name in DECLARE_MODULE."));
}

static void on_interface(const struct refusal *f, const char *at)
{
	AUTO_FREE char *rest = refusal_word(at, "\n");

	refusal_add(f, "already-loaded",
		xasprintf("what %s provides is there already: interface %s", f->ko->name, rest),
		xstrdup("Give it another name in MODULE_VERSION, or test on a kernel without it."));
}

static void on_damage(const struct refusal *f, const char *at)
{
	AUTO_FREE char *rest = refusal_word(at, "\n");

	refusal_add(f, "damaged-file",
		xasprintf("the kernel finds %s damaged: %s", f->ko->name, rest),
		xstrdup("Build it again from a clean directory."));
}

static const struct {
	const char *key;
	void (*explain)(const struct refusal *f, const char *at);
} reasons[] = {
	{"link_elf_obj: symbol ", on_symbol},
	{"link_elf: symbol ", on_symbol},
	{": depends on ", on_dependency},
	{"module_register_init: MOD_LOAD (", on_handler},
	{": cannot register ", on_registered},
	{"interface ", on_interface},
	{"unsupported file type", on_damage},
	{"bad/missing section headers", on_damage},
	{"lost progbits", on_damage},
	{"lost reltab", on_damage},
	{"lost relatab", on_damage},
};

static bool explain_from_log(const struct refusal *f, size_t call)
{
	bool explained = false;

	for (size_t i = 0; i < f->run->nlog; i++) {
		const char *text = f->run->log[i].text;

		for (size_t k = 0;
			f->run->log[i].call == call && k < sizeof reasons / sizeof *reasons; k++) {
			const char *at = strstr(text, reasons[k].key);

			if (!at ||
				(reasons[k].key[0] != ':' && reasons[k].key[0] != 'u' &&
					reasons[k].key[0] != 'b' && reasons[k].key[0] != 'l' &&
					at != text))
				continue;
			reasons[k].explain(f, at + strlen(reasons[k].key));
			explained = true;
			break;
		}
	}
	return explained;
}

static void explain_load(const struct refusal *f)
{
	AUTO_FREE char *text = errno_text(f->call->error);

	switch (f->call->error) {
	case F_EEXIST:
		refusal_add(f, "already-loaded",
			xasprintf("this kernel has %s already, loaded or built in", f->ko->name),
			xstrdup("Give the module another name, or test on a kernel without it."));
		return;
	case F_ENOEXEC:
		refusal_add(f, "damaged-file",
			xasprintf("the kernel does not take %s for a module of its kind (ENOEXEC)",
				f->ko->name),
			xstrdup("Build it again against this target's sources."));
		return;
	default:
		refusal_add(f, "load-error",
			xasprintf("loading %s failed with %s", f->ko->name, text), NULL);
	}
}

static void explain_unload(const struct refusal *f)
{
	AUTO_FREE char *text = errno_text(f->call->error);

	if (f->call->error == F_EOPNOTSUPP)
		refusal_add(f, "no-exit",
			xasprintf(
				"%s cannot be unloaded: its event handler does not know MOD_UNLOAD "
				"(EOPNOTSUPP)",
				f->ko->name),
			xstrdup("Handle MOD_UNLOAD in the event handler and undo there what MOD_LOAD "
				"did."));
	else if (f->call->error == F_EBUSY)
		refusal_add(f, "in-use",
			xasprintf("%s refuses to be unloaded (EBUSY): its event handler said so at "
				  "MOD_QUIESCE or MOD_UNLOAD, or another module depends on it",
				f->ko->name),
			xstrdup("Something is still in use when it is unloaded: an open device, a "
				"reference that was not given back."));
	else
		refusal_add(f, "unload-error",
			xasprintf(
				"unloading %s failed with %s, which its event handler returned at "
				"MOD_QUIESCE or MOD_UNLOAD",
				f->ko->name, text),
			NULL);
}

void judge_refusal_freebsd(
	const struct run *r, size_t call, const struct target *target, struct findings *out)
{
	const struct refusal f = {r, &r->calls[call], r->calls[call].ko, target, out};

	/* A file with several modules loads if one of them does; the others say why they did not. */
	if (f.call->kind == CALL_LOAD && !explain_from_log(&f, call) && f.call->error)
		explain_load(&f);
	if (f.call->kind == CALL_UNLOAD && f.call->error)
		explain_unload(&f);
}
