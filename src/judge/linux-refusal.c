/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why Linux refused to load or unload a module. The errno alone says little; the kernel's log says
 * the rest, in the words of kernel/module/main.c (kernel/module.c before 5.19), kernel/params.c and
 * kernel/module/version.c. When the kernel has logged no reason of its own, the errno is what the module's
 * init returned.
 */
#include "check/own.h"
#include "check/symbols.h"
#include "judge/refusal.h"

#include <errno.h>
#include <string.h>

static bool on_unknown_symbol(const struct refusal *f, const char *at)
{
	AUTO_FREE char *symbol = refusal_word(at, " (");
	struct symbol_info info = {.state = SYMBOL_UNKNOWN};
	char *message, *advice;

	/* "(err -22)" means that it was found but refused, which a line of its own explains. */
	if (strstr(at, "(err -22)"))
		return true;
	if (f->target)
		symbol_look_up(f->target, symbol, &info);
	symbol_explain(f->ko->name, symbol, &info, &message, &advice);
	symbol_info_free(&info);
	refusal_add(f, "symbol-unknown", message, advice);
	return true;
}

static void trim(char *text)
{
	for (char *end = text + strlen(text); end > text && end[-1] == ' ';)
		*--end = 0;
}

static void add_vermagic(const struct refusal *f, const char *has, const char *wants)
{
	refusal_add(f, "vermagic",
		xasprintf(
			"%s was built for another kernel: its version magic is \"%s\", this kernel's "
			"is \"%s\"",
			f->ko->name, has, wants),
		xstrdup("Build it against this target's headers (give kmodlab run the source "
			"directory), or run it on the kernel that it was built for."));
}

/* Kernels complain of other differences before they come to the version magic. When the magics differ,
 * that is the reason behind it. */
static bool other_vermagic(const struct refusal *f)
{
	AUTO_FREE char *wants = f->target ? own_vermagic(f->target) : NULL;
	AUTO_FREE char *has = xstrdup(f->ko->vermagic ? f->ko->vermagic : "none");

	if (!wants || !strcmp(wants, has))
		return false;
	trim(wants);
	trim(has);
	add_vermagic(f, has, wants);
	return true;
}

static bool on_module_size(const struct refusal *f, const char *at)
{
	(void)at;
	if (other_vermagic(f))
		return true;
	refusal_add(f, "vermagic",
		xasprintf(
			"%s was built for a kernel of another configuration: its struct module has "
			"another size than this kernel's",
			f->ko->name),
		xstrdup("Build it against this target's headers."));
	return true;
}

static bool on_symbol_version(const struct refusal *f, const char *at)
{
	AUTO_FREE char *symbol = refusal_word(at, " \n");

	if (!strcmp(symbol, "module_layout") && other_vermagic(f))
		return true;
	refusal_add(f, "symbol-version",
		xasprintf(
			"%s was built against another version of the symbol %s than this kernel has",
			f->ko->name, symbol),
		xasprintf(
			"Build the module against this target's own headers: kmodlab run DIR%s%s.",
			f->target ? " -t " : "", f->target ? f->target->name : ""));
	return true;
}

static bool on_vermagic(const struct refusal *f, const char *at)
{
	AUTO_FREE char *has = refusal_word(at, "'");
	const char *should = strstr(at, "should be '");
	AUTO_FREE char *wants = refusal_word(should ? should + 11 : "?", "'");

	trim(has);
	trim(wants);
	add_vermagic(f, has, wants);
	return true;
}

static bool on_namespace(const struct refusal *f, const char *at)
{
	const char *from = strstr(at, " from namespace ");
	AUTO_FREE char *symbol = refusal_word(at, " ");
	AUTO_FREE char *space = refusal_word(from ? from + 16 : "?", ",");

	refusal_add(f, "namespace-import",
		xasprintf("%s uses %s from the symbol namespace %s without importing it",
			f->ko->name, symbol, space),
		xasprintf(
			"Add MODULE_IMPORT_NS(%s); (from Linux 6.13 on with quotes: \"%s\") to the "
			"source.",
			space, space));
	return true;
}

static bool on_bad_param(const struct refusal *f, const char *at)
{
	AUTO_FREE char *value = refusal_word(at, "'");
	const char *name_at = strstr(at, "for parameter `");
	AUTO_FREE char *name = refusal_word(name_at ? name_at + 15 : "?", "'");
	const char *type = NULL;

	for (size_t i = 0; i < f->ko->nparams; i++)
		if (!strcmp(f->ko->params[i].name, name) && *f->ko->params[i].type)
			type = f->ko->params[i].type;
	refusal_add(f, "param-invalid",
		xasprintf(
			"\"%s\" is no value for the parameter %s of %s", value, name, f->ko->name),
		type ? xasprintf("%s takes a value of type %s.", name, type)
		     : xstrdup("See what the parameter's type takes (module_param in the source)."));
	return true;
}

static bool on_duplicate(const struct refusal *f, const char *at)
{
	const char *owned = strstr(at, "(owned by ");
	AUTO_FREE char *symbol = refusal_word(at, " ");
	AUTO_FREE char *owner = refusal_word(owned ? owned + 10 : "another module", ")");

	refusal_add(f, "symbol-duplicate",
		xasprintf("%s exports %s, which %s exports already", f->ko->name, symbol, owner),
		xstrdup("Rename the symbol, or do not export it."));
	return true;
}

static bool on_proprietary(const struct refusal *f, const char *at)
{
	AUTO_FREE char *rest = refusal_word(at, "\n");

	refusal_add(f, "license-gpl",
		xasprintf("the licence of %s does not allow what it uses: %s", f->ko->name, rest),
		xstrdup("GPL-only symbols need MODULE_LICENSE(\"GPL\") or a compatible one, in this "
			"module and in those it builds on."));
	return true;
}

static bool on_signature(const struct refusal *f, const char *at)
{
	(void)at;
	refusal_add(f, "signature",
		xasprintf(
			"this kernel loads signed modules only, and %s is not signed with a key that "
			"it knows",
			f->ko->name),
		xstrdup("Test on a kernel without module.sig_enforce or lockdown, or sign the module."));
	return true;
}

static bool on_section(const struct refusal *f, const char *at)
{
	AUTO_FREE char *rest = refusal_word(at, "\n");

	refusal_add(f, "damaged-file",
		xasprintf("the kernel finds %s damaged: %s", f->ko->name, rest),
		xstrdup("Build it again from a clean directory."));
	return true;
}

/* The kernel's words, and what each leads to. `key` stands somewhere in the line; the function gets
 * what comes after it. */
static const struct {
	const char *key;
	bool (*explain)(const struct refusal *f, const char *at);
} reasons[] = {
	{"Unknown symbol ", on_unknown_symbol},
	{"disagrees about version of symbol ", on_symbol_version},
	{"no symbol version for ", on_symbol_version},
	{"version magic '", on_vermagic},
	{"section size must match the kernel's built struct module", on_module_size},
	{"module uses symbol (", on_namespace},
	{"module uses symbol ", on_namespace},
	{"exports duplicate symbol ", on_duplicate},
	{"module using GPL-only symbols uses symbols from proprietary module ", on_proprietary},
	{"Loading of unsigned module is rejected", on_signature},
	{"Loading of module with unsupported crypto is rejected", on_signature},
	{"Loading of module with unavailable key is rejected", on_signature},
	{"Invalid module ELF", on_section},
	{"Invalid ELF header", on_section},
	{"Invalid section", on_section},
	{"Skipping invalid relocation target", on_section},
	{"Unknown rela relocation", on_section},
};

/* "hello: `x' invalid for parameter `y'" has the value before the key. */
static bool explain_param(const struct refusal *f, const char *text)
{
	const char *quote = strchr(text, '`');

	if (!quote ||
		!(strstr(text, "' invalid for parameter `") ||
			strstr(text, "' too large for parameter `")))
		return false;
	return on_bad_param(f, quote + 1);
}

static bool explain_from_log(const struct refusal *f, size_t call)
{
	bool explained = false;

	for (size_t i = 0; i < f->run->nlog; i++) {
		const char *text = f->run->log[i].text;

		if (f->run->log[i].call != call)
			continue;
		if (explain_param(f, text)) {
			explained = true;
			continue;
		}
		for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++) {
			const char *at = strstr(text, reasons[k].key);

			if (at) {
				explained |= reasons[k].explain(f, at + strlen(reasons[k].key));
				break;
			}
		}
	}
	return explained;
}

static char *errno_text(int error)
{
	const char *name = errno_name(error), *meaning = errno_meaning(error);

	if (!name)
		return xasprintf("-%d, which is no error number (errno)", error);
	return xasprintf("-%s (-%d: %s)", name, error, meaning);
}

static void explain_load(const struct refusal *f)
{
	AUTO_FREE char *text = errno_text(f->call->error);

	switch (f->call->error) {
	case EEXIST:
		refusal_add(f, "already-loaded",
			xasprintf(
				"this kernel has a module named %s already, loaded or built in (or the "
				"module's init returned -EEXIST)",
				f->ko->name),
			xstrdup("Give the module another name, or look for what its init registers "
				"twice."));
		return;
	case ENOEXEC:
		refusal_add(f, "damaged-file",
			xasprintf("the kernel does not take %s for a module of its kind (ENOEXEC)",
				f->ko->name),
			xstrdup("Build it again against this target's headers."));
		return;
	default:
		refusal_add(f, "init-error", xasprintf("%s's init returned %s", f->ko->name, text),
			xstrdup("Follow in the source what returns this; the log lines of the load may "
				"say more."));
	}
}

static void explain_unload(const struct refusal *f)
{
	const struct ko *ko = f->ko;
	AUTO_FREE char *text = errno_text(f->call->error);

	if (f->call->error == EBUSY && ko->has_init && !ko->has_exit)
		refusal_add(f, "no-exit",
			xasprintf("%s has an init but no exit, so it can never be unloaded",
				ko->name),
			xstrdup("Write an exit function that undoes the init, and name it in "
				"module_exit()."));
	else if (f->call->error == EAGAIN || f->call->error == EBUSY)
		refusal_add(f, "in-use",
			xasprintf("%s is still in use, so it cannot be unloaded (%s)", ko->name,
				errno_name(f->call->error)),
			xstrdup("Something holds a reference: an open file, a try_module_get() without "
				"its module_put(), or another module that uses its symbols."));
	else
		refusal_add(f, "unload-error",
			xasprintf("unloading %s failed with %s", ko->name, text), NULL);
}

static void explain_ignored_params(const struct refusal *f, size_t call)
{
	for (size_t i = 0; i < f->run->nlog; i++) {
		const char *at = strstr(f->run->log[i].text, ": unknown parameter '");
		AUTO_BUF struct buf known = {0};
		AUTO_FREE char *name = NULL;

		if (!at || f->run->log[i].call != call)
			continue;
		name = refusal_word(at + strlen(": unknown parameter '"), "'");
		for (size_t k = 0; k < f->ko->nparams; k++)
			buf_addf(&known, "%s%s", k ? ", " : "", f->ko->params[k].name);
		refusal_add(f, "param-unknown",
			xasprintf("%s has no parameter named %s; the kernel ignored it",
				f->ko->name, name),
			known.len
				? xasprintf("Its parameters: %s.", known.data)
				: xstrdup("It has no parameters (module_param in the source declares "
					  "them)."));
	}
}

void judge_refusal_linux(
	const struct run *r, size_t call, const struct target *target, struct findings *out)
{
	const struct refusal f = {r, &r->calls[call], r->calls[call].ko, target, out};

	if (f.call->kind == CALL_LOAD)
		explain_ignored_params(&f, call);
	if (!f.call->error)
		return;
	if (f.call->kind == CALL_UNLOAD)
		explain_unload(&f);
	else if (!explain_from_log(&f, call))
		explain_load(&f);
}

/* What init may return beyond the errnos of user space (include/linux/errno.h). */
static const struct {
	int error;
	const char *name, *meaning;
} inner[] = {
	{512, "ERESTARTSYS", "interrupted by a signal; to be restarted"},
	{513, "ERESTARTNOINTR", "to be restarted"},
	{516, "ERESTART_RESTARTBLOCK", "to be restarted"},
	{517, "EPROBE_DEFER", "a resource is not ready yet; the driver asks to be probed later"},
	{518, "EOPENSTALE", "open found a stale dentry"},
	{519, "ENOPARAM", "parameter not supported"},
	{521, "EBADHANDLE", "illegal NFS file handle"},
	{522, "ENOTSYNC", "update synchronisation mismatch"},
	{524, "ENOTSUPP", "operation is not supported"},
	{525, "ETOOSMALL", "buffer or request is too small"},
	{527, "EBADTYPE", "type not supported by the server"},
	{529, "EIOCBQUEUED", "iocb queued, will get completion event"},
};

const char *errno_name(int error)
{
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (inner[i].error == error)
			return inner[i].name;
	return strerrorname_np(error);
}

const char *errno_meaning(int error)
{
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (inner[i].error == error)
			return inner[i].meaning;
	return strerrordesc_np(error);
}
