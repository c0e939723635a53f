/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as a line of sacct, squeue or parallel's job log. */
#include "base/buf.h"
#include "spread/listing.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *line = xstrndup((const char *)bytes, len);
	struct listed listed;
	struct logged logged;

	if (listing_take(line, &listed)) {
		if (listed.tasks < line || listed.tasks + listed.ntasks > line + strlen(line) ||
			strlen(listed.node) >= LISTING_WORD)
			__builtin_trap();
		for (size_t task = 0; task < 20; task++)
			listing_has(&listed, task);
		listing_is_final(listed.state);
	}
	if (joblog_take(line, &logged) && (!logged.place || logged.status < 0))
		__builtin_trap();
	return 0;
}
