/* SPDX-License-Identifier: BSD-2-Clause */
/* The way a FreeBSD kernel is started, with a kernel-shaped program of our own: needs QEMU only. */
#include "lab.h"

#include "base/path.h"
#include "machine/machine.h"

#include <stdio.h>
#include <unistd.h>

/* The built program, branded as FreeBSD's kernel is. */
static char *tiny_kernel(void)
{
	AUTO_FREE char *dir = lab_dir();
	char *path = xasprintf("%s/kernel", dir);
	AUTO_BUF struct buf bytes = {0};
	struct error err;

	assert_int_equal(path_read(TINY_KERNEL, 1 << 20, &bytes), 0);
	bytes.data[7] = 9; /* EI_OSABI: ELFOSABI_FREEBSD */
	assert_int_equal(path_write(path, bytes.data, bytes.len, &err), 0);
	return path;
}

static struct machine *boot(const char *kernel, const struct machine_file *files, size_t nfiles,
	unsigned mib, struct error *err)
{
	struct machine *m = NULL;

	machine_boot(&(struct machine_options){.os = PROTO_FREEBSD,
			     .kernel = kernel,
			     .files = files,
			     .nfiles = nfiles,
			     .memory_mib = mib,
			     .cpus = 1,
			     .accel = ACCEL_TCG,
			     .boot_timeout_ms = 30000},
		&m, err);
	return m;
}

/* The number that stands behind `what` at the start of a console line. */
static unsigned long long value(const char *console, const char *what)
{
	AUTO_FREE char *key = xasprintf("\n%s ", what);
	const char *at = strstr(console, key);

	if (!at)
		fail_msg("no '%s' in:\n%s", what, console);
	return strtoull(at + strlen(key), NULL, 16);
}

static void a_kernel_finds_itself_its_symbols_and_its_root_where_the_loader_says(void **state)
{
	AUTO_FREE char *kernel = tiny_kernel();
	struct error err = {{0}};
	struct machine *m = boot(kernel, NULL, 0, 256, &err);
	const char *c;

	(void)state;
	if (!m)
		fail_msg("%s", err.text);
	assert_string_equal(machine_hello(m)->release, "tiny");
	c = machine_console(m);
	/* First line: the console begins with it. */
	assert_non_null(strstr(c, "modulep "));
	assert_int_equal(value(c, "bss"), 0);
	assert_non_null(strstr(c, "\ndata still here\n"));
	assert_non_null(strstr(c, "\nname /boot/kernel/kernel\ntype elf kernel\n"));
	assert_non_null(strstr(c, "\nname root\ntype md_image\n"));
	assert_non_null(strstr(c, "\nenv vfs.root.mountfrom=cd9660:/dev/md0\n"));
	assert_non_null(strstr(c, "\nenv hint.uart.0.flags=0x10\n"));
	assert_non_null(strstr(c, "\nend\n"));
	assert_int_equal(value(c, "record 0000000000000003"), 0x200000);
	assert_int_equal(value(c, "record 0000000000008007"), 0x1000);
	assert_int_equal(value(c, "record 0000000000008002"),
		0x00010102464c457full | (unsigned long long)9 << 56);
	assert_true(value(c, "record 0000000000008004") > value(c, "record 0000000000008003"));
	assert_true(value(c, "symtab") > 0 && value(c, "symtab") % 24 == 0);
	assert_int_equal(value(c, "record 0000000000008008"), value(c, "kernend"));
	assert_true(value(c, "record 0000000000009006") < value(c, "kernend"));
	/* 256 MiB, less what firmware keeps. */
	assert_in_range(value(c, "memory"), 250ull << 20, 256ull << 20);
	machine_close(m);
}

static void a_picture_larger_than_the_gap_below_the_stub_is_moved_all_the_same(void **state)
{
	AUTO_FREE char *kernel = tiny_kernel(), *bytes = xcalloc(1, 90u << 20);
	struct machine_file file = {"big", bytes, 90u << 20};
	struct error err = {{0}};
	struct machine *m = boot(kernel, &file, 1, 512, &err);
	const char *c;

	(void)state;
	if (!m)
		fail_msg("%s", err.text);
	c = machine_console(m);
	assert_non_null(strstr(c, "\ndata still here\n"));
	assert_non_null(strstr(c, "\nend\n"));
	assert_true(value(c, "kernend") > 90u << 20);
	machine_close(m);
}

static void a_kernel_that_is_cut_off_or_foreign_is_refused_before_a_machine_starts(void **state)
{
	AUTO_FREE char *kernel = tiny_kernel(), *dir = lab_dir(), *cut = xasprintf("%s/cut", dir);
	AUTO_BUF struct buf bytes = {0};
	struct error err = {{0}};

	(void)state;
	assert_int_equal(path_read(kernel, 1 << 20, &bytes), 0);
	for (size_t part = 0; part < 8; part++) {
		assert_int_equal(path_write(cut, bytes.data, bytes.len * part / 8, &err), 0);
		assert_null(boot(cut, NULL, 0, 256, &err));
		assert_non_null(strstr(err.text, cut));
	}
	assert_null(boot(TINY_KERNEL, NULL, 0, 256, &err));
	assert_non_null(strstr(err.text, "no FreeBSD kernel"));
	assert_null(boot("/bin/true", NULL, 0, 256, &err));
	assert_null(boot("/nonexistent", NULL, 0, 256, &err));
	assert_int_equal(lab_machines_left(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_kernel_finds_itself_its_symbols_and_its_root_where_the_loader_says),
		cmocka_unit_test(
			a_picture_larger_than_the_gap_below_the_stub_is_moved_all_the_same),
		cmocka_unit_test(
			a_kernel_that_is_cut_off_or_foreign_is_refused_before_a_machine_starts),
	};

	return cmocka_run_group_tests_name("freebsd-boot", tests, NULL, NULL);
}
