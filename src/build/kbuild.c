/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calling Kbuild. Almost every module's Makefile is one of two things, or both in one file: a list
 * for Kbuild (obj-m), or a wrapper that calls Kbuild on itself with the kernel's build tree. Where
 * there is a list, Kbuild is called directly, since then nothing needs to be guessed about the
 * names a wrapper gives to the build tree. Where there is none (the list is in a subdirectory, or
 * hangs on a variable that the wrapper sets), the wrapper is run, with all the names in use for
 * that variable set to the right tree.
 *
 * Documentation/kbuild/modules.rst is the reference.
 */
#include "build/system.h"

#include "base/path.h"
#include "build/files.h"
#include "build/kbuild-replay.h"
#include "build/mirror.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#define ORDER_MAX (1u << 20)

/* ---- recognising ---- */

/* Whether it is a Makefile that calls Kbuild, on itself or on a directory below. */
static bool drives_kbuild(const struct buf *text)
{
	return makefile_mentions(text, " M=") || makefile_mentions(text, "\tM=") ||
		makefile_mentions(text, "SUBDIRS=") || makefile_mentions(text, "/lib/modules");
}

static bool lists_objects(const struct buf *text)
{
	return makefile_mentions(text, "obj-y") || makefile_mentions(text, "obj-$(") ||
		makefile_mentions(text, "obj-${");
}

static struct recipes recognise(const char *dir)
{
	AUTO_BUF struct buf kbuild = {0}, makefile = {0}, other = {0};
	bool has_kbuild = makefile_read(dir, "Kbuild", &kbuild);
	bool has_makefile = makefile_read(dir, "Makefile", &makefile);
	enum recipe own = RECIPE_NONE;

	/* make also takes these; Kbuild does not. */
	if (makefile_read(dir, "GNUmakefile", &other) || makefile_read(dir, "makefile", &other))
		own = drives_kbuild(&other) ? RECIPE_OWN : RECIPE_NONE;
	if (has_makefile && drives_kbuild(&makefile))
		own = RECIPE_OWN;
	if (has_kbuild || makefile_mentions(&makefile, "obj-m"))
		return (struct recipes){RECIPE_DIRECT, own};
	if (lists_objects(&makefile))
		return own ? (struct recipes){own, RECIPE_DIRECT}
			   : (struct recipes){RECIPE_DIRECT, RECIPE_NONE};
	return (struct recipes){own, RECIPE_NONE};
}

static bool is_direct(const char *dir, int depth)
{
	(void)depth;
	return recognise(dir).first == RECIPE_DIRECT;
}

static void explain_none(const char *dir, struct error *why)
{
	AUTO_BUF struct buf makefile = {0};
	AUTO_FREE char *below = NULL;

	if (!path_is_dir(dir)) {
		error_set(why, 0,
			"%s is not a directory: give the one that has the module's Makefile", dir);
		return;
	}
	below = files_source_below(dir, is_direct, 0);
	if (below)
		error_set(why, 0, "%s is not the source of a Linux module, but %s is", dir, below);
	else if (makefile_read(dir, "Makefile", &makefile) &&
		makefile_mentions(&makefile, "bsd.kmod.mk"))
		error_set(why, 0,
			"%s is the source of a FreeBSD module (its Makefile includes bsd.kmod.mk): for Linux it needs a Makefile that says obj-m := NAME.o",
			dir);
	else if (makefile.data)
		error_set(why, 0,
			"%s does not look like the source of a Linux module: its Makefile neither says obj-m nor calls the kernel's build (make -C /lib/modules/.../build)",
			dir);
	else
		error_set(why, 0,
			"%s does not look like the source of a Linux module: it has no Kbuild file "
			"and no Makefile; one line would do: obj-m := NAME.o",
			dir);
}

static struct recipes kbuild_recognise(const char *dir, struct error *why)
{
	struct recipes plan = recognise(dir);

	if (!plan.first && why)
		explain_none(dir, why);
	return plan;
}

/* ---- the file that was missing ---- */

/* Takes the base name of the file off a line that says it is not there; NULL for other lines. */
static char *missing_file(const char *line, size_t len)
{
	static const struct {
		const char *before, *after;
	} forms[] = {{"No rule to make target '", "'"}, {"fatal error: ", ": No such file"}};
	AUTO_FREE char *copy = xstrndup(line, len);

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char *name = strstr(copy, forms[i].before);
		char *end;

		if (!name)
			continue;
		name += strlen(forms[i].before);
		end = strstr(name, forms[i].after);
		if (!end)
			continue;
		*end = 0;
		return path_base(name);
	}
	return NULL;
}

static bool kbuild_makes_missing(const char *dir, const char *log)
{
	AUTO_BUF struct buf makefile = {0};

	if (!makefile_read(dir, "Makefile", &makefile))
		return false;
	while (*log) {
		size_t len = strcspn(log, "\n");
		AUTO_FREE char *name = missing_file(log, len);

		if (name && *name && makefile_mentions(&makefile, name))
			return true;
		log += len + (log[len] == '\n');
	}
	return false;
}

/* ---- the command ---- */

/* Whether the kernel was built with `option`. */
static bool configured(const struct target *t, const char *build, const char *option)
{
	AUTO_FREE char *path = xasprintf(
		"%s%s/include/config/auto.conf", strcmp(t->root, "/") ? t->root : "", build);
	AUTO_FREE char *line = xasprintf("%s=y\n", option);
	AUTO_BUF struct buf text = {0};

	return !path_read(path, 16 << 20, &text) && text.len && strstr(text.data, line);
}

/* Flags of ours: line numbers when the kernel was built without any, and the user's own path in
 * messages and debug information when the sandbox shows the source elsewhere. */
static void add_flags(struct sandbox *s, const char *dir, const struct target *t)
{
	AUTO_BUF struct buf flags = {0};

	if (!configured(t, s->build, "CONFIG_DEBUG_INFO"))
		buf_adds(&flags, "-g ");
	if (strcmp(s->inside, dir) && !strpbrk(dir, "'\"\\$#%\n\t=") && !strstr(dir, "  "))
		buf_addf(&flags, "'-ffile-prefix-map=%s=%s'", s->inside, dir);
	if (flags.len)
		sandbox_setenv(s, "KCFLAGS", flags.data);
}

static void add_jobs(struct strv *argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	strv_addf(argv, "-j%ld", cpus > 0 ? cpus : 1);
}

static void kbuild_command(
	struct sandbox *s, enum recipe recipe, const char *dir, const struct target *target)
{
	/* What wrappers call the build tree and the release. */
	static const char *const trees[] = {"KDIR", "KERNELDIR", "KERNEL_DIR", "KERNEL_SRC", "KSRC",
		"KERNEL", "KERNEL_PATH", "KERN_DIR", "KBUILD_DIR", "KERNELPATH", "KERNEL_BUILD",
		"KERNEL_SOURCE_DIR", "KERNEL_TREE", NULL};
	static const char *const releases[] = {"KVER", "KVERSION", "KERNELVER", "kernelver", NULL};
	struct strv *argv = &s->argv;

	add_flags(s, dir, target);
	strv_add(argv, "make");
	if (recipe == RECIPE_DIRECT) {
		strv_adds(argv, "-C", s->build, NULL);
		strv_addf(argv, "M=%s", s->inside);
		add_jobs(argv);
		/* All errors at once, and each one's lines together. */
		strv_adds(argv, "-k", "-Otarget", NULL);
	}
	if (configured(target, s->build, "CONFIG_CC_IS_CLANG"))
		strv_add(argv, "LLVM=1");
	if (recipe == RECIPE_DIRECT) {
		strv_add(argv, "modules");
		return;
	}
	/* A wrapper is not asked for its errors all at once: not all of them can take it. */
	for (size_t i = 0; trees[i]; i++)
		strv_addf(argv, "%s=%s", trees[i], s->build);
	for (size_t i = 0; releases[i]; i++)
		strv_addf(argv, "%s=%s", releases[i], target->release);
}

/* ---- what came of it ---- */

static void kbuild_forget(const char *base, const char *src, enum recipe recipe)
{
	(void)base;
	/* Kbuild itself keeps modules.order right; a wrapper may not even get to it. */
	if (recipe == RECIPE_DIRECT)
		return;
	files_remove(src, ".ko", true);
	files_remove(src, "modules.order", false);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_new(struct strv *paths, const char *path)
{
	if (paths->n >= FILES_MOST_MODULES)
		return;
	for (size_t i = 0; i < paths->n; i++)
		if (!strcmp(paths->v[i], path))
			return;
	strv_add(paths, path);
}

/* One line of a modules.order that lies in `dir` (below src, "" for src itself): "/inside/a.ko" up
 * to Linux 6.1, "/inside/a.o" up to 6.12, "a.o" since. */
static void add_ordered(struct strv *paths, const char *inside, const char *dir, char *line)
{
	size_t n = strlen(inside), len = strlen(line);
	AUTO_FREE char *path = NULL;

	while (len && isspace((unsigned char)line[len - 1]))
		line[--len] = 0;
	if (len > 2 && !strcmp(line + len - 2, ".o"))
		len -= 2;
	else if (len > 3 && !strcmp(line + len - 3, ".ko"))
		len -= 3;
	else
		return;
	line[len] = 0;
	if (!strncmp(line, inside, n) && line[n] == '/')
		path = xasprintf("%s.ko", line + n + 1);
	else if (line[0] != '/')
		path = xasprintf("%s%s%s.ko", dir, *dir ? "/" : "", line);
	if (path)
		add_new(paths, path);
}

struct products {
	const char *inside;
	struct strv *paths;
};

static void read_order(void *arg, const char *src, const char *path)
{
	struct products *p = arg;
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *dir = xstrndup(path, (size_t)(base_of(path) - path));
	char *line, *rest;

	if (*dir)
		dir[strlen(dir) - 1] = 0;
	if (mirror_read(src, path, ORDER_MAX, &text, NULL) || !text.len)
		return;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		add_ordered(p->paths, p->inside, dir, line);
}

static void kbuild_products(
	const char *src, const char *inside, enum recipe recipe, struct strv *paths)
{
	AUTO_FREE char *order = xasprintf("%s/modules.order", src);
	struct products p = {inside, paths};

	if (recipe == RECIPE_DIRECT && path_is_file(order)) {
		read_order(&p, src, "modules.order");
		return;
	}
	files_walk(src, "modules.order", false, read_order, &p);
	if (!paths->n)
		files_modules(src, paths);
}

/* ---- what it depends on ---- */

/* The build tree of this machine, or of a kernel that somebody is working on, changes under the same
 * name. */
static void kbuild_identity(const struct target *t, struct buf *to)
{
	static const char *const names[] = {"Makefile", "Module.symvers",
		"include/config/auto.conf", "include/generated/autoconf.h", NULL};

	for (size_t i = 0; names[i]; i++) {
		AUTO_FREE char *path = xasprintf(
			"%s%s/%s", strcmp(t->root, "/") ? t->root : "", t->build, names[i]);

		files_identity(to, path);
	}
}

static int kbuild_mount(
	struct sandbox *s, const struct target *t, const char *base, struct error *err)
{
	(void)base;
	return sandbox_add_linux(s, t, err);
}

const struct build_system kbuild_system = {
	.no_module =
		"obj-m must name an object (obj-m := hello.o for hello.c); a list that hangs on a "
		"CONFIG_ variable is empty unless the Makefile sets that to m.",
	.recognise = kbuild_recognise,
	.identity = kbuild_identity,
	.mount = kbuild_mount,
	.command = kbuild_command,
	.makes_missing = kbuild_makes_missing,
	.forget = kbuild_forget,
	.products = kbuild_products,
	.replayed = RECIPE_DIRECT,
	.ask = kbuild_ask,
	.replay = kbuild_replay,
	.merge_log = replay_log,
};
