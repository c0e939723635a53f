/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entry holds from its address to the next one's, and says where the stack was before the call (from which register, how far) and where the
 * caller's RBP is; struct orc_entry of arch/x86/include/asm/orc_types.h. Each becomes a description of its own, so none depends
 * on another. Where an interrupt or an exception came in, the frame is a struct pt_regs, and all registers are in it.
 */
#include "trial/kernel-frames.h"

#include <string.h>

/* Of sp_reg and bp_reg. */
enum { UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT };

enum kind { END, CALL, REGS, REGS_PARTIAL };

/* DWARF's numbers of the registers (System V ABI, AMD64 supplement, 3.6.2). */
enum {
	D_RDX = 1,
	D_RBX = 3,
	D_RDI = 5,
	D_RBP = 6,
	D_RSP = 7,
	D_R10 = 10,
	D_R12 = 12,
	D_R13,
	D_R14,
	D_R15,
	D_RIP
};

enum {
	CFA_UNDEFINED = 0x07,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	OP_DEREF = 0x06,
	OP_CONSTS = 0x11,
	OP_PLUS = 0x22,
	OP_BREG0 = 0x70,
};

#define UNIT 8 /* bytes; offsets are multiples of -UNIT */

struct entry {
	int sp_offset, bp_offset;
	unsigned sp_reg, bp_reg;
	enum kind kind;
};

static int signed16(const uint8_t *p)
{
	return (int16_t)(p[0] | p[1] << 8);
}

static struct entry read_entry(const uint8_t *p, bool newer)
{
	struct entry e = {.sp_offset = signed16(p),
		.bp_offset = signed16(p + 2),
		.sp_reg = p[4] & 15,
		.bp_reg = p[4] >> 4};
	unsigned type = newer ? p[5] & 7 : p[5] & 3;

	if (newer)
		e.kind = type == 2 ? CALL : type == 3 ? REGS : type == 4 ? REGS_PARTIAL : END;
	else
		e.kind = type == 0 ? CALL : type == 1 ? REGS : type == 2 ? REGS_PARTIAL : END;
	if (e.sp_reg == UNDEFINED || e.sp_reg == PREV_SP || e.sp_reg > SP_INDIRECT)
		e.kind = END;
	return e;
}

static void put8(struct buf *b, unsigned byte)
{
	buf_add(b, &(uint8_t){(uint8_t)byte}, 1);
}

static void put32(struct buf *b, uint32_t word)
{
	buf_add(b, &word, sizeof word);
}

static void put64(struct buf *b, uint64_t word)
{
	buf_add(b, &word, sizeof word);
}

/* SLEB128. */
static void put_signed(struct buf *b, int value)
{
	for (;;) {
		unsigned byte = (unsigned)value & 0x7f;

		value >>= 7;
		if ((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40))) {
			put8(b, byte);
			return;
		}
		put8(b, byte | 0x80);
	}
}

/* The caller's register is `offset` bytes from the frame's address. */
static void put_saved(struct buf *b, unsigned reg, int offset)
{
	put8(b, CFA_OFFSET_EXTENDED_SF);
	put8(b, reg);
	put_signed(b, -offset / UNIT);
}

static unsigned dwarf_reg(unsigned reg)
{
	static const unsigned of[] = {[DX] = D_RDX,
		[DI] = D_RDI,
		[BP] = D_RBP,
		[SP] = D_RSP,
		[R10] = D_R10,
		[R13] = D_R13,
		[BP_INDIRECT] = D_RBP,
		[SP_INDIRECT] = D_RSP};

	return of[reg];
}

static void put_frame_address(struct buf *b, const struct entry *e)
{
	AUTO_BUF struct buf x = {0};
	int before = e->sp_reg == BP_INDIRECT ? e->sp_offset : 0;

	if (e->sp_reg != BP_INDIRECT && e->sp_reg != SP_INDIRECT && e->sp_offset % UNIT == 0) {
		put8(b, CFA_DEF_CFA_SF);
		put8(b, dwarf_reg(e->sp_reg));
		put_signed(b, -e->sp_offset / UNIT);
		return;
	}
	put8(&x, OP_BREG0 + dwarf_reg(e->sp_reg));
	put_signed(&x, before);
	if (e->sp_reg == BP_INDIRECT || e->sp_reg == SP_INDIRECT)
		put8(&x, OP_DEREF);
	if (e->sp_reg != BP_INDIRECT) {
		put8(&x, OP_CONSTS);
		put_signed(&x, e->sp_offset);
		put8(&x, OP_PLUS);
	}
	put8(b, CFA_DEF_CFA_EXPRESSION);
	put8(b, (unsigned)x.len);
	buf_add(b, x.data, x.len);
}

/* struct pt_regs, word by word. */
static void put_regs(struct buf *b)
{
	static const unsigned order[] = {
		D_R15, D_R14, D_R13, D_R12, D_RBP, D_RBX, 11, D_R10, 9, 8, 0, 2, D_RDX, 4, D_RDI};

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		put_saved(b, order[i], (int)i * UNIT);
	put_saved(b, D_RIP, 16 * UNIT);
	put_saved(b, D_RSP, 19 * UNIT);
}

static void put_rules(struct buf *b, const struct entry *e)
{
	if (e->kind == END) {
		put8(b, CFA_DEF_CFA_SF);
		put8(b, D_RSP);
		put_signed(b, 0);
		put8(b, CFA_UNDEFINED);
		put8(b, D_RIP);
		return;
	}
	put_frame_address(b, e);
	if (e->kind == REGS) {
		put_regs(b);
		return;
	}
	if (e->kind == REGS_PARTIAL) {
		put_saved(b, D_RIP, 0);
		put_saved(b, D_RSP, 3 * UNIT);
	} else {
		/* Where the others are is not told. */
		for (unsigned reg = D_R12; reg <= D_R15; reg++) {
			put8(b, CFA_UNDEFINED);
			put8(b, reg);
		}
		put8(b, CFA_UNDEFINED);
		put8(b, D_RBX);
		put_saved(b, D_RIP, -UNIT);
	}
	if (e->bp_reg == PREV_SP && e->bp_offset % UNIT == 0)
		put_saved(b, D_RBP, e->bp_offset);
}

/* A piece begins with its length, and is filled up to whole words. */
static void put_piece(struct buf *out, struct buf *piece)
{
	while ((piece->len + 4) % UNIT)
		put8(piece, 0);
	put32(out, (uint32_t)piece->len);
	buf_add(out, piece->data, piece->len);
}

/* What descriptions have in common; `augmentation`: "zS", of a frame that was interrupted. */
static void put_common(struct buf *out, const char *augmentation)
{
	AUTO_BUF struct buf p = {0};

	put32(&p, 0xffffffff);
	put8(&p, 1);
	buf_add(&p, augmentation, strlen(augmentation) + 1);
	put8(&p, 1);
	put_signed(&p, -UNIT);
	put8(&p, D_RIP);
	if (*augmentation)
		put8(&p, 0);
	put_piece(out, &p);
}

void kernel_frames(const uint8_t *ip, uint64_t ip_at, const uint8_t *orc, size_t n, bool newer,
	struct buf *out)
{
	uint32_t interrupted;
	uint64_t from = 0;

	put_common(out, "");
	interrupted = (uint32_t)out->len;
	put_common(out, "zS");
	for (size_t i = 0; i <= n; i++) {
		AUTO_BUF struct buf p = {0};
		uint64_t to = from;
		struct entry e;
		int32_t far;

		if (i < n) {
			memcpy(&far, ip + 4 * i, sizeof far);
			to = ip_at + 4 * i + (uint64_t)(int64_t)far;
		}
		/* The one before ends here. */
		if (i && to > from && out->len < UINT32_MAX / 2) {
			e = read_entry(orc + 6 * (i - 1), newer);
			put32(&p, e.kind == CALL || e.kind == END ? 0 : interrupted);
			put64(&p, from);
			put64(&p, to - from);
			if (e.kind == REGS || e.kind == REGS_PARTIAL)
				put8(&p, 0);
			put_rules(&p, &e);
			put_piece(out, &p);
		}
		from = to;
	}
}

void trap_frames(uint64_t from, uint64_t to, struct buf *out)
{
	/* sys/x86/include/frame.h */
	static const unsigned order[] = {
		D_RDI, 4, D_RDX, 2, 8, 9, 0, D_RBX, D_RBP, D_R10, 11, D_R12, D_R13, D_R14, D_R15};
	AUTO_BUF struct buf p = {0};

	put_common(out, "zS");
	put32(&p, 0);
	put64(&p, from);
	put64(&p, to - from);
	put8(&p, 0);
	put8(&p, CFA_DEF_CFA_SF);
	put8(&p, D_RSP);
	put_signed(&p, 0);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		put_saved(&p, order[i], (int)i * UNIT);
	put_saved(&p, D_RIP, 19 * UNIT);
	put_saved(&p, D_RSP, 22 * UNIT);
	put_piece(out, &p);
}
