/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a record of /dev/kmsg; and what is made of a log of such records. */
#include "judge/judge.h"
#include "judge/kmsg.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *end = text + len;
	struct ko_param params[] = {{"howmany", "int", ""}};
	struct ko ko = {.name = "hello", .has_init = true, .params = params, .nparams = 1};
	struct call calls[] = {
		{.kind = CALL_LOAD, .ko = &ko, .returned = true, .error = 22},
		{.kind = CALL_UNLOAD, .ko = &ko, .returned = true, .error = 16},
	};
	struct run run = {.calls = calls, .ncalls = 2};
	struct findings found = {0};

	/* Each line is a record; every other one belongs to the unload. */
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		struct record r;

		stop = stop ? stop : end;
		if (!kmsg_parse(text, (size_t)(stop - text), &r)) {
			r.call = run.nlog & 1;
			*ARRAY_ADD(run.log, run.nlog) = r;
		}
		text = stop + 1;
	}
	judge_run(&run, NULL, &found);
	findings_free(&found);
	run.calls = NULL;
	run.ncalls = 0;
	run_free(&run);
	return 0;
}
