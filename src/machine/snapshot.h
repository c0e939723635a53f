/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_SNAPSHOT_H
#define KMODLAB_MACHINE_SNAPSHOT_H
/*
 * Saved machines in the cache: one directory each, <cache>/snapshots/<target>-<hash of the key>/, with
 *
 *	ram	the guest's memory, sparse
 *	state	its devices, as QEMU's migration stream has them
 *	info	JSON: the key, sizes and dates of the two, what the agent said of its machine, and who
 *		made it. Its modification time is when the snapshot was last used
 *
 * A directory appears whole, by a rename. The key is a text that changes with all that shapes the
 * machine. Once open, a snapshot can be removed by anybody.
 */
#include "base/error.h"
#include "machine/message.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct snapshot {
	char *dir;
	int ram, state; /* open files, -1: not open */
	struct hello hello;
};

/* The directory for a target (its name, flattened) and a key. Caller frees. */
char *snapshot_dir(const char *target, const char *key);
/* Waits for its turn to make what belongs into `dir`; close(2) ends it. As lock_take. */
int snapshot_take_turn(const char *dir, int timeout_ms, struct error *err);

/* Opens the one in `dir`. 0; -ENOENT when there is none, or when it is cut off, changed, or another
 * one's: that is then removed. */
int snapshot_open(const char *dir, const char *key, uint64_t ram_bytes, struct snapshot *out);
void snapshot_close(struct snapshot *s);

/* Keeps the machine whose memory is in the file `ram` and whose devices are in the file `state`.
 * 0, or -errno with the sentence set. */
int snapshot_keep(const char *dir, const char *key, int ram, uint64_t ram_bytes, int state,
	const struct hello *hello, struct error *err);
/* Removes it, with no word if it is not there. */
void snapshot_drop(const char *dir);

/* One of all that there are. */
struct snapshot_entry {
	char *dir;
	char *target; /* as given to snapshot_dir; "" for a damaged one */
	char *key;    /* "" for a damaged one */
	time_t used;
	uint64_t bytes; /* on disk */
};

struct snapshot_list {
	struct snapshot_entry *items;
	size_t n;
};

/* All in the cache, in the order of their directories. */
void snapshot_list(struct snapshot_list *out);
void snapshot_list_free(struct snapshot_list *l);

#endif
