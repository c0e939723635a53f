/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_AGENT_H
#define KMODLAB_GUEST_AGENT_H
/* What agent.c has for the requests that are carried out in files of their own. */
#include "guest/protocol.h"

#include <stddef.h>

/* Sends a message that is no answer. Takes the lock. */
void agent_tell(
	uint16_t type, uint32_t serial, const void *a, size_t alen, const void *b, size_t blen);
/* Sends what the kernel has logged so far. Takes the lock. */
void agent_tell_log(void);
/* Ends the request. Takes the lock. */
void agent_done(uint32_t serial, int32_t error, int32_t signal, uint64_t usec);
/* Something begins that may not come back: the watcher answers for it then. It ends with its log and DONE. */
void agent_begin(uint32_t serial);
void agent_end(int32_t error, int32_t signal);
/* The request is a SHELL that goes on; 0: it is over. Who works next answers for it. */
void agent_shell(uint32_t serial);
/* The next request, as wire_take. Takes the lock. */
const uint8_t *agent_take(struct proto_header *h);
/* The log has been quiet: what is said next is no part of a flood. */
void agent_calm(void);
/* The string at *at in a body that ends at `end`; moves *at past it. 0 when there is none. */
const char *agent_string(const uint8_t **at, const uint8_t *end);

#endif
