/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_KBUILD_RULES_H
#define KMODLAB_BUILD_KBUILD_RULES_H
/*
 * What a kernel's Kbuild does beside the commands that it records: the versions of exported symbols, the
 * type data of a finished module. It says so in its own makefiles, which differ from release to release:
 * they are read, and a line in them that is not known here means that nothing can be said.
 */
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Variables that make exports to what it runs: "NAME=VALUE", each NUL-terminated. */
struct exports {
	const char *bytes;
	size_t len;
};

/* The value of `name`, NULL if it is not among them. */
const char *exports_get(const struct exports *e, const char *name, size_t len);

/* After a compilation. */
struct object_rule {
	bool checks_exports; /* scripts/check-local-export is run */
	bool versions;	     /* exported symbols get a version */
};

struct kbuild_rules {
	struct object_rule c, assembler, mod; /* .c, .S, and .mod.c */
	const char *exporting; /* what grep looks for in an object that exports. Static. */
	const char *genksyms;  /* with its arguments. Static. */
	char *types;	       /* cmd_btf_ko as it is written, or NULL */
};

/* Reads the makefiles in `scripts` and the configuration `config` (include/config/auto.conf). False,
 * with `out` empty, if any of it is not known here. */
bool kbuild_rules_read(const char *scripts, const char *config, struct kbuild_rules *out);
void kbuild_rules_free(struct kbuild_rules *r);

/* Adds what make makes of `text` for the target: $@, $$ and exported variables. False for all else. */
bool kbuild_expand(
	const char *text, const char *target, const struct exports *exports, struct buf *to);

/* Joins continued lines, and makes every run of blanks one space. */
void kbuild_squeeze(struct buf *text);
/* The same from text in memory: what kbuild_rules_read makes of the files. */
bool kbuild_rules_parse(const char *build, const char *modfinal, const char *include,
	const char *config, struct kbuild_rules *out);

#endif
