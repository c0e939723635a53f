/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_EXPORTS_H
#define KMODLAB_CHECK_EXPORTS_H
/*
 * What a Linux target's kernel and its modules export: Module.symvers in its build tree, which has a line
 * for each symbol, "0xcrc<TAB>symbol<TAB>module<TAB>EXPORT_SYMBOL[_GPL]<TAB>namespace". Each target's is read
 * and indexed once in the life of the program. May be asked by several threads.
 */
#include "check/names.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdint.h>

struct exports;

/* One export. The texts are in the index's own memory. */
struct exported {
	struct text symbol;
	struct text owner; /* "vmlinux", or the module's path in the kernel tree without ".ko" */
	struct text space; /* the namespace; empty: none */
	uint32_t version;  /* the checksum of its type; 0: none is known */
	bool gpl;	   /* EXPORT_SYMBOL_GPL */
};

/* The target's; NULL if it has no such file, or an empty one, or is no Linux. Never freed. */
const struct exports *exports_of(const struct target *target);
/* Whether `symbol` is exported, and how. */
bool exports_find(const struct exports *e, const char *symbol, struct exported *out);
/* Whether its kernel looks at versions (CONFIG_MODVERSIONS). */
bool exports_have_versions(const struct exports *e);
/* The exported symbol that is nearly `symbol`, or NULL. Takes milliseconds. Caller frees. */
char *exports_nearest(const struct exports *e, const char *symbol);

/* "drivers/usb/core/usb-common" to "usb_common", as the kernel knows it. Caller frees. */
char *exports_owner_name(const struct exported *e);

#endif
