/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_LOADS_H
#define KMODLAB_CHECK_LOADS_H
/* The parts of check_loads(), for each other; nobody else calls them. */
#include "check/check.h"
#include "check/symbols.h"

void loads_linux(struct check *c, struct findings *out);
void loads_freebsd(struct check *c, struct findings *out);

/* No module needs so many others: a file that says more is not asked about the rest. */
#define LOADS_NEEDS_MAX 128

/* Linux: whether it was built for the target's kernel; what says otherwise is added. `versioned`: it has versions of
 * the symbols that it uses; `layout`: that of module_layout, which stands for struct module, differs. */
bool loads_vermagic(struct check *c, bool versioned, bool layout, struct findings *out);

/* Adds what would keep the target's kernel from loading it. */
void loads_error(struct findings *out, const char *rule, char *message, char *advice);
void loads_warning(struct findings *out, const char *rule, char *message, char *advice);

/* "a, b, c and 4 more". Caller frees. */
char *loads_list(const struct strv *names);

/* Adds what is to be said of symbols that the target does not give to the module. `owner` (may be NULL) may
 * know better than the target's files why, and fills the struct then. If they are only the consequence of what was
 * found already, `consequence` is the advice, and they are one note; else NULL. */
void loads_unknown(struct check *c, const struct strv *symbols,
	bool (*owner)(struct check *c, const char *symbol, struct symbol_info *info),
	const char *consequence, struct findings *out);

#endif
