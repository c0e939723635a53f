/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_MESSAGE_H
#define KMODLAB_MACHINE_MESSAGE_H
/* Reading what the agent says (guest/protocol.h). Every byte is hostile. */
#include "base/buf.h"
#include "guest/protocol.h"

#include <stdbool.h>

struct message {
	uint16_t type;
	uint32_t serial;
	const uint8_t *body; /* in the parsed bytes, not owned */
	uint32_t length;
};

/* What the agent said of its machine. Strings are owned, printable, never NULL. */
struct hello {
	enum proto_os os;
	unsigned cpus;
	char *release;
	char *version;
	char *machine;
};

/* The message at the start of `bytes`. 1: `m` is it, `used` its length in all; 0: it has not
 * arrived whole; -EPROTO: it is no message of ours. */
int message_parse(const void *bytes, size_t len, struct message *m, size_t *used);
/* The bodies. 0, or -EPROTO for a body that is not what its type promises. */
int message_hello(const struct message *m, struct hello *out);
int message_done(const struct message *m, struct proto_done *out);
void hello_free(struct hello *h);

#endif
