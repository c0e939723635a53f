/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as the rest of the description of a run; its tasks are its trials, each once. */
#include "spread/folder.h"

#include <stdint.h>

/* What stands before the rest, so that this does not depend on the version. */
#define START "{\"kmodlab\":\"" KMODLAB_VERSION "\","

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_BUF struct buf text = {0};
	struct description d;
	struct error err;

	buf_adds(&text, START);
	buf_add(&text, bytes, len);
	if (!description_parse(&d, text.data, text.len, &err)) {
		size_t all = 0;

		for (size_t task = 1; task <= description_tasks(&d); task++) {
			size_t first = 0, n = description_task(&d, task, &first);

			if (!n || first != all || first + n > d.n)
				__builtin_trap();
			all += n;
		}
		if (all != d.n)
			__builtin_trap();
	}
	description_free(&d);
	return 0;
}
