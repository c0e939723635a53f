/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiling test.c. What comes of it is kept in the cache beside a list of the files that it was made of, with their
 * sizes and dates; as long as they are the same, so is the program. It is linked statically: there is no
 * library in the machine. For FreeBSD, this machine's clang makes it of the headers and libraries that the target has
 * of base.txz, and the shell for a test.sh is /rescue's, which is in there too.
 */
#include "build/testprog.h"

#include "base/packages.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/scratch.h"
#include "build/build.h"
#include "build/system.h"
#include "target/freebsd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM_MAX ((size_t)64 << 20)
#define LIST_MAX    ((size_t)1 << 20)
#define BUSYBOX	    "busybox"

/* Where in the sandbox things are. */
#define OUT "/kmodlab-test"

static bool has(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return path_is_file(path);
}

/* ---- what was compiled before ---- */

static char *cache_for(const char *dir, const char *target_name)
{
	AUTO_FREE char *cache = path_cache_dir(), *flat = target_flat_name(target_name);
	AUTO_FREE char *name = path_base(dir);

	return xasprintf("%s/tests/%s/%.100s-%016" PRIx64, cache, flat, name,
		hash_bytes(HASH_START, dir, strlen(dir)));
}

/* One line for a file: what it looks like now. */
static void add_look(struct buf *b, const char *path)
{
	struct stat st = {0};

	(void)!stat(path, &st);
	buf_addf(b, "%s %lld %lld.%09ld\n", path, (long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* The list that stands in `path` with everything looked at again. */
static bool is_current(const char *path)
{
	AUTO_BUF struct buf then = {0}, now = {0};

	if (path_read(path, LIST_MAX, &then) || !then.len)
		return false;
	for (char *line = then.data; *line;) {
		char *end = strchrnul(line, '\n'), *name;

		name = xstrndup(line, (size_t)(end - line));
		/* Off with date and size. */
		for (int i = 0; i < 2 && strrchr(name, ' '); i++)
			*strrchr(name, ' ') = 0;
		add_look(&now, name);
		free(name);
		line = *end ? end + 1 : end;
	}
	return !strcmp(then.data, now.data);
}

/* ---- compiling ---- */

struct log {
	struct buf text;
	struct buf first;
};

/* What a compiler adds when its linker has said what is wrong. */
static bool is_echo(const char *line, size_t len)
{
	static const char *const echoes[] = {
		": error: ld returned ", ": error: linker command failed "};

	for (size_t i = 0; i < sizeof echoes / sizeof *echoes; i++)
		if (memmem(line, len, echoes[i], strlen(echoes[i])))
			return true;
	return false;
}

static void take_line(void *arg, const char *line, size_t len)
{
	struct log *log = arg;

	if (is_echo(line, len))
		return;
	if (!log->first.len)
		buf_add(&log->first, line, len);
	if (log->text.len < LIST_MAX)
		buf_addf(&log->text, "%.*s\n", (int)len, line);
}

static bool has_base(const struct target *t)
{
	return has(t->root, "usr/include/stdio.h") && has(t->root, "usr/lib/libc.a");
}

/* "14.0" of the release "14.0-RELEASE-p6". Caller frees. */
static char *version_of(const struct target *t)
{
	return xstrndup(t->release, strspn(t->release, "0123456789."));
}

static void add_command(struct sandbox *s, const struct target *t)
{
	bool freebsd = t->os == TARGET_FREEBSD;

	if (freebsd) {
		AUTO_FREE char *version = version_of(t);
		AUTO_FREE char *machine = xasprintf("--target=x86_64-unknown-freebsd%s", version);

		AUTO_FREE char *base = xasprintf("--sysroot=%s", t->root);

		/* Under its own name, since the compiler's messages name headers. */
		strv_adds(&s->argv, "--ro-bind", t->root, t->root, "clang", machine, base,
			"-fuse-ld=lld", NULL);
	} else {
		strv_add(&s->argv, "gcc");
	}
	strv_adds(&s->argv, "-static", "-O1", "-g", "-pthread", "-Wall", "-MMD", "-MF", OUT "/d",
		"-o", OUT "/program", "test.c", NULL);
	/* Since 15 the system calls are in a library of their own, of which not every clang knows. */
	if (freebsd && has(t->root, "usr/lib/libsys.a"))
		strv_add(&s->argv, "-lsys");
}

/* The files below the source directory that a list of make's names ("x: a.c b.h \"), by the user's paths. */
static void list_sources(const char *make, const char *inside, const char *dir, struct buf *out)
{
	const char *p = strchr(make, ':');
	size_t len = strlen(inside);

	for (p = p ? p + 1 : ""; *p;) {
		size_t n = strcspn(p, " \n\\");
		AUTO_FREE char *name = xstrndup(p, n), *path = NULL;

		if (n && *name != '/')
			path = xasprintf("%s/%s", dir, name);
		else if (!strncmp(name, inside, len) && name[len] == '/')
			path = xasprintf("%s%s", dir, name + len);
		if (path)
			add_look(out, path);
		p += n;
		p += strspn(p, " \n\\");
	}
}

static void diagnose(const char *log, const char *inside, const char *dir, const struct target *t,
	struct findings *found)
{
	struct findings said = {0};

	build_diagnose(log, inside, dir, t, &said);
	for (size_t i = 0; i < said.n; i++)
		said.items[i].rule = "test-build";
	if (!findings_count(&said, SEVERITY_ERROR)) {
		struct finding *f = finding_add(&said, "test-build", SEVERITY_ERROR, CLASS_BUILD,
			xstrdup("test.c could not be compiled for the machine"),
			xstrdup("What the compiler said of it stands with this; test.c is an ordinary C program, with a main()."));

		f->excerpt = xstrdup(log);
	}
	findings_move(found, &said);
}

/* Keeps program and list, program first: a list without its program is not current. */
static int keep(const char *scratch, const char *base, const char *dir, const char *inside,
	struct error *err)
{
	AUTO_FREE char *program = xasprintf("%s/program", scratch),
		       *to = xasprintf("%s/program", base);
	AUTO_FREE char *made = xasprintf("%s/d", scratch);
	AUTO_FREE char *final = xasprintf("%s/list", base);
	AUTO_BUF struct buf make = {0}, looks = {0};

	unlink(final);
	if (path_read(made, LIST_MAX, &make) || !make.len)
		return error_set(err, EIO,
			"the compiler did not say what test.c includes; compile it by hand (gcc -M test.c) to see why");
	list_sources(make.data, inside, dir, &looks);
	if (rename(program, to))
		return error_sys(err, errno, "cannot keep the compiled test.c in %s", base);
	return path_write(final, looks.data, looks.len, err);
}

static int run_compiler(struct sandbox *s, const struct target *t, const char *dir,
	const char *scratch, int timeout_ms, struct log *log, struct error *err)
{
	int status;

	s->inside = xstrdup(sandbox_path_for(dir, t));
	strv_adds(&s->argv, "--ro-bind", dir, s->inside, "--bind", scratch, OUT, "--chdir",
		s->inside, NULL);
	add_command(s, t);
	status = proc_run(s->argv.v, timeout_ms, take_line, NULL, log, NULL, err);
	if (status > 0 && log->first.data && !strncmp(log->first.data, "bwrap: ", 7))
		return sandbox_failed(log->first.data, t, err);
	return status;
}

static int compile(const char *dir, const struct target *t, const char *base, int timeout_ms,
	struct findings *found, struct error *err)
{
	AUTO_FREE char *prefix = xasprintf("%s/.new-", base);
	struct scratch scratch = {0};
	struct sandbox sandbox = {0};
	struct log log = {0};
	int r = path_make_dirs(base, err);

	r = r ?: scratch_open(&scratch, prefix, err);
	r = r ?: sandbox_begin(&sandbox, err);
	r = r ?: build_system_for(t->os)->mount(&sandbox, t, base, err);
	r = r ?: run_compiler(&sandbox, t, dir, scratch.path, timeout_ms, &log, err);
	if (!r)
		r = keep(scratch.path, base, dir, sandbox.inside, err);
	else if (r > 0)
		diagnose(log.text.data ? log.text.data : "", sandbox.inside, dir, t, found);
	sandbox_free(&sandbox);
	scratch_close(&scratch);
	buf_free(&log.text);
	buf_free(&log.first);
	return r;
}

static struct test_program *add(struct test_programs *all, const char *what)
{
	struct test_program *p = ARRAY_ADD(all->items, all->n);

	p->what = xstrdup(what);
	return p;
}

/* What of base.txz it would need is not there. */
static void skip(
	struct findings *found, const struct target *t, const char *what, const char *needed)
{
	AUTO_FREE char *version = version_of(t);
	AUTO_FREE char *sets = freebsd_sets_directory(version);

	finding_add(found, "test-skipped", SEVERITY_NOTE, CLASS_PASS,
		xasprintf(
			"%s was not run: %s in FreeBSD's base.txz, which this target was made without",
			what, needed),
		xasprintf(
			"Put base.txz of FreeBSD %s beside kernel.txz in %s, then `kmodlab target "
			"remove %s` and add it again; --exercise=auto needs nothing of that.",
			version, sets, t->name));
}

static int take_program(const char *dir, const struct target *t, int timeout_ms,
	struct test_programs *out, struct findings *found, struct error *err)
{
	AUTO_FREE char *base = cache_for(dir, t->name), *list = xasprintf("%s/list", base);
	AUTO_FREE char *program = xasprintf("%s/program", base);
	AUTO_BUF struct buf bytes = {0};
	struct test_program *p;
	int r = 0;

	if (t->os == TARGET_FREEBSD && !has_base(t)) {
		skip(found, t, "test.c", "its C library and headers are");
		return 0;
	}
	if (!is_current(list) || path_read(program, PROGRAM_MAX, &bytes)) {
		buf_free(&bytes);
		r = compile(dir, t, base, timeout_ms, found, err);
		if (r)
			return r < 0 ? r : 0;
		r = path_read(program, PROGRAM_MAX, &bytes);
		if (r)
			return error_sys(err, -r, "cannot read %s", program);
	}
	p = add(out, "test.c");
	p->len = bytes.len;
	p->bytes = buf_take(&bytes);
	return 0;
}

/* ---- scripts ---- */

static int read_busybox(const char *path, struct buf *bytes, struct error *err)
{
	AUTO_FREE char *shell = path_program(BUSYBOX);

	/* With an interpreter it would be a dynamic one, for which there is no library in the machine. */
	if (!shell || path_read(shell, PROGRAM_MAX, bytes) || !bytes->len ||
		memmem(bytes->data, bytes->len < 4096 ? bytes->len : 4096, "/ld-linux", 9)) {
		AUTO_FREE char *how = packages_for(BUSYBOX);

		return error_set(err, ENOENT,
			"%s is to be run by busybox, and there is no statically linked one here: %s%s",
			path, how, *path == '/' ? " (or --exercise=none)" : "");
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in /rescue that are links to its shell: all are one program. */
static void name_rescue(const char *rescue, const char *shell, struct strv *names)
{
	DIR *d = opendir(rescue);
	struct stat one, other;
	struct dirent *e;

	if (stat(shell, &one) == 0)
		while (d && (e = readdir(d)))
			if (!fstatat(dirfd(d), e->d_name, &other, AT_SYMLINK_NOFOLLOW) &&
				other.st_ino == one.st_ino && other.st_dev == one.st_dev &&
				strcmp(e->d_name, "sh") != 0)
				strv_add(names, e->d_name);
	if (d)
		closedir(d);
	if (names->n)
		qsort(names->v, names->n, sizeof *names->v, by_name);
}

/* 0, or -ENOENT: the target has none. */
static int read_rescue(const struct target *t, struct buf *bytes, struct strv *names)
{
	AUTO_FREE char *rescue = xasprintf("%s/rescue", t->root);
	AUTO_FREE char *shell = xasprintf("%s/sh", rescue);

	if (path_read(shell, PROGRAM_MAX, bytes) || !bytes->len)
		return -ENOENT;
	name_rescue(rescue, shell, names);
	return 0;
}

static int take_script(const char *dir, const struct target *t, struct test_programs *out,
	struct findings *found, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/test.sh", dir);
	AUTO_BUF struct buf script = {0}, bytes = {0};
	struct test_program *p;
	int r = path_read(path, LIST_MAX, &script);

	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	if (t->os != TARGET_FREEBSD) {
		r = read_busybox(path, &bytes, err);
		if (r)
			return r;
	} else if (read_rescue(t, &bytes, &out->shell_names)) {
		skip(found, t, "test.sh", "a shell for the machine is");
		return 0;
	}
	p = add(out, "test.sh");
	p->script = true;
	p->len = script.len;
	p->bytes = buf_take(&script);
	out->shell_len = bytes.len;
	out->shell = buf_take(&bytes);
	return 0;
}

int testprog_shell(const struct target *t, struct test_programs *out, struct error *err)
{
	AUTO_BUF struct buf bytes = {0};
	int r = 0;

	if (out->shell)
		return 0;
	if (t->os != TARGET_FREEBSD) {
		r = read_busybox("a shell", &bytes, err);
	} else if (read_rescue(t, &bytes, &out->shell_names)) {
		AUTO_FREE char *version = version_of(t);
		AUTO_FREE char *sets = freebsd_sets_directory(version);

		r = error_set(err, ENOENT,
			"a shell for the machine is in FreeBSD's base.txz, which %s was made without: put "
			"base.txz of FreeBSD %s beside kernel.txz in %s, then `kmodlab target remove %s` "
			"and add it again",
			t->name, version, sets, t->name);
	}
	if (r)
		return r;
	out->shell_len = bytes.len;
	out->shell = buf_take(&bytes);
	return 0;
}

int testprog_build(const char *dir, const struct target *target, int timeout_ms,
	struct test_programs *out, struct findings *found, struct error *err)
{
	int r = 0;

	*out = (struct test_programs){0};
	if (has(dir, "test.c"))
		r = take_program(dir, target, timeout_ms, out, found, err);
	if (!r && has(dir, "test.sh"))
		r = take_script(dir, target, out, found, err);
	if (r)
		testprog_free(out);
	return r;
}

void testprog_free(struct test_programs *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->items[i].what);
		free(all->items[i].bytes);
	}
	free(all->items);
	free(all->shell);
	strv_free(&all->shell_names);
	*all = (struct test_programs){0};
}
