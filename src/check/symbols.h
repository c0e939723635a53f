/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_SYMBOLS_H
#define KMODLAB_CHECK_SYMBOLS_H
/*
 * Why a symbol is not to be had from a target. Linux: its build tree's Module.symvers says what is
 * exported, from where, how and in which namespace; the list taken from the running kernel says what
 * exists. FreeBSD has no list of exports: whatever is not static in the kernel, or in a module that one
 * depends on, may be used.
 */
#include "base/buf.h"
#include "target/target.h"

enum symbol_state {
	SYMBOL_EXPORTED,   /* any module may use it */
	SYMBOL_GPL_ONLY,   /* EXPORT_SYMBOL_GPL */
	SYMBOL_UNEXPORTED, /* it is in the kernel, but not exported */
	SYMBOL_ABSENT,	   /* this kernel has no such symbol */
	SYMBOL_UNKNOWN,	   /* not exported; whether it exists could not be told */
};

struct symbol_info {
	enum symbol_state state;
	enum target_os os; /* whose symbols they are */
	/* What exports it: "vmlinux" or the module's path in the kernel tree, for FreeBSD "kernel" or the
	 * module's name; NULL: nothing does. */
	char *owner;
	int owner_version; /* FreeBSD: as that module declares it; 0: it does not, or the kernel */
	char *namespace;   /* NULL: none */
	char *nearest;	   /* if not exported: an exported name that is nearly this one, or NULL */
};

/* Looks `name` up in `target`'s files. Never fails: what cannot be read is SYMBOL_UNKNOWN. */
void symbol_look_up(const struct target *target, const char *name, struct symbol_info *out);
/* The same without a guess at what may have been meant, which is what takes time. */
void symbol_look_up_exactly(const struct target *target, const char *name, struct symbol_info *out);
void symbol_info_free(struct symbol_info *s);

/* Makes the pair of sentences for a symbol that could not be resolved: what is so, what to do.
 * Both are the caller's to free. `module` is the module's name. */
void symbol_explain(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice);

/* What to use in place of a function that many modules still ask for and no kernel of that system (or
 * no longer any) gives them; one sentence, static, or NULL. */
const char *symbol_hint(enum target_os os, const char *name);

#endif
