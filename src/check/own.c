/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/own.h"

#include "base/archive.h"
#include "check/ko.h"

#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

char *own_module_file(const struct target *t, const char *name)
{
	char *roots[] = {t->modules, NULL}, *found = NULL;
	FTS *tree = t->modules ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	FTSENT *e;

	while (tree && !found && (e = fts_read(tree))) {
		AUTO_FREE char *is = NULL;

		if (e->fts_info != FTS_F || !strstr(e->fts_name, ".ko"))
			continue;
		is = name ? ko_module_name(e->fts_name) : NULL;
		if (!name || !strcmp(is, name))
			found = xstrdup(e->fts_path);
	}
	if (tree)
		fts_close(tree);
	return found;
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
