/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as FreeBSD's log, line by line, and as the console of a machine that died. */
#include "judge/judge.h"
#include "judge/msgbuf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *end = text + len;
	struct ko ko = {.name = "hello"};
	struct call calls[] = {
		{.kind = CALL_LOAD, .ko = &ko, .returned = true, .error = 8},
		{.kind = CALL_UNLOAD, .ko = &ko},
	};
	struct run run = {.os = TARGET_FREEBSD, .calls = calls, .ncalls = 2, .end = RUN_ENDED};
	struct findings found = {0};
	AUTO_BUF struct buf console = {0};

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		struct record r;

		stop = stop ? stop : end;
		if (!msgbuf_parse(text, (size_t)(stop - text), &r))
			*ARRAY_ADD(run.log, run.nlog) = r;
		text = stop + 1;
	}
	buf_adds(&console, MSGBUF_MARK "\n");
	buf_add(&console, bytes, len);
	run.console = xstrndup(console.data, console.len);
	msgbuf_add_console(&run, 1);
	judge_run(&run, NULL, &found);
	if (!findings_count(&found, SEVERITY_ERROR))
		__builtin_trap();
	findings_free(&found);
	run.calls = NULL;
	run.ncalls = 0;
	run_free(&run);
	return 0;
}
