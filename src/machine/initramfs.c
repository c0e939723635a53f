/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/initramfs.h"

#include "base/buf.h"
#include "base/path.h"
#include "guest/images.h"
#include "machine/entry.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fill(
	struct archive *a, struct archive_entry *e, const struct machine_file *files, size_t nfiles)
{
	size_t agent = (size_t)(guest_agent_linux_end - guest_agent_linux);
	int r = 0;

	r = r ?: entry_add(a, e, "dev", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "dev/console", S_IFCHR | 0600, NULL, 0);
	r = r ?: entry_add(a, e, "init", S_IFREG | 0755, guest_agent_linux, agent);
	r = r ?: entry_add(a, e, "sbin", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "sbin/modprobe", S_IFREG | 0755, guest_agent_linux, agent);
	return r ?: entry_add_files(a, e, files, nfiles);
}

int initramfs_make(const struct machine_file *files, size_t nfiles, struct error *err)
{
	int fd = memfd_create("kmodlab-initramfs", MFD_CLOEXEC);
	struct archive_entry *e = archive_entry_new();
	struct archive *a = archive_write_new();
	int r = -ENOMEM;

	if (fd >= 0 && a && e && archive_write_set_format_cpio_newc(a) == ARCHIVE_OK &&
		archive_write_open_fd(a, fd) == ARCHIVE_OK) {
		r = fill(a, e, files, nfiles);
		if (archive_write_close(a) != ARCHIVE_OK)
			r = r ?: -EIO;
	}
	archive_entry_free(e);
	archive_write_free(a);
	if (!r)
		return fd;
	close_fd(&fd);
	return error_set(err, -r, "cannot make the machine's initramfs in memory");
}
