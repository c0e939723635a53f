/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_FINDING_H
#define KMODLAB_BASE_FINDING_H
/*
 * A finding: one thing that was found about the module. Build, check and judge make them, the
 * reports show them. The worst one's class is the trial's verdict.
 */
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What a finding means for the verdict, from harmless to worst. Only NOTE and WARNING let a trial
 * pass. The order is the order of badness. */
enum class {
	CLASS_PASS,   /* nothing that fails a trial */
	CLASS_LEAK,   /* it left something behind: memory, a device, a timer */
	CLASS_BUILD,  /* it could not be built */
	CLASS_LOAD,   /* it could not be loaded, or not as asked */
	CLASS_TEST,   /* its own test failed */
	CLASS_UNLOAD, /* it could not be unloaded */
	CLASS_BUG,    /* the kernel reported a mistake of its, and went on */
	CLASS_HANG,   /* it did not come back in time */
	CLASS_CRASH,  /* it took the kernel, or a part of it, down */
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	const char *rule; /* static: "init-error", "symbol-unknown", … */
	enum severity severity;
	enum class class; /* CLASS_PASS unless severity is ERROR */
	char *file;	  /* as the user wrote it, or NULL */
	unsigned line;	  /* 0: not known */
	unsigned column;  /* 0: not known */
	char *function;	  /* the module's own, in which it is; or NULL */
	char *message;	  /* one sentence: what was found */
	char *advice;	  /* one sentence: what to do, or NULL */
	char *trace;	  /* how the kernel came there, a line each, the module's own frames first;
			     or NULL */
	char *excerpt;	  /* raw text it rests on (may be many lines), or NULL */
	bool silenced;	  /* by the user: it counts for nothing */
	bool expected;	  /* … because it is what is to be found */
};

/* Owns its findings. */
struct findings {
	struct finding *items;
	size_t n;
};

/* Adds one; `message` and `advice` become the finding's. The pointer holds until the next add. */
struct finding *finding_add(struct findings *all, const char *rule, enum severity severity,
	enum class class, char *message, char *advice);
/* The worst class among them; CLASS_PASS for none. */
enum class findings_worst(const struct findings *all);
/* The first error; if there is none the first warning, or else the first note. NULL for none. What was silenced
 * does not count, neither here nor in the two beside it. */
const struct finding *findings_leading(const struct findings *all);
/* Silences those whose rule is among `rules`; how many there are. */
size_t findings_silence(struct findings *all, const struct strv *rules);
/* How many have this severity. */
size_t findings_count(const struct findings *all, enum severity severity);
/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
void findings_move(struct findings *to, struct findings *from);
void findings_free(struct findings *all);

/* "pass", "build", …; "note", "warning", "error". Static strings. */
const char *class_name(enum class class);
const char *severity_name(enum severity severity);

#endif
