/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_MACHINE_H
#define KMODLAB_MACHINE_MACHINE_H
/*
 * One virtual machine: a QEMU process with a kernel, our initramfs, a console, and a channel to the
 * agent. It has no network, no disk, no folder of the host; QEMU runs under its own seccomp
 * filter. Nothing of it is a file: what QEMU reads is memory, what it writes are sockets.
 */
#include "base/error.h"
#include "machine/accel.h"
#include "machine/initramfs.h"
#include "machine/message.h"

#include <stdbool.h>
#include <stdint.h>

struct machine_options {
	enum proto_os os;		  /* what `kernel` is a kernel of */
	const char *kernel;		  /* the image to boot */
	const struct machine_file *files; /* put into the machine */
	size_t nfiles;
	unsigned memory_mib;
	unsigned cpus;
	enum accel accel;    /* ACCEL_AUTO: the best that works here */
	bool without_ring;   /* no shared memory: everything over the serial line */
	int boot_timeout_ms; /* until the agent speaks */
};

struct machine;

/* Boots a machine and waits for its agent. With ACCEL_AUTO and a /dev/kvm of which it is not known
 * whether it works, the first boot is the probe: if KVM does not bring the agent up, TCG does,
 * and the answer is remembered. 0, or -errno with the sentence set: -EINTR interrupted,
 * -ETIMEDOUT the agent did not speak in time, -ECONNABORTED the guest ended before. */
int machine_boot(const struct machine_options *o, struct machine **out, struct error *err);

/* What the agent said of its machine, and what runs it. */
const struct hello *machine_hello(const struct machine *m);
enum accel machine_accel(const struct machine *m);
/* The agent uses the serial line for everything. */
bool machine_without_ring(const struct machine *m);

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
};

/* Waits for what the agent says next, until `deadline_us` (clock_us). */
enum machine_event machine_next(
	struct machine *m, int64_t deadline_us, struct message *msg, struct error *err);

/* What the console has said so far: as it came but for NULs, its middle left out if it was very
 * long. Valid until the next call with `m`. */
const char *machine_console(struct machine *m);

/* Kills it and frees everything. NULL is fine. */
void machine_close(struct machine *m);

#endif
