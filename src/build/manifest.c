/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing a source directory: what belongs to a module's source, and what is only left over from
 * builds and editors. An object that was built in the user's directory, for who knows which kernel,
 * must never get into a build of ours; a binary that is shipped with the source must.
 */
#include "build/manifest.h"

#include "base/interrupt.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* More than any module's source: somebody named the wrong directory. */
#define MOST_FILES 200000
#define MOST_BYTES (UINT64_C(2) << 30)
#define MOST_DEPTH 64
#define FORMAT	   "kmodlab mirror 1"

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(
		((const struct source_entry *)a)->path, ((const struct source_entry *)b)->path);
}

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->items[i].path);
		free(m->items[i].link);
	}
	free(m->items);
	*m = (struct manifest){0};
}

bool manifest_entry_same(const struct source_entry *a, const struct source_entry *b)
{
	if (strcmp(a->path, b->path) || a->kind != b->kind || a->mode != b->mode)
		return false;
	if (a->kind == SOURCE_LINK)
		return !strcmp(a->link, b->link);
	/* ctime too: a file put in place with its old date (cp -p, mv) changes nothing else. */
	return a->kind == SOURCE_DIR ||
		(a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns);
}

bool manifest_same(const struct manifest *a, const struct manifest *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!manifest_entry_same(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* ---- listing the user's directory ---- */

/* Which directory it is, by whatever path. */
struct node {
	dev_t dev;
	ino_t ino;
};

struct scan {
	const char *dir;
	struct manifest *out;
	uint64_t bytes;
	struct error *err;
	struct node ours[2]; /* where kmodlab keeps its own things, if that is in there */
	/* The directories that are open around the current one, to see a link that leads back. */
	struct node around[MOST_DEPTH];
	size_t depth;
};

static bool is_node(const struct node *n, const struct stat *st)
{
	return n->ino && n->dev == st->st_dev && n->ino == st->st_ino;
}

static bool ends(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && !strcmp(name + n - t, tail);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct strv *names, const char *name)
{
	return names->n && bsearch(&name, names->v, names->n, sizeof *names->v, name_order);
}

static bool is_one_of(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(name, *words))
			return true;
	return false;
}

/* What bmake makes of a FreeBSD module, which it notes in .depend.NAME for each object. */
static bool is_bmakes(const char *name, const struct strv *names)
{
	static const char *const links[] = {"machine", "x86", "i386", "export_syms", NULL};
	AUTO_FREE char *depend = xasprintf(".depend.%s", name);

	if (!strncmp(name, ".depend.", 8) || ends(name, ".ko.full") || ends(name, ".ko.debug") ||
		ends(name, ".kld"))
		return true;
	if (is_one_of(name, links))
		return has_name(names, "opt_global.h");
	return has_name(names, depend);
}

/* Whether `name`, among its neighbours, is to stay behind. */
static bool left_out(const char *name, const struct strv *names)
{
	static const char *const always[] = {".", "..", ".git", ".svn", ".hg", ".bzr",
		".tmp_versions", "modules.order", ".cache.mk", "compile_commands.json", NULL};
	AUTO_FREE char *command = NULL;

	if (is_one_of(name, always))
		return true;
	/* Kbuild's products; an object is one if Kbuild noted beside it how it was made. */
	if (ends(name, ".ko") || ends(name, ".mod") || ends(name, ".mod.c") ||
		(name[0] == '.' && (ends(name, ".cmd") || ends(name, ".o.d"))))
		return true;
	if (is_bmakes(name, names))
		return true;
	if (!strcmp(name, "Module.symvers") && has_name(names, "modules.order"))
		return true;
	/* Editors' leavings come and go, and would have everything built again. */
	if (ends(name, "~") || !strncmp(name, ".#", 2) || (name[0] == '#' && ends(name, "#")) ||
		(name[0] == '.' &&
			(ends(name, ".swp") || ends(name, ".swo") || ends(name, ".swx"))))
		return true;
	command = xasprintf(".%s.cmd", name);
	return has_name(names, command);
}

static struct source_entry *add_entry(struct scan *s, const char *path, enum source_kind kind)
{
	struct source_entry *e = ARRAY_ADD(s->out->items, s->out->n);

	e->path = xstrdup(path);
	e->kind = kind;
	return e;
}

static int check_size(struct scan *s)
{
	if (interrupt_pending())
		return error_set(s->err, EINTR, "interrupted");
	if (s->out->n > MOST_FILES)
		return error_set(s->err, EFBIG,
			"%s holds more than %d files, which is more than any module's source: name "
			"the directory that has the module's Makefile",
			s->dir, MOST_FILES);
	if (s->bytes > MOST_BYTES)
		return error_set(s->err, EFBIG,
			"%s holds more than %d GiB, which is more than any module's source: name "
			"the directory that has the module's Makefile",
			s->dir, (int)(MOST_BYTES >> 30));
	return 0;
}

static int add_file(struct scan *s, const char *path, const struct stat *st)
{
	struct source_entry *e = add_entry(s, path, SOURCE_FILE);

	e->mode = st->st_mode & 0777;
	e->size = (uint64_t)st->st_size;
	e->mtime_ns = ns(st->st_mtim);
	e->ctime_ns = ns(st->st_ctim);
	s->bytes += e->size;
	return check_size(s);
}

static void add_link(struct scan *s, const char *path, const char *to)
{
	add_entry(s, path, SOURCE_LINK)->link = xstrdup(to);
}

/* Whether a link at `path` (below the source directory) to `to` leads nowhere outside it. */
static bool stays_inside(const char *path, const char *to)
{
	int depth = 0;

	if (to[0] == '/')
		return false;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	while (*to) {
		size_t n = strcspn(to, "/");

		if (n == 2 && !memcmp(to, "..", 2))
			depth--;
		else if (n && !(n == 1 && *to == '.'))
			depth++;
		if (depth < 0)
			return false;
		to += n + (to[n] == '/');
	}
	return true;
}

/* A kernel's tree, or part of the system: what the sandbox has its own of, and far too much to
 * copy. "linux -> /usr/src/linux" lies in many a driver's directory. */
static bool is_system(const char *real)
{
	static const char *const places[] = {"/usr/", "/lib/", "/proc/", "/sys/", "/dev/", NULL};
	AUTO_FREE char *kconfig = xasprintf("%s/Kconfig", real);
	AUTO_FREE char *headers = xasprintf("%s/include/linux", real);

	for (size_t i = 0; places[i]; i++)
		if (!strncmp(real, places[i], strlen(places[i])))
			return true;
	return !strcmp(real, "/") || (path_is_file(kconfig) && path_is_dir(headers));
}

static int scan_dir(struct scan *s, int fd, const char *prefix);

static int enter_dir(struct scan *s, int at, const char *name, const char *path)
{
	AUTO_CLOSE int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	/* What the user may not read, make could not read either: it will say so if it matters. */
	if (fd < 0 || fstat(fd, &st))
		return errno == EACCES || errno == ENOENT
			? 0
			: error_sys(s->err, errno, "cannot read %s/%s", s->dir, path);
	for (size_t i = 0; i < s->depth; i++)
		if (is_node(&s->around[i], &st))
			return 0;
	if (is_node(&s->ours[0], &st) || is_node(&s->ours[1], &st))
		return 0;
	if (s->depth == MOST_DEPTH)
		return error_set(s->err, ELOOP,
			"the directories in %s are nested too deeply: name the directory that has the module's Makefile",
			s->dir);
	if (*path)
		add_entry(s, path, SOURCE_DIR);
	s->around[s->depth++] = (struct node){st.st_dev, st.st_ino};
	r = scan_dir(s, fd, path);
	s->depth--;
	return r ? r : check_size(s);
}

/* A link to a file becomes the file. One to a directory stays a link if it leads to somewhere in
 * the source or to what the sandbox has its own of; what lies elsewhere is copied. */
static int scan_link(struct scan *s, int at, const char *name, const char *path)
{
	AUTO_FREE char *full = xasprintf("%s/%s", s->dir, path);
	AUTO_FREE char *real = realpath(full, NULL);
	struct stat st;
	char to[4096];
	ssize_t n = readlinkat(at, name, to, sizeof to - 1);

	if (n < 0)
		return 0;
	to[n] = 0;
	if (!real || fstatat(at, name, &st, 0)) {
		add_link(s, path, to); /* dangling here, perhaps not in the sandbox */
		return 0;
	}
	if (S_ISREG(st.st_mode))
		return add_file(s, path, &st);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (!stays_inside(path, to) && !is_system(real))
		return enter_dir(s, at, name, path);
	add_link(s, path, to);
	return 0;
}

static int scan_name(struct scan *s, int at, const char *name, const char *path)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0; /* gone since it was listed */
	if (S_ISDIR(st.st_mode))
		return enter_dir(s, at, name, path);
	if (S_ISLNK(st.st_mode))
		return scan_link(s, at, name, path);
	return S_ISREG(st.st_mode) ? add_file(s, path, &st) : 0;
}

static int scan_dir(struct scan *s, int fd, const char *prefix)
{
	DIR *stream = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	AUTO_STRV struct strv names = {0};
	struct dirent *entry;
	int r = 0;

	if (!stream)
		return error_sys(s->err, errno, "cannot read %s/%s", s->dir, prefix);
	while ((entry = readdir(stream)) && names.n <= MOST_FILES)
		strv_add(&names, entry->d_name);
	closedir(stream);
	qsort(names.v, names.n, sizeof *names.v, name_order);
	for (size_t i = 0; !r && i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s%s%s", prefix, *prefix ? "/" : "", names.v[i]);

		/* clangd's index grows while somebody edits. */
		if (!left_out(names.v[i], &names) && !ends(path, ".cache/clangd"))
			r = scan_name(s, fd, names.v[i], path);
	}
	return r;
}

static struct node node_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? (struct node){0} : (struct node){st.st_dev, st.st_ino};
}

int manifest_scan(const char *dir, struct manifest *out, struct error *err)
{
	AUTO_FREE char *cache = path_cache_dir();
	AUTO_FREE char *targets = path_data_dir();
	struct scan s = {
		.dir = dir, .out = out, .err = err, .ours = {node_of(cache), node_of(targets)}};
	int r;

	*out = (struct manifest){0};
	if (access(dir, R_OK | X_OK))
		return error_sys(err, errno, "cannot read the directory %s", dir);
	r = enter_dir(&s, AT_FDCWD, dir, "");
	if (r)
		manifest_free(out);
	else
		qsort(out->items, out->n, sizeof *out->items, by_path);
	return r;
}

/* ---- the manifest on disk: fields apart by a space, the path and the link NUL-terminated ---- */

void manifest_print(const struct manifest *m, const char *dir, struct buf *out)
{
	buf_addf(out, "%s %s", FORMAT, dir);
	buf_add(out, "", 1);
	for (size_t i = 0; i < m->n; i++) {
		const struct source_entry *e = &m->items[i];

		buf_addf(out, "%c %o %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " ", e->kind,
			e->mode, e->size, e->mtime_ns, e->ctime_ns, e->copied_ns);
		buf_add(out, e->path, strlen(e->path) + 1);
		if (e->link)
			buf_add(out, e->link, strlen(e->link) + 1);
	}
}

/* Takes a NUL-terminated string off `*p`; NULL if there is none. */
static const char *take_string(const char **p, const char *end)
{
	const char *text = *p;
	const char *stop = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;

	if (stop)
		*p = stop + 1;
	return stop ? text : NULL;
}

bool manifest_parse(const char *bytes, size_t len, const char *dir, struct manifest *out)
{
	AUTO_FREE char *head = xasprintf("%s %s", FORMAT, dir);
	const char *p = bytes, *end = p + len, *text = take_string(&p, end), *link;

	if (!text || strcmp(text, head))
		return false;
	while (p < end) {
		struct source_entry e = {0};
		int used = 0;
		char kind;

		text = take_string(&p, end);
		if (!text ||
			sscanf(text, "%c %o %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64 "%n",
				&kind, &e.mode, &e.size, &e.mtime_ns, &e.ctime_ns, &e.copied_ns,
				&used) != 6 ||
			text[used] != ' ')
			return false;
		link = kind == SOURCE_LINK ? take_string(&p, end) : "";
		if (!link)
			return false;
		e.kind = (enum source_kind)kind;
		e.path = xstrdup(text + used + 1);
		e.link = kind == SOURCE_LINK ? xstrdup(link) : NULL;
		*ARRAY_ADD(out->items, out->n) = e;
	}
	return true;
}

const struct source_entry *manifest_find(const struct manifest *m, const char *path)
{
	struct source_entry key = {.path = (char *)path};

	return m->n ? bsearch(&key, m->items, m->n, sizeof *m->items, by_path) : NULL;
}
