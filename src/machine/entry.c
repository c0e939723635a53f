/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/entry.h"

#include "base/buf.h"

#include <errno.h>

int entry_add(struct archive *a, struct archive_entry *e, const char *name, mode_t mode,
	const void *bytes, size_t len)
{
	archive_entry_clear(e);
	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	archive_entry_set_nlink(e, 1);
	archive_entry_set_size(e, (la_int64_t)len);
	if ((mode & S_IFMT) == S_IFCHR) { /* for the kernel's own first open */
		archive_entry_set_rdevmajor(e, 5);
		archive_entry_set_rdevminor(e, 1);
	}
	if (archive_write_header(a, e) != ARCHIVE_OK)
		return -EIO;
	if (len && archive_write_data(a, bytes, len) != (la_ssize_t)len)
		return -EIO;
	return 0;
}

int entry_add_files(
	struct archive *a, struct archive_entry *e, const struct machine_file *files, size_t nfiles)
{
	int r = entry_add(a, e, "m", S_IFDIR | 0755, NULL, 0);

	for (size_t i = 0; i < nfiles && !r; i++) {
		AUTO_FREE char *name = xasprintf("m/%s", files[i].name);

		r = entry_add(a, e, name, S_IFREG | 0644, files[i].bytes, files[i].len);
	}
	return r;
}
