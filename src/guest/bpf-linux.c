/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/bpf-linux.h"

#include "guest/bare.h"
#include "guest/os.h"

#include <linux/btf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/perf_event.h>
#include <asm/mman.h>
#include <asm/unistd.h>

#define BTF_MAX (32u << 20)

/* ---- writing ---- */

void bpf_put(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	/* One that is too long is not loaded: its last instruction is no exit. */
	if (c->n < BPF_CODE_MAX)
		c->insns[c->n++] = (struct bpf_insn){
			.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static void load_wide(struct bpf_code *c, uint8_t dst, uint8_t what, uint32_t low, uint32_t high)
{
	bpf_put(c, BPF_LD | BPF_IMM | BPF_DW, dst, what, 0, (int32_t)low);
	bpf_put(c, 0, 0, 0, 0, (int32_t)high);
}

void bpf_load64(struct bpf_code *c, uint8_t dst, uint64_t value)
{
	load_wide(c, dst, 0, (uint32_t)value, (uint32_t)(value >> 32));
}

void bpf_load_map(struct bpf_code *c, uint8_t dst, int map)
{
	load_wide(c, dst, BPF_PSEUDO_MAP_FD, (uint32_t)map, 0);
}

void bpf_load_word(struct bpf_code *c, uint8_t dst, int map, unsigned offset)
{
	load_wide(c, dst, BPF_PSEUDO_MAP_VALUE, (uint32_t)map, offset);
}

void bpf_out_if(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int32_t imm)
{
	if (c->nouts < sizeof c->outs / sizeof *c->outs)
		c->outs[c->nouts++] = c->n;
	bpf_put(c, code, dst, src, 0, imm);
}

void bpf_peek(struct bpf_code *c, int16_t to, unsigned len, uint8_t src, int32_t offset)
{
	bpf_reg(c, R3, src);
	bpf_add(c, R3, offset);
	bpf_reg(c, R1, FP);
	bpf_add(c, R1, to);
	bpf_imm(c, R2, (int32_t)len);
	bpf_call(c, BPF_FUNC_probe_read_kernel);
}

void bpf_finish(struct bpf_code *c)
{
	for (unsigned i = 0; i < c->nouts; i++)
		c->insns[c->outs[i]].off = (int16_t)(c->n - c->outs[i] - 1);
	bpf_imm(c, R0, 0);
	bpf_put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ---- maps ---- */

static int bpf(int command, union bpf_attr *attr)
{
	return (int)sys3(__NR_bpf, command, attr, sizeof *attr);
}

int bpf_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries)
{
	union bpf_attr a = {
		.map_type = type, .key_size = key, .value_size = value, .max_entries = entries};

	return bpf(BPF_MAP_CREATE, &a);
}

static int on_map(int command, int map, const void *key, void *value)
{
	union bpf_attr a = {
		.map_fd = (uint32_t)map, .key = (uint64_t)key, .value = (uint64_t)value};

	return bpf(command, &a);
}

int bpf_map_next(int map, const void *key, void *next)
{
	return on_map(BPF_MAP_GET_NEXT_KEY, map, key, next);
}

int bpf_map_get(int map, const void *key, void *value)
{
	return on_map(BPF_MAP_LOOKUP_ELEM, map, key, value);
}

int bpf_map_delete(int map, const void *key)
{
	return on_map(BPF_MAP_DELETE_ELEM, map, key, 0);
}

/* ---- attaching ---- */

static int load(struct bpf_code *c, uint32_t type)
{
	static const char license[] = "Dual BSD/GPL";
	union bpf_attr a = {.prog_type = type,
		.insn_cnt = c->n,
		.insns = (uint64_t)c->insns,
		.license = (uint64_t)license};

	/* Asked of programs at the beginning of functions by kernels before 5.0, and ignored since. */
	return bpf(BPF_PROG_LOAD, &a);
}

int bpf_on_tracepoint(struct bpf_code *c, const char *name)
{
	union bpf_attr a = {0};
	int program = load(c, BPF_PROG_TYPE_RAW_TRACEPOINT), r;

	if (program < 0)
		return program;
	a.raw_tracepoint.name = (uint64_t)name;
	a.raw_tracepoint.prog_fd = (uint32_t)program;
	r = bpf(BPF_RAW_TRACEPOINT_OPEN, &a);
	os_close(program);
	return r < 0 ? r : 0;
}

/* The number with which the kernel calls its kprobe events; 0 where it has none. */
static uint32_t kprobe_type(void)
{
	static uint32_t type;
	char text[16];
	int fd = type ? -1 : os_open_read("/sys/bus/event_source/devices/kprobe/type");
	long n = fd < 0 ? 0 : os_read(fd, text, sizeof text);

	for (long i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		type = type * 10 + (uint32_t)(text[i] - '0');
	if (fd >= 0)
		os_close(fd);
	return type;
}

int bpf_on_function(struct bpf_code *c, const char *name, int at_return)
{
	struct perf_event_attr attr = {.type = kprobe_type(),
		.size = PERF_ATTR_SIZE_VER5,
		.config = (uint64_t)at_return,
		.config1 = (uint64_t)name};
	int event = attr.type
		? (int)sys5(__NR_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)
		: -2 /* ENOENT */;
	int program, r;

	if (event < 0)
		return event;
	program = load(c, BPF_PROG_TYPE_KPROBE);
	r = program < 0 ? program : (int)sys3(__NR_ioctl, event, PERF_EVENT_IOC_SET_BPF, program);
	if (program >= 0)
		os_close(program);
	if (r >= 0)
		r = (int)sys3(__NR_ioctl, event, PERF_EVENT_IOC_ENABLE, 0);
	if (r < 0)
		os_close(event);
	return r;
}

/* ---- the kernel's types ---- */

static const uint8_t *btf;
static size_t btf_len;

int btf_open(void)
{
	int fd = os_open_read("/sys/kernel/btf/vmlinux");
	long at, n;

	if (fd < 0)
		return fd;
	at = sys6(__NR_mmap, 0, BTF_MAX, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	btf_len = 0;
	if (at > 0 || at < -4095) {
		btf = (const uint8_t *)at;
		while (btf_len < BTF_MAX &&
			(n = os_read(fd, (uint8_t *)at + btf_len, BTF_MAX - btf_len)) > 0)
			btf_len += (size_t)n;
	}
	os_close(fd);
	return btf_len ? 0 : -2 /* ENOENT */;
}

void btf_close(void)
{
	if (btf)
		sys2(__NR_munmap, btf, BTF_MAX);
	btf = 0;
	btf_len = 0;
}

static int same(const char *a, const char *b, const char *end)
{
	for (; a < end && *a == *b; a++, b++)
		if (!*a)
			return 1;
	return 0;
}

/* Bytes that follow a type's record; what is unknown ends the search. */
static long extra_bytes(unsigned kind, unsigned n)
{
	switch (kind) {
	case BTF_KIND_INT:
	case 14: /* VAR */
	case 17: /* DECL_TAG */
		return 4;
	case BTF_KIND_ARRAY:
		return 12;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case 15: /* DATASEC */
	case 19: /* ENUM64 */
		return 12l * n;
	case BTF_KIND_ENUM:
	case 13: /* FUNC_PROTO */
		return 8l * n;
	default:
		return kind <= 18 ? 0 : -1;
	}
}

int btf_offset(const char *structure, const char *member)
{
	const struct btf_header *h = (const void *)btf;
	const char *names, *end;
	const uint8_t *at, *last;

	if (btf_len < sizeof *h || h->magic != BTF_MAGIC ||
		(size_t)h->hdr_len + h->str_off + h->str_len > btf_len ||
		(size_t)h->hdr_len + h->type_off + h->type_len > btf_len)
		return -1;
	names = (const char *)btf + h->hdr_len + h->str_off;
	end = names + h->str_len;
	at = btf + h->hdr_len + h->type_off;
	last = at + h->type_len;
	while (last - at >= (long)sizeof(struct btf_type)) {
		const struct btf_type *t = (const void *)at;
		unsigned kind = t->info >> 24 & 0x1f, n = t->info & 0xffff;
		long extra = extra_bytes(kind, n);

		at += sizeof *t;
		if (extra < 0 || extra > last - at)
			return -1;
		if (kind == BTF_KIND_STRUCT && same(names + t->name_off, structure, end)) {
			const struct btf_member *m = (const void *)at;

			for (unsigned i = 0; i < n; i++)
				if (same(names + m[i].name_off, member, end))
					return (int)((m[i].offset & 0xffffff) / 8);
			return -1;
		}
		at += extra;
	}
	return -1;
}
