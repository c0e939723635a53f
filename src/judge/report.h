/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_REPORT_H
#define KMODLAB_JUDGE_REPORT_H
/*
 * What a kernel says when something went wrong, read from its log: one structure for everything that either
 * system reports. Where each thing is in the user's source is asked later, of run.code.
 */
#include "base/finding.h"
#include "judge/run.h"

/* Whose stack a frame is on. */
enum report_stack {
	STACK_HERE,	 /* where it happened */
	STACK_ALLOCATED, /* who allocated the memory in question */
	STACK_FREED,	 /* who freed it */
	STACK_OTHER,	 /* the other one of two: of a race, of two locks */
	STACK_LOCK,	 /* where a lock was taken, the first time or now */
};

struct report_frame {
	enum report_stack stack;
	char *function; /* NULL: the kernel gave an address alone */
	char *module;	/* NULL: the kernel's own, or not known */
	uint64_t offset, size;
	uint64_t address; /* 0: not known */
	bool known;	  /* `offset` (and `size`, if it is not 0) were given */
	bool guess;	  /* found lying on the stack, may have nothing to do with it */
	bool exact;	  /* the instruction itself; else what was called returns to it */
	bool reporting;	  /* part of how the kernel reports, not of what it reports */
};

#define REPORT_FRAMES 256 /* no more of them are kept */

/* FreeBSD's functions that allocate by type: malloc(9), contigmalloc(9). */
#define FREEBSD_MALLOC                                                                             \
	"malloc mallocarray realloc reallocf malloc_aligned malloc_exec malloc_domainset "         \
	"malloc_domainset_aligned malloc_domainset_exec mallocarray_domainset strdup strndup "     \
	"contigmalloc contigmalloc_domainset"

struct report {
	const char *rule; /* static: the finding's */
	enum severity severity;
	enum class class;
	bool fatal;	    /* whoever was at it, or the machine, did not get any further */
	size_t first, last; /* the records it spans */
	/* What it is, in plain words, to which " in hello_init" and ", while hello's init ran" are added:
	 * "a NULL pointer was read through (address 0x8)". */
	char *title;
	char *advice; /* what to do about it where that depends on more than the rule; or NULL */
	char *about; /* more that its text says, a sentence for the trace: "the memory is 32 bytes, …"; or NULL */
	const char *
		made; /* static: functions, with blanks between, one of which made what it is about; or NULL */
	char *file; /* as the kernel named it (BUG, WARN, UBSAN); or NULL */
	unsigned line;
	struct report_frame *frames; /* each stack innermost first */
	size_t nframes;
};

/* The first report at or after record `from`: 1 and `out` (free with report_free), or 0. The next one is to be
 * looked for from out->last + 1 on. */
int report_find_linux(const struct record *log, size_t n, size_t from, struct report *out);
int report_find_freebsd(const struct record *log, size_t n, size_t from, struct report *out);

/* Adds a frame; NULL when there are REPORT_FRAMES. The strings become the report's: set them after. */
struct report_frame *report_frame(struct report *r, enum report_stack stack);
void report_free(struct report *r);

/* Adds what the log's reports come to, as findings. True if one of them was fatal. */
bool judge_reports(const struct run *r, struct findings *out);

#endif
