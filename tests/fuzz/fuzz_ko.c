/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a .ko; and two of them, the halves of the input, put into an order of loading. */
#include "check/ko.h"
#include "check/order.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct ko whole, half;
	const struct ko *both[] = {&whole, &half};
	struct findings found = {0};
	struct error err;
	size_t order[2];
	bool no_linux, no_freebsd;

	ko_read(bytes, len, "fuzz.ko", &whole);
	ko_read(bytes + len / 2, len - len / 2, "half.ko", &half);
	no_linux = ko_refuse(&whole, "dir/fuzz.ko", TARGET_LINUX, "x86_64", &found);
	if (no_linux != (found.n == 1) || no_linux != (whole.kind != KO_LINUX))
		abort();
	no_freebsd = ko_refuse(&whole, "dir/fuzz.ko", TARGET_FREEBSD, "amd64", &found);
	if (no_freebsd != (whole.kind != KO_FREEBSD))
		abort();
	if (!ko_order(both, 2, order, &err) && order[0] + order[1] != 1)
		abort();
	findings_free(&found);
	ko_free(&whole);
	ko_free(&half);
	return 0;
}
