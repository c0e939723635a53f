/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_OWN_H
#define KMODLAB_CHECK_OWN_H
/* The target's own modules: those that its kernel came with. May be asked by several threads. */
#include "check/ko.h"
#include "check/shelf.h"
#include "target/target.h"

/* The file of the target's own module `name` ("snd_hda_intel"), or NULL if it has none. FreeBSD's are
 * known by file name and by the modules that they declare; one that is in the kernel itself needs no
 * file, and has none here. Caller frees. */
char *own_module_file(const struct target *t, const char *name);
/* The same, but looked for among the modules in `given` first (NULL: none were given), nearest to the
 * file `near` if there are several. Caller frees. */
char *own_or_given_file(
	const struct target *t, struct shelf *given, const char *near, const char *name);
/* The file of the own module that a kernel would load when code in it asks for `name` (request_module()):
 * the one that has it as an alias. NULL if there is none. Linux only. Caller frees. */
char *own_aliased_file(const struct target *t, const char *name);
/* The file of the own module that has the symbol `symbol` for others, or NULL. FreeBSD only. Caller
 * frees. */
char *own_module_defining(const struct target *t, const char *symbol);
/* What the target's kernel itself declares, with the versions; read once. FreeBSD only. */
const struct ko *own_kernel(const struct target *t);
/* The version magic that the target's kernel wants, as its own modules have it; NULL if it has no modules
 * to ask. Caller frees. */
char *own_vermagic(const struct target *t);

#endif
