/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/files.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Where in the temporary file what was written of a trial is. */
struct part {
	off_t at;
	size_t len;
};

struct parts {
	int fd; /* the temporary file; it has no name */
	off_t end;
	struct part *list;
	int failed; /* errno of the first write that failed */
};

/* One report. */
struct one {
	const struct format *format;
	const char *given; /* as the user named it */
	char *path;	   /* what is to be replaced: no link */
	int device;	   /* or what is written to as it is, a pipe for one; -1 */
	struct parts parts;
};

#define FORMATS 2

struct files {
	struct sheet sheet;
	pthread_mutex_t lock;
	struct one list[FORMATS];
	size_t n;
};

void parts_copy(const struct parts *p, size_t i, FILE *out)
{
	off_t at = p->list[i].at;
	size_t left = p->list[i].len;
	char bytes[16384];

	while (left) {
		size_t want = left < sizeof bytes ? left : sizeof bytes;
		ssize_t n = pread(p->fd, bytes, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		fwrite(bytes, 1, (size_t)n, out);
		at += n;
		left -= (size_t)n;
	}
}

/* A file without a name in the directory. */
static int nameless(const char *dir)
{
	AUTO_FREE char *name = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	/* Not every file system has O_TMPFILE. */
	name = xasprintf("%s/.kmodlab.XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static const char *temporary_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* What is no ordinary file (a pipe, /dev/null) is not replaced but written to. */
static int open_device(struct one *one, struct error *err)
{
	one->device = open(one->given, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (one->device < 0)
		return error_sys(err, errno, "cannot write the report %s", one->given);
	fcntl(one->device, F_SETFL, fcntl(one->device, F_GETFL) & ~O_NONBLOCK);
	one->parts.fd = nameless(temporary_dir());
	if (one->parts.fd < 0)
		return error_sys(err, errno, "cannot make a temporary file in %s for a report",
			temporary_dir());
	return 0;
}

static int open_one(struct one *one, size_t n, struct error *err)
{
	AUTO_FREE char *dir = NULL;
	struct stat st;
	bool there;
	char *slash;

	one->device = one->parts.fd = -1;
	one->parts.list = xcalloc(n, sizeof *one->parts.list);
	if (!*one->given)
		return error_set(
			err, EINVAL, "a report needs the name of a file, and this one is empty");
	if (!strcmp(one->given, "-"))
		return error_set(err, EINVAL,
			"a report goes to a file, and '-' is none; use /dev/stdout, or ./- for a "
			"file of that name");
	there = !stat(one->given, &st);
	if (there && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR,
			"cannot write the report %s: it is a directory; name a file in it",
			one->given);
	if (there && !S_ISREG(st.st_mode))
		return open_device(one, err);
	one->path = there ? realpath(one->given, NULL) : xstrdup(one->given);
	if (!one->path)
		return error_sys(err, errno, "cannot write the report %s", one->given);
	dir = xstrdup(one->path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	if (slash && !slash[1] && one->path[strlen(one->path) - 1] == '/')
		return error_set(err, EISDIR, "cannot write the report %s: that names a directory",
			one->given);
	if (!path_is_dir(slash ? dir : "."))
		return error_set(err, ENOENT,
			"cannot write the report %s: there is no directory %s; make it with: mkdir "
			"-p %s",
			one->given, dir, dir);
	one->parts.fd = nameless(slash ? dir : ".");
	if (one->parts.fd < 0)
		return error_sys(err, errno, "cannot write the report %s", one->given);
	return 0;
}

static bool same_file(const struct one *a, const struct one *b)
{
	AUTO_FREE char *first = a->path ? realpath(a->path, NULL) : NULL;
	AUTO_FREE char *second = b->path ? realpath(b->path, NULL) : NULL;

	if (!a->path || !b->path)
		return false;
	return !strcmp(a->path, b->path) || (first && second && !strcmp(first, second));
}

int files_open(
	struct files **out, const struct files_wanted *w, const struct sheet *s, struct error *err)
{
	struct files *f = xcalloc(1, sizeof *f);
	const char *const given[FORMATS] = {w->junit, w->html};
	const struct format *const formats[FORMATS] = {&junit_format, &html_format};
	int r = 0;

	f->sheet = *s;
	pthread_mutex_init(&f->lock, NULL);
	for (size_t i = 0; i < FORMATS && !r; i++) {
		if (!given[i])
			continue;
		f->list[f->n] = (struct one){.format = formats[i], .given = given[i]};
		r = open_one(&f->list[f->n++], s->n, err);
	}
	if (!r && f->n == 2 && same_file(&f->list[0], &f->list[1]))
		r = error_set(
			err, EINVAL, "two reports cannot both be written to %s", f->list[0].given);
	if (r) {
		files_free(f);
		return r;
	}
	*out = f;
	return 0;
}

/* With the lock held. */
static void keep(struct parts *p, size_t i, const struct buf *text)
{
	size_t done = 0;

	while (done < text->len && !p->failed) {
		ssize_t n =
			pwrite(p->fd, text->data + done, text->len - done, p->end + (off_t)done);

		if (n < 0 && errno != EINTR)
			p->failed = errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (p->failed)
		return;
	p->list[i] = (struct part){p->end, text->len};
	p->end += (off_t)text->len;
}

void files_add(struct files *f, size_t i, const struct trial *t)
{
	pthread_mutex_lock(&f->lock);
	sheet_set(&f->sheet, i, t);
	pthread_mutex_unlock(&f->lock);
	for (size_t k = 0; k < f->n; k++) {
		AUTO_BUF struct buf text = {0};

		f->list[k].format->trial(&text, &f->sheet, i, t);
		pthread_mutex_lock(&f->lock);
		keep(&f->list[k].parts, i, &text);
		pthread_mutex_unlock(&f->lock);
	}
}

/* Writes the report to `fd`, which is closed. 0 or an errno. */
static int write_to(int fd, const struct one *one, const struct sheet *s)
{
	FILE *out = fdopen(fd, "w");
	int failed;

	if (!out) {
		failed = errno;
		close(fd);
		return failed;
	}
	one->format->file(out, s, &one->parts);
	failed = fflush(out) || ferror(out) ? (errno ? errno : EIO) : 0;
	if (fclose(out) && !failed)
		failed = errno;
	return failed;
}

static int write_one(struct one *one, const struct sheet *s)
{
	AUTO_FREE char *temporary = NULL;
	int fd, failed;

	if (one->parts.failed)
		return one->parts.failed;
	if (one->device >= 0) {
		fd = one->device;
		one->device = -1;
		return write_to(fd, one, s);
	}
	temporary = xasprintf("%s.%d", one->path, getpid());
	/* Not mkostemp: a report has the mode that a file has that a program makes. */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return errno;
	failed = write_to(fd, one, s);
	if (!failed && rename(temporary, one->path))
		failed = errno;
	if (failed)
		unlink(temporary);
	return failed;
}

int files_write(struct files *f, bool interrupted, int64_t took_us, struct error *err)
{
	int r = 0;

	f->sheet.interrupted = interrupted;
	f->sheet.took_us = took_us;
	for (size_t i = 0; i < f->n; i++) {
		int failed = write_one(&f->list[i], &f->sheet);

		if (failed && !r)
			r = error_sys(err, failed, "cannot write the report %s", f->list[i].given);
	}
	return r;
}

void files_free(struct files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		struct one *one = &f->list[i];

		if (one->parts.fd >= 0)
			close(one->parts.fd);
		if (one->device >= 0)
			close(one->device);
		free(one->parts.list);
		free(one->path);
	}
	pthread_mutex_destroy(&f->lock);
	free(f);
}
