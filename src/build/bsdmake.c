/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building a FreeBSD module on this machine. FreeBSD's kernel sources bring the whole of a module's
 * build with them, bsd.kmod.mk in share/mk and kmod.mk in sys/conf; its compiler, clang, is the same
 * program everywhere and is told the target by name. So the sandbox shows this machine's system, the
 * target's sources at a place that never changes (objects and .depend files name it), and a few
 * programs under the names that FreeBSD knows them by:
 *
 *	/freebsd/src	usr/src of the target, also as /usr/src (where there is one to mount it on), /sys
 *	/freebsd/bin	first on PATH: make, cc, ld, awk and xargs as FreeBSD has them
 *	/freebsd/records	takes the scripts that make hands to the shell (build/bsd-record.h)
 *
 * The Makefile is not touched. Variables that only we can know are set on the command line, where they
 * win over the Makefile; DEBUG_FLAGS, which is the author's, in the environment, where it loses.
 */
#include "build/system.h"

#include "base/packages.h"
#include "base/path.h"
#include "build/bsd-record.h"
#include "build/files.h"
#include "build/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCES	   BSD_SOURCES
#define PROGRAMS   BSD_PROGRAMS
#define MOST_DEPTH 3 /* of SUBDIRs, when looking for a module in them */

/* ---- recognising ---- */

/* The makefile that FreeBSD's make would take. */
static bool read_own_makefile(const char *dir, struct buf *text)
{
	static const char *const names[] = {"BSDmakefile", "makefile", "Makefile", NULL};

	for (size_t i = 0; names[i]; i++)
		if (makefile_read(dir, names[i], text))
			return true;
	return false;
}

static bool includes_kmod(const struct buf *text)
{
	return makefile_mentions(text, "bsd.kmod.mk") || makefile_mentions(text, "bsd.kld.mk") ||
		makefile_mentions(text, "conf/kmod.mk");
}

/* A module that leaves the .include to a file that it shares with others names itself all the same. */
static bool names_kmod(const struct buf *text)
{
	return makefile_mentions(text, ".include") &&
		(makefile_mentions(text, "KMOD=") || makefile_mentions(text, "KMOD\t") ||
			makefile_mentions(text, "KMOD ") || makefile_mentions(text, "KMOD?="));
}

static bool is_source(const char *dir, int depth)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *below = NULL;

	if (!read_own_makefile(dir, &text))
		return false;
	if (includes_kmod(&text) || names_kmod(&text))
		return true;
	if (depth && makefile_mentions(&text, "bsd.subdir.mk"))
		below = files_source_below(dir, is_source, depth - 1);
	return below != NULL;
}

static void explain_none(const char *dir, struct error *why)
{
	AUTO_BUF struct buf text = {0}, kbuild_file = {0};
	AUTO_FREE char *below = NULL;

	if (!path_is_dir(dir)) {
		error_set(why, 0,
			"%s is not a directory: give the one that has the module's Makefile", dir);
		return;
	}
	below = files_source_below(dir, is_source, 0);
	if (below)
		error_set(
			why, 0, "%s is not the source of a FreeBSD module, but %s is", dir, below);
	else if (makefile_read(dir, "Kbuild", &kbuild_file) ||
		(read_own_makefile(dir, &text) && makefile_mentions(&text, "obj-m")))
		error_set(why, 0,
			"%s is the source of a Linux module: for FreeBSD it needs a Makefile that "
			"includes bsd.kmod.mk",
			dir);
	else if (text.data)
		error_set(why, 0,
			"%s does not look like the source of a FreeBSD module: its Makefile does not "
			"include bsd.kmod.mk",
			dir);
	else
		error_set(why, 0,
			"%s does not look like the source of a FreeBSD module: it has no Makefile; "
			"three lines would do: KMOD=NAME, SRCS=NAME.c and .include <bsd.kmod.mk>",
			dir);
}

static struct recipes bsdmake_recognise(const char *dir, struct error *why)
{
	if (is_source(dir, MOST_DEPTH))
		return (struct recipes){RECIPE_OWN, RECIPE_NONE};
	if (why)
		explain_none(dir, why);
	return (struct recipes){RECIPE_NONE, RECIPE_NONE};
}

/* ---- the programs ---- */

/* BSD's `xargs -J WORD command …` puts all that it reads in WORD's place, and runs nothing when there
 * is nothing; GNU's has no such option. Symbols are trimmed through it. */
static const char xargs[] =
	"#!/bin/sh\n"
	"# xargs -J WORD COMMAND ..., as FreeBSD has it; everything else is GNU's.\n"
	"case ${1-} in\n"
	"-J) word=$2; shift 2 ;;\n"
	"-J?*) word=${1#-J}; shift ;;\n"
	"*) exec /usr/bin/xargs \"$@\" ;;\n"
	"esac\n"
	"read_in=$(cat)\n"
	"[ -n \"$read_in\" ] || exit 0\n"
	"set -f\n"
	"left=$#\n"
	"while [ \"$left\" -gt 0 ]; do\n"
	"\tleft=$((left - 1))\n"
	"\tif [ \"${word-}\" ] && [ \"$1\" = \"$word\" ]; then\n"
	"\t\tword=\n"
	"\t\tset -- \"$@\" $read_in\n"
	"\telse\n"
	"\t\tset -- \"$@\" \"$1\"\n"
	"\tfi\n"
	"\tshift\n"
	"done\n"
	"exec \"$@\"\n";

static const struct {
	const char *program;
	const char *alias; /* what FreeBSD calls it, or NULL */
} programs[] = {
	{"clang", "cc"},
	{"ld.lld", "ld"},
	{"bmake", "make"},
	/* mawk and gawk do not take all that FreeBSD's scripts say; mawk even hangs. */
	{"original-awk", "awk"},
};

#define PROGRAMS_N (sizeof programs / sizeof *programs)

static bool is_installed(const char *program)
{
	AUTO_FREE char *path = path_program(program);

	return path != NULL;
}

static int check_programs(const struct target *t, struct error *err)
{
	AUTO_BUF struct buf names = {0};
	AUTO_STRV struct strv missing = {0};
	AUTO_FREE char *how = NULL;

	for (size_t i = 0; i < PROGRAMS_N; i++) {
		if (is_installed(programs[i].program))
			continue;
		buf_addf(&names, "%s%s", names.len ? ", " : "", programs[i].program);
		strv_add(&missing, programs[i].program);
	}
	if (!names.len)
		return 0;
	how = packages_command(packages_here(), (const char *const *)missing.v);
	return error_set(err, ENOENT, "building for %s needs %s: %s", t->name, names.data, how);
}

/* LLVM's own, if they are there; binutils', which clang's package brings, do as well. */
static const char *llvm_or(const char *llvm, const char *gnu)
{
	return is_installed(llvm) ? llvm : gnu;
}

/* ---- the sandbox ---- */

static char *sources_of(const struct target *t)
{
	return xasprintf("%s%s", strcmp(t->root, "/") ? t->root : "", t->build);
}

static int check_sources(const struct target *t, const char *sources, struct error *err)
{
	static const char *const names[] = {"sys/conf/kmod.mk", "share/mk/bsd.kmod.mk", NULL};

	for (size_t i = 0; names[i]; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", sources, names[i]);

		if (!path_is_file(path))
			return error_set(err, EINVAL,
				"the target %s has lost its kernel's sources (there is no %s); remove "
				"the target and add it again",
				t->name, path);
	}
	return 0;
}

static int write_xargs(const char *path, struct error *err)
{
	AUTO_BUF struct buf now = {0};
	int r;

	if (!path_read(path, sizeof xargs, &now) && now.len == sizeof xargs - 1 &&
		!memcmp(now.data, xargs, now.len) && !access(path, X_OK))
		return 0;
	r = path_write(path, xargs, sizeof xargs - 1, err);
	if (!r && chmod(path, 0755))
		r = error_sys(err, errno, "cannot make %s executable", path);
	return r;
}

static int bsdmake_mount(
	struct sandbox *s, const struct target *t, const char *base, struct error *err)
{
	AUTO_FREE char *sources = sources_of(t);
	AUTO_FREE char *script = xasprintf("%s/xargs", base);
	AUTO_FREE char *records = xasprintf("%s/" MIRROR_RECORDS, base);
	int r = check_programs(t, err);

	if (!r)
		r = check_sources(t, sources, err);
	if (!r)
		r = write_xargs(script, err);
	if (!r)
		r = path_make_dirs(records, err);
	if (r)
		return r;
	s->build = xstrdup(SOURCES);
	sandbox_add_machine(s);
	strv_adds(
		&s->argv, "--ro-bind", sources, SOURCES, "--symlink", SOURCES "/sys", "/sys", NULL);
	/* This machine's own /usr/src is none of a FreeBSD module's business. */
	if (path_is_dir("/usr/src"))
		strv_adds(&s->argv, "--ro-bind", sources, "/usr/src", NULL);
	strv_adds(&s->argv, "--ro-bind", script, PROGRAMS "/xargs", "--bind", records, BSD_RECORDS,
		NULL);
	for (size_t i = 0; i < PROGRAMS_N; i++) {
		AUTO_FREE char *program = path_program(programs[i].program);
		AUTO_FREE char *alias = xasprintf("%s/%s", PROGRAMS, programs[i].alias);

		strv_adds(&s->argv, "--symlink", program, alias, NULL);
	}
	return 0;
}

/* ---- the command ---- */

/* " -DINVARIANTS -DMAXCPU=64": what opt_global.h would say, were it that kernel's. */
static void add_options(const char *options, struct buf *flags)
{
	while (options && *options) {
		size_t len = strcspn(options, " ");

		buf_addf(flags, "%s-D%.*s", flags->len ? " " : "", (int)len, options);
		options += len + strspn(options + len, " ");
	}
}

static void add_environment(struct sandbox *s, const char *dir, const struct target *t)
{
	AUTO_BUF struct buf flags = {0};

	sandbox_setenv(s, "PATH", BSD_PATH);
	sandbox_setenv(s, "TMPDIR", BSD_RECORDS); /* where make leaves its scripts */
	/* Without it the module is stripped of its line numbers; with it they go into NAME.ko.debug. */
	sandbox_setenv(s, "DEBUG_FLAGS", "-g");
	if (strcmp(s->inside, dir) && !strpbrk(dir, "'\"\\$#%\n\t=") && !strstr(dir, "  "))
		buf_addf(&flags, "'-ffile-prefix-map=%s=%s'", s->inside, dir);
	add_options(t->options, &flags);
	if (flags.len)
		sandbox_setenv(s, "CONF_CFLAGS", flags.data);
}

/* "14.0-RELEASE" to 14. */
static unsigned major_of(const struct target *t)
{
	unsigned major = 0;

	return sscanf(t->release, "%u", &major) == 1 ? major : 0;
}

static void bsdmake_command(
	struct sandbox *s, enum recipe recipe, const char *dir, const struct target *target)
{
	struct strv *argv = &s->argv;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	(void)recipe;
	add_environment(s, dir, target);
	strv_adds(argv, "bmake", "-m", SOURCES "/share/mk", NULL);
	strv_addf(argv, "-j%ld", cpus > 0 ? cpus : 1);
	/* All errors at once, where each make is, and the scripts left where they are. */
	strv_adds(argv, "-k", "-w", "-dn", NULL);
	strv_adds(argv, "SYSDIR=" SOURCES "/sys", "MACHINE=amd64", "MACHINE_ARCH=amd64", NULL);
	strv_addf(argv, "CC=clang --target=x86_64-unknown-freebsd%u", major_of(target));
	strv_adds(argv, "LD=ld.lld", "AWK=original-awk", NULL);
	strv_addf(argv, "OBJCOPY=%s", llvm_or("llvm-objcopy", "objcopy"));
	strv_addf(argv, "NM=%s", llvm_or("llvm-nm", "nm"));
	/* The type data for dtrace would take a program that is FreeBSD's alone. Objects stay in the
	 * directory, where nothing but the mirror is. A guard on the stack would be reached through a
	 * relocation (R_X86_64_REX_GOTPCRELX) that FreeBSD's clang does not make and its kernel's linker
	 * does not know: no module with an array on its stack could be loaded. */
	strv_adds(argv, "MK_CTF=no", "MK_AUTO_OBJ=no", "MK_SSP=no", NULL);
}

/* ---- what came of it ---- */

static bool bsdmake_makes_missing(const char *dir, const char *log)
{
	(void)dir;
	(void)log;
	return false;
}

/* A link whose symbols could not be trimmed leaves a whole file behind, which the next make would find
 * up to date; and a module that the Makefile no longer names would be found among the others. */
static void bsdmake_forget(const char *base, const char *src, enum recipe recipe)
{
	static const char *const ends[] = {".ko", ".ko.full", ".ko.debug", ".kld", NULL};

	AUTO_FREE char *records = xasprintf("%s/" MIRROR_RECORDS, base);

	(void)recipe;
	for (size_t i = 0; ends[i]; i++)
		files_remove(src, ends[i], true);
	bsd_records_prune(records);
}

static bool is_makefile(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strlen(name);

	return !strncmp(name, "Makefile", 8) || !strncmp(name, "makefile", 8) ||
		!strcmp(name, "BSDmakefile") || (n > 3 && !strcmp(name + n - 3, ".mk")) ||
		(n > 4 && !strcmp(name + n - 4, ".inc"));
}

/* bmake does not see that the flags have changed that an object was made with. */
static bool bsdmake_starts_over(const struct manifest *last, const struct manifest *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct source_entry *e = &now->items[i], *before;

		if (e->kind == SOURCE_DIR || !is_makefile(e->path))
			continue;
		before = manifest_find(last, e->path);
		if (!before || !manifest_entry_same(before, e))
			return true;
	}
	return false;
}

static void bsdmake_products(
	const char *src, const char *inside, enum recipe recipe, struct strv *paths)
{
	(void)inside;
	(void)recipe;
	files_modules(src, paths);
}

/* ---- what it depends on ---- */

static void bsdmake_identity(const struct target *t, struct buf *to)
{
	static const char *const names[] = {"sys/conf/newvers.sh", "sys/conf/kmod.mk",
		"sys/sys/param.h", "share/mk/bsd.kmod.mk", NULL};
	AUTO_FREE char *sources = sources_of(t);

	for (size_t i = 0; names[i]; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", sources, names[i]);

		files_identity(to, path);
	}
	if (t->options)
		buf_addf(to, "options %s\n", t->options);
	/* The compiler is this machine's, and changes when it is upgraded. */
	for (size_t i = 0; i < PROGRAMS_N; i++) {
		AUTO_FREE char *path = path_program(programs[i].program);

		if (path)
			files_identity(to, path);
	}
}

const struct build_system bsdmake_system = {
	.no_module = "The Makefile must name the module (KMOD=hello, SRCS=hello.c) and include "
		     "<bsd.kmod.mk>; a list of SUBDIR must not be empty.",
	.recognise = bsdmake_recognise,
	.identity = bsdmake_identity,
	.mount = bsdmake_mount,
	.command = bsdmake_command,
	.makes_missing = bsdmake_makes_missing,
	.forget = bsdmake_forget,
	.products = bsdmake_products,
	.starts_over = bsdmake_starts_over,
	.sees_seconds = true,
	.replayed = RECIPE_OWN,
	.replay = bsdmake_replay,
	.merge_log = bsd_merge_log,
};
