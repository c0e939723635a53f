/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as a target's file; and what was read is written and read again the same. */
#include "target/registry.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *text = xstrndup((const char *)bytes, len);
	AUTO_BUF struct buf again = {0};
	struct target t = {0}, u = {0};
	unsigned long long size, same;
	struct error reason;

	if (!registry_parse(text, &t, &size, &reason)) {
		registry_format(&t, size, &again);
		if (registry_parse(again.data, &u, &same, &reason) || strcmp(t.name, u.name) ||
			strcmp(t.kernel, u.kernel) || strcmp(t.root, u.root) || size != same)
			__builtin_trap();
		target_free(&u);
	}
	target_free(&t);
	return 0;
}
