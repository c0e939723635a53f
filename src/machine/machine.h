/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_MACHINE_H
#define KMODLAB_MACHINE_MACHINE_H
/*
 * One virtual machine: a QEMU process with a kernel, our initramfs, a console, and a channel to the
 * agent. It has no network, no disk, no folder of the host; QEMU runs under its own seccomp
 * filter. It is booted, which takes seconds, or continued from a snapshot of one that was booted before,
 * which takes hundredths of a second. Nothing of a machine is a file but that snapshot, and that one is
 * only read.
 */
#include "base/error.h"
#include "machine/accel.h"
#include "machine/initramfs.h"
#include "machine/message.h"

#include <stdbool.h>
#include <stdint.h>

struct machine_options {
	enum proto_os os;   /* what `kernel` is a kernel of */
	const char *kernel; /* the image to boot */
	const char
		*append; /* for the kernel's command line, behind kmodlab's own (Linux); or NULL */
	const char *
		lent; /* where a machine is that somebody lends us (base/ssh.h); NULL: QEMU makes one, of what
			     stands here */
	const char *name; /* what snapshots of it are filed under: the target's, flattened */
	/* For a machine without a ring, where they cannot come in otherwise: put into it at /m. */
	const struct machine_file *files;
	size_t nfiles;
	unsigned memory_mib;
	unsigned cpus;
	enum accel accel;    /* ACCEL_AUTO: the best that works here */
	bool unwatched;	     /* its agent follows nothing: for whom each millisecond counts */
	bool without_ring;   /* no shared memory: everything over the serial line */
	int boot_timeout_ms; /* until the agent speaks */
};

struct machine;

/* Continues the snapshot that belongs to these options; if there is none yet, boots a machine, takes one,
 * and keeps it. Does not wait for the machine, which begins to run with the first request sent to it.
 * 0, or -errno with the sentence set: as machine_boot, or -ENOTSUP when no snapshot can be taken of such
 * a machine, or kept: boot it instead. */
int machine_restore(const struct machine_options *o, struct machine **out, struct error *err);
/* The same only if there is a snapshot: -ENOENT, without a sentence, if there is none. */
int machine_continue(const struct machine_options *o, struct machine **out, struct error *err);
/* Whether a machine that was started for options `a` serves for `b`. */
bool machine_same_options(const struct machine_options *a, const struct machine_options *b);

/* Boots a machine and waits for its agent. With ACCEL_AUTO and a /dev/kvm of which it is not known
 * whether it works, the first boot is the probe: if KVM does not bring the agent up, TCG does,
 * and the answer is remembered. 0, or -errno with the sentence set: -EINTR interrupted,
 * -ETIMEDOUT the agent did not speak in time, -ECONNABORTED the guest ended before. */
int machine_boot(const struct machine_options *o, struct machine **out, struct error *err);

/* What the agent said of its machine, and what runs it. */
const struct hello *machine_hello(const struct machine *m);
enum accel machine_accel(const struct machine *m);
/* The agent uses the serial line for everything, and nothing can be laid down. */
bool machine_without_ring(const struct machine *m);
/* It is lent: a real one, which is not thrown away. */
bool machine_is_lent(const struct machine *m);
/* The machine ended, and is there again: it restarted. Else nothing is known of it. Of a lent one that ended. */
bool machine_restarted(const struct machine *m);
/* Where files may be put in it. */
const char *machine_dir(const struct machine *m);
/* To be called when nothing more is wanted of it: one that is lent is to be as it was. What is loaded of what
 * was loaded here goes, and the agent with its files. 0; 1 when `still` has names of modules that could
 * not be unloaded; -errno with the sentence set. */
int machine_leave(struct machine *m, struct strv *still, struct error *err);
/* QEMU has not ended, as far as can be told without waiting. */
bool machine_is_alive(struct machine *m);
/* It comes from a snapshot. */
bool machine_restored(const struct machine *m);
/* How long a restored machine took from its start until it ran: what of that was waited for, so nothing
 * when it was ready before it was needed. Microseconds. */
int64_t machine_start_us(const struct machine *m);
/* It was started ahead of need, and is needed from now on. */
void machine_taken(struct machine *m);
/* The agent has taken what was sent to it. When a restored machine has not within seconds, its snapshot
 * is no good. */
bool machine_heard(struct machine *m);
/* Removes the snapshot that the machine comes from. */
void machine_drop_snapshot(struct machine *m);
/* Lays bytes (at most PROTO_AREA) down where the agent can take them. Not for a machine without a ring. */
void machine_lay(struct machine *m, const void *bytes, size_t len);

/* Sends a request with the given body; `*serial` gets its number.
 * 0, or -errno with the sentence set. */
int machine_send(struct machine *m, enum proto_type type, const void *body, size_t len,
	uint32_t *serial, struct error *err);

/* What machine_next came back with. */
enum machine_event {
	MACHINE_MESSAGE, /* `msg` is it, valid until the next call */
	MACHINE_TIMEOUT, /* the deadline passed */
	MACHINE_ENDED,	 /* the guest ended itself: it panicked and restarted, reset, powered off */
	MACHINE_NONSENSE, /* the guest sent what no agent sends: something there is damaged */
	MACHINE_FAILED, /* QEMU failed or was killed, or we were interrupted (-EINTR): the sentence
			    says so; never the module's doing */
	MACHINE_OTHER,	/* what else was to be waited for is there: machine_until */
};

/* Waits for what the agent says next, until `deadline_us` (clock_us). */
enum machine_event machine_next(
	struct machine *m, int64_t deadline_us, struct message *msg, struct error *err);

/* machine_next is to come back with MACHINE_OTHER, too, as soon as `fd` is readable; -1: not any more. What it is is
 * the caller's to know, and to take. */
void machine_until(struct machine *m, int fd);
/* Asks the agent's watcher at once for what the worker, which is in a call, will not answer. */
void machine_nudge(struct machine *m);
/* Has each piece of what the console says told as it comes. The text is foreign. NULL: not any more. */
void machine_hear(
	struct machine *m, void (*hear)(void *arg, const char *bytes, size_t len), void *arg);

/* What the console has said so far: as it came but for NULs, its middle left out if it was very
 * long. Valid until the next call with `m`. */
const char *machine_console(struct machine *m);

/* Kills it and frees everything. NULL is fine. */
void machine_close(struct machine *m);

/* Adds the text that tells one snapshot from another to `out`; `accel` is not ACCEL_AUTO. */
void machine_key(const struct machine_options *o, enum accel accel, struct buf *out);
/* Whether a snapshot with this key could still be continued by this QEMU and this program, if somebody
 * asked for a machine of its kind, with the kernel image as it is now. */
bool machine_key_is_current(
	enum proto_os os, const char *kernel, const char *append, const char *key);

#endif
