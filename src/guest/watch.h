/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_WATCH_H
#define KMODLAB_GUEST_WATCH_H
/*
 * What there is in the kernel that a module can leave behind. Two ways to know: some of it is listed
 * somewhere (list-linux.c, list-freebsd.c: before and after are compared), the rest has to be followed as
 * it happens (track-linux.c, track-freebsd.c). All of it is called by the worker; what it remembers lies
 * in memory that the agent's processes share (os_common_memory), so that a worker's death loses nothing.
 */
#include "guest/protocol.h"

#include <stddef.h>

/* Gets one thing; `name` and `more` are strings, "" for none. */
typedef void watch_tell_fn(const struct proto_thing *thing, const char *name, const char *more);

/* At boot, before the first baseline; may take its time, since a snapshot is made after it. */
void list_setup(void);
void track_setup(void);
/* What there is now is nobody's doing. */
void list_baseline(void);
void track_baseline(void);
/* What has come since. `what`: PROTO_FILES, PROTO_OTHERS, PROTO_TRACKED. */
void list_survey(unsigned what, watch_tell_fn *tell);
void track_survey(watch_tell_fn *tell);
/* A module was loaded. */
void list_loaded(void);
/* A worker died while it listed: what it was reading then is left alone from now on, and told as deadly. */
void list_died(void);
/* Where the sections of a module that was just loaded are: `tell` gets address, module, section. */
void track_loaded(
	const char *module, void (*tell)(uint64_t at, const char *module, const char *section));

/* The requests (watch.c). */
void watch_setup(void);
void watch_baseline(uint32_t serial);
void watch_survey(uint32_t serial, const uint8_t *at, const uint8_t *end);
void watch_loaded(const char *module);
/* In a new worker: goes on with the survey that the one before it died of, if it did. */
void watch_resume(void);

#endif
