/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_LOADS_H
#define KMODLAB_TESTS_LOADS_H
/* What the tests of check_loads() share: a target made of files in the home, and what was found. */
#include "home.h"

#include "check/check.h"

/* Checks the bytes as a module beside others, and against a target made of the files in the home. */
static inline struct findings check_bytes(const struct buf *b, enum target_os os,
	const struct ko *beside, size_t nbeside, struct shelf *given)
{
	AUTO_FREE char *root = in_home("root"), *symbols = in_home("symbols"),
		       *modules = in_home("modules"), *kernel = in_home("modules/kernel");
	struct target t = {.name = (char *)"t",
		.os = os,
		.arch = (char *)"x86_64",
		.root = root,
		.build = (char *)"/build",
		.release = (char *)(os == TARGET_LINUX ? "6.1.0" : "14.0-RELEASE"),
		.kernel = kernel,
		.modules = os == TARGET_FREEBSD || exists("modules") ? modules : NULL,
		.symbols = symbols};
	struct findings out = {0};
	struct ko ko;

	ko_read(b->data, b->len, "dir/hello.ko", &ko);
	assert_int_equal(ko.kind, os == TARGET_LINUX ? KO_LINUX : KO_FREEBSD);
	check_module(
		&(struct check_request){
			.path = "dir/hello.ko",
			.bytes = b->data,
			.len = b->len,
			.ko = &ko,
			.target = &t,
			.beside = beside,
			.nbeside = nbeside,
			.given = given,
			.thorough = true,
		},
		NULL, &out);
	ko_free(&ko);
	return out;
}

static inline const struct finding *find(const struct findings *f, const char *rule)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->items[i].rule, rule))
			return &f->items[i];
	return NULL;
}

/* Expects one with the rule, the severity and the words, and no error but that. */
static inline void expect(
	struct findings f, const char *rule, enum severity severity, const char *words)
{
	const struct finding *one = find(&f, rule);

	for (size_t i = 0; i < f.n; i++)
		if (f.items[i].severity == SEVERITY_ERROR && strcmp(f.items[i].rule, rule) != 0)
			fail_msg("%s: %s", f.items[i].rule, f.items[i].message);
	if (!one)
		fail_msg("no %s", rule);
	assert_int_equal(one->severity, severity);
	assert_int_equal(one->class, severity == SEVERITY_ERROR ? CLASS_LOAD : CLASS_PASS);
	assert_non_null(one->advice);
	if (!strstr(one->message, words))
		fail_msg("\"%s\" does not say \"%s\"", one->message, words);
	findings_free(&f);
}

/* Expects nothing of what this file is about. */
static inline void expect_loads(struct findings f)
{
	static const char *const ours[] = {"symbol-unknown", "symbol-version", "symbol-duplicate",
		"license-gpl", "license-unknown", "namespace-import", "vermagic", "kernel-version",
		"dependency-missing", "no-exit", "no-init", "module-undeclared"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (find(&f, ours[i]))
			fail_msg("%s: %s", ours[i], find(&f, ours[i])->message);
	assert_int_equal(findings_worst(&f), CLASS_PASS);
	findings_free(&f);
}

#endif
