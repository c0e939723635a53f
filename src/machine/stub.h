/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_STUB_H
#define KMODLAB_MACHINE_STUB_H
/*
 * QEMU's side of a debugger's line: gdb's remote serial protocol ("Remote Protocol" in gdb's manual), as much of it as
 * it takes to bring a machine to a place and leave it there. The machine stands when somebody connects, and
 * when they have gone. Breakpoints are to be taken away before.
 */
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* As the protocol numbers them. */
enum { STUB_RDX = 3, STUB_RSI, STUB_RDI, STUB_RBP, STUB_RSP, STUB_RIP = 16, STUB_REGS };

struct stub {
	int fd; /* readable when the machine has stopped; -1: not connected */
	struct buf in;
	bool runs;
};

/* Has the machine listen for a debugger at the path `at` of a socket that will be made. 0, or -errno with the
 * sentence set. */
int stub_offer(struct machine *m, const char *at, struct error *err);
/* Connects; the machine stops. All of these: 0, or -errno with the sentence set. */
int stub_open(struct stub *s, const char *at, struct error *err);
int stub_break(struct stub *s, uint64_t at, bool set, struct error *err);
/* Lets the machine run. */
int stub_go(struct stub *s, struct error *err);
/* Executes one instruction of the processor `cpu`. */
int stub_step(struct stub *s, unsigned cpu, struct error *err);
/* Whether it has stopped, without waiting: 1, with the number of the processor that stopped it, or 0. */
int stub_stopped(struct stub *s, unsigned *cpu, struct error *err);
int stub_registers(struct stub *s, unsigned cpu, uint64_t regs[STUB_REGS], struct error *err);
int stub_set_register(
	struct stub *s, unsigned cpu, unsigned reg, uint64_t value, struct error *err);
int stub_read(struct stub *s, uint64_t at, void *to, size_t len, struct error *err);
int stub_write(struct stub *s, uint64_t at, const void *bytes, size_t len, struct error *err);
/* Leaves; the machine stays as it is. Safe on one that was not opened. */
void stub_close(struct stub *s);

/* Takes the first whole packet out of what has arrived, acknowledgements and what is no packet left out: 1 with its
 * text in `out`, 0 when there is none yet, -EPROTO when its sum is wrong. */
int stub_packet(struct buf *in, struct buf *out);
/* The processor that "T05thread:02;…" says has stopped: from 0. */
unsigned stub_stop_cpu(const char *packet);

#endif
