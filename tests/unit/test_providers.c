/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The providers of targets on fabricated ground: kernel build directories with something missing,
 * kernels as the distributions lay them out, and what mmdebstrap and apt have to say.
 */
#include "unit.h"

#include "home.h"

#include "target/provider.h"

#include <sys/wait.h>

static void assert_tree_refused(const char *name, const char *words)
{
	struct target_addition *a;
	struct error err;

	assert_true(target_add_begin(name, NULL, NULL, NULL, &a, &err) < 0);
	assert_says(err, words);
}

static void what_a_tree_lacks_is_named_with_the_command_that_makes_it(void **state)
{
	static const char *const commands[] = {"not a kernel's build directory", " defconfig`",
		" bzImage modules`", " bzImage`", " modules_prepare`", " modules_prepare`",
		" modules_prepare`", " modules`"};

	(void)state;
	for (size_t i = 0; i < sizeof tree_files / sizeof *tree_files; i++) {
		AUTO_FREE char *name = put_tree();
		AUTO_FREE char *file = xasprintf("%s/linux/%s", home, tree_files[i]);

		unlink(file);
		assert_tree_refused(name, commands[i]);
		if (i)
			assert_tree_refused(name, tree_files[i]);
	}
}

static void a_tree_that_cannot_be_tested_is_refused_with_the_reason(void **state)
{
	AUTO_FREE char *name = put_tree();

	(void)state;
	put_image("linux/arch/x86/boot/bzImage", "6.8.0-older");
	assert_tree_refused(name, "is of 6.8.0-older");
	put("linux/arch/x86/boot/bzImage", "short");
	assert_tree_refused(name, "no x86 kernel image");
	put("linux/.config", "CONFIG_X86_64=y\n# CONFIG_MODULES is not set\n");
	assert_tree_refused(name, "without CONFIG_MODULES");
}

/* What host_find finds in <home>/machine. */
static void find_host(const char *release, struct target *t)
{
	AUTO_FREE char *root = in_home("machine");
	struct error err = {{0}};

	*t = (struct target){0};
	if (host_find(root, release, t, &err))
		fail_msg("%s", err.text);
	assert_string_equal(t->release, release);
	assert_string_equal(t->root, root);
}

static void assert_host_refused(const char *release, int code, const char *words)
{
	AUTO_FREE char *root = in_home("machine");
	struct target t = {0};
	struct error err = {{0}};

	assert_int_equal(host_find(root, release, &t, &err), -code);
	assert_says(err, words);
	target_free(&t);
}

static void assert_in_machine(const char *path, const char *expected)
{
	AUTO_FREE char *whole = xasprintf("%s/machine%s", home, expected);

	assert_non_null(path);
	assert_string_equal(path, whole);
}

static void debian_keeps_its_image_in_boot_and_its_headers_in_usr_src(void **state)
{
	struct target t;

	(void)state;
	put("machine/etc/os-release", "ID=debian\n");
	put_image("machine/boot/vmlinuz-6.1.0-38-amd64", "6.1.0-38-amd64");
	put("machine/usr/src/linux-headers-6.1.0-38-amd64/Makefile", "");
	put("machine/usr/lib/modules/6.1.0-38-amd64/kernel/x.ko", "");
	put_link("machine/lib", "usr/lib");
	put_link("machine/usr/lib/modules/6.1.0-38-amd64/build",
		"/usr/src/linux-headers-6.1.0-38-amd64");
	find_host("6.1.0-38-amd64", &t);
	assert_in_machine(t.kernel, "/boot/vmlinuz-6.1.0-38-amd64");
	assert_string_equal(t.build, "/usr/src/linux-headers-6.1.0-38-amd64");
	assert_in_machine(t.modules, "/usr/lib/modules/6.1.0-38-amd64");
	target_free(&t);
}

static void ubuntu_lets_nobody_read_its_image_and_is_told_so(void **state)
{
	AUTO_FREE char *image = in_home("machine/boot/vmlinuz-6.8.0-45-generic");
	struct target t;
	pid_t child;
	int status;

	(void)state;
	put("machine/etc/os-release", "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n");
	put_image("machine/boot/vmlinuz-6.8.0-45-generic", "6.8.0-45-generic");
	put("machine/usr/src/linux-headers-6.8.0-45-generic/Makefile", "");
	put_link("machine/lib/modules/6.8.0-45-generic/build",
		"/usr/src/linux-headers-6.8.0-45-generic");
	find_host("6.8.0-45-generic", &t);
	assert_string_equal(t.build, "/usr/src/linux-headers-6.8.0-45-generic");
	assert_null(t.modules);
	target_free(&t);
	chmod(home, 0755);
	chmod(image, 0);
	child = fork();
	if (!child) {
		AUTO_FREE char *root = in_home("machine");
		struct error err = {{0}};

		/* Root could read it all the same. */
		if (!getuid() && setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(host_find(root, "6.8.0-45-generic", &t, &err) == -EACCES &&
					strstr(err.text, "sudo chmod +r")
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	chmod(image, 0600);
}

static void fedora_keeps_its_image_with_the_modules_and_its_headers_in_kernels(void **state)
{
	struct target t;

	(void)state;
	put("machine/etc/os-release", "ID=fedora\n");
	put_image(
		"machine/usr/lib/modules/6.11.4-301.fc41.x86_64/vmlinuz", "6.11.4-301.fc41.x86_64");
	put("machine/usr/lib/modules/6.11.4-301.fc41.x86_64/kernel/x.ko.xz", "");
	put("machine/usr/src/kernels/6.11.4-301.fc41.x86_64/Makefile", "");
	put_link("machine/lib", "usr/lib");
	put_link("machine/usr/lib/modules/6.11.4-301.fc41.x86_64/build",
		"/usr/src/kernels/6.11.4-301.fc41.x86_64");
	find_host("6.11.4-301.fc41.x86_64", &t);
	assert_in_machine(t.kernel, "/lib/modules/6.11.4-301.fc41.x86_64/vmlinuz");
	assert_string_equal(t.build, "/usr/src/kernels/6.11.4-301.fc41.x86_64");
	target_free(&t);
}

static void arch_keeps_its_build_tree_with_the_modules(void **state)
{
	struct target t;

	(void)state;
	put("machine/etc/os-release", "ID=arch\n");
	put_image("machine/boot/vmlinuz-linux", "6.11.5-arch1-1");
	put_image("machine/usr/lib/modules/6.11.4-arch1-1/vmlinuz", "6.11.4-arch1-1");
	put("machine/usr/lib/modules/6.11.4-arch1-1/build/Makefile", "");
	find_host("6.11.4-arch1-1", &t);
	assert_in_machine(t.kernel, "/usr/lib/modules/6.11.4-arch1-1/vmlinuz");
	assert_string_equal(t.build, "/usr/lib/modules/6.11.4-arch1-1/build");
	target_free(&t);
}

static void archs_one_image_name_is_taken_only_for_the_release_it_holds(void **state)
{
	struct target t;

	(void)state;
	put("machine/etc/os-release", "ID=arch\n");
	put_image("machine/boot/vmlinuz-linux", "6.11.4-arch1-1");
	put("machine/usr/lib/modules/6.11.4-arch1-1/build/Makefile", "");
	find_host("6.11.4-arch1-1", &t);
	assert_in_machine(t.kernel, "/boot/vmlinuz-linux");
	target_free(&t);
	put_image("machine/boot/vmlinuz-linux", "6.11.5-arch1-1");
	assert_host_refused("6.11.4-arch1-1", ENOENT, "restart first");
}

static void what_a_host_lacks_is_named_with_its_distributions_package(void **state)
{
	(void)state;
	put("machine/etc/os-release", "ID=debian\n");
	assert_host_refused("6.1.0-38-amd64", ENOENT,
		"no image and no headers on this machine; `sudo apt-get install "
		"linux-image-6.1.0-38-amd64 linux-headers-6.1.0-38-amd64`");
	put_image("machine/boot/vmlinuz-6.1.0-38-amd64", "6.1.0-38-amd64");
	put_link("machine/lib/modules/6.1.0-38-amd64/build", "/usr/src/gone");
	assert_host_refused("6.1.0-38-amd64", ENOENT,
		"no headers on this machine; `sudo apt-get install linux-headers-6.1.0-38-amd64`");
	put("machine/etc/os-release", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n");
	assert_host_refused("5.14.0-1.el9.x86_64", ENOENT,
		"`sudo dnf install kernel-core-5.14.0-1.el9.x86_64 "
		"kernel-devel-5.14.0-1.el9.x86_64`");
	put("machine/etc/os-release", "ID=arch\n");
	assert_host_refused("6.6.8-2-lts", ENOENT, "`sudo pacman -S linux-lts linux-lts-headers`");
	put("machine/etc/os-release", "ID=nothing-known\n");
	assert_host_refused("6.6.8", ENOENT, "your distribution's kernel packages");
}

static void apts_sizes_are_understood(void **state)
{
	(void)state;
	assert_int_equal(debian_bytes("132 MB of archives."), 132000000);
	assert_int_equal(debian_bytes("34.7 MB]"), 34700000);
	assert_int_equal(debian_bytes("9417 kB"), 9417000);
	assert_int_equal(debian_bytes("1.2 GB"), 1200000000);
	assert_int_equal(debian_bytes("83 B"), 83);
	assert_int_equal(debian_bytes("nothing"), 0);
	assert_int_equal(debian_bytes("-5 MB"), 0);
	assert_int_equal(debian_bytes("nan"), 0);
}

static enum debian_remedy diagnose(const char *log, unsigned tried, int *code, struct error *err)
{
	*code = 0;
	*err = (struct error){{0}};
	return debian_diagnose("debian:sid/rt", log, W_EXITCODE(25, 0), tried, "/data", code, err);
}

static void assert_cause(const char *log, int code, const char *words)
{
	struct error err;
	int got;

	assert_int_equal(diagnose(log, 0, &got, &err), DEBIAN_NO_REMEDY);
	assert_int_equal(got, code);
	assert_says(err, words);
}

static void an_index_past_its_date_is_taken_but_once(void **state)
{
	static const char log[] =
		"E: Release file for http://archive.example/debian/dists/sid/InRelease is expired "
		"(invalid since 16d 4h 58min 53s). Updates for this repository will not be applied.\n";
	struct error err;
	int code;

	(void)state;
	assert_int_equal(diagnose(log, 0, &code, &err), DEBIAN_OLD_INDEX);
	assert_int_equal(diagnose(log, DEBIAN_OLD_INDEX, &code, &err), DEBIAN_NO_REMEDY);
	assert_says(err, "is expired");
}

static void a_security_archive_with_holes_is_left_out_but_no_other_one(void **state)
{
	static const char holes[] =
		"E: Failed to fetch http://archive.example/debian-security/pool/l.deb  404  Not "
		"Found [IP: 192.0.2.1 80]\n"
		"E: Unable to fetch some archives, maybe run apt-get update or try with "
		"--fix-missing?\n";
	AUTO_FREE char *both = xasprintf(
		"%sE: Failed to fetch http://archive.example/debian/pool/m.deb  404  Not Found\n",
		holes);
	struct error err;
	int code;

	(void)state;
	assert_int_equal(diagnose(holes, 0, &code, &err), DEBIAN_NO_SECURITY);
	assert_int_equal(
		diagnose("E: The repository 'http://archive.example/debian-security sid-security "
			 "Release' does not have a Release file.\n",
			DEBIAN_OLD_INDEX, &code, &err),
		DEBIAN_NO_SECURITY);
	assert_int_equal(diagnose(holes, DEBIAN_NO_SECURITY, &code, &err), DEBIAN_NO_REMEDY);
	assert_cause(both, ENOENT, "is not complete");
}

static void why_a_suite_could_not_be_fetched_is_told(void **state)
{
	(void)state;
	assert_cause("E: Failed to fetch http://archive.example/debian/dists/sid/InRelease\n"
		     "  Temporary failure resolving 'archive.example'\n",
		ENETUNREACH, "is there a network");
	assert_cause(
		"E: Failed to fetch http://archive.example/debian-security/x  Could not connect to "
		"archive.example:80 (192.0.2.1), connection timed out\n",
		ENETUNREACH, "cannot be reached");
	assert_cause("tar: ./usr/bin/gcc-12: Cannot write: No space left on device\n"
		     "E: tar --extract failed: 512\n",
		ENOSPC, "/data");
	assert_cause("E: Unable to locate package linux-image-rt-amd64\n", ENOENT,
		"Unable to locate package linux-image-rt-amd64");
	assert_cause("bwrap: setting up uid map: Permission denied\n", EPERM,
		"kernel.apparmor_restrict_unprivileged_userns");
	assert_cause("W: GPG error: http://archive.example/debian sid InRelease: the following "
		     "signatures couldn't be verified: NO_PUBKEY 6ED0E7B82643E131\n",
		EKEYREJECTED, "debian-archive-keyring");
	assert_cause(
		"E: Release file for http://archive.example/debian/dists/sid/InRelease is not valid "
		"yet (invalid for another 3h)\n",
		EINVAL, "clock is behind");
}

static void what_nobody_foresaw_is_told_in_its_last_lines(void **state)
{
	AUTO_BUF struct buf log = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_addf(&log, "line %d\n", i);
	assert_cause(log.data, EIO, "exited with status 25");
	assert_cause(log.data, EIO, "line 4998 | line 4999");
	assert_cause("", EIO, "mmdebstrap");
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		at_home(what_a_tree_lacks_is_named_with_the_command_that_makes_it),
		at_home(a_tree_that_cannot_be_tested_is_refused_with_the_reason),
		at_home(debian_keeps_its_image_in_boot_and_its_headers_in_usr_src),
		at_home(ubuntu_lets_nobody_read_its_image_and_is_told_so),
		at_home(fedora_keeps_its_image_with_the_modules_and_its_headers_in_kernels),
		at_home(arch_keeps_its_build_tree_with_the_modules),
		at_home(archs_one_image_name_is_taken_only_for_the_release_it_holds),
		at_home(what_a_host_lacks_is_named_with_its_distributions_package),
		cmocka_unit_test(apts_sizes_are_understood),
		cmocka_unit_test(an_index_past_its_date_is_taken_but_once),
		cmocka_unit_test(a_security_archive_with_holes_is_left_out_but_no_other_one),
		cmocka_unit_test(why_a_suite_could_not_be_fetched_is_told),
		cmocka_unit_test(what_nobody_foresaw_is_told_in_its_last_lines),
	};

	return cmocka_run_group_tests_name("providers", tests, NULL, NULL);
}
