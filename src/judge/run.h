/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_RUN_H
#define KMODLAB_JUDGE_RUN_H
/*
 * What happened in a machine, as plain structures: the calls that were made and what came back, the
 * kernel's log, the console, and how it ended. The trial fills it in, the judge reads it.
 */
#include "base/buf.h"
#include "check/ko.h"
#include "guest/protocol.h"
#include "source/code.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdint.h>

/* Who a log line comes from, as far as its text tells. */
enum origin {
	ORIGIN_MODULE, /* the module's own, or something it brought about */
	ORIGIN_TAINT,  /* the kernel's remark that a module taints it */
	ORIGIN_KERNEL, /* the kernel's own business, going on in the background */
};

#define LEVEL_UNKNOWN 8 /* from the console, which does not tell */
#define LEVEL_NONE    9 /* FreeBSD's printf(9): it has none */

struct record {
	uint64_t seq;	   /* the kernel's number; 0 where it is not known */
	uint64_t usec;	   /* since the machine's boot */
	unsigned level;	   /* 0 (emerg) to 7 (debug), or LEVEL_… */
	unsigned facility; /* 0: the kernel */
	char *text;	   /* UTF-8; may have several lines; control characters are escaped */
	enum origin origin;
	size_t call; /* index of the call it came during, or after */
	bool after;  /* ... that call had returned by then */
};

enum call_kind { CALL_LOAD, CALL_UNLOAD, CALL_EXERCISE };

/* One load, unload or exercise. */
struct call {
	enum call_kind kind;
	const struct ko *ko; /* belongs to the trial */
	bool supporting;     /* one of the kernel's own modules, loaded because ours needs it */
	bool optional;	 /* … or because ours asks for it: whether it loads is nobody's fault */
	bool returned;	 /* false: the machine ended, or the deadline passed, first */
	int error;	 /* 0, or a positive errno */
	int signal;	 /* not 0: the caller was killed in the kernel */
	int64_t took_us; /* in the machine */
	char *what;	 /* EXERCISE: "test.sh", "auto (seed 7)"; else NULL */
	char *again;	 /* EXERCISE: the command that does it again; NULL: the same as before */
	char *output;	 /* EXERCISE: what it said, made harmless; else NULL */
};

/* Something that is there and was not before: see enum proto_kind. */
struct thing {
	enum proto_kind kind;
	char *name, *more; /* never NULL */
	uint64_t site;	   /* an address in a module, or 0 */
	uint64_t bytes, count;
};
struct things {
	struct thing *items;
	size_t n;
};
/* Frees what it holds; it is empty then. */
void things_free(struct things *all);

enum run_end {
	RUN_DONE,     /* every call returned */
	RUN_ENDED,    /* the machine ended itself in the midst of it */
	RUN_SILENT,   /* the deadline of the last call passed */
	RUN_NONSENSE, /* the agent's words made no sense any more */
};

struct run {
	enum target_os os;
	struct call *calls;
	size_t ncalls;
	struct record *log;
	size_t nlog;
	unsigned long long
		dropped;   /* records that the kernel's log buffer lost before they were read */
	bool dropped_more; /* … or more: FreeBSD does not tell how many */
	enum run_end end;
	struct strv
		asked;	/* modules that code in the kernel asked for and did not get, each once */
	uint64_t seq;	/* of the last record that came */
	int timeout_ms; /* a call's deadline */
	struct things appeared; /* there after the load; only files that can be opened */
	struct things left;	/* still there after the unload */
	bool surveyed;		/* `left` is all there is; false: nobody could look */
	struct code *code; /* the modules' own: where in their source things are; may be NULL */
	struct kernel *
		kernel; /* of a log that is judged: the kernel's own lines; not the run's; or NULL */
	char *stuck; /* of a machine that hangs: where each processor is, as judge_hang reads it; or NULL */
	char *params; /* what the module under test was given */
	char *console;
	const char *
		lent; /* the target that is a real machine, which the run was on; not owned; NULL: it was one of ours */
	bool restarted; /* that one ended, and was there again soon */
	bool restored;	/* the machine came from a snapshot: its console has nothing of a boot */
};

/* Adds one, which takes over the strings. At most THINGS_MAX are kept. */
#define THINGS_MAX 10000
void thing_add(struct things *all, struct thing new);
void run_free(struct run *r);

#endif
