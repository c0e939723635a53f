/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TARGET_DEBIAN_H
#define KMODLAB_TARGET_DEBIAN_H
/*
 * The steps in which a Debian suite becomes a target. A `spec` is "SUITE/FLAVOUR"; two flavours are no
 * packages, but compiled of the suite's source with a configuration of ours: "debug" finds misused memory,
 * locks and objects, "race" finds data races.
 */
#include "base/buf.h"
#include "base/error.h"
#include "target/target.h"

/* Fills `staging`/root with the suite's `packages` (names with commas between) and what a build needs
 * beside: make, gcc and what those call. What was out of the ordinary is in `*note`, a sentence of the
 * caller's; or NULL. 0 or -errno with the sentence set. */
int debian_unpack(const char *spec, const char *packages, const char *staging, char **note,
	target_progress_fn *progress, void *arg, struct error *err);
/* Removes of `root` what no build of a module looks at, and takes most room. */
void debian_remove_unneeded(const char *root);
/* The last `count` lines of `log`, as one, 700 bytes at most. Caller frees. */
char *debian_last_lines(const char *log, size_t count);

/* Whether the kernel of `spec` is one that we compile. */
bool debian_is_compiled(const char *spec);
/* 0; or -EINVAL with the sentence set if the suite's compiler cannot make that flavour. */
int debian_can_be(const char *suite, const char *flavour, struct error *err);
/* Bytes of disk that this takes at its fullest, for any suite. */
#define DEBIAN_COMPILED_BYTES 2500000000ULL
/* Makes such a target, as target_provider's make(). */
int debian_compile(const char *spec, const char *staging, const char *final, struct target *t,
	target_progress_fn *progress, void *arg, struct error *err);

/* The bytes of the file in the directory `source` that Kbuild says with `line` it compiles
 * ("  CC      kernel/fork.o"); 0 for another thing that it makes, -1 for a line that is no such. */
long long debian_compiled_bytes(const char *source, const char *line);

/* The configuration for `flavour`, as Kconfig reads it (a line "CONFIG_NAME=value" each). */
void debian_config(const char *flavour, struct buf *out);
/* What is lost of the flavour with the configuration that Kconfig made of it (`text`, its .config):
 * "KASAN (memory used after it was freed …)", with commas between, into `out`. Returns the number of
 * those without which the flavour is none: they come first in `out`. */
size_t debian_config_lost(const char *flavour, const char *text, struct buf *out);

#endif
