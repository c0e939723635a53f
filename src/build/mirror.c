/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying a source directory into its mirror: only what differs from the manifest of last time.
 *
 * make decides by modification times, so those are chosen with care. A new mirror gets the user's
 * own (generated files that are shipped stay newer than what they are made from). In one that has
 * been built in, whatever changed is dated now: the user may have put an older file in place, and
 * with its own date the object of the newer one would be taken for up to date.
 *
 * Two sides, two rules: in the user's directory links are followed, and nothing is ever written;
 * in the mirror, where a module's Makefile ran, no link is followed.
 */
#include "build/mirror.h"

#include "base/buf.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/path.h"
#include "target/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct timespec from_ns(int64_t at)
{
	return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

char *mirror_file(const struct mirror *m, const char *name)
{
	return xasprintf("%s/%s", m->base, name);
}

int mirror_open(struct mirror *m, const char *dir, const char *target_name, int timeout_ms,
	struct error *err)
{
	AUTO_FREE char *cache = path_cache_dir();
	AUTO_FREE char *target = target_flat_name(target_name);
	AUTO_FREE char *base = path_base(dir);
	AUTO_FREE char *name = path_flatten(base);
	AUTO_FREE char *lock = NULL;
	int r;

	m->dir = xstrdup(dir);
	m->base = xasprintf("%s/build/%s/%.100s-%016" PRIx64, cache, target, name,
		hash_bytes(HASH_START, dir, strlen(dir)));
	m->src = mirror_file(m, "src");
	lock = mirror_file(m, "lock");
	r = lock_take(lock, timeout_ms, err);
	m->lock = r < 0 ? -1 : r;
	if (r < 0)
		return r;
	chmod(m->base, 0700); /* the source may be nobody else's business */
	return 0;
}

void mirror_close(struct mirror *m)
{
	free(m->dir);
	free(m->base);
	free(m->src);
	close_fd(&m->lock);
	*m = (struct mirror){.lock = -1};
}

void mirror_last(const struct mirror *m, struct manifest *out)
{
	AUTO_FREE char *path = mirror_file(m, "manifest");
	AUTO_FREE char *dirty = mirror_file(m, "dirty");
	AUTO_BUF struct buf text = {0};

	*out = (struct manifest){0};
	if (path_is_file(dirty) || path_read(path, SIZE_MAX / 2, &text))
		return;
	if (!manifest_parse(text.data, text.len, m->dir, out))
		manifest_free(out);
}

void mirror_settle(const struct mirror *m)
{
	AUTO_FREE char *dirty = mirror_file(m, "dirty");

	unlink(dirty);
}

/* Opens `path` below `dirfd`. No link is followed, except with `links`, where one may lead to
 * somewhere else below it. A descriptor or -errno. */
static int open_below(int dirfd, const char *path, int flags, bool links)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | (links ? RESOLVE_NO_MAGICLINKS : RESOLVE_NO_SYMLINKS)};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

int mirror_read(const char *src, const char *path, size_t max, struct buf *out, struct stat *st)
{
	AUTO_CLOSE int dir = open(src, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int fd = dir < 0 ? -errno : open_below(dir, path, O_PATH, true);
	AUTO_FREE char *again = xasprintf("/proc/self/fd/%d", fd);

	if (fd < 0)
		return fd;
	if (st && fstat(fd, st))
		return -errno;
	return path_read(again, max, out);
}

/* Copies the bytes, sharing the blocks where the file system can. -errno. */
static int copy_bytes(int from, int to)
{
	char block[65536];

	if (!ioctl(to, FICLONE, from))
		return 0;
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);

		if (n == 0)
			break; /* also what some file systems say that cannot do it */
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
			errno != EOPNOTSUPP)
			return -errno;
		if (n < 0)
			break;
	}
	for (;;) {
		ssize_t n = read(from, block, sizeof block);

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, block + done, (size_t)(n - done));

			if (w < 0)
				return -errno;
			done += w;
		}
	}
}

/* Takes away whatever lies at `name`. */
static void clear_way(int parent, const char *name)
{
	AUTO_FREE char *path = NULL;

	if (!unlinkat(parent, name, 0) || errno == ENOENT)
		return;
	path = xasprintf("/proc/self/fd/%d/%s", parent, name);
	path_remove_tree(path);
}

static int copy_dir(int parent, const char *name)
{
	struct stat st;

	if (!fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode))
		return 0;
	clear_way(parent, name);
	return mkdirat(parent, name, 0777) ? -errno : 0;
}

static int copy_file(const char *source, int parent, const char *name, struct source_entry *e)
{
	struct timespec times[2] = {from_ns(e->copied_ns), from_ns(e->copied_ns)};
	AUTO_CLOSE int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO_CLOSE int to = -1;
	bool unreadable = from < 0 && errno == EACCES;
	int r = 0;

	if (from < 0 && !unreadable)
		return -errno;
	clear_way(parent, name);
	to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	if (!unreadable)
		r = copy_bytes(from, to);
	/* One that the user may not read is there, and make may not read it either. */
	if (!r && (fchmod(to, unreadable ? 0 : e->mode | 0600) || futimens(to, times)))
		r = -errno;
	return r;
}

/* Opens the directory in the mirror that `path` is in; its own name goes to `*name`. */
static int open_parent(int src, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = NULL;

	*name = slash ? slash + 1 : path;
	parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	return open_below(src, parent, O_RDONLY | O_DIRECTORY, false);
}

void mirror_remove(const char *src, const char *path)
{
	const char *name;
	AUTO_CLOSE int dir = open(src, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int parent = dir < 0 ? -1 : open_parent(dir, path, &name);

	if (parent >= 0)
		unlinkat(parent, name, 0);
}

static int copy_entry(const struct mirror *m, int src, struct source_entry *e)
{
	const char *name;
	AUTO_FREE char *source = xasprintf("%s/%s", m->dir, e->path);
	AUTO_CLOSE int parent = open_parent(src, e->path, &name);

	if (parent < 0)
		return parent;
	if (e->kind == SOURCE_DIR)
		return copy_dir(parent, name);
	if (e->kind == SOURCE_FILE)
		return copy_file(source, parent, name, e);
	clear_way(parent, name);
	return symlinkat(e->link, parent, name) ? -errno : 0;
}

/* Whether the copy is still as it was made: a build may write to any file it sees. */
static bool copy_intact(int src, const struct source_entry *e)
{
	const char *name;
	AUTO_CLOSE int parent = open_parent(src, e->path, &name);
	struct stat st;

	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (e->kind == SOURCE_DIR)
		return S_ISDIR(st.st_mode);
	if (e->kind == SOURCE_LINK)
		return false; /* cheaper made again than read */
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == e->size &&
		ns(st.st_mtim) == e->copied_ns;
}

/* Whether all that was there last time is still there, as the same kind of thing. */
static bool nothing_vanished(const struct manifest *last, const struct manifest *now)
{
	for (size_t i = 0; i < last->n; i++) {
		const struct source_entry *e = manifest_find(now, last->items[i].path);

		if (!e || e->kind != last->items[i].kind)
			return false;
	}
	return true;
}

/* The old copy is moved aside before it is removed: processes of an interrupted build may take a
 * moment to die, and write where they stand until then. */
static int start_over(const struct mirror *m, struct error *err)
{
	AUTO_FREE char *aside = mirror_file(m, "old"), *records = mirror_file(m, MIRROR_RECORDS);
	int r = path_remove_tree(aside);

	if (!r && rename(m->src, aside) && errno != ENOENT)
		r = -errno;
	if (r)
		return error_sys(err, -r, "cannot remove %s", aside);
	path_remove_tree(aside); /* if it fails, the next time has another try */
	r = path_remove_tree(records);
	if (r)
		return error_sys(err, -r, "cannot remove %s", records);
	return path_make_dirs(m->src, err);
}

static int copy_changed(const struct mirror *m, const struct manifest *last, struct manifest *now,
	bool afresh, struct error *err)
{
	AUTO_CLOSE int src = open(m->src, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct timespec clock;

	if (src < 0)
		return error_sys(err, errno, "cannot open %s", m->src);
	clock_gettime(CLOCK_REALTIME, &clock);
	for (size_t i = 0; i < now->n; i++) {
		struct source_entry *e = &now->items[i];
		const struct source_entry *before = afresh ? NULL : manifest_find(last, e->path);
		int r;

		if (before && manifest_entry_same(before, e) && copy_intact(src, before)) {
			e->copied_ns = before->copied_ns;
			continue;
		}
		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		e->copied_ns = afresh && e->mtime_ns < ns(clock) ? e->mtime_ns : ns(clock);
		r = copy_entry(m, src, e);
		if (r)
			return error_sys(
				err, -r, "cannot copy %s/%s to %s", m->dir, e->path, m->src);
	}
	return 0;
}

int mirror_sync(struct mirror *m, const struct manifest *last, struct manifest *now, bool afresh,
	struct error *err)
{
	AUTO_FREE char *dirty = mirror_file(m, "dirty");
	AUTO_FREE char *path = mirror_file(m, "manifest");
	AUTO_BUF struct buf text = {0};
	int r;

	afresh = afresh || !last->n || path_is_file(dirty) || !path_is_dir(m->src) ||
		!nothing_vanished(last, now);
	r = path_write(dirty, "", 0, err);
	if (!r && afresh)
		r = start_over(m, err);
	if (!r)
		r = copy_changed(m, last, now, afresh, err);
	if (r)
		return r;
	manifest_print(now, m->dir, &text);
	return path_write(path, text.data, text.len, err);
}
