/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_TRIAL_H
#define KMODLAB_TRIAL_TRIAL_H
/*
 * A trial: one module on one target, from its source (or a finished .ko) to a verdict. A source
 * directory that builds several modules is one trial: they are loaded in dependency order and
 * unloaded in reverse.
 */
#include "base/error.h"
#include "base/finding.h"
#include "build/build.h"
#include "build/testprog.h"
#include "check/shelf.h"
#include "check/stack.h"
#include "judge/run.h"
#include "machine/accel.h"
#include "target/target.h"

enum stage { STAGE_BUILD, STAGE_CHECK, STAGE_BOOT, STAGE_LOAD, STAGE_EXERCISE, STAGE_UNLOAD };

/* One stage's outcome, as the reports show it. */
struct step {
	enum stage stage;
	bool ok;
	int64_t took_us;
	char *what;  /* "hello.ko", "hello": what it was done to; may be empty */
	size_t call; /* LOAD, EXERCISE and UNLOAD: index into run.calls */
};

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INFRASTRUCTURE, VERDICT_SKIPPED };
#define VERDICTS 4

struct expected;
struct load_hook;

struct trial {
	char *name;   /* the module's, for people: "hello" */
	char *source; /* the directory or the .ko, an absolute path */
	enum target_os os;
	const struct target *target; /* not owned; NULL only if skipped */

	struct shelf *given; /* as in the options; not owned */

	/* In load order, the kernel's own supporting ones first. When the trial is over, what they
	 * hold is dropped: their names and paths are left. */
	struct module_files modules;
	struct ko *kos; /* one for each; NULL when it is over */
	struct stack_use
		*stacks; /* of the trial's own, by their order before any was put in front; kept to
				     the end */
	size_t nstacks;
	size_t nsupporting;
	unsigned cycle; /* of many, the one that it is at */
	bool loaded;	/* in the machine: what appears is there with the module */
	struct step *steps;
	size_t nsteps;
	struct run run;
	struct findings findings;
	char *build_log;	    /* or NULL */
	struct test_programs tests; /* that lie beside the module; dropped when it is over */
	bool rebuilt;
	bool replayed; /* rebuilt without make; see struct build */
	enum accel accel;
	bool restored;	       /* the machine came from a snapshot */
	char *note;	       /* what was out of the ordinary in running it, a sentence; or NULL */
	char *machine_release; /* what the machine says it runs; NULL before it came up */
	/* The machine failed once, or something was amiss in one that stood still together with its host,
	 * which is nobody's verdict, and what is here is the second try's: why, a sentence. NULL: no. */
	char *retried;

	/* The module, or one that it needs, asked the kernel for these while it was loaded; something was
	 * amiss without them, and what is here is the run in which they were there. NULL: none. */
	char *asked;

	enum verdict verdict;
	enum class class;   /* the worst finding's; CLASS_PASS for a pass */
	struct error error; /* VERDICT_INFRASTRUCTURE: what failed; VERDICT_SKIPPED: why */
	int64_t took_us;

	const struct expected *expected; /* as in the options; not owned */
	char *unexpected; /* why what was found is not what was expected, a sentence; NULL: it is, or
			     nothing was expected */
};

/* What is done between load and unload. */
enum exercise {
	EXERCISE_TESTS, /* test.sh and test.c beside the module, if there are such */
	EXERCISE_AUTO,	/* those, and every file that the module made is used in all ways */
	EXERCISE_NONE,
};

struct trial_options {
	const char *path; /* a directory or a .ko, as the user gave it */
	const struct target *target;
	/* The target of the trial that will probably follow on this machine's heels; its machine may be
	 * started meanwhile. NULL: none. */
	const struct target *next_target;
	struct ahead *ahead; /* where machines wait that were started ahead of need; may be NULL */
	struct shelf *given; /* modules that another may need, looked for before the target's own;
				may be NULL */
	char *const *params; /* "name=value" each, NULL-terminated; may be NULL */
	int build_timeout_ms;
	int call_timeout_ms; /* for each load and each unload */
	int boot_timeout_ms;
	unsigned memory_mib;
	unsigned cpus;
	enum accel accel;
	bool cold;     /* boot a machine; no snapshot */
	bool no_watch; /* do not look for what the module leaves behind */
	enum exercise exercise;
	uint64_t seed; /* for EXERCISE_AUTO */
	int exercise_timeout_ms;
	unsigned cycles; /* how often to load and unload; 0 is once */
	bool keep_log;	 /* for `kmodlab log` (trial/lastlog.h); of many trials, the last one's */
	bool strict;	 /* a warning fails the trial */
	bool check_only; /* end when it was built and checked: no machine; and check all that can be */
	struct stack_limits limits;
	bool frames; /* how much of the stack each function takes is to be told, too */
	const struct strv *silence; /* rules whose findings do not count; may be NULL */
	const struct strv
		*typed; /* the options that the user gave, which no file overrules; may be NULL */
	const struct expected *expected; /* what is to be found (trial/expect.h); may be NULL */
	const struct config *config;	 /* what the module's kmodlab.ini says; may be NULL */

	const struct load_hook
		*hook; /* the trial stops on its way there (trial/load.h); may be NULL */

	/* Told of the trial as it goes: before a stage (`done` NULL) and after it. May be NULL. */
	void (*watch)(void *arg, const struct trial *t, enum stage stage, const struct step *done);
	void *arg;
};

/* Runs it to its verdict; always fills `t`, also when the verdict is INFRASTRUCTURE (then `error` says
 * what failed). A machine that fails is tried once more. -EINTR when interrupted, else 0. Several
 * threads may run trials at the same time; each is to outlive the children of its trials (base/proc.h). */
int trial_run(const struct trial_options *o, struct trial *t);
/* Drops what only the trial's whole story needs, which may be much: log, console, build log, steps. */
void trial_strip(struct trial *t);
void trial_free(struct trial *t);

/* "build", "check", …; "pass", "crash", …, "infrastructure". Static. */
const char *stage_name(enum stage stage);
const char *trial_verdict_name(const struct trial *t);

/* A trial that is not run, because there is no target for its system. `o` needs its path only. */
void trial_skip(const struct trial_options *o, enum target_os os, const char *why, struct trial *t);

/* Where the module's source for a system is: DIR itself, or DIR/linux or DIR/freebsd. Caller frees; NULL
 * with a sentence that says what was looked for. */
char *trial_source_dir(const char *dir, enum target_os os, struct error *err);

/* Whether `path`, a directory or a .ko, is for this system. A .ko that is for neither counts as
 * Linux's, so that a trial says what it is; a compressed one is known by its first bytes alone. */
bool trial_is_for(const char *path, enum target_os os);

/* What the trial of `path` will be called: "hello". Caller frees. */
char *trial_name(const char *path);

#endif
