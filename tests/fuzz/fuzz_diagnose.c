/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as what a build printed. */
#include "build/build.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *log = xstrndup((const char *)bytes, len);
	struct findings found = {0};

	build_diagnose(log, "/module", "/nowhere/at all", NULL, &found);
	build_diagnose(log, "/home/user/mod", "/home/user/mod", NULL, &found);
	for (size_t i = 0; i < found.n; i++)
		if (!found.items[i].message || !found.items[i].rule)
			abort();
	findings_free(&found);
	free(log);
	return 0;
}
