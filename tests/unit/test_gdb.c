/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that are made for gdb, and QEMU's side of its line. */
#include "unit.h"

#include "machine/stub.h"
#include "trial/kernel-elf.h"
#include "trial/kernel-frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>

static const char symbols[] = "0000000000000000 A fixed_percpu_data\n"
			      "ffffffff81000000 T _stext\n"
			      "ffffffff81000000 T startup_64\n"
			      "ffffffff81002460 T do_one_initcall\n"
			      "ffffffff81003000 T _etext\n"
			      "ffffffff82000000 D jiffies\n"
			      "ffffffff82100000 T _sinittext\n"
			      "ffffffff82100000 t start_kernel\n"
			      "ffffffff82100800 T _einittext\n"
			      "ffffffff82200000 B initcall_debug\n"
			      "ffffffff82300000 B _end\n"
			      "ffffffffc0200000 t hello_init\t[hello]\n";

/* The symbol `name` in the file; false if there is none. */
static bool find(const struct buf *file, const char *name, GElf_Sym *out, GElf_Shdr *section)
{
	Elf *e = elf_memory(file->data, file->len);
	Elf_Scn *scn = NULL;
	bool found = false;

	assert_non_null(e);
	while ((scn = elf_nextscn(e, scn))) {
		GElf_Shdr head;
		Elf_Data *data;

		assert_non_null(gelf_getshdr(scn, &head));
		if (head.sh_type != SHT_SYMTAB)
			continue;
		data = elf_getdata(scn, NULL);
		assert_non_null(data);
		for (int i = 1; gelf_getsym(data, i, out) && !found; i++) {
			found = !strcmp(elf_strptr(e, head.sh_link, out->st_name), name);
			if (found) {
				assert_non_null(
					gelf_getshdr(elf_getscn(e, out->st_shndx), section));
				break;
			}
		}
		if (found)
			break;
	}
	elf_end(e);
	return found;
}

static void a_kernels_symbols_become_a_program_for_gdb(void **state)
{
	AUTO_BUF struct buf file = {0};
	struct addresses a = {0};
	GElf_Shdr section;
	GElf_Sym sym;

	(void)state;
	elf_version(EV_CURRENT);
	addresses_add_kallsyms(&a, symbols, sizeof symbols - 1);
	assert_true(kernel_elf(&a, NULL, &file));
	assert_true(find(&file, "do_one_initcall", &sym, &section));
	assert_int_equal(sym.st_value, 0xffffffff81002460);
	assert_int_equal(sym.st_size, 0x3000 - 0x2460);
	assert_int_equal(GELF_ST_TYPE(sym.st_info), STT_FUNC);
	assert_int_equal(section.sh_addr, 0xffffffff81000000);
	assert_int_equal(section.sh_size, 0x3000);
	assert_int_equal(section.sh_type, SHT_NOBITS);
	assert_true(section.sh_flags & SHF_EXECINSTR);
	assert_true(find(&file, "jiffies", &sym, &section));
	assert_int_equal(GELF_ST_TYPE(sym.st_info), STT_OBJECT);
	assert_false(section.sh_flags & SHF_EXECINSTR);
	assert_true(find(&file, "start_kernel", &sym, &section));
	assert_true(section.sh_flags & SHF_EXECINSTR);
	assert_true(find(&file, "initcall_debug", &sym, &section));
	assert_int_equal(section.sh_addr, 0xffffffff82100800);
	assert_false(find(&file, "hello_init", &sym, &section));
	assert_false(find(&file, "fixed_percpu_data", &sym, &section));
	addresses_free(&a);
}

static void symbols_without_a_kernel_become_nothing(void **state)
{
	static const char text[] = "0000000000000000 T _stext\n0000000000000000 T _end\n";
	AUTO_BUF struct buf file = {0};
	struct addresses a = {0};

	(void)state;
	addresses_add_kallsyms(&a, text, sizeof text - 1);
	assert_false(kernel_elf(&a, NULL, &file));
	assert_int_equal(file.len, 0);
	addresses_free(&a);
}

/* ---- callers ---- */

/* The register (16: the return address) in a frame at `pc`, as an operation on the frame's address: "at -8"; "same"; "undefined". */
static void expect_rule(
	const struct buf *file, uint64_t pc, int reg, const char *expected, bool interrupted)
{
	Elf *e = elf_memory(file->data, file->len);
	Dwarf *d = dwarf_begin_elf(e, DWARF_C_READ, NULL);
	Dwarf_CFI *cfi = d ? dwarf_getcfi(d) : NULL;
	AUTO_FREE char *text = NULL;
	Dwarf_Op space[3], *ops;
	Dwarf_Frame *frame;
	bool signal;
	size_t n;

	assert_non_null(cfi);
	assert_int_equal(dwarf_cfi_addrframe(cfi, pc, &frame), 0);
	dwarf_frame_info(frame, NULL, NULL, &signal);
	assert_int_equal(signal, interrupted);
	if (reg < 0) {
		assert_int_equal(dwarf_frame_cfa(frame, &ops, &n), 0);
		/* libdw says a plain one as DW_OP_bregx. */
		text = n == 1 && ops[0].atom == DW_OP_bregx
			? xasprintf("r%d%+d", (int)ops[0].number, (int)ops[0].number2)
			: xasprintf("%zu operations", n);
	} else {
		assert_int_equal(dwarf_frame_register(frame, reg, space, &ops, &n), 0);
		text = n == 0 ? xstrdup(ops ? "undefined" : "same")
			: n == 2 && ops[1].atom == DW_OP_plus_uconst
			? xasprintf("at %+d", (int)(int64_t)ops[1].number)
			: n == 1 && ops[0].atom == DW_OP_call_frame_cfa
			? xstrdup("at +0")
			: xasprintf("%zu operations", n);
		if (n == 0 && ops == space)
			text[0] = 'u';
	}
	assert_string_equal(text, expected);
	free(frame);
	dwarf_end(d);
	elf_end(e);
}

/* At 0xffffffff81000000 a function that has pushed 8 bytes, at …10 one with a frame pointer, at …20 an exception's entry, at …30 none. */
static void orc_file(bool newer, struct buf *file)
{
	static const uint64_t ip_at = 0xffffffff82000000;
	const uint8_t old_types[] = {0, 0, 1, 0}, new_types[] = {2, 2, 3, 1};
	const uint8_t *type = newer ? new_types : old_types;
	const uint8_t orc[][6] = {{16, 0, 0, 0, 5, type[0]},
		{16, 0, 0xf0, 0xff, 4 | 1 << 4, type[1]}, {0, 0, 0, 0, 5, type[2]},
		{0, 0, 0, 0, 0, type[3]}};
	AUTO_BUF struct buf frames = {0};
	int32_t ip[4];

	for (int i = 0; i < 4; i++)
		ip[i] = (int32_t)(0xffffffff81000000 + 16 * (uint64_t)i -
			(ip_at + 4 * (uint64_t)i));
	kernel_frames((const uint8_t *)ip, ip_at, orc[0], 4, newer, &frames);
	assert_true(kernel_elf(NULL, &frames, file));
}

static void the_kernels_own_tables_say_where_callers_are(void **state)
{
	(void)state;
	elf_version(EV_CURRENT);
	for (int newer = 0; newer < 2; newer++) {
		AUTO_BUF struct buf file = {0};

		orc_file(newer, &file);
		expect_rule(&file, 0xffffffff81000003, -1, "r7+16", false);
		expect_rule(&file, 0xffffffff81000003, 16, "at -8", false);
		expect_rule(&file, 0xffffffff81000003, 3, "undefined", false);
		expect_rule(&file, 0xffffffff81000013, -1, "r6+16", false);
		expect_rule(&file, 0xffffffff81000013, 6, "at -16", false);
		/* struct pt_regs */
		expect_rule(&file, 0xffffffff81000020, 16, "at +128", true);
		expect_rule(&file, 0xffffffff81000020, 7, "at +152", true);
		expect_rule(&file, 0xffffffff81000020, 15, "at +0", true);
	}
}

static void a_freebsd_trap_is_a_frame_with_all_registers(void **state)
{
	AUTO_BUF struct buf frames = {0}, file = {0};

	(void)state;
	elf_version(EV_CURRENT);
	trap_frames(0xffffffff81001fa0, 0xffffffff81001fb0, &frames);
	assert_true(kernel_elf(NULL, &frames, &file));
	expect_rule(&file, 0xffffffff81001fa8, 16, "at +152", true);
	expect_rule(&file, 0xffffffff81001fa8, 7, "at +176", true);
	expect_rule(&file, 0xffffffff81001fa8, 5, "at +0", true);
	expect_rule(&file, 0xffffffff81001fa8, 3, "at +56", true);
}

static void a_packet_is_taken_when_it_is_whole_and_its_sum_is_right(void **state)
{
	AUTO_BUF struct buf in = {0}, out = {0};

	(void)state;
	buf_adds(&in, "++$OK#9");
	assert_int_equal(stub_packet(&in, &out), 0);
	buf_adds(&in, "a+$T05thread:02;#08$OK#9b");
	assert_int_equal(stub_packet(&in, &out), 1);
	assert_string_equal(out.data, "OK");
	assert_int_equal(stub_packet(&in, &out), 1);
	assert_string_equal(out.data, "T05thread:02;");
	assert_int_equal(stub_packet(&in, &out), -EPROTO);
}

static void an_empty_packet_is_one(void **state)
{
	AUTO_BUF struct buf in = {0}, out = {0};

	(void)state;
	assert_int_equal(stub_packet(&in, &out), 0);
	buf_adds(&in, "$#00");
	assert_int_equal(stub_packet(&in, &out), 1);
	assert_string_equal(out.data, "");
	assert_int_equal(in.len, 0);
}

static void who_has_stopped_is_read_in_either_way_of_saying_it(void **state)
{
	(void)state;
	assert_int_equal(stub_stop_cpu("T05thread:02;"), 1);
	assert_int_equal(stub_stop_cpu("T05thread:p01.0a;"), 9);
	assert_int_equal(stub_stop_cpu("T05"), 0);
	assert_int_equal(stub_stop_cpu("T05thread:0;"), 0);
	assert_int_equal(stub_stop_cpu("T05thread:ffffffffff;"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernels_symbols_become_a_program_for_gdb),
		cmocka_unit_test(symbols_without_a_kernel_become_nothing),
		cmocka_unit_test(the_kernels_own_tables_say_where_callers_are),
		cmocka_unit_test(a_freebsd_trap_is_a_frame_with_all_registers),
		cmocka_unit_test(a_packet_is_taken_when_it_is_whole_and_its_sum_is_right),
		cmocka_unit_test(an_empty_packet_is_one),
		cmocka_unit_test(who_has_stopped_is_read_in_either_way_of_saying_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
