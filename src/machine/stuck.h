/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_STUCK_H
#define KMODLAB_MACHINE_STUCK_H
/*
 * Looking into a machine from outside, through QMP: where each processor is, and what is in memory. It needs
 * nobody's help inside, so it works when every processor has its interrupts off.
 */
#include "machine/machine.h"

#define STUCK_CPUS 64 /* at most */

enum { REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP };
#define STUCK_REGS 16

/* One processor. */
struct cpu_state {
	unsigned index;
	uint64_t regs[STUCK_REGS]; /* RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 to R15 */
	uint64_t rip;
	uint64_t gs;	 /* the base of GS: the processor's own data, when it is in the kernel */
	bool interrupts; /* it takes them */
	bool user;	 /* not in the kernel */
	bool halted;	 /* it waits for an interrupt: it is idle */
};

/* Stops the machine; lets it go on. 0, or -errno with the sentence set. */
int machine_freeze(struct machine *m, struct error *err);
int machine_thaw(struct machine *m, struct error *err);
/* Where the processors are; of a machine that is frozen, else registers may be old. How many there
 * are in `out`, or -errno with the sentence set. */
int machine_cpus(struct machine *m, struct cpu_state out[STUCK_CPUS], struct error *err);
/* Reads memory at a virtual address as the processor `cpu` sees it. How many bytes could be read. */
size_t machine_peek(struct machine *m, unsigned cpu, uint64_t address, void *to, size_t len);

/* Reads what QEMU's `info registers -a` says (target/i386/cpu-dump.c). How many processors are in
 * `out`; one that is not told whole is left out. */
size_t cpu_states_parse(const char *text, struct cpu_state out[STUCK_CPUS]);

#endif
