/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding one of the target's own modules. Linux's are known by their file names. FreeBSD's may declare
 * modules of other names, and several in one file: they are read, those only that have the name in them
 * at all, which a search through the bytes tells soon.
 */
#include "check/own.h"

#include "base/archive.h"
#include "base/path.h"
#include "check/ko.h"

#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

/* The first file among the target's modules that `fits` says yes to. */
static char *find(
	const struct target *t, bool (*fits)(const FTSENT *e, const char *name), const char *name)
{
	char *roots[] = {t->modules, NULL}, *found = NULL;
	FTS *tree = t->modules ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	FTSENT *e;

	while (tree && !found && (e = fts_read(tree)))
		if (e->fts_info == FTS_F && strstr(e->fts_name, ".ko") && fits(e, name))
			found = xstrdup(e->fts_path);
	if (tree)
		fts_close(tree);
	return found;
}

static bool has_name(const FTSENT *e, const char *name)
{
	AUTO_FREE char *is = name ? ko_module_name(e->fts_name) : NULL;

	return !name || !strcmp(is, name);
}

/* ---- FreeBSD ---- */

/* Reads the file if the string `word` is in it. */
static bool read_if_it_says(const char *path, const char *word, struct ko *ko)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = strlen(word) + 1; /* with the NUL that ends it */
	struct stat st;
	bool says;
	void *bytes;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 || (uintmax_t)st.st_size > MODULE_MAX)
		return false;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	says = memmem(bytes, (size_t)st.st_size, word, n) != NULL;
	if (says)
		ko_read(bytes, (size_t)st.st_size, path, ko);
	munmap(bytes, (size_t)st.st_size);
	return says;
}

static bool declares(const char *path, const char *name)
{
	struct ko ko;
	bool yes;

	if (!read_if_it_says(path, name, &ko))
		return false;
	yes = ko_declares(&ko, name);
	ko_free(&ko);
	return yes;
}

static bool is_declared_by(const FTSENT *e, const char *name)
{
	return declares(e->fts_path, name);
}

static bool is_defined_by(const FTSENT *e, const char *symbol)
{
	struct ko ko;
	bool yes = false;

	if (!read_if_it_says(e->fts_path, symbol, &ko))
		return false;
	for (size_t i = 0; i < ko.exports.n && !yes; i++)
		yes = !strcmp(ko.exports.v[i], symbol);
	ko_free(&ko);
	return yes;
}

static char *kld_file(const struct target *t, const char *name)
{
	char *found;

	if (name && declares(t->kernel, name))
		return NULL;
	found = find(t, has_name, name);
	return found || !name ? found : find(t, is_declared_by, name);
}

char *own_module_defining(const struct target *t, const char *symbol)
{
	return t->os == TARGET_FREEBSD ? find(t, is_defined_by, symbol) : NULL;
}

/* ---- both ---- */

char *own_module_file(const struct target *t, const char *name)
{
	return t->os == TARGET_FREEBSD ? kld_file(t, name) : find(t, has_name, name);
}

char *own_vermagic(const struct target *t)
{
	AUTO_FREE char *file = own_module_file(t, NULL);
	AUTO_BUF struct buf bytes = {0};
	char *magic = NULL;
	struct error err;
	struct ko ko;

	if (!file || archive_read_plain(file, MODULE_MAX, &bytes, &err))
		return NULL;
	ko_read(bytes.data, bytes.len, file, &ko);
	if (ko.vermagic)
		magic = xstrdup(ko.vermagic);
	ko_free(&ko);
	return magic;
}
