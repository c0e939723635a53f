/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest sends: any bytes are messages or -EPROTO, never more than that. */
#include "machine/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct proto_done done;
	struct message m;
	struct hello h;
	size_t used;

	while (message_parse(bytes, len, &m, &used) > 0) {
		if (used > len || m.body + m.length > bytes + len)
			__builtin_trap();
		if (!message_hello(&m, &h))
			hello_free(&h);
		message_done(&m, &done);
		bytes += used;
		len -= used;
	}
	return 0;
}
