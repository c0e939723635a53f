/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Most instructions are of the plain kind that compilers make for a kernel, and the length of those comes out of
 * two small tables, ten times as fast as out of a library that knows all: a kernel has millions. Whatever is not plain
 * Zydis reads. What an instruction does is then told from its opcode, for both.
 */
#include "check/x86.h"

#include "base/buf.h"

#include <Zydis/Zydis.h>

/* What both ways find out. */
enum map { MAP_DEFAULT, MAP_0F, MAP_0F38, MAP_0F3A, MAP_VECTOR, MAP_BMI, MAP_OTHER };

struct parts {
	unsigned char map, opcode, rex, modrm;
	unsigned char length;
	unsigned char prefix; /* the last of 66, F2, F3; or 0 */
	bool has_modrm, operand16;
	unsigned char sib;
	int32_t disp;
	int64_t imm;
};

/* ---- the short way ---- */

/*
 * By opcode: '.' no operand bytes; 'b' an immediate byte; 'z' four of them (two with the prefix 66); 'v' as many
 * as the register has; 'w' two; 'm' ModRM; 'B' and 'Z' ModRM with 'b' and 'z'; 'g' ModRM, and an immediate
 * if its middle field says so; '0' not plain.
 */
static const char one_byte[] = "mmmmbz00mmmmbz00mmmmbz00mmmmbz00"
			       "mmmmbz00mmmmbz00mmmmbz00mmmmbz00"
			       "0000000000000000................"
			       "000m0000zZbB....bbbbbbbbbbbbbbbb"
			       "BZ0Bmmmmmmmmmmm0..........0....."
			       "0000....bz......bbbbbbbbvvvvvvvv"
			       "BBw.00BZ0.0..b0.mmmm000.mmmmmmmm"
			       "bbbbbbbbzz0b....0000..gg......mm";
static const char two_bytes[] = "mmmm0...0.0.0m.0mmmmmmmmmmmmmmmm"
				"00000000mmmmmmmm......0.00000000"
				"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmmBBBBmmm.0m00mmmm"
				"zzzzzzzzzzzzzzzzmmmmmmmmmmmmmmmm"
				"...mBm00...mBmmmmmmmmmmmmmBmmmmm"
				"mmBmBBBm........mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

_Static_assert(sizeof one_byte == 257 && sizeof two_bytes == 257, "one letter for each opcode");

static int64_t read_signed(const unsigned char *at, unsigned size)
{
	int16_t two;
	int32_t four;
	int64_t eight;

	switch (size) {
	case 1:
		return (signed char)*at;
	case 2:
		memcpy(&two, at, sizeof two);
		return two;
	case 4:
		memcpy(&four, at, sizeof four);
		return four;
	default:
		memcpy(&eight, at, sizeof eight);
		return eight;
	}
}

/* Reads ModRM and what belongs to it; how many bytes that were. 16 bytes from `at` may be read. */
static unsigned read_modrm(const unsigned char *at, struct parts *p)
{
	unsigned n = 1, mod, rm;

	p->has_modrm = true;
	p->modrm = *at;
	mod = p->modrm >> 6;
	rm = p->modrm & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		p->sib = at[1];
		n = 2;
		if (!mod && (p->sib & 7) == 5)
			mod = 2;
	} else if (!mod && rm == 5) {
		mod = 2;
	}
	if (mod == 1) {
		p->disp = (signed char)at[n];
		return n + 1;
	}
	if (mod == 2) {
		memcpy(&p->disp, at + n, sizeof p->disp);
		return n + 4;
	}
	return n;
}

static bool read_plain(const unsigned char *at, size_t len, struct parts *p)
{
	unsigned n = 0, immediate = 0;
	char form;

	*p = (struct parts){0};
	/* Nothing below reads further than that. */
	if (len < 32)
		return false;
	for (; n < 4; n++) {
		unsigned char b = at[n];

		if (b == 0x66)
			p->operand16 = true;
		if (b == 0x66 || b == 0xf2 || b == 0xf3)
			p->prefix = b == 0x66 && p->prefix ? p->prefix : b;
		else if (b != 0x2e && b != 0x3e && b != 0x64 && b != 0x65 && b != 0xf0)
			break;
	}
	if ((at[n] & 0xf0) == 0x40)
		p->rex = at[n++];
	p->opcode = at[n++];
	form = one_byte[p->opcode];
	if (p->opcode == 0x0f) {
		p->map = MAP_0F;
		p->opcode = at[n++];
		form = two_bytes[p->opcode];
		/* extrq and insertq of AMD's have two immediates. */
		if (p->opcode == 0x78 && p->prefix)
			return false;
	}
	if (form == '0')
		return false;
	if (form == 'm' || form == 'B' || form == 'Z' || form == 'g')
		n += read_modrm(at + n, p);
	switch (form) {
	case 'b':
	case 'B':
		immediate = 1;
		break;
	case 'w':
		immediate = 2;
		break;
	case 'z':
	case 'Z':
		immediate = p->operand16 && !(p->rex & 8) ? 2 : 4;
		break;
	case 'v':
		immediate = p->rex & 8 ? 8 : p->operand16 ? 2 : 4;
		break;
	case 'g':
		if (!(p->modrm & 0x30))
			immediate = p->opcode == 0xf6 ? 1 : p->operand16 && !(p->rex & 8) ? 2 : 4;
		break;
	}
	if (immediate)
		p->imm = read_signed(at + n, immediate);
	n += immediate;
	if (n > 15)
		return false;
	/* A jump of 16 bits is nothing that anybody means. */
	if (p->operand16 &&
		((p->map == MAP_DEFAULT && (p->opcode & 0xfe) == 0xe8) ||
			(p->map == MAP_0F && (p->opcode & 0xf0) == 0x80)))
		return false;
	/* Other instructions altogether in some of their forms. */
	if (p->map == MAP_DEFAULT && (p->opcode & 0xfe) == 0xc6 && p->modrm & 0x38)
		return false;
	p->length = (unsigned char)n;
	return true;
}

/* ---- the long way ---- */

static void start_decoder(ZydisDecoder *decoder, bool minimal)
{
	ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_MINIMAL, minimal);
}

/* Of the opcodes with a VEX prefix, those that only use general registers: BMI1, BMI2, CMPccXADD. */
static bool is_bmi(const ZydisDecodedInstruction *i)
{
	unsigned op = i->opcode;

	if (i->encoding == ZYDIS_INSTRUCTION_ENCODING_XOP)
		return (i->opcode_map == ZYDIS_OPCODE_MAP_XOP9 && (op <= 0x02 || op == 0x12)) ||
			(i->opcode_map == ZYDIS_OPCODE_MAP_XOPA && (op == 0x10 || op == 0x12));
	if (i->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX)
		return false;
	if (i->opcode_map == ZYDIS_OPCODE_MAP_0F38)
		return (op >= 0xf0 && op <= 0xf7) || (op >= 0xe0 && op <= 0xef);
	return i->opcode_map == ZYDIS_OPCODE_MAP_0F3A && op == 0xf0;
}

static enum map map_of(const ZydisDecodedInstruction *i)
{
	switch (i->encoding) {
	case ZYDIS_INSTRUCTION_ENCODING_LEGACY:
		break;
	case ZYDIS_INSTRUCTION_ENCODING_3DNOW:
		return MAP_VECTOR;
	default:
		return is_bmi(i) ? MAP_BMI : MAP_VECTOR;
	}
	switch (i->opcode_map) {
	case ZYDIS_OPCODE_MAP_DEFAULT:
		return MAP_DEFAULT;
	case ZYDIS_OPCODE_MAP_0F:
		return MAP_0F;
	case ZYDIS_OPCODE_MAP_0F38:
		return MAP_0F38;
	case ZYDIS_OPCODE_MAP_0F3A:
		return MAP_0F3A;
	default:
		return MAP_OTHER;
	}
}

static bool read_any(const unsigned char *at, size_t len, struct parts *p)
{
	static _Thread_local ZydisDecoder decoder;
	static _Thread_local bool started;
	ZydisDecodedInstruction i;

	if (!started) {
		start_decoder(&decoder, true);
		started = true;
	}
	*p = (struct parts){0};
	if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, NULL, at, len, &i)) || !i.length)
		return false;
	p->map = (unsigned char)map_of(&i);
	p->opcode = i.opcode;
	p->length = i.length;
	for (unsigned n = 0; n < i.raw.prefix_count && n < 15; n++) {
		unsigned char b = i.raw.prefixes[n].value;

		if (b == 0x66)
			p->operand16 = true;
		if (b == 0x66 || b == 0xf2 || b == 0xf3)
			p->prefix = b == 0x66 && p->prefix ? p->prefix : b;
		if ((b & 0xf0) == 0x40)
			p->rex = b;
	}
	if (i.attributes & ZYDIS_ATTRIB_HAS_MODRM) {
		p->has_modrm = true;
		p->modrm = (unsigned char)(i.raw.modrm.mod << 6 | i.raw.modrm.reg << 3 |
			i.raw.modrm.rm);
	}
	if (i.attributes & ZYDIS_ATTRIB_HAS_SIB)
		p->sib = (unsigned char)(i.raw.sib.scale << 6 | i.raw.sib.index << 3 |
			i.raw.sib.base);
	if (i.raw.disp.size)
		p->disp = (int32_t)i.raw.disp.value;
	if (i.raw.imm[0].size)
		p->imm = read_signed(at + i.raw.imm[0].offset, i.raw.imm[0].size / 8);
	return true;
}

/* ---- what it is ---- */

static unsigned field_reg(const struct parts *p)
{
	return p->modrm >> 3 & 7;
}

static bool is_register(const struct parts *p)
{
	return p->has_modrm && p->modrm >> 6 == 3;
}

/* The full numbers of ModRM's two registers. */
static unsigned reg_of(const struct parts *p)
{
	return field_reg(p) | (p->rex & 4 ? 8 : 0);
}

static unsigned rm_of(const struct parts *p)
{
	return (p->modrm & 7) | (p->rex & 1 ? 8 : 0);
}

/* fxsave and its kin in 0F AE, and xsavec and its in 0F C7, among others that touch no such register. */
static bool is_saving(const struct parts *p)
{
	if (is_register(p))
		return false;
	if (p->opcode == 0xc7)
		return field_reg(p) >= 3 && field_reg(p) <= 5 && !p->prefix;
	return !p->prefix && field_reg(p) <= 6;
}

static bool is_floating_0f(const struct parts *p)
{
	unsigned op = p->opcode;

	switch (op) {
	case 0x0e: /* femms */
		return true;
	case 0x78: /* without a prefix vmread and vmwrite, with one extrq and insertq */
	case 0x79:
		return p->prefix != 0;
	case 0x7a: /* not used */
	case 0x7b:
	case 0xc3: /* movnti */
	case 0xff: /* ud0 */
		return false;
	case 0xae:
	case 0xc7:
		return is_saving(p);
	}
	return (op >= 0x10 && op <= 0x17) || (op >= 0x28 && op <= 0x2f) ||
		(op >= 0x50 && op <= 0x7f) || (op >= 0xc2 && op <= 0xc6) || op >= 0xd0;
}

static bool is_floating(const struct parts *p)
{
	switch (p->map) {
	case MAP_DEFAULT:
		return p->opcode >= 0xd8 && p->opcode <= 0xdf;
	case MAP_0F:
		return is_floating_0f(p);
	case MAP_0F38: /* without invept, crc32, movbe, adcx, movdiri and their neighbours */
		return p->opcode < 0x80 || (p->opcode >= 0xc8 && p->opcode <= 0xdf) ||
			p->opcode == 0xfa || p->opcode == 0xfb;
	case MAP_0F3A: /* without hreset */
		return p->opcode != 0xf0;
	case MAP_VECTOR:
		return true;
	default:
		return false;
	}
}

static void set(struct x86_insn *out, enum x86_kind kind, int64_t value)
{
	out->kind = (unsigned char)kind;
	out->value = value;
}

static void set_reg(struct x86_insn *out, enum x86_kind kind, unsigned reg, int64_t value)
{
	set(out, kind, value);
	out->reg = (unsigned char)reg;
}

/* add, or, adc, …, cmp with an immediate: 80 to 83. */
static void kind_immediate(const struct parts *p, struct x86_insn *out)
{
	unsigned reg = rm_of(p);

	if (!is_register(p) || !(p->rex & 8))
		return;
	if (reg != X86_RSP) {
		if (field_reg(p) == 5)
			set_reg(out, X86_LOWER, reg, 0);
		return;
	}
	switch (field_reg(p)) {
	case 0:
		set(out, X86_TAKE, -p->imm);
		break;
	case 4:
		if (p->imm < 0)
			set(out, X86_ALIGN, -p->imm);
		break;
	case 5:
		set(out, X86_TAKE, p->imm);
		break;
	}
}

/* mov between registers, add and sub of one, lea. */
static void kind_two(const struct parts *p, struct x86_insn *out)
{
	bool to_rm = p->opcode == 0x89 || p->opcode == 0x29 || p->opcode == 0x01;
	unsigned to = to_rm ? rm_of(p) : reg_of(p), from = to_rm ? reg_of(p) : rm_of(p);

	if (!(p->rex & 8) || !is_register(p))
		return;
	if (p->opcode == 0x89 || p->opcode == 0x8b) {
		if (from == X86_RSP && to != X86_RSP)
			set_reg(out, X86_SAVE, to, 0);
		else if (to == X86_RSP && from != X86_RSP)
			set_reg(out, X86_RESTORE, from, 0);
		return;
	}
	if (to == X86_RSP)
		set(out, X86_TAKE_MORE, 0);
	else if (p->opcode == 0x29 || p->opcode == 0x2b)
		set_reg(out, X86_LOWER, to, 0);
}

static void kind_lea(const struct parts *p, struct x86_insn *out)
{
	unsigned base = rm_of(p), to = reg_of(p);
	bool indexed = false;

	if (!(p->rex & 8) || is_register(p))
		return;
	if ((p->modrm & 7) == 4) {
		base = (p->sib & 7) | (p->rex & 1 ? 8 : 0);
		indexed = (p->sib >> 3 & 7) != 4 || p->rex & 2;
	}
	if (to == X86_RSP && (indexed || (!(p->modrm >> 6) && (p->modrm & 7) == 5)))
		set(out, X86_TAKE_MORE, 0);
	else if (to == X86_RSP && base == X86_RSP)
		set(out, X86_TAKE, -(int64_t)p->disp);
	else if (to == X86_RSP)
		set_reg(out, X86_RESTORE, base, p->disp);
	else if (base == X86_RSP && !indexed)
		set_reg(out, X86_SAVE, to, p->disp);
}

static int64_t slot(const struct parts *p)
{
	return p->operand16 ? 2 : 8;
}

static void kind_ff(const struct parts *p, struct x86_insn *out)
{
	switch (field_reg(p)) {
	case 2:
	case 3:
		set(out, X86_CALL_ANYWHERE, 0);
		break;
	case 4:
	case 5:
		set(out, X86_JUMP_ANYWHERE, 0);
		break;
	case 6:
		set(out, X86_TAKE, slot(p));
		break;
	}
}

static void kind_one_byte(const struct parts *p, struct x86_insn *out)
{
	unsigned op = p->opcode;

	if (op >= 0x50 && op <= 0x57) {
		set(out, X86_TAKE, slot(p));
		return;
	}
	if (op >= 0x58 && op <= 0x5f) {
		set(out, X86_TAKE, -slot(p));
		return;
	}
	if ((op >= 0x70 && op <= 0x7f) || (op >= 0xe0 && op <= 0xe3)) {
		set(out, X86_BRANCH, p->imm);
		return;
	}
	switch (op) {
	case 0x68:
	case 0x6a:
		set(out, X86_TAKE, slot(p));
		break;
	case 0x81:
	case 0x83:
		kind_immediate(p, out);
		break;
	case 0x01:
	case 0x03:
	case 0x29:
	case 0x2b:
	case 0x89:
	case 0x8b:
		kind_two(p, out);
		break;
	case 0x8d:
		kind_lea(p, out);
		break;
	case 0x8f:
		set(out, X86_TAKE, -slot(p));
		break;
	case 0x9c:
		set(out, X86_PUSH_FLAGS, slot(p));
		break;
	case 0x9d:
		set(out, X86_TAKE, -slot(p));
		break;
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
		set(out, X86_RETURN, 0);
		break;
	case 0xc7: /* xbegin: to there when the transaction fails */
		if (p->modrm == 0xf8)
			set(out, X86_BRANCH, p->imm);
		break;
	case 0xc8:
		set(out, X86_ENTER, p->imm & 0xffff);
		break;
	case 0xc9:
		set(out, X86_LEAVE, 0);
		break;
	case 0xcc:
		set(out, X86_TRAP, 0);
		break;
	case 0xe8:
		set(out, X86_CALL, p->imm);
		break;
	case 0xe9:
	case 0xeb:
		set(out, X86_JUMP, p->imm);
		break;
	case 0xff:
		kind_ff(p, out);
		break;
	}
}

static void kind_two_bytes(const struct parts *p, struct x86_insn *out)
{
	unsigned op = p->opcode;

	if (op >= 0x80 && op <= 0x8f)
		set(out, X86_BRANCH, p->imm);
	else if (op == 0x07 || op == 0x35) /* sysret, sysexit */
		set(out, X86_RETURN, 0);
	else if (op == 0x0b || op == 0xb9 || op == 0xff) /* ud2, ud1, ud0 */
		set(out, X86_TRAP, 0);
	else if (op == 0xa0 || op == 0xa8) /* push fs, gs */
		set(out, X86_TAKE, slot(p));
	else if (op == 0xa1 || op == 0xa9)
		set(out, X86_TAKE, -slot(p));
}

static void tell(const struct parts *p, struct x86_insn *out)
{
	*out = (struct x86_insn){.length = p->length, .floating = is_floating(p)};
	if (p->map == MAP_DEFAULT)
		kind_one_byte(p, out);
	else if (p->map == MAP_0F)
		kind_two_bytes(p, out);
}

bool x86_read(const unsigned char *at, size_t len, struct x86_insn *out)
{
	struct parts p;

	if (!read_plain(at, len, &p) && !read_any(at, len, &p))
		return false;
	tell(&p, out);
	return true;
}

bool x86_read_slowly(const unsigned char *at, size_t len, struct x86_insn *out)
{
	struct parts p;

	if (!read_any(at, len, &p))
		return false;
	tell(&p, out);
	return true;
}

bool x86_is_padding(const unsigned char *at, const struct x86_insn *i)
{
	unsigned n = 0;

	if (i->kind == X86_TRAP)
		return true;
	while (n < i->length && (at[n] == 0x66 || at[n] == 0x2e))
		n++;
	return n < i->length &&
		(at[n] == 0x90 || (n + 1u < i->length && at[n] == 0x0f && at[n + 1] == 0x1f));
}

char *x86_text(const unsigned char *at, size_t len)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction i;
	ZydisFormatter formatter;
	ZydisDecoder decoder;
	char text[128];

	start_decoder(&decoder, false);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	/* Without an address: those of a module are not known yet. */
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, at, len, &i, operands)) ||
		ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &i, operands,
			i.operand_count_visible, text, sizeof text, ZYDIS_RUNTIME_ADDRESS_NONE,
			NULL)))
		return xstrdup("an instruction");
	return xstrdup(text);
}
