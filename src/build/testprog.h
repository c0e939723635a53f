/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_TESTPROG_H
#define KMODLAB_BUILD_TESTPROG_H
/*
 * The tests that lie beside a module: test.c, which is compiled for the target with its own compiler, in the same
 * sandbox as the module, and test.sh, which a shell in the machine runs.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/finding.h"
#include "target/target.h"

struct test_program {
	char *what; /* "test.c", "test.sh" */
	char *bytes;
	size_t len;
	bool script;
};

struct test_programs {
	struct test_program *items;
	size_t n;
	char *shell; /* what runs scripts: a static busybox, or FreeBSD's rescue; NULL without scripts */
	size_t shell_len;
	/* FreeBSD: by what other names it is another program ("cat", sorted). It goes by the name it is called by, and
	 * busybox, for which this is empty, by its first argument. */
	struct strv shell_names;
};

/* Reads or compiles what tests there are in `dir` (absolute, real). A test.c that was not changed since, and
 * nothing that it includes from the directory either, is not compiled again. What does not compile is a
 * finding (test-build), and so is, as a note, what cannot be run on such a target (test-skipped).
 * 0, or -errno with the sentence set: as build_module. */
int testprog_build(const char *dir, const struct target *target, int timeout_ms,
	struct test_programs *out, struct findings *found, struct error *err);
/* Reads the shell alone, for a person to use. 0; -ENOENT with the sentence set where there is none for the target. */
int testprog_shell(const struct target *target, struct test_programs *out, struct error *err);
void testprog_free(struct test_programs *all);

#endif
