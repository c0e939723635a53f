/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a module's kmodlab.ini is: beside its source, or above linux/ and freebsd/ for both. */
#include "trial/config.h"

#include "base/path.h"
#include "trial/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX 65536

static char *parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

/* "DIR/kmodlab.ini" if there is something of that name, a file or not, or NULL. */
static char *file_in(const char *dir)
{
	char *file = xasprintf("%s/" CONFIG_NAME, dir);

	struct stat st;

	if (!lstat(file, &st))
		return file;
	free(file);
	return NULL;
}

static char *find_file(const char *path, enum target_os os)
{
	AUTO_FREE char *real = realpath(path, NULL), *source = NULL, *base = NULL, *above = NULL;
	struct error ignored;
	char *file;

	if (!real)
		return NULL;
	if (path_is_dir(real))
		source = trial_source_dir(real, os, &ignored);
	else
		source = parent(real);
	if (!source)
		source = xstrdup(real);
	file = file_in(source);
	base = path_base(source);
	if (file || strcmp(base, os == TARGET_FREEBSD ? "freebsd" : "linux"))
		return file;
	above = parent(source);
	return file_in(above);
}

/* The path as a person would write it: from where they are. */
static char *short_path(const char *file)
{
	AUTO_FREE char *here = realpath(".", NULL);
	size_t len = here ? strlen(here) : 0;

	return xstrdup(
		len > 1 && !strncmp(file, here, len) && file[len] == '/' ? file + len + 1 : file);
}

/* Why what is called so cannot be read as settings: said, rather than run without them. */
static int refuse_file(const char *file, const char *said, int code, struct error *err)
{
	struct stat st;

	if (stat(file, &st) && errno == ENOENT)
		return error_set(err, EINVAL,
			"%s is a symbolic link to nothing: mend the link, or remove it", said);
	if (path_is_dir(file))
		return error_set(err, EINVAL,
			"%s is a directory, where a file with settings is looked for: give it another name",
			said);
	if (code == -EFBIG)
		return error_set(err, EINVAL,
			"%s is larger than %d KiB, so it holds no settings: see "
			"man kmodlab, CONFIGURATION",
			said, FILE_MAX >> 10);
	return error_set(err, EINVAL, "cannot read %s (%s): see its permissions, ls -l %s", said,
		strerror(-code), said);
}

int config_read(const char *path, enum target_os os, struct config *c, struct error *err)
{
	AUTO_FREE char *file = find_file(path, os);
	AUTO_FREE char *said = file ? short_path(file) : NULL;
	AUTO_BUF struct buf text = {0};
	int r;

	*c = (struct config){0};
	if (!file)
		return -ENOENT;
	r = path_is_file(file) ? path_read(file, FILE_MAX, &text) : -EISDIR;
	if (r)
		return refuse_file(file, said, r, err);
	return config_parse(said, text.len ? text.data : "", text.len, c, err);
}
