/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_ENTRY_H
#define KMODLAB_MACHINE_ENTRY_H
/* Putting files into the archive that becomes a machine's root, whatever its format. */
#include "machine/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

/* Adds one entry; `e` is an archive_entry to use. A character device is /dev/console. 0 or -EIO. */
int entry_add(struct archive *a, struct archive_entry *e, const char *name, mode_t mode,
	const void *bytes, size_t len);
/* Adds the files as m/NAME, and that directory. 0 or -EIO. */
int entry_add_files(struct archive *a, struct archive_entry *e, const struct machine_file *files,
	size_t nfiles);

#endif
