/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a .cmd file: a record that is whole, or none; and its paths lead nowhere else. */
#include "build/record.h"

#include <stdint.h>
#include <string.h>

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
	if (record_compile(&r, &c))
		compile_free(&c);
	record_free(&r);
	return 0;
}
