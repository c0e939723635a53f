/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freebsd:VERSION, from small sets made here: what is taken of them, and what is refused: damaged
 * files, those of another release, names that lead elsewhere, kernels that are none.
 */
#include "unit.h"

#include "fake_freebsd.h"

#include "target/freebsd.h"

#define SUM_A "eb96bc6c947d0f0cc40385d6fb23a18112a508b94578caade0684b2a15e12e06"
#define SUM_B "f046f13f5030e342505700499026f4107435b8d14daf168e8454f3f91caea465"

static int manifest_sum(const char *text, char sum[SHA256_TEXT])
{
	return freebsd_manifest_sum(text, strlen(text), "src.txz", sum);
}

static void a_manifest_states_a_files_sum(void **state)
{
	char sum[SHA256_TEXT];

	(void)state;
	assert_int_equal(manifest_sum("base.txz\t" SUM_A "\t1\tbase\t\"B (MANDATORY)\"\ton\n"
				      "src.txz\t" SUM_B "\t2\tsrc\t\"S\"\toff\n",
				 sum),
		0);
	assert_string_equal(sum, SUM_B);
	assert_int_equal(manifest_sum("src.txz\t" SUM_A, sum), 0);
	assert_string_equal(sum, SUM_A);
	assert_int_equal(manifest_sum("src.txz\t" SUM_B "\r\n", sum), 0);
	assert_int_equal(manifest_sum("src.txz\t" SUM_B "\nsrc.txz\t" SUM_B "\n", sum), 0);
}

static void a_manifest_that_is_none_states_nothing(void **state)
{
	char sum[SHA256_TEXT];

	(void)state;
	assert_int_equal(manifest_sum("", sum), -ENOENT);
	assert_int_equal(manifest_sum("\n\t\n<html>\n", sum), -ENOENT);
	assert_int_equal(manifest_sum("lib-src.txz\t" SUM_A "\n", sum), -ENOENT);
	assert_int_equal(manifest_sum("src.txz.sig\t" SUM_A "\n", sum), -ENOENT);
	assert_int_equal(manifest_sum("src.txz", sum), -EINVAL);
	assert_int_equal(manifest_sum("src.txz\t\n", sum), -EINVAL);
	assert_int_equal(manifest_sum("src.txz\t" SUM_A "0\n", sum), -EINVAL);
	assert_int_equal(manifest_sum("src.txz\tz" SUM_A "\n", sum), -EINVAL);
	assert_int_equal(manifest_sum("src.txz\t" SUM_A "\nsrc.txz\t" SUM_B "\n", sum), -EINVAL);
}

static void assert_name(const char *typed, const char *full)
{
	struct error err = {{0}};
	AUTO_FREE char *name = target_full_name(typed, &err);

	if (!name)
		fail_msg("%s: %s", typed, err.text);
	assert_string_equal(name, full);
}

static void assert_no_name(const char *typed, const char *words)
{
	struct error err = {{0}};

	assert_null(target_full_name(typed, &err));
	assert_says(err, words);
}

static void a_release_has_one_name(void **state)
{
	(void)state;
	assert_name("freebsd:14.0", "freebsd:14.0");
	assert_name("freebsd:13.5/amd64", "freebsd:13.5");
	assert_name("freebsd:15.10-RELEASE", "freebsd:15.10");
	assert_no_name("freebsd:", "freebsd:14.0");
	assert_no_name("freebsd:14", "freebsd:14.0");
	assert_no_name("freebsd:14.", "no release");
	assert_no_name("freebsd:14.0.1", "no release");
	assert_no_name("freebsd:14.03", "no release");
	assert_no_name("freebsd:../x", "no release");
	assert_no_name("freebsd:12.4", "13, 14 and 15");
	assert_no_name("freebsd:14.3/arm64", "amd64");
	assert_no_name("freebsd:14.3/", "amd64");
	assert_no_name("14.3", "did you mean freebsd:14.3");
	assert_name("freebsd:14.3/debug", "freebsd:14.3/debug");
	assert_no_name("freebsd:14.3/a b", "label");
	assert_no_name("freebsd:14.3/../x", "label");
}

/* Adds freebsd:14.9 from the folder <home>/sets, up to the point where it would be booted. */
static int add_from_sets(struct target_addition **a, struct error *err)
{
	AUTO_FREE char *folder = in_home("sets");
	struct target_source source = {.sets = folder};

	*err = (struct error){{0}};
	return target_add_begin("freebsd:14.9", &source, NULL, NULL, a, err);
}

static void assert_refused(const char *words)
{
	AUTO_FREE char *trees = in_home("data/kmodlab/trees");
	struct target_addition *a;
	struct error err;

	assert_true(add_from_sets(&a, &err) < 0);
	assert_says(err, words);
	/* It is there, and nothing is in it; or it is not there. */
	assert_true(!rmdir(trees) || errno == ENOENT);
}

static struct target_addition *add(void)
{
	struct target_addition *a;
	struct error err;

	if (add_from_sets(&a, &err))
		fail_msg("%s", err.text);
	return a;
}

static bool in_root(const struct target *t, const char *path)
{
	AUTO_FREE char *file = xasprintf("%s/%s", t->root, path);

	return !access(file, F_OK);
}

static void a_release_becomes_a_target(void **state)
{
	struct target_addition *a;
	AUTO_BUF struct buf symbols = {0};
	const struct target *t;
	struct targets all;
	struct error err;

	(void)state;
	put_release("sets");
	a = add();
	t = target_add_staged(a);
	assert_int_equal(t->os, TARGET_FREEBSD);
	assert_string_equal(t->arch, "x86_64");
	assert_string_equal(t->release, "14.9-RELEASE");
	assert_string_equal(t->build, "/usr/src");
	assert_null(t->note);
	assert_true(path_is_file(t->kernel));
	assert_int_equal(path_read(t->symbols, 4096, &symbols), 0);
	assert_string_equal(symbols.data, "bcopy\nosreldate\nosrelease\nuprintf\n");
	assert_int_equal(target_add_keep(a, &err), 0);
	assert_int_equal(targets_load(&all, &err), 0);
	assert_int_equal(all.n, 1);
	assert_non_null(target_find(&all, "freebsd:14.9/amd64", &err));
	targets_free(&all);
}

static void only_what_modules_need_is_unpacked(void **state)
{
	struct target_addition *a;
	const struct target *t;

	(void)state;
	put_release("sets");
	a = add();
	t = target_add_staged(a);
	assert_true(in_root(t, "boot/kernel/if_igb.ko"));
	assert_true(in_root(t, "usr/src/share/mk/bsd.kmod.mk"));
	assert_true(in_root(t, "usr/src/sys/conf/same.mk"));
	assert_false(in_root(t, "usr/lib"));
	assert_false(in_root(t, "usr/src/Makefile"));
	assert_false(in_root(t, "usr/src/share/mk2"));
	assert_false(in_root(t, "usr/src/sys/contrib"));
	target_add_drop(a);
}

static void of_the_base_set_what_test_programs_need_is_unpacked(void **state)
{
	static const char *const wanted[] = {"rescue/sh", "rescue/cat", "rescue/nextboot",
		"usr/include/stdio.h", "usr/lib/crt1.o", "usr/lib/libc.a", "usr/lib/libpthread.a"};
	static const char *const unwanted[] = {
		"bin", "usr/include/c++", "usr/lib/libc.so", "usr/lib/libcrypto.a"};
	AUTO_BUF struct buf manifest = {0};
	struct target_addition *a;
	const struct target *t;

	(void)state;
	put_release("sets");
	put_base_set("sets/base.txz");
	add_sum(&manifest, "sets", "kernel.txz");
	add_sum(&manifest, "sets", "src.txz");
	put("sets/MANIFEST", manifest.data);
	/* It is there, so it has to be as good as the others. */
	assert_refused("does not name base.txz");
	add_sum(&manifest, "sets", "base.txz");
	put("sets/MANIFEST", manifest.data);
	a = add();
	t = target_add_staged(a);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!in_root(t, wanted[i]))
			fail_msg("%s is missing", wanted[i]);
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		if (in_root(t, unwanted[i]))
			fail_msg("%s is there", unwanted[i]);
	target_add_drop(a);
	put("sets/base.txz", "damaged");
	assert_refused("base.txz is damaged, or not the one that its MANIFEST means");
}

static void without_a_manifest_it_is_said_that_nothing_was_checked(void **state)
{
	AUTO_FREE char *manifest = in_home("sets/MANIFEST");
	struct target_addition *a;

	(void)state;
	put_release("sets");
	unlink(manifest);
	a = add();
	assert_non_null(strstr(target_add_staged(a)->note, "no MANIFEST"));
	target_add_drop(a);
}

static void a_folder_without_both_sets_is_refused(void **state)
{
	AUTO_FREE char *src = in_home("sets/src.txz");

	(void)state;
	assert_refused("cannot read the sets");
	put_release("sets");
	unlink(src);
	assert_refused("does not hold both kernel.txz and src.txz");
}

static void a_set_that_is_not_the_manifests_is_refused(void **state)
{
	(void)state;
	put_release("sets");
	put_src_set("sets/src.txz", "1409001");
	assert_refused("src.txz is damaged, or not the one that its MANIFEST means");
	put("sets/MANIFEST", "kernel.txz\t" SUM_A "\n");
	assert_refused("kernel.txz is damaged");
	put("sets/MANIFEST", "kernel.txz\tabc\n");
	assert_refused("is damaged");
	put("sets/MANIFEST", "base.txz\t" SUM_A "\n");
	assert_refused("does not name kernel.txz");
}

/* Replaces a set, and takes the MANIFEST away. */
static void unchecked(const char *path, const struct member *members)
{
	AUTO_FREE char *manifest = in_home("sets/MANIFEST");

	put_release("sets");
	unlink(manifest);
	put_set(path, members);
}

static void a_set_that_is_cut_off_is_refused(void **state)
{
	AUTO_FREE char *manifest = in_home("sets/MANIFEST"), *set = in_home("sets/kernel.txz");
	struct stat st;

	(void)state;
	put_release("sets");
	unlink(manifest);
	assert_int_equal(stat(set, &st), 0);
	for (off_t len = st.st_size - 1; len > 0; len -= 40) {
		assert_int_equal(truncate(set, len), 0);
		assert_refused("kernel.txz is damaged");
	}
	put("sets/kernel.txz", "no archive at all");
	assert_refused("kernel.txz is damaged");
}

static void a_set_that_writes_elsewhere_is_refused(void **state)
{
	static const char *const names[] = {"/usr/src/sys/x", "../x", "usr/src/sys/../../../../x",
		"./../x", "elsewhere/../../x", "usr/src/sys/.."};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		unchecked("sets/src.txz", (struct member[]){{names[i], 0, "x"}, {NULL}});
		assert_refused("outside of its folder");
	}
	unchecked("sets/src.txz",
		(struct member[]){{"usr/src/sys/x", LINK_HARD, "../../etc/passwd"}, {NULL}});
	assert_refused("outside of its folder");
	unchecked("sets/src.txz",
		(struct member[]){{"usr/src/sys/x", LINK_HARD, "/etc/passwd"}, {NULL}});
	assert_refused("outside of its folder");
}

static void a_way_through_a_link_leads_nowhere(void **state)
{
	AUTO_FREE char *out = in_home("out"), *file = in_home("out/x");
	AUTO_BUF struct buf kept = {0};

	(void)state;
	put("out/x", "old");
	unchecked("sets/src.txz",
		(struct member[]){{"usr/src/sys/l", AE_IFLNK, out}, {"usr/src/sys/l/x", 0, "new"},
			{"usr/src/sys/up", AE_IFLNK, "../../../../../../../out"},
			{"usr/src/sys/up/x", 0, "new"},
			{"usr/src/sys/in", AE_IFLNK, "../../src/sys"},
			{"usr/src/sys/in/y", 0, "new"}, {"usr/src/sys/dev", AE_IFCHR, NULL},
			{NULL}});
	/* It is refused for what it lacks, and has done no harm until then. */
	assert_refused("it has no usr/src/share/mk/bsd.kmod.mk");
	assert_int_equal(path_read(file, 16, &kept), 0);
	assert_string_equal(kept.data, "old");
}

static void a_link_that_leads_out_of_the_tree_is_left_out(void **state)
{
	AUTO_BUF struct buf kernel = fake_kernel("14.9-RELEASE", 1409000);
	AUTO_FREE char *manifest = in_home("sets/MANIFEST"), *link = NULL;
	struct target_addition *a;
	struct stat st;

	(void)state;
	put_release("sets");
	unlink(manifest);
	put_set("sets/kernel.txz",
		(struct member[]){{"boot/kernel/kernel", 0, kernel.data, kernel.len},
			{"boot/kernel/secret.ko", AE_IFLNK, "/etc/passwd"},
			{"boot/kernel/up.ko", AE_IFLNK, "../../../x"},
			{"boot/kernel/near.ko", AE_IFLNK, "../../usr/src/sys"},
			{"boot/kernel/dev.ko", AE_IFCHR, NULL}, {NULL}});
	a = add();
	assert_false(in_root(target_add_staged(a), "boot/kernel/secret.ko"));
	assert_false(in_root(target_add_staged(a), "boot/kernel/dev.ko"));
	assert_true(in_root(target_add_staged(a), "boot/kernel/near.ko"));
	link = xasprintf("%s/boot/kernel/up.ko", target_add_staged(a)->root);
	assert_true(lstat(link, &st) && errno == ENOENT);
	target_add_drop(a);
}

static void sets_of_something_else_are_refused(void **state)
{
	AUTO_FREE char *manifest = in_home("sets/MANIFEST");

	(void)state;
	put_release("sets");
	unlink(manifest);
	put_kernel_set("sets/kernel.txz", "14.8-RELEASE", 1408000);
	assert_refused("holds the kernel of FreeBSD 14.8-RELEASE, and not of 14.9");
	put_kernel_set("sets/kernel.txz", "14.90-RELEASE", 1408000);
	assert_refused("and not of 14.9");
	put_kernel_set("sets/kernel.txz", "14.9-RELEASE", 1408999);
	assert_refused("not of one release");
	put_src_set("sets/kernel.txz", "1409000");
	assert_refused("it has no boot/kernel/kernel");
}

static void assert_no_kernel(const struct buf *bytes, size_t len, const char *words)
{
	struct freebsd_kernel k;
	struct error err = {{0}};
	/* A block of its very own, so that reading past its end is seen. */
	AUTO_FREE char *copy = len ? memcpy(xcalloc(1, len), bytes->data, len) : NULL;

	assert_int_equal(freebsd_kernel_read(copy, len, "kernel", &k, &err), -EINVAL);
	assert_says(err, words);
	freebsd_kernel_free(&k);
}

static void a_kernel_that_is_cut_off_is_refused_wherever_it_ends(void **state)
{
	AUTO_BUF struct buf whole = fake_kernel("14.9-RELEASE", 1409000);

	(void)state;
	for (size_t len = 0; len < whole.len; len++)
		assert_no_kernel(&whole, len, "kernel");
}

static void what_is_no_freebsd_kernel_is_refused_with_the_reason(void **state)
{
	AUTO_BUF struct buf whole = fake_kernel("14.9-RELEASE", 1409000);
	AUTO_BUF struct buf nameless = fake_kernel("", 1409000);
	AUTO_BUF struct buf odd = fake_kernel("14.9\033[31m", 1409000);
	Elf64_Ehdr *h = (Elf64_Ehdr *)(void *)whole.data;
	Elf64_Phdr *p = (Elf64_Phdr *)(void *)(whole.data + sizeof *h);

	(void)state;
	assert_no_kernel(&nameless, nameless.len, "osrelease");
	assert_no_kernel(&odd, odd.len, "osrelease");
	p->p_filesz = whole.len + 1;
	assert_no_kernel(&whole, whole.len, "cut off");
	p->p_filesz = 8;
	assert_no_kernel(&whole, whole.len, "osrelease");
	p->p_vaddr += 4096;
	assert_no_kernel(&whole, whole.len, "does not begin");
	h->e_type = ET_REL;
	assert_no_kernel(&whole, whole.len, "no program");
	h->e_ident[EI_OSABI] = ELFOSABI_NONE;
	assert_no_kernel(&whole, whole.len, "not FreeBSD's");
	h->e_machine = EM_AARCH64;
	assert_no_kernel(&whole, whole.len, "not for x86-64");
	whole.data[0] = 'x';
	assert_no_kernel(&whole, whole.len, "no ELF file");
}

static void sets_in_the_cache_are_used_as_they_are(void **state)
{
	/* Nobody answers there. */
	struct target_source source = {.mirror = "http://127.0.0.1:1"};
	struct target_addition *a;
	struct error err = {{0}};

	(void)state;
	assert_true(target_add_begin("freebsd:14.9", &source, NULL, NULL, &a, &err) < 0);
	assert_says(err, "put kernel.txz, src.txz and MANIFEST");
	assert_says(err, "cache/kmodlab/sets/freebsd-14.9");
	put_release("cache/kmodlab/sets/freebsd-14.9");
	assert_int_equal(target_add_begin("freebsd:14.9", &source, NULL, NULL, &a, &err), 0);
	assert_null(target_add_staged(a)->note);
	target_add_drop(a);
	put("cache/kmodlab/sets/freebsd-14.9/src.txz", "damaged");
	assert_true(target_add_begin("freebsd:14.9", &source, NULL, NULL, &a, &err) < 0);
	assert_says(err, "src.txz is damaged");
	assert_says(err, "cannot be had");
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, set_up_cache, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_states_a_files_sum),
		cmocka_unit_test(a_manifest_that_is_none_states_nothing),
		at_home(a_release_has_one_name),
		at_home(a_release_becomes_a_target),
		at_home(only_what_modules_need_is_unpacked),
		at_home(of_the_base_set_what_test_programs_need_is_unpacked),
		at_home(without_a_manifest_it_is_said_that_nothing_was_checked),
		at_home(a_folder_without_both_sets_is_refused),
		at_home(a_set_that_is_not_the_manifests_is_refused),
		at_home(a_set_that_is_cut_off_is_refused),
		at_home(a_set_that_writes_elsewhere_is_refused),
		at_home(a_way_through_a_link_leads_nowhere),
		at_home(a_link_that_leads_out_of_the_tree_is_left_out),
		at_home(sets_of_something_else_are_refused),
		cmocka_unit_test(a_kernel_that_is_cut_off_is_refused_wherever_it_ends),
		cmocka_unit_test(what_is_no_freebsd_kernel_is_refused_with_the_reason),
		at_home(sets_in_the_cache_are_used_as_they_are),
	};

	return cmocka_run_group_tests_name("freebsd_target", tests, NULL, NULL);
}
