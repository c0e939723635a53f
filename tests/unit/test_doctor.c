/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose packages a machine has, and what doctor says of programs that are there, broken, or not there. */
#include "unit.h"

#include "base/path.h"
#include "doctor/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A machine that has only what a test puts on its PATH, and no target. */
struct machine {
	char *top, *path;
};

static int bare_machine(void **state)
{
	struct machine *m = xcalloc(1, sizeof *m);
	char top[] = "/tmp/kmodlab-doctor-XXXXXX";

	assert_non_null(mkdtemp(top));
	m->top = xstrdup(top);
	m->path = xstrdup(getenv("PATH"));
	setenv("PATH", top, 1);
	setenv("XDG_DATA_HOME", top, 1);
	setenv("XDG_CACHE_HOME", top, 1);
	*state = m;
	return 0;
}

static int away(void **state)
{
	struct machine *m = *state;

	setenv("PATH", m->path, 1);
	path_remove_tree(m->top);
	free(m->top);
	free(m->path);
	free(m);
	return 0;
}

static void put_program(const struct machine *m, const char *name, const char *script)
{
	AUTO_FREE char *path = xasprintf("%s/%s", m->top, name);
	AUTO_FREE char *text = xasprintf("#!/bin/sh\n%s\n", script);
	struct error err;

	assert_int_equal(path_write(path, text, strlen(text), &err), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static const struct checkup *of(const struct checkups *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].name, name))
			return &all->items[i];
	fail_msg("nothing is said of %s", name);
	return NULL;
}

static void systems_are_known_by_id_or_by_what_they_are_like(void **state)
{
	static const struct {
		const char *text;
		enum packaging kind;
	} systems[] = {
		{"PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", PACKAGING_DEBIAN},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", PACKAGING_DEBIAN},
		{"ID=pop\nID_LIKE='ubuntu'\n", PACKAGING_DEBIAN},
		{"ID=fedora\n", PACKAGING_FEDORA},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", PACKAGING_FEDORA},
		{"ID=arch\n", PACKAGING_ARCH},
		{"ID=manjaro\nID_LIKE=arch", PACKAGING_ARCH},
		{"ID=freebsd\nVERSION_ID=14.0\n", PACKAGING_FREEBSD},
		{"ID=nixos\n", PACKAGING_OTHER},
		{"VARIANT_ID=debian\nID=\n", PACKAGING_OTHER},
		{"", PACKAGING_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
		assert_int_equal(packages_of(systems[i].text), systems[i].kind);
}

static void one_command_brings_several_programs_each_package_once(void **state)
{
	const char *const some[] = {"clang", "ld.lld", "llvm-objcopy", "qemu-system-x86_64", NULL};
	AUTO_FREE char *debian = packages_command(PACKAGING_DEBIAN, some);
	AUTO_FREE char *arch = packages_command(PACKAGING_ARCH, some);
	AUTO_FREE char *bsd = packages_command(PACKAGING_FREEBSD, some);
	AUTO_FREE char *fedora = packages_command(PACKAGING_FEDORA, some);

	(void)state;
	assert_non_null(strstr(debian, "apt-get install clang lld llvm qemu-system-x86"));
	assert_non_null(strstr(arch, "pacman -S clang lld llvm qemu-system-x86"));
	assert_non_null(strstr(fedora, "dnf install clang lld llvm qemu-system-x86-core"));
	/* One package has all of LLVM there. */
	assert_non_null(strstr(bsd, "pkg install llvm qemu"));
	assert_int_equal(!strncmp(debian, "sudo ", 5), geteuid() != 0);
}

static void what_no_package_brings_is_called_by_its_name(void **state)
{
	AUTO_FREE char *arch = packages_command(
		PACKAGING_ARCH, (const char *const[]){"gdb", "original-awk", NULL});
	AUTO_FREE char *other =
		packages_command(PACKAGING_OTHER, (const char *const[]){"bwrap", NULL});

	(void)state;
	assert_non_null(strstr(arch, "pacman -S gdb; "));
	assert_non_null(strstr(arch, "original-awk"));
	assert_null(strstr(other, "install"));
	assert_non_null(strstr(other, "bwrap (in Debian's package bubblewrap)"));
}

static void on_a_bare_machine_what_run_needs_is_named_with_the_command(void **state)
{
	static const char *const needed[] = {"qemu", "sandbox", "target"};
	struct checkups all;

	(void)state;
	doctor_look(&all, PACKAGING_FEDORA, true);
	assert_false(doctor_can_run(&all));
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		assert_int_equal(of(&all, needed[i])->health, HEALTH_MISSING);
		assert_true(of(&all, needed[i])->needed);
	}
	assert_non_null(strstr(of(&all, "qemu")->remedy, "dnf install qemu-system-x86-core"));
	assert_non_null(strstr(of(&all, "sandbox")->remedy, "dnf install bubblewrap"));
	assert_string_equal(of(&all, "target")->remedy, "kmodlab target add debian:bookworm");
	assert_int_equal(of(&all, "gdb")->health, HEALTH_MISSING);
	assert_false(of(&all, "gdb")->needed);
	for (size_t i = 0; i < all.n; i++) {
		assert_true(*all.items[i].purpose);
		if (all.items[i].health != HEALTH_OK)
			assert_non_null(all.items[i].remedy);
	}
	doctor_free(&all);
}

static void a_program_that_is_there_is_run_and_believed(void **state)
{
	struct checkups all;

	put_program(*state, "qemu-system-x86_64", "echo QEMU emulator version 99.1; echo more");
	put_program(*state, "gdb", "echo 'gdb: cannot find libfoo' >&2; exit 127");
	doctor_look(&all, PACKAGING_DEBIAN, true);
	assert_int_equal(of(&all, "qemu")->health, HEALTH_OK);
	assert_string_equal(of(&all, "qemu")->found, "QEMU emulator version 99.1");
	assert_null(of(&all, "qemu")->remedy);
	assert_int_equal(of(&all, "gdb")->health, HEALTH_BROKEN);
	assert_non_null(strstr(of(&all, "gdb")->found, "libfoo"));
	doctor_free(&all);
}

static void a_bubblewrap_that_may_not_is_broken_and_not_missing(void **state)
{
	struct checkups all;

	put_program(
		*state, "bwrap", "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1");
	doctor_look(&all, PACKAGING_DEBIAN, true);
	assert_int_equal(of(&all, "sandbox")->health, HEALTH_BROKEN);
	assert_non_null(strstr(of(&all, "sandbox")->found, "setting up uid map"));
	assert_non_null(of(&all, "sandbox")->remedy);
	doctor_free(&all);
}

static void a_busybox_that_needs_libraries_will_not_do(void **state)
{
	struct checkups all;

	put_program(*state, "busybox", "# /lib64/ld-linux-x86-64.so.2");
	doctor_look(&all, PACKAGING_DEBIAN, true);
	assert_int_equal(of(&all, "busybox")->health, HEALTH_BROKEN);
	assert_non_null(strstr(of(&all, "busybox")->remedy, "busybox-static"));
	doctor_free(&all);
	put_program(*state, "busybox", "exit 0");
	doctor_look(&all, PACKAGING_DEBIAN, true);
	assert_int_equal(of(&all, "busybox")->health, HEALTH_OK);
	doctor_free(&all);
}

static void a_target_that_lost_its_kernel_is_broken_and_not_enough(void **state)
{
	const struct machine *m = *state;
	AUTO_FREE char *dir = xasprintf("%s/kmodlab/targets", m->top);
	AUTO_FREE char *file = NULL;
	const char *text = "[target]\nos = Linux\nname = debian:bookworm/cloud\narch = x86_64\n"
			   "release = 6.1.0\nkernel = /nowhere/vmlinuz\nroot = /nowhere\n"
			   "build = /usr/src/linux\nadded = 2026-01-01T00:00:00Z\n";
	struct checkups all;
	struct error err;

	assert_int_equal(path_make_dirs(dir, &err), 0);
	file = target_file("debian:bookworm/cloud");
	assert_int_equal(path_write(file, text, strlen(text), &err), 0);
	doctor_look(&all, PACKAGING_DEBIAN, false);
	assert_int_equal(of(&all, "target")->health, HEALTH_BROKEN);
	assert_non_null(
		strstr(of(&all, "target")->remedy, "kmodlab target remove debian:bookworm/cloud"));
	assert_false(doctor_can_run(&all));
	doctor_free(&all);
}

int main(void)
{
#define BARE(f) cmocka_unit_test_setup_teardown(f, bare_machine, away)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(systems_are_known_by_id_or_by_what_they_are_like),
		cmocka_unit_test(one_command_brings_several_programs_each_package_once),
		cmocka_unit_test(what_no_package_brings_is_called_by_its_name),
		BARE(on_a_bare_machine_what_run_needs_is_named_with_the_command),
		BARE(a_program_that_is_there_is_run_and_believed),
		BARE(a_bubblewrap_that_may_not_is_broken_and_not_missing),
		BARE(a_busybox_that_needs_libraries_will_not_do),
		BARE(a_target_that_lost_its_kernel_is_broken_and_not_enough),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
