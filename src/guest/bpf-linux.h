/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_BPF_LINUX_H
#define KMODLAB_GUEST_BPF_LINUX_H
/*
 * BPF programs, written instruction by instruction and hung on the kernel's events: man 2 bpf,
 * Documentation/bpf/, man 2 perf_event_open. What goes wrong makes a negative errno of everything that
 * follows on it.
 */
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#define BPF_CODE_MAX 256

struct bpf_code {
	struct bpf_insn at[BPF_CODE_MAX];
	unsigned n;
};

/* Registers: 0 is the result, 1 to 5 arguments (lost in a call), 6 to 9 are kept. The stack is below 10. */
void bpf_move(struct bpf_code *p, int to, int from);
void bpf_set(struct bpf_code *p, int to, int32_t value);
/* `op`: BPF_ADD, BPF_LSH, … with a number or another register. */
void bpf_op(struct bpf_code *p, int op, int to, int32_t value);
void bpf_op_reg(struct bpf_code *p, int op, int to, int from);
/* Eight bytes from or to memory at a register's address plus `offset`; or `size`, a BPF_W and so on. */
void bpf_load(struct bpf_code *p, int size, int to, int from, int offset);
void bpf_store(struct bpf_code *p, int to, int offset, int from);
void bpf_store_number(struct bpf_code *p, int to, int offset, int32_t value);
/* The map with that descriptor, or (bpf_map_value) the address of an array's first value. */
void bpf_map(struct bpf_code *p, int to, int map);
void bpf_map_value(struct bpf_code *p, int to, int map);
void bpf_call(struct bpf_code *p, int helper);
/* A jump, taken when `reg` and the value compare so (BPF_JEQ, BPF_JLT, …): to where bpf_land says. */
unsigned bpf_jump(struct bpf_code *p, int op, int reg, int32_t value);
unsigned bpf_jump_reg(struct bpf_code *p, int op, int reg, int other);
unsigned bpf_jump_always(struct bpf_code *p);
void bpf_land(struct bpf_code *p, unsigned jump);
/* Jumps to an earlier place, whose number p->n was then: a loop that the verifier must see end. */
void bpf_jump_back(struct bpf_code *p, unsigned to);
/* The end: 0, so that perf makes no sample of it. */
void bpf_exit(struct bpf_code *p);

/* A map; its descriptor. */
int bpf_map_new(unsigned type, unsigned key, unsigned value, unsigned entries);
/* An array of one value, which processes can map: its descriptor; its value as they see it, or NULL. */
int bpf_map_new_shared(unsigned value);
void *bpf_map_see(int map, size_t bytes);
int bpf_map_next(int map, const void *key, void *next);
int bpf_map_look(int map, const void *key, void *value);
int bpf_map_drop(int map, const void *key);

/* Hands a program to the kernel: its descriptor. */
int bpf_load_code(unsigned type, const struct bpf_code *p);
/* Hang it on a raw tracepoint; on the tracepoint with that number; on a function's entry, or its
 * return. It stays for as long as a process has the descriptor that they return. */
int bpf_on_raw(int program, const char *tracepoint);
int bpf_on_event(int program, unsigned id);
int bpf_on_function(int program, unsigned pmu, const char *function, int at_return);

#endif
