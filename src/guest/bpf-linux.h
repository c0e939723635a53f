/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_BPF_LINUX_H
#define KMODLAB_GUEST_BPF_LINUX_H
/*
 * Small programs for the kernel's BPF machine, written instruction by instruction (Documentation/bpf/standardization/
 * instruction-set.rst, include/uapi/linux/bpf.h), and what they are attached to: raw tracepoints, and the
 * beginning and end of kernel functions (kprobes).
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_CODE_MAX 96

/* A program that is being written. Jumps to the end ("out") are resolved when it is finished. */
struct bpf_code {
	struct bpf_insn insns[BPF_CODE_MAX];
	unsigned n;
	unsigned outs[16]; /* the jumps that wait for the end */
	unsigned nouts;
};

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

void bpf_put(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm);
void bpf_load64(struct bpf_code *c, uint8_t dst, uint64_t value);
void bpf_load_map(struct bpf_code *c, uint8_t dst, int map);
/* The address of a word in the one value of an array map. */
void bpf_load_word(struct bpf_code *c, uint8_t dst, int map, unsigned offset);
/* A conditional jump to the end; `code` as BPF_JMP | BPF_JEQ | BPF_K. */
void bpf_out_if(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int32_t imm);
/* Reads `len` bytes at the kernel address in `src` (a register) + `offset` to the stack at FP + `to`. Spoils R0 to R5. */
void bpf_peek(struct bpf_code *c, int16_t to, unsigned len, uint8_t src, int32_t offset);
/* The end: returns 0. */
void bpf_finish(struct bpf_code *c);

#define bpf_reg(c, dst, src)	  bpf_put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define bpf_imm(c, dst, value)	  bpf_put(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define bpf_add(c, dst, value)	  bpf_put(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define bpf_ldx(c, dst, src, off) bpf_put(c, BPF_LDX | BPF_MEM | BPF_DW, dst, src, off, 0)
#define bpf_stx(c, off, src)	  bpf_put(c, BPF_STX | BPF_MEM | BPF_DW, FP, src, off, 0)
#define bpf_st(c, off, value)	  bpf_put(c, BPF_ST | BPF_MEM | BPF_DW, FP, 0, off, value)
#define bpf_call(c, helper)	  bpf_put(c, BPF_JMP | BPF_CALL, 0, 0, 0, helper)

/* A map, -errno. `type` BPF_MAP_TYPE_…. */
int bpf_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries);
int bpf_map_next(int map, const void *key, void *next);
int bpf_map_get(int map, const void *key, void *value);
int bpf_map_delete(int map, const void *key);

/* Loads the program and attaches it; what it is attached by stays open for good. 0 or -errno: -ENOENT when
 * this kernel has no such tracepoint or function. */
int bpf_on_tracepoint(struct bpf_code *c, const char *name);
int bpf_on_function(struct bpf_code *c, const char *name, int at_return);

/* Where the member is in the structure, in bytes, from the kernel's own description of its types
 * (Documentation/bpf/btf.rst); -1 where that is missing. Between the two only. */
int btf_open(void);
int btf_offset(const char *structure, const char *member);
void btf_close(void);

#endif
