/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debian:SUITE/debug and debian:SUITE/race: a kernel that watches itself, compiled of the suite's own
 * source by the suite's own compiler. In the order of what happens in the tree:
 *
 *	/usr/src/linux-source-*.tar.xz	comes out of the package, and is unpacked without what no kernel of
 *					ours is made of: other architectures, most drivers
 *	/usr/src/linux			configured (debian-config.c) and compiled there
 *	/boot/vmlinuz-RELEASE		what was compiled
 *	/usr/src/linux-headers-RELEASE	what the build of a module reads, as Debian's package of that name
 *					has it; the source and the objects are removed
 *
 * It all runs in the sandbox that modules are built in, with the source as the only thing to write to.
 */
#include "target/debian.h"

#include "base/path.h"
#include "base/proc.h"
#include "build/sandbox.h"
#include "target/provider.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SOURCE "/usr/src/linux"
/* On a slow machine with one processor. */
#define COMPILE_TIMEOUT_MS (4 * 3600 * 1000)
#define STEP_TIMEOUT_MS	   (600 * 1000)
/* Of what make says, so much is kept for the error's sentence. */
#define LOG_MAX	   (256 << 10)
#define CONFIG_MAX (4u << 20)
/* Of the sources that are compiled, bookworm's: 6.1 (1307 files). */
#define COMPILED_BYTES 42300000
/* KASAN keeps a byte for eight, and what was freed for a while. */
#define MEMORY_MIB 512

/* What is asked of such a kernel on its command line: to tell all that it sees, and to go on. */
static const struct {
	const char *flavour, *append;
} flavours[] = {
	{"debug", "kasan_multi_shot kasan.fault=report kmemleak=on"},
	{"race", "kcsan.early_enable=1"},
};

static const char *append_of(const char *spec)
{
	const char *slash = strchr(spec, '/');

	for (size_t i = 0; slash && i < sizeof flavours / sizeof *flavours; i++)
		if (!strcmp(slash + 1, flavours[i].flavour))
			return flavours[i].append;
	return NULL;
}

bool debian_is_compiled(const char *spec)
{
	return append_of(spec) != NULL;
}

int debian_can_be(const char *suite, const char *flavour, struct error *err)
{
	if (strcmp(flavour, "race") || strcmp(suite, "bullseye"))
		return 0;
	return error_set(err, EINVAL,
		"debian:bullseye's compiler (gcc 10) is too old to look for data races, which takes gcc "
		"11; debian:bookworm/race does, and debian:bullseye/debug finds the rest");
}

/* One program in the sandbox. */
struct step {
	const char *name; /* of the target */
	const char *what; /* is being done */
	const char *root;
	unsigned long long done, total; /* bytes of source */
	struct buf log;
	target_progress_fn *progress;
	void *arg;
};

long long debian_compiled_bytes(const char *source, const char *line)
{
	static const char *const ends[] = {"c", "S"};
	const char *object;
	struct stat st;
	size_t len;

	if (strncmp(line, "  ", 2) || line[2] < 'A' || line[2] > 'Z')
		return -1;
	object = line + 2 + strcspn(line + 2, " ");
	object += strspn(object, " ");
	len = strlen(object);
	for (size_t i = 0; i < 2 && len > 2 && !strcmp(object + len - 2, ".o"); i++) {
		AUTO_FREE char *path =
			xasprintf("%s/%.*s%s", source, (int)len - 1, object, ends[i]);

		if (!stat(path, &st))
			return (long long)st.st_size;
	}
	return 0;
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct step *s = arg;
	AUTO_FREE char *source = xasprintf("%s" SOURCE, s->root);
	long long bytes = debian_compiled_bytes(source, line);

	if (bytes >= 0) {
		s->done += (unsigned long long)bytes;
		/* The total is an estimate: no suite's kernel is quite like another's. */
		if (s->total && s->done > s->total)
			s->done = s->total;
		s->progress(s->arg, s->what, s->done, s->total);
		return;
	}
	buf_add(&s->log, line, len);
	buf_adds(&s->log, "\n");
	if (s->log.len > LOG_MAX)
		buf_consume(&s->log, s->log.len - LOG_MAX);
}

static int explain(const struct step *s, const char *program, int status, struct error *err)
{
	AUTO_FREE char *ended = proc_status_text(status);
	AUTO_FREE char *last = debian_last_lines(s->log.data, 8);
	AUTO_FREE char *data = path_data_dir();

	if (strstr(s->log.data, "No space left on device"))
		return error_set(err, ENOSPC,
			"%s cannot be made: the disk of %s is full; free some, or set XDG_DATA_HOME to "
			"a directory on a larger disk",
			s->name, data);
	if (!strncmp(s->log.data, "bwrap: ", 7)) {
		struct target t = {.name = (char *)s->name, .root = (char *)s->root};
		AUTO_FREE char *line = xstrndup(s->log.data, strcspn(s->log.data, "\n"));

		return sandbox_failed(line, &t, err);
	}
	return error_set(err, EIO, "%s cannot be made: %s, %s %s; it said last: %s", s->name,
		s->what, program, ended, last);
}

/* Runs `argv` in SOURCE, which it may write to. */
static int run(struct step *s, const struct strv *argv, int timeout_ms, struct error *err)
{
	struct target t = {.name = (char *)s->name,
		.root = (char *)s->root,
		.build = (char *)SOURCE,
		.release = (char *)"none"};
	AUTO_FREE char *outside = xasprintf("%s" SOURCE, s->root);
	struct sandbox box;
	int r = sandbox_begin(&box, err);

	if (!r)
		r = sandbox_add_linux(&box, &t, err);
	if (!r) {
		strv_adds(&box.argv, "--bind", outside, SOURCE, "--chdir", SOURCE, NULL);
		for (size_t i = 0; i < argv->n; i++)
			strv_add(&box.argv, argv->v[i]);
		buf_free(&s->log);
		buf_adds(&s->log, "");
		s->progress(s->arg, s->what, 0, s->total);
		r = proc_run(box.argv.v, timeout_ms, on_line, NULL, s, NULL, err);
		if (r > 0)
			r = explain(s, argv->v[0], r, err);
	}
	sandbox_free(&box);
	return r;
}

/* The one file in `root` that fits `pattern`, as a path in there. Caller frees; NULL: there is none. */
static char *find_one(const char *root, const char *pattern)
{
	AUTO_FREE char *full = xasprintf("%s%s", root, pattern);
	char *found = NULL;
	glob_t g;

	if (!glob(full, 0, NULL, &g) && g.gl_pathc)
		found = xstrdup(g.gl_pathv[0] + strlen(root));
	globfree(&g);
	return found;
}

static int unpack(struct step *s, struct error *err)
{
	/* Their Kconfig files are read all the same; and what lies beside the drivers in drivers/net is part of the
	 * network itself. */
	static const char *const unused[] = {"*/Documentation/*/*", "*/tools/testing",
		"*/tools/perf", "*/arch/[a-wyz]*/*.[chS]", "*/arch/[a-wyz]*/boot",
		"*/drivers/gpu/drm/*.[ch]", "*/drivers/net/*/*.c", "*/drivers/media/*.c",
		"*/drivers/staging/*.[ch]", "*/drivers/infiniband/*.[ch]", "*/drivers/scsi/*/*.c",
		"*/sound/*.c", NULL};
	AUTO_FREE char *archive = find_one(s->root, "/usr/src/linux-source-*.tar.xz");
	AUTO_FREE char *source = xasprintf("%s" SOURCE, s->root);
	AUTO_STRV struct strv argv = {0};
	int r;

	if (!archive)
		return error_set(err, ENOENT,
			"%s cannot be made: Debian's package linux-source holds no source; try another suite",
			s->name);
	r = path_make_dirs(source, err);
	if (r)
		return r;
	strv_adds(&argv, "tar", "-x", "--strip-components=1", "--wildcards", NULL);
	for (size_t i = 0; unused[i]; i++)
		strv_addf(&argv, "--exclude=%s", unused[i]);
	strv_adds(&argv, "-f", archive, NULL);
	s->what = "unpacking its source";
	r = run(s, &argv, STEP_TIMEOUT_MS, err);
	if (!r) {
		AUTO_FREE char *outside = xasprintf("%s%s", s->root, archive);

		path_remove_tree(outside);
	}
	return r;
}

/* Whether Kconfig made of it what is wanted; what of that can be done without is in `note`. */
static int check(const struct step *s, const char *flavour, char **note, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s" SOURCE "/.config", s->root);
	AUTO_BUF struct buf text = {0}, lost = {0};
	int r = path_read(path, CONFIG_MAX, &text);

	if (r || !text.data)
		return error_sys(err, r ? -r : EIO, "cannot read %s", path);
	if (debian_config_lost(flavour, text.data, &lost))
		return error_set(err, EINVAL,
			"%s cannot be made: its source and compiler do not go together with %s; try another suite",
			s->name, lost.data);
	if (lost.len && !*note)
		*note = xasprintf("this kernel was made without %s", lost.data);
	return 0;
}

static int configure(struct step *s, const char *flavour, char **note, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s" SOURCE "/kmodlab.config", s->root);
	AUTO_BUF struct buf config = {0};
	AUTO_STRV struct strv argv = {0};
	int r;

	debian_config(flavour, &config);
	r = path_write(path, config.data, config.len, err);
	if (r)
		return r;
	strv_adds(&argv, "make", "-s", "KCONFIG_ALLCONFIG=kmodlab.config", "allnoconfig", NULL);
	s->what = "configuring it";
	return run(s, &argv, STEP_TIMEOUT_MS, err) ?: check(s, flavour, note, err);
}

static int compile(struct step *s, struct error *err)
{
	AUTO_STRV struct strv argv = {0};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	strv_add(&argv, "make");
	strv_addf(&argv, "-j%ld", cpus > 0 ? cpus : 1);
	strv_adds(&argv, "bzImage", "modules", NULL);
	s->what = "compiling its kernel";
	s->total = COMPILED_BYTES;
	r = run(s, &argv, COMPILE_TIMEOUT_MS, err);
	s->total = 0;
	return r;
}

static int move(const char *from_root, const char *to_root, const char *path, struct error *err)
{
	AUTO_FREE char *from = xasprintf("%s/%s", from_root, path);
	AUTO_FREE char *to = xasprintf("%s/%s", to_root, path);
	AUTO_FREE char *dir = xstrndup(to, (size_t)(strrchr(to, '/') - to));
	int r = path_make_dirs(dir, err);

	if (!r && rename(from, to))
		r = error_sys(err, errno, "cannot move %s to %s", from, to);
	return r;
}

/* Moves what fits one of `kept` out of the source. */
static int move_kept(const char *source, const char *headers, struct error *err)
{
	static const struct {
		const char *pattern;
		bool needed;
	} kept[] = {
		{"Makefile", true},
		{".config", true},
		{"Module.symvers", true},
		{"include", true},
		{"scripts", true},
		{"arch/x86/include", true},
		{"arch/x86/Makefile*", true},
		{"tools/objtool/objtool", false},
		{"tools/bpf/resolve_btfids/resolve_btfids", false},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof kept / sizeof *kept && !r; i++) {
		AUTO_FREE char *pattern = xasprintf("%s/%s", source, kept[i].pattern);
		glob_t g;

		if (glob(pattern, 0, NULL, &g) && kept[i].needed)
			r = error_set(err, EIO,
				"the kernel was compiled without leaving %s; try again, or another suite",
				kept[i].pattern);
		for (size_t j = 0; j < g.gl_pathc && !r; j++)
			r = move(source, headers, g.gl_pathv[j] + strlen(source) + 1, err);
		globfree(&g);
	}
	return r;
}

static int read_release(const char *source, char **release, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/include/config/kernel.release", source);
	AUTO_BUF struct buf text = {0};
	int r = path_read(path, 256, &text);
	size_t len = text.data ? strcspn(text.data, "\n") : 0;

	if (r || !len || memchr(text.data, '/', len))
		return error_sys(err, r ? -r : EIO, "cannot read %s", path);
	*release = xstrndup(text.data, len);
	return 0;
}

/* What is to stay is moved to where it belongs, the rest is removed. */
static int keep(const char *root, const char *final, struct target *t, struct error *err)
{
	AUTO_FREE char *source = xasprintf("%s" SOURCE, root);
	AUTO_FREE char *image = xasprintf("%s/arch/x86/boot/bzImage", source);
	AUTO_FREE char *boot = xasprintf("%s/boot", root);
	AUTO_FREE char *headers = NULL, *kernel = NULL;
	int r = read_release(source, &t->release, err);

	if (!r)
		r = path_make_dirs(boot, err);
	if (r)
		return r;
	t->build = xasprintf("/usr/src/linux-headers-%s", t->release);
	t->root = xasprintf("%s/root", final);
	t->kernel = xasprintf("%s/root/boot/vmlinuz-%s", final, t->release);
	headers = xasprintf("%s%s", root, t->build);
	kernel = xasprintf("%s/vmlinuz-%s", boot, t->release);
	if (rename(image, kernel))
		return error_sys(err, errno, "cannot move %s to %s", image, kernel);
	r = move_kept(source, headers, err);
	if (!r)
		path_remove_tree(source);
	return r;
}

int debian_compile(const char *spec, const char *staging, const char *final, struct target *t,
	target_progress_fn *progress, void *arg, struct error *err)
{
	const char *flavour = strchr(spec, '/') + 1;
	struct step s = {.name = t->name, .progress = progress, .arg = arg};
	AUTO_FREE char *root = NULL;
	char real[PATH_MAX];
	int r = debian_unpack(spec, "linux-source,libelf-dev,bc,flex,bison,m4,bzip2", staging,
		&t->note, progress, arg, err);

	if (r)
		return r;
	if (!realpath(staging, real))
		return error_sys(err, errno, "cannot find out where %s is", staging);
	s.root = root = xasprintf("%s/root", real);
	r = unpack(&s, err);
	if (!r)
		r = configure(&s, flavour, &t->note, err);
	if (!r)
		r = compile(&s, err);
	if (!r) {
		progress(arg, "putting the tree in order", 0, 0);
		r = keep(root, final, t, err);
	}
	buf_free(&s.log);
	if (r)
		return r;
	debian_remove_unneeded(root);
	t->append = xstrdup(append_of(spec));
	t->memory_mib = MEMORY_MIB;
	return 0;
}
