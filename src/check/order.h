/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_ORDER_H
#define KMODLAB_CHECK_ORDER_H
/* In which order modules are to be loaded, so that each finds loaded what it needs. */
#include "base/error.h"
#include "check/ko.h"

#include <stddef.h>

/* Fills order[0..n-1] with indices into `kos`, what is needed before what needs it: by the modules'
 * own `depends`, and by who exports what another takes. Modules that do not care keep the order
 * they were given in. What none of them offers is no matter here.
 * 0; or -ELOOP, when modules need each other in a circle, with a sentence naming them. */
int ko_order(const struct ko *const *kos, size_t n, size_t *order, struct error *err);

#endif
