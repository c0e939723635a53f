/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_LOAD_H
#define KMODLAB_TRIAL_LOAD_H
/* A trial's time in the machine: load each module in order, unload in reverse, note what happens. */
#include "guest/protocol.h"
#include "trial/trial.h"

/* The number that the protocol has for the target's system. */
enum proto_os machine_os(const struct target *target);

/* Puts the kernel's own modules that `t`'s modules need before them, reading them from the target.
 * One that the target does not have is left out: the kernel will say what is missing.
 * 0, or -errno with the sentence set. */
int load_supporting(struct trial *t, struct error *err);
/* The same for what code in the kernel asked for by name while the trial ran (t->run.asked): a running
 * system would have looked for it with modprobe(8). Adds the names of those found to `names`. They need not load.
 * Whether there were any, or -errno with the sentence set. */
int load_asked(struct trial *t, struct buf *names, struct error *err);

/* The parameter string for the trial's module `index`, from the user's words: "name=value" goes to
 * every module that has such a parameter (to the last one, if none has), "module.name=value" to that
 * module. On FreeBSD they are tunables, a line each, for the first module. Values with spaces are quoted as the kernel's parser wants it. Caller frees; NULL with the
 * sentence set for a word that cannot be passed. */
char *load_params(const struct trial *t, size_t index, char *const *words, struct error *err);

/* Has a machine for the trial started, if none is waiting, so that it gets ready while the module is read. */
void load_prepare(const struct trial_options *o);

/* Called after each step of a run; takes `what` over. */
typedef void load_step_fn(struct trial *t, const struct trial_options *o, enum stage stage, bool ok,
	int64_t took_us, char *what, size_t call);

struct machine;
struct message;
/* A machine for the trial: from a snapshot if that can be, else booted. 0, or -errno with the sentence set. */
int load_open(
	struct trial *t, const struct trial_options *o, struct machine **m, struct error *err);

/* For somebody who wants to stop in a module's load (trial/debug.h); told of every module's. */
struct load_hook {
	/* Called before the module number `index` is given to the machine. 0, or -errno with the sentence set. */
	int (*before)(
		void *arg, struct trial *t, struct machine *m, size_t index, struct error *err);
	/* Called when it has been asked to load it, by the request `serial`. 0; 1 when the answer has come already, with
	 * `done` filled in; -errno with the sentence set. */
	int (*sent)(void *arg, struct trial *t, struct machine *m, size_t index, uint32_t serial,
		struct proto_done *done, struct error *err);
	/* Called when nothing more will be done in the machine. */
	void (*over)(void *arg, struct trial *t, struct machine *m);
	void *arg;
};
/* Another machine like the one that the trial is in, which has done nothing yet: no module is in it. 0, or
 * -errno with the sentence set. */
int load_twin(const struct trial *t, const struct trial_options *o, struct machine **m,
	struct error *err);
/* Takes a message that is no answer into t->run, as a part of the call `call`. */
void load_take(struct trial *t, const struct message *msg, size_t call);
/* For what else is done in the machine: sends a request and takes what comes until it is done, as a part of the
 * call `call` (an index into run.calls). 0 with `done` filled in; 1 when the machine did not
 * answer, with run.end set; -errno with the sentence set. */
int load_ask(struct trial *t, struct machine *m, enum proto_type request, const void *body,
	size_t len, int timeout_ms, size_t call, struct proto_done *done, struct error *err);

/* Lays bytes down in the machine as the file `name` there, piece by piece; anybody may run it. As load_ask. */
int load_place(struct trial *t, struct machine *m, const void *bytes, size_t len, const char *name,
	int timeout_ms, size_t call, struct error *err);

/* Boots, loads, unloads. What the module does wrong is left in t->run; -errno with the sentence set is a
 * failure of ours. `step` is called after each call. */
int load_run(struct trial *t, const struct trial_options *o, load_step_fn *step, struct error *err);

#endif
