/* SPDX-License-Identifier: BSD-2-Clause */
/* From what a kernel reported to findings. */
#include "judge/report.h"

#include "judge/system.h"

#include <string.h>

static char *excerpt(const struct run *r, size_t first, size_t last)
{
	struct buf b = {0};

	for (size_t i = first; i <= last && i < r->nlog; i++)
		buf_addf(&b, "%s\n", r->log[i].text);
	return buf_take(&b);
}

bool judge_reports(const struct run *r, struct findings *out)
{
	const struct judge_system *s = judge_system(r->os);
	bool fatal = false;
	struct report p;

	for (size_t from = 0; s->find_report(r->log, r->nlog, from, &p);) {
		const struct record *at = &r->log[p.first];
		AUTO_FREE char *during = judge_when(r, at->call, at->after);
		struct finding *f;

		if (judge_is_of_survey(r, p.first, p.last)) {
			from = p.last + 1;
			report_free(&p);
			continue;
		}
		f = finding_add(out, p.rule, fatal ? SEVERITY_NOTE : p.severity, p.class,
			xasprintf("%s%s, %s", fatal ? "a consequence, probably: " : "", p.title,
				during),
			p.advice ? xstrdup(p.advice) : xstrdup(s->lookup));
		f->excerpt = excerpt(r, p.first, p.last);
		fatal = fatal || p.fatal;
		from = p.last + 1;
		report_free(&p);
	}
	return fatal;
}
