/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_CHANNEL_H
#define KMODLAB_MACHINE_CHANNEL_H
/*
 * Our end of the two byte streams of guest/protocol.h: rings in shared memory with wake-up bytes on
 * the serial line, or the line alone.
 */
#include "base/error.h"
#include "machine/message.h"

enum channel_via { CHANNEL_UNDECIDED, CHANNEL_RING, CHANNEL_LINE };

struct channel {
	enum channel_via via;
	int line;		     /* our end of the serial line; the channel's to close */
	int memory;		     /* memfd behind the shared memory; -1: none */
	struct proto_shared *shared; /* NULL: none */
	bool carried; /* the other end of the line is a carrier (guest/lend.h), which has an area, and no wake-up bytes */
	uint32_t tail; /* how far we have read the ring: ours, never read back */
	uint32_t head; /* how far we have written the other one */
	struct buf in; /* arrived, not yet parsed, from `at` on */
	size_t at;
};

/* Makes the channel over `line` (a socket, non-blocking); with `ring`, its shared memory too. The agent's
 * first byte then says which of the two it uses. 0 or -errno with the sentence set. */
int channel_open(struct channel *c, int line, bool ring, struct error *err);
/* The agent is known to use the ring already, and will not say so again: it comes from a snapshot. */
void channel_resume(struct channel *c);
void channel_close(struct channel *c);

/* Takes what has arrived. 0; -EPROTO when the guest has broken the rules; -EPIPE when the line has
 * closed and nothing is left. */
int channel_pull(struct channel *c);
/* The next message, valid until the next call: 1; 0 when none is whole; -EPROTO. */
int channel_next(struct channel *c, struct message *m);
/* To be called before sleeping on the line: false when there is something to pull already. */
bool channel_may_sleep(struct channel *c);
/* Sends a request whose body is `body`. 0, -EAGAIN when the guest does not take it, -EPIPE. */
int channel_send(struct channel *c, uint16_t type, uint32_t serial, const void *body, size_t len);
/* Asks the agent's watcher why there is no answer (guest/agent.c). */
void channel_nudge(struct channel *c);

/* Whether the agent has taken all requests out of the ring. Its word only. */
bool channel_taken(struct channel *c);
/* Whether the agent says that it is parked (PROTO_PARK). */
bool channel_parked(struct channel *c);
/* Lays bytes down at the beginning of the area for modules; what is beyond PROTO_AREA is left out. Over the line of a
 * carrier this waits until they are sent. */
void channel_lay(struct channel *c, const void *bytes, size_t len);

#endif
