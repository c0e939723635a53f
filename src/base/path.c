/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/path.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char *xdg_dir(const char *variable, const char *under_home)
{
	const char *base = getenv(variable);
	const char *home = getenv("HOME");
	struct passwd entry, *pw = NULL;
	char room[4096];

	/* The specification: a relative path in the variable is to be ignored. */
	if (base && base[0] == '/')
		return xasprintf("%s/kmodlab", base);
	if (!home || home[0] != '/') {
		getpwuid_r(getuid(), &entry, room, sizeof room, &pw);
		home = pw && pw->pw_dir[0] == '/' ? pw->pw_dir : "/";
	}
	return xasprintf("%s/%s/kmodlab", home, under_home);
}

char *path_data_dir(void)
{
	return xdg_dir("XDG_DATA_HOME", ".local/share");
}

char *path_cache_dir(void)
{
	return xdg_dir("XDG_CACHE_HOME", ".cache");
}

int path_make_dirs(const char *path, struct error *err)
{
	AUTO_FREE char *copy = xstrdup(path);

	for (char *p = copy + 1;; p++) {
		char kept = *p;

		if (kept && kept != '/')
			continue;
		*p = 0;
		if (mkdir(copy, 0777) && errno != EEXIST)
			return error_set(err, errno,
				"cannot create the directory %s: %s; if that is no place for kmodlab to write, set "
				"XDG_CACHE_HOME (builds, snapshots) or XDG_DATA_HOME (targets) to a directory of yours",
				copy, strerror(errno));
		*p = kept;
		if (!kept)
			return 0;
	}
}

static int remove_at(int dirfd, const char *name)
{
	AUTO_CLOSE int fd = -1;
	int first = 0, r;
	struct dirent *entry;
	DIR *dir;

	if (!unlinkat(dirfd, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != EACCES)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && !fchmodat(dirfd, name, 0700, 0))
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fchmod(fd, 0700);
	dir = fdopendir(dup(fd));
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = remove_at(fd, entry->d_name);
		if (r && !first)
			first = r;
	}
	closedir(dir);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) && !first)
		first = -errno;
	return first;
}

int path_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

int path_read(const char *path, size_t max, struct buf *out)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t start = out->len;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	buf_reserve(out, (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : max);
	for (;;) {
		ssize_t n;

		buf_reserve(out, 65536);
		n = read(fd, out->data + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		out->len += (size_t)n;
		if (out->len - start > max)
			return -EFBIG;
	}
	out->data[out->len] = 0;
	return 0;
}

int path_write(const char *path, const void *bytes, size_t len, struct error *err)
{
	AUTO_FREE char *temporary = xasprintf("%s.XXXXXX", path);
	AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
	const char *p = bytes;
	int saved;

	if (fd < 0)
		return error_sys(err, errno, "cannot write %s", path);
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		p += n;
		len -= (size_t)n;
	}
	if (fchmod(fd, 0644) || rename(temporary, path))
		goto fail;
	return 0;
fail:
	saved = errno;
	unlink(temporary);
	return error_sys(err, saved, "cannot write %s", path);
}

bool path_is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool path_is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

uint64_t path_free_bytes(const char *path)
{
	AUTO_FREE char *p = xstrdup(path);
	struct statvfs fs;

	while (statvfs(p, &fs)) {
		char *slash = strrchr(p, '/');

		if (!slash)
			return 0;
		slash[slash == p ? 1 : 0] = 0;
		if (slash == p && statvfs(p, &fs))
			return 0;
	}
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

char *path_base(const char *path)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	return xstrndup(path + start, end - start);
}

char *path_flatten(const char *name)
{
	char *flat = xstrdup(name);

	for (char *p = flat; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._+-", *p))
			*p = '-';
	if (flat[0] == '.')
		flat[0] = '-';
	return flat;
}

char *path_program(const char *program)
{
	const char *path = getenv("PATH");

	if (!path || !*path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");
		char *file = xasprintf("%.*s/%s", (int)len, path, program);

		if (len && path_is_file(file) && !access(file, X_OK))
			return file;
		free(file);
		path += len + (path[len] == ':');
	}
	return NULL;
}
