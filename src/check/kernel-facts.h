/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_KERNEL_FACTS_H
#define KMODLAB_CHECK_KERNEL_FACTS_H
/* What the checks want to know of a target's kernel beyond its exports. Read once in the life of the program, and to
 * be asked by several threads. */
#include "check/names.h"
#include "target/target.h"

#include <stdbool.h>

/* Linux: whether the kernel was configured with "CONFIG_<option>=y", by its build tree's
 * include/config/auto.conf or .config; false if neither can be read. */
bool kernel_configured(const struct target *t, const char *option);
/* The same for code that retpolines protect: Linux 6.9 renamed the option. */
bool kernel_has_retpolines(const struct target *t);
/* Whether the configuration of the kernel can be read. */
bool kernel_config_known(const struct target *t);
/* The names of all symbols that the kernel itself, without modules, has: sorted, a line each, for names_have(); empty if
 * they are not known. */
struct text kernel_names(const struct target *t);

#endif
