/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as the things and sections that an agent tells; and what is made of them. The input is messages, each
 * a byte for its type, one for its length, then its body. */
#include "judge/judge.h"
#include "trial/watch.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct ko ko = {.name = "hello"};
	struct call calls[] = {
		{.kind = CALL_LOAD, .ko = &ko, .returned = true},
		{.kind = CALL_UNLOAD, .ko = &ko, .returned = true},
	};
	struct findings found = {0};
	struct trial t = {.run = {.calls = calls, .ncalls = 2, .surveyed = true}};

	if (len)
		t.run.os = *bytes & 0x80 ? TARGET_FREEBSD : TARGET_LINUX;
	t.run.code = code_new();
	while (len >= 2) {
		struct message msg = {.type = *bytes & 1 ? PROTO_THING : PROTO_SECTION};
		bool loaded = *bytes & 2;
		size_t n = bytes[1];

		bytes += 2;
		len -= 2;
		n = n < len ? n : len;
		msg.body = bytes;
		msg.length = (uint32_t)n;
		watch_take(&t, &msg, loaded);
		bytes += n;
		len -= n;
	}
	judge_left(&t.run, &found);
	findings_free(&found);
	t.run.calls = NULL;
	t.run.ncalls = 0;
	run_free(&t.run);
	return 0;
}
