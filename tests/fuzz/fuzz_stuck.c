/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as what is seen of a machine that hangs: registers, symbols, and the text that is judged. */
#include "judge/judge.h"
#include "machine/stuck.h"
#include "trial/addresses.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *text = xstrndup((const char *)bytes, len);
	struct ko ko = {.name = "hello"};
	struct call calls[] = {{.kind = CALL_LOAD, .ko = &ko}};
	struct run run = {
		.os = len & 1 ? TARGET_FREEBSD : TARGET_LINUX, .calls = calls, .ncalls = 1};
	struct cpu_state cpus[STUCK_CPUS];
	struct findings found = {0};
	struct addresses a = {0};

	cpu_states_parse(text, cpus);
	addresses_add_kallsyms(&a, (const char *)bytes, len);
	for (size_t at = 0; at + 8 <= len && at < 512; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof word);
		addresses_find(&a, word, at & 8);
		addresses_find(&a, a.n ? a.items[at % a.n].at + (word & 0xffff) : 0, true);
	}
	addresses_free(&a);
	run.stuck = text;
	judge_hang(&run, &found);
	findings_free(&found);
	return 0;
}
