/* SPDX-License-Identifier: BSD-2-Clause */
/* Places in machine code are found in their source, whatever the compiler wrote them down as. */
#include "base/path.h"
#include "check/section.h"
#include "source/code.h"
#include "source/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const with_lines[] = {"dwarf5", "dwarf4", "packed", "old-packed", "sections"};

/* A record of the section .marks: see code/kernel/mark.h. */
struct mark {
	char name[20];
	unsigned line;
	char section[64];
	uint64_t offset;
};

struct file {
	struct buf bytes;
	Elf *elf;
	struct mark marks[64];
	size_t nmarks;
	struct code *code;
};

static const char *name_of_section(Elf *elf, size_t index)
{
	GElf_Shdr header;
	size_t names;

	assert_non_null(gelf_getshdr(elf_getscn(elf, index), &header));
	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	return elf_strptr(elf, names, header.sh_name);
}

/* The symbol and the addend of each relocation of the section. */
static void each_relocation(struct file *f, const char *section,
	void (*take)(struct file *f, const Elf64_Rela *rela, const Elf64_Sym *sym, void *arg),
	void *arg)
{
	Elf_Scn *scn = section_find(f->elf, section);
	struct span table, symbols;
	GElf_Shdr header;
	Elf64_Rela rela;
	Elf64_Sym sym;

	assert_non_null(scn);
	assert_non_null(gelf_getshdr(scn, &header));
	assert_true(section_bytes(scn, &table));
	assert_true(section_bytes(elf_getscn(f->elf, header.sh_link), &symbols));
	for (size_t at = 0; at < table.len; at += sizeof rela) {
		memcpy(&rela, table.bytes + at, sizeof rela);
		memcpy(&sym, symbols.bytes + ELF64_R_SYM(rela.r_info) * sizeof sym, sizeof sym);
		take(f, &rela, &sym, arg);
	}
}

static void take_mark(struct file *f, const Elf64_Rela *rela, const Elf64_Sym *sym, void *arg)
{
	struct mark *m = &f->marks[f->nmarks++];
	struct span records;

	(void)arg;
	assert_true(f->nmarks < 64);
	assert_true(section_bytes(section_find(f->elf, ".marks"), &records));
	memcpy(&m->line, records.bytes + rela->r_offset + 8, 4);
	memcpy(m->name, records.bytes + rela->r_offset + 12, 20);
	snprintf(m->section, sizeof m->section, "%s", name_of_section(f->elf, sym->st_shndx));
	m->offset = sym->st_value + (uint64_t)rela->r_addend;
}

static void open_file(struct file *f, const char *name)
{
	AUTO_FREE char *path = xasprintf(OBJECTS "/code-%s.ko", name);

	*f = (struct file){0};
	assert_int_equal(path_read(path, 1 << 24, &f->bytes), 0);
	elf_version(EV_CURRENT);
	f->elf = elf_memory(f->bytes.data, f->bytes.len);
	assert_non_null(f->elf);
	each_relocation(f, ".rela.marks", take_mark, NULL);
	f->code = code_new();
	code_add(f->code, "driver", f->bytes.data, f->bytes.len, NULL);
}

static void close_file(struct file *f)
{
	code_free(f->code);
	elf_end(f->elf);
	buf_free(&f->bytes);
}

static const struct mark *find_mark(const struct file *f, const char *name)
{
	for (size_t i = 0; i < f->nmarks; i++)
		if (!strcmp(f->marks[i].name, name))
			return &f->marks[i];
	fail_msg("there is no mark %s", name);
	return NULL;
}

/* The first line of the source that has the text. */
static unsigned line_with(const char *file, const char *text)
{
	AUTO_BUF struct buf source = {0};
	unsigned line = 1;
	const char *at;

	assert_int_equal(path_read(file, 1 << 20, &source), 0);
	at = strstr(source.data, text);
	assert_non_null(at);
	for (const char *p = source.data; p < at; p++)
		line += *p == '\n';
	return line;
}

/* Each section at an address of its own. */
static void put_sections(struct file *f)
{
	size_t n;

	assert_int_equal(elf_getshdrnum(f->elf, &n), 0);
	for (size_t i = 1; i < n; i++)
		if (!strncmp(name_of_section(f->elf, i), ".text", 5) ||
			strstr(name_of_section(f->elf, i), "it.text"))
			code_put(f->code, "driver", name_of_section(f->elf, i),
				0xffffffffc0000000 + i * 0x10000);
}

static uint64_t address_of(struct file *f, const char *section, uint64_t offset)
{
	return 0xffffffffc0000000 + elf_ndxscn(section_find(f->elf, section)) * 0x10000 + offset;
}

static void check(struct file *f, const char *mark, const char *source, const char *function)
{
	const struct mark *m = find_mark(f, mark);
	AUTO_FREE char *file = xasprintf(SOURCES "/%s", source);
	struct code_place p;

	assert_true(code_address(f->code, address_of(f, m->section, m->offset), false, &p));
	assert_string_equal(p.module, "driver");
	assert_string_equal(p.function, function);
	assert_string_equal(p.file, file);
	assert_int_equal(p.line, m->line);
	assert_null(p.inlined);
	code_place_free(&p);
}

static void an_address_in_any_section_and_file_gets_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_lines / sizeof *with_lines; i++) {
		struct file f;

		open_file(&f, with_lines[i]);
		put_sections(&f);
		check(&f, "handler", "driver/first.c", "handler");
		check(&f, "first_init", "driver/first.c", "first_init");
		check(&f, "first_exit", "driver/first.c", "first_exit");
		check(&f, "second", "driver/second.c", "second");
		check(&f, "deep", "driver/second.c", "deep");
		close_file(&f);
	}
}

static void an_own_inlined_function_is_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_lines / sizeof *with_lines; i++) {
		struct file f;

		open_file(&f, with_lines[i]);
		put_sections(&f);
		check(&f, "own_inline", "driver/first.c", "own_inline");
		close_file(&f);
	}
}

static void what_a_kernels_header_inlined_is_where_the_module_called_it(void **state)
{
	unsigned line = line_with(SOURCES "/driver/first.c", "/* the call */");

	(void)state;
	for (size_t i = 0; i < sizeof with_lines / sizeof *with_lines; i++) {
		const struct mark *m;
		struct code_place p;
		struct file f;

		open_file(&f, with_lines[i]);
		put_sections(&f);
		m = find_mark(&f, "kernel_get");
		assert_true(code_address(f.code, address_of(&f, m->section, m->offset), false, &p));
		assert_string_equal(p.function, "uses_kernel");
		assert_string_equal(p.inlined, "kernel_get_twice");
		assert_string_equal(p.file, SOURCES "/driver/first.c");
		assert_int_equal(p.line, line);
		code_place_free(&p);
		close_file(&f);
	}
}

static void a_function_and_offset_needs_no_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_lines / sizeof *with_lines; i++) {
		const struct mark *m;
		struct code_place p;
		struct file f;

		open_file(&f, with_lines[i]);
		m = find_mark(&f, "first_init");
		/* The first function of its section begins with it. */
		assert_true(code_function(f.code, "driver", "first_init", m->offset, false, &p));
		assert_string_equal(p.file, SOURCES "/driver/first.c");
		assert_int_equal(p.line, m->line);
		assert_int_equal(p.offset, m->offset);
		code_place_free(&p);
		/* Of whatever module, if a trace does not say. */
		assert_true(code_function(f.code, NULL, "first_init", m->offset, false, &p));
		assert_string_equal(p.module, "driver");
		code_place_free(&p);
		assert_false(code_function(f.code, "other", "first_init", 0, false, &p));
		assert_false(code_function(f.code, "driver", "nothing", 0, false, &p));
		assert_false(code_function(f.code, "driver", "first_init", 1 << 20, false, &p));
		close_file(&f);
	}
}

static void without_debug_information_there_is_the_function(void **state)
{
	struct code_place p;
	struct file f;

	(void)state;
	open_file(&f, "bare");
	put_sections(&f);
	assert_true(code_function(f.code, "driver", "second", 2, false, &p));
	assert_string_equal(p.function, "second");
	assert_int_equal(p.offset, 2);
	assert_null(p.file);
	assert_int_equal(p.line, 0);
	code_place_free(&p);
	assert_true(code_address(f.code, address_of(&f, ".exit.text", 1), false, &p));
	assert_string_equal(p.function, "first_exit");
	assert_int_equal(p.offset, 1);
	code_place_free(&p);
	close_file(&f);
}

static void debug_information_may_lie_in_another_file(void **state)
{
	struct code *c = code_new();
	struct code_place p;
	struct file bare, whole;

	(void)state;
	open_file(&bare, "bare");
	open_file(&whole, "dwarf4");
	code_add(c, "driver", bare.bytes.data, bare.bytes.len, OBJECTS "/code-dwarf4.ko");
	assert_true(code_function(c, "driver", "first_exit", 0, false, &p));
	assert_string_equal(p.file, SOURCES "/driver/first.c");
	code_place_free(&p);
	code_free(c);
	/* ... or be gone. */
	c = code_new();
	code_add(c, "driver", bare.bytes.data, bare.bytes.len, OBJECTS "/nothing.debug");
	assert_true(code_function(c, "driver", "first_exit", 0, false, &p));
	assert_null(p.file);
	code_place_free(&p);
	code_free(c);
	close_file(&bare);
	close_file(&whole);
}

/* ---- return addresses, and modules whose place is not known ---- */

struct wanted {
	const char *name;
	uint64_t end; /* of the instruction that calls it */
};

static void take_call(struct file *f, const Elf64_Rela *rela, const Elf64_Sym *sym, void *arg)
{
	struct wanted *w = arg;
	GElf_Shdr header;

	gelf_getshdr(section_find(f->elf, ".symtab"), &header);
	if (sym->st_name && !strcmp(elf_strptr(f->elf, header.sh_link, sym->st_name), w->name))
		w->end = rela->r_offset + 4;
}

static uint64_t return_address(struct file *f, const char *section, const char *callee)
{
	AUTO_FREE char *table = xasprintf(".rela%s", section);
	struct wanted w = {.name = callee};

	each_relocation(f, table, take_call, &w);
	assert_true(w.end);
	return w.end;
}

static void a_return_address_is_the_calls_line(void **state)
{
	struct code_place p;
	struct file f;

	(void)state;
	open_file(&f, "dwarf5");
	put_sections(&f);
	assert_true(code_address(
		f.code, address_of(&f, ".text", return_address(&f, ".text", "outside")), true, &p));
	assert_string_equal(p.function, "handler");
	assert_int_equal(p.line, line_with(SOURCES "/driver/first.c", "/* returns here */"));
	code_place_free(&p);
	close_file(&f);
}

static void a_return_address_is_recognised_by_the_call_before_it(void **state)
{
	struct code_place p;
	struct file f;
	uint64_t at;

	(void)state;
	open_file(&f, "dwarf5");
	at = 0xffffffffc0555000 + return_address(&f, ".init.text", "outside_too");
	assert_true(code_guess(f.code, "driver", at, true, &p));
	assert_string_equal(p.function, "first_init");
	assert_int_equal(p.line, line_with(SOURCES "/driver/first.c", "outside_too(a) * 5"));
	code_place_free(&p);
	assert_false(code_guess(f.code, "driver", at + 1, true, &p));
	assert_false(code_guess(f.code, "other", at, true, &p));
	close_file(&f);
}

static void freebsds_sections_follow_each_other(void **state)
{
	struct code_place p;
	uint64_t text, init;
	struct file f;

	(void)state;
	open_file(&f, "dwarf5");
	f.bytes.data[EI_OSABI] = (char)ELFOSABI_FREEBSD;
	code_free(f.code);
	f.code = code_new();
	code_add(f.code, "dri-ver", f.bytes.data, f.bytes.len, NULL);
	code_put(f.code, "dri_ver", "", 0xffffffff82618000);
	text = find_mark(&f, "deep")->offset;
	assert_true(code_address(f.code, 0xffffffff82618000 + text, false, &p));
	assert_string_equal(p.function, "deep");
	assert_int_equal(p.line, find_mark(&f, "deep")->line);
	code_place_free(&p);
	assert_false(code_address(f.code, 0xffffffff82617fff, false, &p));
	init = 0;
	/* What is behind .text is .init.text, at its next 16. */
	for (uint64_t at = text; !init && at < 4096; at++)
		if (code_address(f.code, 0xffffffff82618000 + at, false, &p)) {
			if (!strcmp(p.function, "first_init"))
				init = at;
			code_place_free(&p);
		}
	assert_true(init);
	close_file(&f);
}

static void a_frame_with_name_and_address_tells_where_the_module_is(void **state)
{
	const struct mark *m;
	struct code_place p;
	struct file f;

	(void)state;
	open_file(&f, "dwarf5");
	f.bytes.data[EI_OSABI] = (char)ELFOSABI_FREEBSD;
	code_free(f.code);
	f.code = code_new();
	code_add(f.code, "driver", f.bytes.data, f.bytes.len, NULL);
	m = find_mark(&f, "handler");
	/* No page's begin: some other function of that name. */
	code_learn(f.code, "handler", 0, 0xffffffff82618001);
	assert_false(code_address(f.code, 0xffffffff82618001 + m->offset, false, &p));
	for (uint64_t at = 0; at < 4096; at++)
		code_learn(f.code, "handler", 1, 0xffffffff82618000 + at);
	assert_true(code_address(f.code, 0xffffffff82618000 + m->offset, false, &p));
	assert_int_equal(p.line, m->line);
	code_place_free(&p);
	close_file(&f);
}

static void an_address_is_guessed_from_its_place_in_the_page(void **state)
{
	const struct mark *m;
	struct code_place p;
	struct file f;

	(void)state;
	open_file(&f, "dwarf5");
	f.bytes.data[EI_OSABI] = (char)ELFOSABI_FREEBSD;
	code_free(f.code);
	f.code = code_new();
	code_add(f.code, "driver", f.bytes.data, f.bytes.len, NULL);
	m = find_mark(&f, "deep");
	assert_true(code_guess(f.code, NULL, 0xffffffff82618000 + m->offset, false, &p));
	assert_string_equal(p.function, "deep");
	assert_int_equal(p.line, m->line);
	code_place_free(&p);
	close_file(&f);
}

static void a_file_that_the_kernel_names_gets_its_path(void **state)
{
	AUTO_FREE char *first = NULL, *second = NULL, *part = NULL, *whole = NULL;
	struct file f;

	(void)state;
	open_file(&f, "dwarf4");
	first = code_source(f.code, "first.c");
	assert_string_equal(first, SOURCES "/driver/first.c");
	second = code_source(f.code, "./second.c");
	assert_string_equal(second, SOURCES "/driver/second.c");
	part = code_source(f.code, "driver/second.c");
	assert_string_equal(part, SOURCES "/driver/second.c");
	whole = code_source(f.code, SOURCES "/driver/first.c");
	assert_string_equal(whole, SOURCES "/driver/first.c");
	/* Another's, the kernel's, and half a name. */
	assert_null(code_source(f.code, "third.c"));
	assert_null(code_source(f.code, "inline.h"));
	assert_null(code_source(f.code, "irst.c"));
	assert_null(code_source(f.code, ""));
	close_file(&f);
}

static void any_bytes_may_come(void **state)
{
	struct file f;

	(void)state;
	open_file(&f, "packed");
	for (size_t len = 0; len < f.bytes.len; len += 97) {
		struct code *c = code_new();
		struct code_place p;

		code_add(c, "driver", f.bytes.data, len, NULL);
		code_put(c, "driver", ".text", 4096);
		if (code_function(c, "driver", "second", 1, false, &p))
			code_place_free(&p);
		if (code_address(c, 4097, false, &p))
			code_place_free(&p);
		code_free(c);
	}
	close_file(&f);
}

static int volatile told;

/* What a kernel is looked up as: a function in a linked file. */
__attribute__((noinline)) static void somewhere(void)
{
	told++;
}
enum { SOMEWHERE = __LINE__ - 4 };

/* This program is as good a linked file as any. */
static void a_linked_files_functions_have_their_lines(void **state)
{
	struct kernel *k = kernel_open("/proc/self/exe");
	AUTO_FREE char *line = NULL;
	const char *at;
	int number = 0;

	(void)state;
	somewhere();
	/* Built without debug information. */
	if (!k)
		skip();
	line = kernel_line(k, "somewhere", 0, 0, false);
	assert_non_null(line);
	at = strstr(line, "test_code.c:");
	assert_non_null(at);
	/* Its heading, or what it begins with. */
	assert_int_equal(sscanf(at, "test_code.c:%d", &number), 1);
	assert_in_range(number, SOMEWHERE, SOMEWHERE + 2);
	assert_null(kernel_line(k, "somewhere", 4000, 0, false));
	assert_null(kernel_line(k, "somewhere", 0, 4000, false));
	assert_null(kernel_line(k, "nowhere", 0, 0, false));
	kernel_close(k);
	assert_null(kernel_open("/proc/self/maps"));
	assert_null(kernel_open("/nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linked_files_functions_have_their_lines),
		cmocka_unit_test(an_address_in_any_section_and_file_gets_its_line),
		cmocka_unit_test(an_own_inlined_function_is_the_place),
		cmocka_unit_test(what_a_kernels_header_inlined_is_where_the_module_called_it),
		cmocka_unit_test(a_function_and_offset_needs_no_address),
		cmocka_unit_test(without_debug_information_there_is_the_function),
		cmocka_unit_test(debug_information_may_lie_in_another_file),
		cmocka_unit_test(a_return_address_is_the_calls_line),
		cmocka_unit_test(a_return_address_is_recognised_by_the_call_before_it),
		cmocka_unit_test(freebsds_sections_follow_each_other),
		cmocka_unit_test(a_frame_with_name_and_address_tells_where_the_module_is),
		cmocka_unit_test(an_address_is_guessed_from_its_place_in_the_page),
		cmocka_unit_test(a_file_that_the_kernel_names_gets_its_path),
		cmocka_unit_test(any_bytes_may_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
