/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_SYMBOLS_FREEBSD_H
#define KMODLAB_CHECK_SYMBOLS_FREEBSD_H
/* FreeBSD's part of check/symbols.h, which calls it; nobody else does. */
#include "check/symbols.h"

void freebsd_symbol_look_up(const struct target *target, const char *name, struct symbol_info *out);
char *freebsd_symbol_nearest(const struct target *target, const char *name);
void freebsd_symbol_explain(const char *module, const char *symbol, const struct symbol_info *info,
	char **message, char **advice);
const char *freebsd_symbol_hint(const char *name);

#endif
