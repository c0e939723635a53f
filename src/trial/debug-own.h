/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_DEBUG_OWN_H
#define KMODLAB_TRIAL_DEBUG_OWN_H
/* What debug.c has for the two systems' files. */
#include "base/proc.h"
#include "base/scratch.h"
#include "machine/machine.h"
#include "machine/stub.h"
#include "source/layout.h"
#include "trial/addresses.h"
#include "trial/debug.h"
#include "trial/load.h"

#define DEBUG_WAIT_MS                                                                              \
	120000 /* until the module's init is reached, and for each answer on the way */

#define DEBUG_GATES 4

/* A section of a module, and where it is in the machine. */
struct debug_place {
	char *section;
	uint64_t at;
};

/* A module that is loaded. */
struct debug_module {
	size_t index; /* of the trial's modules */
	struct debug_place *places;
	size_t n;
};

struct session {
	const struct debug_options *options;
	struct scratch dir;
	struct stub stub;
	struct addresses kernel;     /* its symbols */
	char *frames_file;	     /* more of how to find callers; or NULL */
	char *kernel_file;	     /* … in a file for gdb */
	uint64_t gates[DEBUG_GATES]; /* where in the kernel each load comes by */
	size_t ngates;
	struct debug_module *modules;
	size_t nmodules;

	struct trial *t;
	struct machine *m;
	size_t index;	 /* the module's */
	uint32_t serial; /* the request that loads it */
	struct proto_done *done;
	unsigned cpu; /* that has stopped */
	struct proc gdb;
	unsigned gdb_version;
	bool started;
	struct buf heard; /* a line of the console that has not ended */
};

struct debug_module *debug_add_module(struct session *s, size_t index);
void debug_add_place(struct debug_module *m, const char *section, uint64_t at);

/* Closes the gates, or opens them. */
int debug_gates(struct session *s, bool closed, struct error *err);
/* Waits until the machine stops by itself: 1, and s->cpu is the processor; 0 when the load came back first, with
 * s->done filled in; -errno with the sentence set. */
int debug_await_stop(struct session *s, struct error *err);
/* Lets it run to the first of `n` places, whose breakpoints are then gone. As debug_await_stop. */
int debug_run_to(struct session *s, const uint64_t *at, size_t n, struct error *err);

/* Learns the kernel's symbols, and where the gate is. 0, or -errno with the sentence set. */
int debug_learn_linux(struct session *s, struct error *err);
int debug_learn_freebsd(struct session *s, struct error *err);
/* The machine stands at the gate: brings it to the module's first instruction, and finds out where modules are. 1: it is
 * there; 0: this is not the module's load; -errno with the sentence set, -ECHILD when the load came back. */
int debug_pass_linux(struct session *s, struct error *err);
int debug_pass_freebsd(struct session *s, struct error *err);
/* The module was loaded, and has nothing to stop at: finds out where modules are. */
int debug_place_linux(struct session *s, struct error *err);
int debug_place_freebsd(struct session *s, struct error *err);

#endif
