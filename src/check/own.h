/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_OWN_H
#define KMODLAB_CHECK_OWN_H
/* The target's own modules: those that its kernel came with. */
#include "target/target.h"

/* The file of the target's own module `name` ("snd_hda_intel"; NULL: any of them), or NULL if it has
 * none. Caller frees. */
char *own_module_file(const struct target *t, const char *name);
/* The version magic that the target's kernel wants, as its own modules have it; NULL if it has no modules
 * to ask. Caller frees. */
char *own_vermagic(const struct target *t);

#endif
