/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a .cmd file: a record that is whole, or none; and its paths lead nowhere else; nor do
 * those that an editor gets. */
#include "build/compdb.h"
#include "build/record.h"

#include <stdint.h>
#include <string.h>

static void as_an_editor_gets_it(const char *command)
{
	const struct compdb_places places = {.inside = "/module",
		.dir = "/nonexistent/dir",
		.mirror = "/nonexistent/mirror",
		.root = "/nonexistent/root",
		.mounts = {{"", "/nonexistent/root"}}};
	AUTO_STRV struct strv words = {0}, argv = {0};

	compdb_words(command, &words);
	compdb_options(&places, "/build", &words, &argv);
	for (size_t i = 1; i < argv.n; i++)
		if (!strcmp(argv.v[i - 1], "-include") &&
			(strncmp(argv.v[i], "/nonexistent/", 13) || strstr(argv.v[i], "/../")))
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct record r;
	struct compile c;

	if (!record_parse((const char *)bytes, len, &r))
		return 0;
	if (!*r.target || !r.command || !r.tail || strpbrk(r.target, " $`'\""))
		__builtin_trap();
	for (size_t i = 0; i < r.deps.n; i++) {
		char *path = record_resolve("/build", r.deps.v[i]);

		if (*path != '/' || strstr(path, "/../") || strstr(path, "//"))
			__builtin_trap();
		free(path);
	}
	as_an_editor_gets_it(r.command);
	if (record_compile(&r, &c))
		compile_free(&c);
	record_free(&r);
	return 0;
}
