/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_CHECK_H
#define KMODLAB_CHECK_CHECK_H
/*
 * All that a finished module tells without being run: check_module() has each of the checks look at it, which
 * are in files of their own and add to the findings.
 */
#include "base/finding.h"
#include "check/flow.h"
#include "check/ko.h"
#include "check/object.h"
#include "check/shelf.h"
#include "check/stack.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>

/* One module to be checked. Nothing in it is owned. */
struct check_request {
	const char *path; /* for people */
	const void *bytes;
	size_t len;
	const struct ko *ko; /* what ko_read() made of it: a module for the target's system */
	const struct target *target;
	/* Modules that will be loaded before it, or beside it, and what they export: `nbeside` of them, it may
	 * be among them. */
	const struct ko *beside;
	size_t nbeside;
	struct shelf *given; /* files that another module may be in; may be NULL */
	const char
		*debug; /* the file with its debug information, if that is not in itself; or NULL */
	struct stack_limits limits;
	/* Also what a kernel says when it is asked to load it, and what is for information only. */
	bool thorough;
	bool frames; /* fill stack_use.frames, with their places */
};

/* What each check gets. */
struct lines;
struct check {
	const struct check_request *q;
	const struct object *object;
	const struct flow *flow;
	struct lines *lines; /* opened when first needed: check_place() */
	bool lines_tried;
};

/* Checks it; adds what was found to `out`, and fills `stack` (may be NULL; to be freed with stack_use_free). The same
 * target may be used by several threads. */
void check_module(const struct check_request *q, struct stack_use *stack, struct findings *out);

/* Sets a finding's function, and its file and line if the debug information has them, to the place of the
 * machine code at `offset` of `section`. */
void check_place(struct check *c, struct finding *f, uint32_t section, uint64_t offset);

/* The checks. */
void check_loads(struct check *c, struct findings *out);
void check_float(struct check *c, struct findings *out);
void check_stack(struct check *c, struct stack_use *use, struct findings *out);
void check_interfaces(struct check *c, struct findings *out);
void check_hygiene(struct check *c, struct findings *out);

#endif
