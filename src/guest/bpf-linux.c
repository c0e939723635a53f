/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's assembler for BPF, and the system calls around it. */
#include "guest/bpf-linux.h"

#include "guest/bare.h"

#include <linux/mman.h>
#include <linux/perf_event.h>
#include <asm/mman.h>
#include <asm/unistd.h>

static unsigned emit(struct bpf_code *p, int code, int to, int from, int offset, int32_t value)
{
	if (p->n == BPF_CODE_MAX)
		return 0;
	p->at[p->n] = (struct bpf_insn){.code = (uint8_t)code,
		.dst_reg = (uint8_t)(to & 15),
		.src_reg = (uint8_t)(from & 15),
		.off = (int16_t)offset,
		.imm = value};
	return p->n++;
}

void bpf_move(struct bpf_code *p, int to, int from)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void bpf_set(struct bpf_code *p, int to, int32_t value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void bpf_op(struct bpf_code *p, int op, int to, int32_t value)
{
	emit(p, BPF_ALU64 | op | BPF_K, to, 0, 0, value);
}

void bpf_op_reg(struct bpf_code *p, int op, int to, int from)
{
	emit(p, BPF_ALU64 | op | BPF_X, to, from, 0, 0);
}

void bpf_load(struct bpf_code *p, int size, int to, int from, int offset)
{
	emit(p, BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

void bpf_store(struct bpf_code *p, int to, int offset, int from)
{
	emit(p, BPF_STX | BPF_MEM | BPF_DW, to, from, offset, 0);
}

void bpf_store_number(struct bpf_code *p, int to, int offset, int32_t value)
{
	emit(p, BPF_ST | BPF_MEM | BPF_DW, to, 0, offset, value);
}

void bpf_map(struct bpf_code *p, int to, int map)
{
	emit(p, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, map);
	emit(p, 0, 0, 0, 0, 0);
}

void bpf_map_value(struct bpf_code *p, int to, int map)
{
	emit(p, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(p, 0, 0, 0, 0, 0);
}

void bpf_call(struct bpf_code *p, int helper)
{
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

unsigned bpf_jump(struct bpf_code *p, int op, int reg, int32_t value)
{
	return emit(p, BPF_JMP | op | BPF_K, reg, 0, 0, value);
}

unsigned bpf_jump_reg(struct bpf_code *p, int op, int reg, int other)
{
	return emit(p, BPF_JMP | op | BPF_X, reg, other, 0, 0);
}

unsigned bpf_jump_always(struct bpf_code *p)
{
	return emit(p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

void bpf_land(struct bpf_code *p, unsigned jump)
{
	p->at[jump].off = (int16_t)(p->n - jump - 1);
}

void bpf_jump_back(struct bpf_code *p, unsigned to)
{
	emit(p, BPF_JMP | BPF_JA, 0, 0, (int)to - (int)p->n - 1, 0);
}

void bpf_exit(struct bpf_code *p)
{
	bpf_set(p, 0, 0);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)sys3(__NR_bpf, command, attr, sizeof *attr);
}

int bpf_map_new(unsigned type, unsigned key, unsigned value, unsigned entries)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_type = type;
	a.key_size = key;
	a.value_size = value;
	a.max_entries = entries;
	return bpf(BPF_MAP_CREATE, &a);
}

int bpf_map_new_shared(unsigned value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.map_flags = BPF_F_MMAPABLE;
	a.key_size = sizeof(uint32_t);
	a.value_size = value;
	a.max_entries = 1;
	return bpf(BPF_MAP_CREATE, &a);
}

void *bpf_map_see(int map, size_t bytes)
{
	size_t pages = (bytes + 4095) / 4096 * 4096;
	long at = sys6(
		__NR_mmap, 0, pages, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, map, 0);

	return at < 0 && at > -4096 ? 0 : (void *)at;
}

int bpf_map_next(int map, const void *key, void *next)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)key;
	a.next_key = (uint64_t)next;
	return bpf(BPF_MAP_GET_NEXT_KEY, &a);
}

int bpf_map_look(int map, const void *key, void *value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)key;
	a.value = (uint64_t)value;
	return bpf(BPF_MAP_LOOKUP_ELEM, &a);
}

int bpf_map_drop(int map, const void *key)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)key;
	return bpf(BPF_MAP_DELETE_ELEM, &a);
}

int bpf_load_code(unsigned type, const struct bpf_code *p)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.prog_type = type;
	a.insn_cnt = p->n;
	a.insns = (uint64_t)p->at;
	/* What bpf_probe_read_kernel() asks for. */
	a.license = (uint64_t) "GPL";
	return p->n < BPF_CODE_MAX ? bpf(BPF_PROG_LOAD, &a) : -7 /* E2BIG */;
}

int bpf_on_raw(int program, const char *tracepoint)
{
	union bpf_attr a;

	if (program < 0)
		return program;
	memset(&a, 0, sizeof a);
	a.raw_tracepoint.name = (uint64_t)tracepoint;
	a.raw_tracepoint.prog_fd = (uint32_t)program;
	return bpf(BPF_RAW_TRACEPOINT_OPEN, &a);
}

/* The program runs on every processor, whatever the event's own one is. */
static int on_perf(int program, struct perf_event_attr *attr)
{
	int fd, r;

	if (program < 0)
		return program;
	attr->size = sizeof *attr;
	fd = (int)sys5(__NR_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return fd;
	r = (int)sys3(__NR_ioctl, fd, PERF_EVENT_IOC_SET_BPF, program);
	r = r ? r : (int)sys3(__NR_ioctl, fd, PERF_EVENT_IOC_ENABLE, 0);
	if (!r)
		return fd;
	sys1(__NR_close, fd);
	return r;
}

int bpf_on_event(int program, unsigned id)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = id;
	return on_perf(program, &attr);
}

int bpf_on_function(int program, unsigned pmu, const char *function, int at_return)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.type = pmu;
	attr.config = at_return ? 1 : 0; /* /sys/bus/event_source/devices/kprobe/format/retprobe */
	attr.kprobe_func = (uint64_t)function;
	return on_perf(program, &attr);
}
