/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/boot.h"

#include "base/path.h"

int boot_prepare(enum proto_os os, const char *kernel, const struct machine_file *files,
	size_t nfiles, struct boot *out, struct error *err)
{
	*out = (struct boot){.kernel_fd = -1, .initrd_fd = -1};
	return os == PROTO_FREEBSD ? boot_prepare_freebsd(kernel, files, nfiles, out, err)
				   : boot_prepare_linux(kernel, files, nfiles, out, err);
}

void boot_free(struct boot *b)
{
	free(b->kernel);
	close_fd(&b->kernel_fd);
	close_fd(&b->initrd_fd);
	*b = (struct boot){.kernel_fd = -1, .initrd_fd = -1};
}
