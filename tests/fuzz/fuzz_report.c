/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a log that somebody saved, judged as either system's. */
#include "judge/judge.h"
#include "judge/logfile.h"
#include "judge/report.h"

#include <string.h>

/* What every report promises, whatever it was made of. */
static void check(const struct run *r)
{
	struct report p;

	for (size_t from = 0; r->os == TARGET_LINUX
			? report_find_linux(r->log, r->nlog, from, &p)
			: report_find_freebsd(r->log, r->nlog, from, &p);) {
		if (p.first < from || p.last < p.first || p.last >= r->nlog || !p.title ||
			!p.rule || p.nframes > REPORT_FRAMES)
			__builtin_trap();
		from = p.last + 1;
		report_free(&p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct ko ko = {.name = "hello"};
	struct call calls[] = {{.kind = CALL_LOAD, .ko = &ko, .returned = true}};

	logfile_os(text, len);
	for (int os = 0; os < 2; os++) {
		struct findings found = {0};
		struct logfile log;

		logfile_read(text, len, os ? TARGET_FREEBSD : TARGET_LINUX, &log);
		if (!log.n)
			__builtin_trap();
		for (size_t i = 0; i < log.n; i++) {
			struct run *r = &log.boots[i];

			check(r);
			r->code = code_new();
			judge_reports(r, &found);
			/* The same as what a trial saw. */
			r->calls = calls;
			r->ncalls = 1;
			r->end = len & 1 ? RUN_SILENT : RUN_ENDED;
			judge_run(r, NULL, &found);
			r->calls = NULL;
			r->ncalls = 0;
		}
		findings_free(&found);
		logfile_free(&log);
	}
	return 0;
}
