/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_REFUSAL_H
#define KMODLAB_JUDGE_REFUSAL_H
/* What explaining a refused call needs on either system: the call, and a place for the findings. */
#include "judge/judge.h"

#include <string.h>

struct refusal {
	const struct run *run;
	const struct call *call;
	const struct ko *ko;
	const struct target *target; /* may be NULL */
	struct findings *out;
};

/* The word that starts at `text` and ends before any of `stop`. Caller frees. */
static inline char *refusal_word(const char *text, const char *stop)
{
	return xstrndup(text, strcspn(text, stop));
}

/* Adds an error of the class that the call has; `message` and `advice` become the finding's. */
static inline void refusal_add(
	const struct refusal *f, const char *rule, char *message, char *advice)
{
	finding_add(f->out, rule, SEVERITY_ERROR,
		f->call->kind == CALL_LOAD ? CLASS_LOAD : CLASS_UNLOAD, message, advice);
}

#endif
