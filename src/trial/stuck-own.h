/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TRIAL_STUCK_OWN_H
#define KMODLAB_TRIAL_STUCK_OWN_H
/* What stuck.c has for the two systems' files. */
#include "machine/stuck.h"
#include "trial/addresses.h"
#include "trial/trial.h"

#define STUCK_SAMPLES	  5
#define STUCK_STACK_BYTES 16384

/* A piece of memory as it was. */
struct stuck_stack {
	uint64_t at;
	size_t len;
	uint8_t bytes[STUCK_STACK_BYTES];
};

/* The processors at one moment. */
struct stuck_sample {
	struct cpu_state cpus[STUCK_CPUS];
	size_t n;
	uint64_t own[STUCK_CPUS]; /* the first word of the processor's own data: FreeBSD's thread */
	struct stuck_stack *stacks; /* one for each; empty for one that is idle */
};

struct stuck {
	struct trial *t;
	struct machine *m;
	unsigned cpu; /* through whose eyes memory is read */
	struct stuck_sample samples[STUCK_SAMPLES];
	size_t nsamples;
	struct addresses addresses;
};

/* The word at an address; false when it is not there. */
bool stuck_word(const struct stuck_stack *s, uint64_t at, uint64_t *out);
bool stuck_peek_word(const struct stuck *k, uint64_t at, uint64_t *out);
/* Adds "  <mark>name+0x12 [module]" for an address in code; false for any other. `is_return`: it is behind a
 * call. */
bool stuck_add_frame(
	struct stuck *k, struct buf *out, const char *mark, uint64_t at, bool is_return);
/* Follows the chain of frame pointers from `frame`. */
void stuck_follow_frames(
	struct stuck *k, const struct stuck_stack *s, uint64_t frame, struct buf *out);

/* Finds out where the trial's modules lie, by their code, and adds their symbols. */
void stuck_place_linux(struct stuck *k);
/* Tells of the modules' variables that are locks for which somebody waits. `tasks` is what has been told of
 * the tasks. */
void stuck_locks_linux(struct stuck *k, const char *tasks, struct buf *out);

/* Where the file `file` ("hello.ko") was loaded; 0: it is not, or `linker_files` is not among the addresses. */
uint64_t stuck_file_freebsd(const struct stuck *k, const char *file);
/* The kernel's symbols and the modules'. */
void stuck_learn_freebsd(struct stuck *k);
/* The tasks, from the agent's list of threads (`told`, or NULL), into `out`. */
void stuck_tell_freebsd(struct stuck *k, const char *told, struct buf *out);

#endif
