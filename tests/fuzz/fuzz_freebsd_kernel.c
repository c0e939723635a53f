/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a FreeBSD kernel's file. */
#include "target/freebsd.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct freebsd_kernel k;
	struct error err;

	if (!freebsd_kernel_read(bytes, len, "fuzz", &k, &err) && !k.release)
		__builtin_trap();
	freebsd_kernel_free(&k);
	return 0;
}
