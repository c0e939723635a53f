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
#include "build/kbuild.h"

#include "base/path.h"
#include "build/mirror.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKEFILE_MAX (1u << 20)
#define ORDER_MAX    (1u << 20)
#define MOST_DEPTH   32
#define MOST_MODULES 1000

/* ---- recognising ---- */

/* Whether `text` has `word`, not counting comments. */
static bool mentions(const struct buf *text, const char *word)
{
	const char *p = text->data;

	while (p && (p = strstr(p, word))) {
		const char *line = p;

		while (line > text->data && line[-1] != '\n' && line[-1] != '#')
			line--;
		if (line == text->data || line[-1] != '#')
			return true;
		p++;
	}
	return false;
}

static bool read_makefile(const char *dir, const char *name, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return !path_read(path, MAKEFILE_MAX, text);
}

/* Whether it is a Makefile that calls Kbuild, on itself or on a directory below. */
static bool drives_kbuild(const struct buf *text)
{
	return mentions(text, " M=") || mentions(text, "\tM=") || mentions(text, "SUBDIRS=") ||
		mentions(text, "/lib/modules");
}

static bool lists_objects(const struct buf *text)
{
	return mentions(text, "obj-y") || mentions(text, "obj-$(") || mentions(text, "obj-${");
}

static struct kbuild_plan recognise(const char *dir)
{
	AUTO_BUF struct buf kbuild = {0}, makefile = {0}, other = {0};
	bool has_kbuild = read_makefile(dir, "Kbuild", &kbuild);
	bool has_makefile = read_makefile(dir, "Makefile", &makefile);
	enum kbuild_recipe own = KBUILD_NONE;

	/* make also takes these; Kbuild does not. */
	if (read_makefile(dir, "GNUmakefile", &other) || read_makefile(dir, "makefile", &other))
		own = drives_kbuild(&other) ? KBUILD_OWN : KBUILD_NONE;
	if (has_makefile && drives_kbuild(&makefile))
		own = KBUILD_OWN;
	if (has_kbuild || mentions(&makefile, "obj-m"))
		return (struct kbuild_plan){KBUILD_DIRECT, own};
	if (lists_objects(&makefile))
		return own ? (struct kbuild_plan){own, KBUILD_DIRECT}
			   : (struct kbuild_plan){KBUILD_DIRECT, KBUILD_NONE};
	return (struct kbuild_plan){own, KBUILD_NONE};
}

/* A directory just below that would do, for a sentence; NULL if there is none. */
static char *look_below(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	char *found = NULL;

	while (stream && !found && (entry = readdir(stream))) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, entry->d_name);

		if (entry->d_name[0] != '.' && recognise(path).first == KBUILD_DIRECT)
			found = xstrdup(path);
	}
	if (stream)
		closedir(stream);
	return found;
}

static void explain_none(const char *dir, struct error *why)
{
	AUTO_BUF struct buf makefile = {0};
	AUTO_FREE char *below = NULL;

	if (!path_is_dir(dir)) {
		error_set(why, 0, "%s is not a directory", dir);
		return;
	}
	below = look_below(dir);
	if (below)
		error_set(why, 0, "%s is not the source of a Linux module, but %s is", dir, below);
	else if (read_makefile(dir, "Makefile", &makefile) && mentions(&makefile, "bsd.kmod.mk"))
		error_set(why, 0,
			"%s is the source of a FreeBSD module: its Makefile includes bsd.kmod.mk",
			dir);
	else if (makefile.data)
		error_set(why, 0,
			"%s does not look like the source of a Linux module: its Makefile neither "
			"says obj-m nor calls Kbuild",
			dir);
	else
		error_set(why, 0,
			"%s does not look like the source of a Linux module: it has no Kbuild file "
			"and no Makefile; one line would do: obj-m := NAME.o",
			dir);
}

struct kbuild_plan kbuild_recognise(const char *dir, struct error *why)
{
	struct kbuild_plan plan = recognise(dir);

	if (!plan.first && why)
		explain_none(dir, why);
	return plan;
}

bool build_is_kbuild(const char *dir, struct error *why)
{
	return kbuild_recognise(dir, why).first != KBUILD_NONE;
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

bool kbuild_makes_missing(const char *dir, const char *log)
{
	AUTO_BUF struct buf makefile = {0};

	if (!read_makefile(dir, "Makefile", &makefile))
		return false;
	while (*log) {
		size_t len = strcspn(log, "\n");
		AUTO_FREE char *name = missing_file(log, len);

		if (name && *name && mentions(&makefile, name))
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

void kbuild_command(
	struct sandbox *s, enum kbuild_recipe recipe, const char *dir, const struct target *target)
{
	/* What wrappers call the build tree and the release. */
	static const char *const trees[] = {"KDIR", "KERNELDIR", "KERNEL_DIR", "KERNEL_SRC", "KSRC",
		"KERNEL", "KERNEL_PATH", "KERN_DIR", "KBUILD_DIR", "KERNELPATH", "KERNEL_BUILD",
		"KERNEL_SOURCE_DIR", "KERNEL_TREE", NULL};
	static const char *const releases[] = {"KVER", "KVERSION", "KERNELVER", "kernelver", NULL};
	struct strv *argv = &s->argv;

	add_flags(s, dir, target);
	strv_add(argv, "make");
	if (recipe == KBUILD_DIRECT) {
		strv_adds(argv, "-C", s->build, NULL);
		strv_addf(argv, "M=%s", s->inside);
		add_jobs(argv);
		/* All errors at once, and each one's lines together. */
		strv_adds(argv, "-k", "-Otarget", NULL);
	}
	if (configured(target, s->build, "CONFIG_CC_IS_CLANG"))
		strv_add(argv, "LLVM=1");
	if (recipe == KBUILD_DIRECT) {
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

typedef void found_fn(void *arg, const char *src, const char *path);

/* Calls `found` for each regular file below `src` with this name, or this end of a name. */
static void walk(const char *src, const char *prefix, int depth, const char *name, bool is_end,
	found_fn *found, void *arg)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", src, prefix);
	DIR *stream = opendir(dir);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		AUTO_FREE char *path =
			xasprintf("%s%s%s", prefix, *prefix ? "/" : "", entry->d_name);
		AUTO_FREE char *full = xasprintf("%s/%s", src, path);
		size_t n = strlen(entry->d_name), end = strlen(name);
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || lstat(full, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth < MOST_DEPTH)
			walk(src, path, depth + 1, name, is_end, found, arg);
		if (S_ISREG(st.st_mode) && n >= end && (is_end || n == end) &&
			!strcmp(entry->d_name + n - end, name))
			found(arg, src, path);
	}
	if (stream)
		closedir(stream);
}

static void forget(void *arg, const char *src, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/%s", src, path);

	(void)arg;
	unlink(full);
}

void kbuild_forget(const char *src, enum kbuild_recipe recipe)
{
	/* Kbuild itself keeps modules.order right; a wrapper may not even get to it. */
	if (recipe == KBUILD_DIRECT)
		return;
	walk(src, "", 0, ".ko", true, forget, NULL);
	walk(src, "", 0, "modules.order", false, forget, NULL);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_new(struct strv *paths, const char *path)
{
	if (paths->n >= MOST_MODULES)
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

static size_t slashes(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Of several files of one name (a build that copies its module about) the outermost counts. */
static void add_file(void *arg, const char *src, const char *path)
{
	struct products *p = arg;

	(void)src;
	for (size_t i = 0; i < p->paths->n; i++) {
		if (strcmp(base_of(p->paths->v[i]), base_of(path)))
			continue;
		if (slashes(path) < slashes(p->paths->v[i])) {
			free(p->paths->v[i]);
			p->paths->v[i] = xstrdup(path);
		}
		return;
	}
	if (p->paths->n < MOST_MODULES)
		strv_add(p->paths, path);
}

void kbuild_products(
	const char *src, const char *inside, enum kbuild_recipe recipe, struct strv *paths)
{
	AUTO_FREE char *order = xasprintf("%s/modules.order", src);
	struct products p = {inside, paths};

	if (recipe == KBUILD_DIRECT && path_is_file(order)) {
		read_order(&p, src, "modules.order");
		return;
	}
	walk(src, "", 0, "modules.order", false, read_order, &p);
	if (!paths->n)
		walk(src, "", 0, ".ko", true, add_file, &p);
}
