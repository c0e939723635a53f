/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking what is wanted of a distribution set, as it streams by. A set may come from anywhere, so
 * its names are not trusted: one that leads out of the tree has the whole set refused, links that lead
 * out of it are left out with devices and the like, nobody's ownership, flags or modes are taken over,
 * and there is an end to how much comes out.
 */
#include "target/freebsd.h"

#include "base/interrupt.h"
#include "base/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A release's sources are 100 000 files and 1.3 GB. */
#define MOST_MEMBERS 1000000
#define MOST_BYTES   (4LL << 30)
#define BLOCK	     (256 << 10)

struct unpacking {
	struct archive *in, *out;
	const char *path; /* of the set */
	const char *root; /* without links in it */
	const struct freebsd_choice *choice;
	unsigned long members;
	la_int64_t bytes;
	unsigned long long size; /* of the set */
	const char *what;
	target_progress_fn *progress;
	void *arg;
};

/* The name of a member below the root, whether it begins with "./" or not; "" for the root itself. */
static const char *bare_name(const char *name)
{
	while (name[0] == '.' && (name[1] == '/' || !name[1]))
		name += name[1] ? 2 : 1;
	return name;
}

/* How deep below the root (`depth` to begin with) `name` ends; -1 if it leads out of it. */
static int depth_of(const char *name, int depth)
{
	if (*name == '/')
		return -1;
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && !strncmp(name, "..", 2)) {
			if (--depth < 0)
				return -1;
		} else if (len && !(len == 1 && *name == '.')) {
			depth++;
		}
		name += len + (name[len] == '/');
	}
	return depth;
}

static bool has_dotdot(const char *name)
{
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && !strncmp(name, "..", 2))
			return true;
		name += len + (name[len] == '/');
	}
	return false;
}

static bool is_in(const char *name, const char *const *folders)
{
	for (; *folders; folders++) {
		size_t len = strlen(*folders);

		if (!strncmp(name, *folders, len) && (!name[len] || name[len] == '/'))
			return true;
	}
	return false;
}

static bool is_chosen(const struct unpacking *u, const char *name)
{
	return is_in(name, u->choice->wanted) && !is_in(name, u->choice->unwanted);
}

static bool escapes(const char *name)
{
	return !name || *name == '/' || has_dotdot(name);
}

/* Whether a link at `name` leads to somewhere in the tree. */
static bool stays_inside(const char *name, const char *target)
{
	const char *slash = strrchr(name, '/');
	AUTO_FREE char *folder = xstrndup(name, slash ? (size_t)(slash - name) : 0);

	return target && *target != '/' && depth_of(target, depth_of(folder, 0)) >= 0;
}

static int refuse_damaged(const struct unpacking *u, struct archive *a, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(err, EINVAL, "%s is damaged, or no set of FreeBSD's: %s", u->path,
		why ? why : "it cannot be read");
}

static int refuse_disk(const struct unpacking *u, struct error *err)
{
	int code = archive_errno(u->out);
	const char *why = archive_error_string(u->out);

	return error_sys(err, code > 0 ? code : EIO, "cannot unpack %s into %s (%s)", u->path,
		u->root, why ? why : "it cannot be written");
}

/* A last word before it is written: where to, and no modes but the executable. */
static void prepare(const struct unpacking *u, struct archive_entry *e, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", u->root, name);
	const char *link = archive_entry_hardlink(e);
	bool runs = archive_entry_filetype(e) == AE_IFDIR || archive_entry_perm(e) & 0100;

	if (link) {
		AUTO_FREE char *target = xasprintf("%s/%s", u->root, bare_name(link));

		archive_entry_copy_hardlink(e, target);
	}
	archive_entry_copy_pathname(e, path);
	archive_entry_set_perm(e, runs ? 0755 : 0644);
}

/* Whether this member is to be unpacked: 1, 0, or -errno with the sentence set. */
static int choose(
	const struct unpacking *u, struct archive_entry *e, const char *name, struct error *err)
{
	const char *link = archive_entry_hardlink(e);

	if (escapes(archive_entry_pathname(e)) || (link && escapes(link)))
		return error_set(err, EINVAL,
			"%s is no set of FreeBSD's: it has a file that would be written outside of its "
			"folder",
			u->path);
	if (!*name || !is_chosen(u, name))
		return 0;
	if (link)
		return is_chosen(u, bare_name(link));
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
	case AE_IFDIR:
		return 1;
	case AE_IFLNK:
		return stays_inside(name, archive_entry_symlink(e));
	default:
		return 0;
	}
}

static int copy_bytes(struct unpacking *u, struct error *err)
{
	for (;;) {
		la_int64_t offset;
		const void *block;
		size_t len;
		int r = archive_read_data_block(u->in, &block, &len, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return refuse_damaged(u, u->in, err);
		u->bytes += (la_int64_t)len;
		/* A sparse file may be large with few bytes. */
		if (u->bytes > MOST_BYTES || offset > MOST_BYTES)
			return error_set(err, EFBIG, "%s unpacks to more than %lld MiB", u->path,
				MOST_BYTES >> 20);
		if (archive_write_data_block(u->out, block, len, offset) < ARCHIVE_OK)
			return refuse_disk(u, err);
	}
}

static int unpack_member(struct unpacking *u, struct archive_entry *e, struct error *err)
{
	AUTO_FREE char *name = NULL;
	int r;

	if (++u->members > MOST_MEMBERS)
		return error_set(err, EFBIG, "%s has more than %d members", u->path, MOST_MEMBERS);
	if (!archive_entry_pathname(e))
		return refuse_damaged(u, u->in, err);
	name = xstrdup(bare_name(archive_entry_pathname(e)));
	r = choose(u, e, name, err);
	if (r <= 0)
		return r;
	if (archive_entry_size(e) > MOST_BYTES)
		return error_set(
			err, EFBIG, "%s unpacks to more than %lld MiB", u->path, MOST_BYTES >> 20);
	prepare(u, e, name);
	if (archive_write_header(u->out, e) < ARCHIVE_WARN)
		return refuse_disk(u, err);
	if (archive_entry_size(e) > 0)
		r = copy_bytes(u, err);
	else
		r = 0;
	if (!r && archive_write_finish_entry(u->out) < ARCHIVE_WARN)
		r = refuse_disk(u, err);
	return r;
}

static int unpack_all(struct unpacking *u, struct error *err)
{
	struct archive_entry *e;
	int r;

	if (archive_read_open_filename(u->in, u->path, BLOCK) != ARCHIVE_OK)
		return refuse_damaged(u, u->in, err);
	while ((r = archive_read_next_header(u->in, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		la_int64_t done = archive_filter_bytes(u->in, -1);

		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		u->progress(u->arg, u->what, done > 0 ? (unsigned long long)done : 0, u->size);
		r = unpack_member(u, e, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return refuse_damaged(u, u->in, err);
	return archive_write_close(u->out) < ARCHIVE_WARN ? refuse_disk(u, err) : 0;
}

int freebsd_unpack(const char *archive, const char *root, const struct freebsd_choice *choice,
	const char *what, target_progress_fn *progress, void *arg, struct error *err)
{
	struct unpacking u = {.path = archive,
		.choice = choice,
		.what = what,
		.progress = progress,
		.arg = arg,
		.in = archive_read_new(),
		.out = archive_write_disk_new()};
	char real[PATH_MAX];
	struct stat st;
	int r;

	/* libarchive follows no link on the way to a file, not even one above the root. */
	if (!realpath(root, real))
		r = error_sys(err, errno, "cannot unpack into %s", root);
	else if (stat(archive, &st))
		r = error_sys(err, errno, "cannot read %s", archive);
	else if (!u.in || !u.out)
		r = error_set(err, ENOMEM, "cannot unpack %s", archive);
	else {
		u.root = real;
		u.size = (unsigned long long)st.st_size;
		archive_read_support_filter_xz(u.in);
		archive_read_support_filter_zstd(u.in);
		archive_read_support_format_tar(u.in);
		archive_write_disk_set_options(u.out,
			ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
				ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_TIME);
		r = unpack_all(&u, err);
	}
	archive_read_free(u.in);
	archive_write_free(u.out);
	return r;
}
