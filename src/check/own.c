/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding one of the target's own modules. Linux's are known by their file names. FreeBSD's may declare
 * modules of other names, and several in one file: those are found by what stands inside. Each target's
 * directory is walked once in the life of the program, when the first question about it comes.
 */
#include "check/own.h"

#include "base/archive.h"
#include "base/path.h"
#include "base/walk.h"
#include "check/ko.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

/* What is known of a target's modules. Never freed: targets are few. */
struct own {
	struct own *next;
	char *modules; /* the directory, by which it is known */
	enum target_os os;
	struct shelf *shelf;
};

static bool add(void *arg, const char *path)
{
	const struct own *o = arg;

	shelf_add(o->shelf, path, o->os);
	return true;
}

static struct shelf *shelf_of(const struct target *t)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct own *all;
	struct own *o;

	if (!t->modules)
		return NULL;
	pthread_mutex_lock(&lock);
	for (o = all; o; o = o->next)
		if (!strcmp(o->modules, t->modules) && o->os == t->os)
			break;
	if (!o) {
		o = xcalloc(1, sizeof *o);
		*o = (struct own){all, xstrdup(t->modules), t->os, shelf_new()};
		walk_files(t->modules, shelf_takes, add, o);
		all = o;
	}
	pthread_mutex_unlock(&lock);
	return o->shelf;
}

/* ---- FreeBSD ---- */

/* What a kernel declares; of which its 30 MB are hardly touched. */
struct kernel {
	struct kernel *next;
	char *path;
	struct ko ko;
};

static void read_kernel(const char *path, struct ko *ko)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 || (uintmax_t)st.st_size > MODULE_MAX)
		return;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return;
	ko_read_declared(bytes, (size_t)st.st_size, path, ko);
	munmap(bytes, (size_t)st.st_size);
}

const struct ko *own_kernel(const struct target *t)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct kernel *all;
	struct kernel *k;

	pthread_mutex_lock(&lock);
	for (k = all; k && strcmp(k->path, t->kernel); k = k->next)
		;
	if (!k) {
		k = xcalloc(1, sizeof *k);
		*k = (struct kernel){.next = all, .path = xstrdup(t->kernel)};
		read_kernel(t->kernel, &k->ko);
		all = k;
	}
	pthread_mutex_unlock(&lock);
	return &k->ko;
}

static const char *kld_file(
	struct shelf *shelf, const struct target *t, const char *name, const char *near)
{
	const char *found = shelf_find(shelf, t->os, name, near);

	return found ? found : shelf_declaring(shelf, t->os, name);
}

char *own_module_defining(const struct target *t, const char *symbol)
{
	struct shelf *shelf = t->os == TARGET_FREEBSD ? shelf_of(t) : NULL;
	const char *found = shelf ? shelf_exporting(shelf, t->os, symbol) : NULL;

	return found ? xstrdup(found) : NULL;
}

/* ---- both ---- */

static const char *file_on(
	struct shelf *shelf, const struct target *t, const char *name, const char *near)
{
	if (!shelf)
		return NULL;
	return t->os == TARGET_FREEBSD ? kld_file(shelf, t, name, near)
				       : shelf_find(shelf, t->os, name, near);
}

char *own_or_given_file(
	const struct target *t, struct shelf *given, const char *near, const char *name)
{
	const char *found;

	if (t->os == TARGET_FREEBSD && ko_declares(own_kernel(t), name))
		return NULL;
	found = file_on(given, t, name, near);
	if (!found)
		found = file_on(shelf_of(t), t, name, NULL);
	return found ? xstrdup(found) : NULL;
}

char *own_module_file(const struct target *t, const char *name)
{
	return own_or_given_file(t, NULL, NULL, name);
}

char *own_aliased_file(const struct target *t, const char *name)
{
	struct shelf *shelf = t->os == TARGET_LINUX ? shelf_of(t) : NULL;
	const char *found = shelf ? shelf_aliased(shelf, name) : NULL;

	return found ? xstrdup(found) : NULL;
}

static bool take_first(void *arg, const char *path)
{
	*(char **)arg = xstrdup(path);
	return false;
}

char *own_vermagic(const struct target *t)
{
	AUTO_FREE char *file = NULL;
	AUTO_BUF struct buf bytes = {0};
	char *magic = NULL;
	struct error err;
	struct ko ko;

	if (t->modules)
		walk_files(t->modules, shelf_takes, take_first, &file);
	if (!file || archive_read_plain(file, MODULE_MAX, &bytes, &err))
		return NULL;
	ko_read(bytes.data, bytes.len, file, &ko);
	if (ko.vermagic)
		magic = xstrdup(ko.vermagic);
	ko_free(&ko);
	return magic;
}
