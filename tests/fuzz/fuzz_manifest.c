/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a release's MANIFEST: what it states is a sum or nothing. */
#include "target/freebsd.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"kernel.txz", "src.txz"};

	for (size_t i = 0; i < 2; i++) {
		char sum[SHA256_TEXT];

		if (!freebsd_manifest_sum((const char *)bytes, len, names[i], sum) &&
			strspn(sum, "0123456789abcdef") != SHA256_TEXT - 1)
			__builtin_trap();
	}
	return 0;
}
