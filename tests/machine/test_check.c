/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a finished module without a machine, and that a machine then says the same. */
#include "lab.h"

#include "base/path.h"
#include "target/target.h"

#include <stdio.h>
#include <unistd.h>

#define SOURCE                                                                                     \
	"#include <linux/module.h>\n#include <linux/dma-buf.h>\n#include <linux/rcupdate.h>\n"     \
	"MODULE_LICENSE(\"GPL\"); MODULE_DESCRIPTION(\"t\"); MODULE_IMPORT_NS(DMA_BUF);\n"         \
	"static struct dma_buf *volatile kept;\n"                                                  \
	"static int __init i(void) { pr_info(\"here\\n\"); synchronize_rcu(); return 0; }\n"       \
	"static void __exit x(void) { if (kept) dma_buf_put(kept); }\n"                            \
	"module_init(i); module_exit(x);\n"

static char *finished; /* of SOURCE, for BOOKWORM */

static int build(void **state)
{
	(void)state;
	finished = lab_ko("probe", SOURCE, BOOKWORM);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	free(finished);
	return 0;
}

/* ---- the same module, spoilt ---- */

/* Writes `to` over `from` wherever it stands with a NUL behind it; both are of one length. */
static size_t replace(struct buf *b, const char *from, const char *to)
{
	size_t len = strlen(from) + 1, n = 0;

	for (char *at = b->data; (at = memmem(at, b->len - (size_t)(at - b->data), from, len)); n++)
		memcpy(at, to, len);
	return n;
}

/* Changes what the module has as the checksum of the symbol: struct modversion_info has it in eight bytes of which the
 * upper four are zero, then the name, with zeros up to 64 bytes. */
static size_t change_version(struct buf *b, const char *symbol)
{
	char entry[60] = {0};
	char *at;

	strcpy(entry + 4, symbol);
	at = memmem(b->data, b->len, entry, sizeof entry);
	if (at)
		at[-4] ^= 1;
	return at != NULL;
}

static const struct spoilt {
	const char *from, *to;
	const char *version; /* or the symbol whose version is changed */
	const char *rule;    /* what the check finds */
	const char *words;
	const char *refused; /* as what the machine's kernel refuses it */
} spoilt[] = {
	{"_printk", "_prinkt", NULL, "symbol-unknown", "probe uses _prinkt", "symbol-unknown"},
	{NULL, NULL, "_printk", "symbol-version", "the symbol _printk", "symbol-version"},
	{"license=GPL", "license=MIT", NULL, "license-gpl", "synchronize_rcu", "symbol-unknown"},
	{"import_ns=DMA_BUF", "import_ns=DMA_BUX", NULL, "namespace-import",
		"probe uses dma_buf_put from the symbol namespace DMA_BUF", "namespace-import"},
};

static char *spoil(const struct spoilt *s)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_BUF struct buf bytes = {0};
	char *ko = xasprintf("%s/probe.ko", dir);
	struct error err;

	assert_int_equal(path_read(finished, 64 << 20, &bytes), 0);
	assert_true(
		s->version ? change_version(&bytes, s->version) : replace(&bytes, s->from, s->to));
	assert_int_equal(path_write(ko, bytes.data, bytes.len, &err), 0);
	return ko;
}

static void what_the_check_finds_is_what_the_kernel_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
		AUTO_FREE char *ko = spoil(&spoilt[i]);
		struct outcome o = lab_run("check", "--json", "-t", BOOKWORM, ko, NULL);

		lab_expect(&o, 1, "load");
		lab_expect_finding(&o, spoilt[i].rule, spoilt[i].words);
		lab_free(&o);
		o = lab_run("run", "--json", "-t", BOOKWORM, ko, NULL);
		lab_expect(&o, 1, "load");
		lab_expect_finding(&o, spoilt[i].refused, "probe");
		lab_free(&o);
	}
}

static void a_slip_of_the_pen_is_seen_and_a_licence_too(void **state)
{
	AUTO_FREE char *slip = spoil(&spoilt[0]), *licence = spoil(&spoilt[2]);
	struct outcome o = lab_run("check", "--json", "-t", BOOKWORM, slip, NULL);

	(void)state;
	assert_non_null(strstr(
		lab_string(lab_finding(&o, "symbol-unknown"), "advice"), "Was _printk meant?"));
	lab_free(&o);
	o = lab_run("check", "--json", "-t", BOOKWORM, licence, NULL);
	lab_expect_finding(&o, "license-unknown", "\"MIT\"");
	lab_free(&o);
}

static void against_several_targets_there_is_a_row_for_each(void **state)
{
	struct outcome o = lab_run("check", "-t", BOOKWORM, "-t", TRIXIE, finished, NULL);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out.data, "bookworm  pass"));
	assert_non_null(strstr(o.out.data, "trixie    load"));
	assert_non_null(strstr(o.out.data, "1 passed, 1 failed"));
	lab_free(&o);
}

static void a_module_for_another_kernel_is_refused_by_check_and_machine_alike(void **state)
{
	static const char *const commands[] = {"check", "run"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = lab_run(commands[i], "--json", "-t", TRIXIE, finished, NULL);

		lab_expect(&o, 1, "load");
		lab_expect_finding(&o, "vermagic", "this kernel's is \"6.12.");
		lab_free(&o);
	}
}

static void a_compressed_module_is_checked_as_it_is(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *ko = xasprintf("%s/probe.ko.xz", dir);
	AUTO_FREE char *command = xasprintf("xz --check=crc32 -c '%s' > '%s'", finished, ko);
	struct outcome o;

	(void)state;
	assert_int_equal(system(command), 0);
	o = lab_run("check", "--json", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 0, "pass");
	assert_string_equal(lab_field(&o, "module"), "probe");
	lab_free(&o);
	assert_int_equal(truncate(ko, 500), 0);
	o = lab_run("check", "--json", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "damaged-file", "compressed, but cut off or corrupt");
	lab_free(&o);
}

static void notes_of_many_that_pass_are_only_counted(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"cp '%s' '%s/probe.ko' && cp '%s' '%s/probe_b.ko'", finished, dir, finished, dir);
	struct outcome o;

	(void)state;
	assert_int_equal(system(command), 0);
	o = lab_run("check", "-t", BOOKWORM, dir, NULL);
	assert_int_equal(o.status, 0);
	assert_null(strstr(o.out.data, "author-missing"));
	assert_non_null(strstr(o.out.data, "2 notes not shown here"));
	lab_free(&o);
	o = lab_run("check", "-v", "-t", BOOKWORM, dir, NULL);
	assert_non_null(strstr(o.out.data, "author-missing"));
	lab_free(&o);
}

/* ---- the kernels' own modules ---- */

/* Every module that a target came with loads there, as far as files can tell. */
static void all_own_modules_load(const char *name, size_t least)
{
	struct targets all;
	const struct target *t;
	struct outcome o;
	struct error err;

	assert_int_equal(targets_load(&all, &err), 0);
	t = target_find(&all, name, &err);
	assert_non_null(t);
	o = lab_run("check", "--json", "-t", name, t->modules, NULL);
	assert_int_equal(o.status, 0);
	assert_true(lab_trials(&o) >= least);
	for (size_t i = 0; i < lab_trials(&o); i++)
		if (strcmp(lab_trial_field(&o, i, "verdict"), "pass") != 0)
			fail_msg("%s: %s", lab_trial_field(&o, i, "module"),
				lab_trial_field(&o, i, "verdict"));
	lab_free(&o);
	targets_free(&all);
}

static void all_own_modules_of_a_kernel_load_there(void **state)
{
	(void)state;
	all_own_modules_load(BOOKWORM, 1000);
	all_own_modules_load(TRIXIE, 1000);
}

/* ---- what is no module ---- */

static void what_cannot_be_checked_gets_one_sentence(void **state)
{
	static const struct {
		const char *content;
		int status;
		const char *words;
	} cases[] = {
		{"", 1, "is not a kernel module: it is not an ELF file"},
		{"int main(void) {}\n", 1, "is not a kernel module: it is not an ELF file"},
		{NULL, 2, "there is no directory or file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO_FREE char *dir = lab_dir();
		AUTO_FREE char *ko = xasprintf("%s/odd.ko", dir);
		struct outcome o;

		if (cases[i].content)
			lab_write(dir, "odd.ko", "%s", cases[i].content);
		o = lab_run("check", "-t", BOOKWORM, ko, NULL);
		assert_int_equal(o.status, cases[i].status);
		if (!strstr(o.status == 1 ? o.out.data : o.err.data, cases[i].words))
			fail_msg("\"%s\" and \"%s\" do not say \"%s\"", o.out.data, o.err.data,
				cases[i].words);
		lab_free(&o);
	}
}

static void a_file_that_is_cut_off_is_damaged(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *ko = xasprintf("%s/cut.ko", dir);
	AUTO_BUF struct buf bytes = {0};
	struct outcome o;
	struct error err;

	(void)state;
	assert_int_equal(path_read(finished, 64 << 20, &bytes), 0);
	assert_int_equal(path_write(ko, bytes.data, bytes.len / 2, &err), 0);
	o = lab_run("check", "--json", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "damaged-file", "cut off or corrupt");
	lab_free(&o);
}

/* ---- FreeBSD ---- */

static void a_freebsd_module_is_for_freebsd(void **state)
{
	const char *name = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *ko = NULL;
	struct targets all;
	const struct target *t;
	struct outcome o;
	struct error err;

	(void)state;
	if (!name)
		skip();
	assert_int_equal(targets_load(&all, &err), 0);
	t = target_find(&all, name, &err);
	assert_non_null(t);
	ko = xasprintf("%s/snd_hda.ko", t->modules);
	o = lab_run("check", "--json", "-t", name, ko, NULL);
	lab_expect(&o, 0, "pass");
	lab_free(&o);
	o = lab_run("check", "--json", "-t", BOOKWORM, ko, NULL);
	lab_expect(&o, 1, "load");
	lab_expect_finding(&o, "wrong-os", "is a FreeBSD kernel module, and the target is Linux");
	lab_free(&o);
	targets_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_check_finds_is_what_the_kernel_refuses),
		cmocka_unit_test(a_slip_of_the_pen_is_seen_and_a_licence_too),
		cmocka_unit_test(against_several_targets_there_is_a_row_for_each),
		cmocka_unit_test(a_module_for_another_kernel_is_refused_by_check_and_machine_alike),
		cmocka_unit_test(a_compressed_module_is_checked_as_it_is),
		cmocka_unit_test(notes_of_many_that_pass_are_only_counted),
		cmocka_unit_test(all_own_modules_of_a_kernel_load_there),
		cmocka_unit_test(what_cannot_be_checked_gets_one_sentence),
		cmocka_unit_test(a_file_that_is_cut_off_is_damaged),
		cmocka_unit_test(a_freebsd_module_is_for_freebsd),
	};

	return cmocka_run_group_tests(tests, build, forget);
}
