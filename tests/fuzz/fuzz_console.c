/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as the console of a machine that died. */
#include "judge/judge.h"
#include "judge/kmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct ko ko = {.name = "hello", .has_init = true};
	struct call call = {.kind = CALL_LOAD, .ko = &ko};
	struct run run = {.calls = &call, .ncalls = 1, .end = RUN_ENDED};
	struct findings found = {0};

	run.console = xstrndup((const char *)bytes, len);
	kmsg_add_console(&run, 0);
	judge_run(&run, NULL, &found);
	if (!findings_count(&found, SEVERITY_ERROR))
		__builtin_trap(); /* a machine that ended has crashed, whatever it said */
	findings_free(&found);
	run.calls = NULL;
	run.ncalls = 0;
	run_free(&run);
	return 0;
}
