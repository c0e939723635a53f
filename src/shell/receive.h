/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SHELL_RECEIVE_H
#define KMODLAB_SHELL_RECEIVE_H
/* A file that the guest gives to the host (PROTO_GIVE). Name and bytes are hostile. */
#include "machine/message.h"

#include <stdbool.h>
#include <stdint.h>

#define RECEIVE_MAX (UINT64_C(1) << 30) /* bytes of one file */

struct receive {
	bool open; /* one is under way */
	int fd;	   /* -1: it is not taken */
	char *name;
	uint64_t bytes;
	char *why; /* why it is not taken, half a sentence; or NULL */
};

/* Whether such a name is one that a file may be made under in somebody's directory: a short one of letters, digits,
 * spaces and ._-+=@%,:~, which is not hidden and begins with no dash. */
bool receive_name_is_good(const char *name);

/* Takes a GIVE or DATA. True when a file is over: `why` is then NULL if it lies in the current directory, under its own
 * name. No file that is there is touched. */
bool receive_take(struct receive *r, const struct message *msg);
/* Frees it; a file that is not whole is removed. */
void receive_end(struct receive *r);

#endif
