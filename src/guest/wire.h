/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_WIRE_H
#define KMODLAB_GUEST_WIRE_H
/*
 * How messages go from and to the agent; the format is in protocol.h. Both of the agent's processes use it, so all of it
 * but wire_await is called under the agent's lock (over the line, only the worker takes requests, and waits in
 * wire_take without it).
 */
#include "guest/protocol.h"

#include <stddef.h>

/* The memory shared with the outside; NULL: everything goes over the line. */
extern struct proto_shared *wire_shared;

/* Finds that memory, and tells the outside which way it is. */
void wire_open(void);
/* One message, whose body is the two pieces; waits until there is room. */
void wire_send(
	uint16_t type, uint32_t serial, const void *a, size_t alen, const void *b, size_t blen);
/* Waits until there may be a request. A machine that is parked only looks. */
void wire_await(void);
void wire_park(void);
/* Takes the next request: its body, which is good until the next one, or 0 when there is none that is whole. */
const uint8_t *wire_take(struct proto_header *h);
/* The type of the request that waits in the ring, or 0. */
int wire_peek(void);
/* A new worker: what its predecessor had of a request is not to be continued. */
void wire_forget(void);

#endif
