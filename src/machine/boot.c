/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/boot.h"

#include "base/path.h"

#include <sys/stat.h>

int boot_prepare(enum proto_os os, const char *kernel, const char *append,
	const struct machine_file *files, size_t nfiles, struct boot *out, struct error *err)
{
	*out = (struct boot){.kernel_fd = -1, .initrd_fd = -1};
	return os == PROTO_FREEBSD ? boot_prepare_freebsd(kernel, files, nfiles, out, err)
				   : boot_prepare_linux(kernel, append, files, nfiles, out, err);
}

const char *boot_option_rom(enum proto_os os)
{
	return os == PROTO_FREEBSD ? "multiboot_dma.bin" : "linuxboot_dma.bin";
}

void boot_fingerprint(enum proto_os os, const char *kernel, const char *append, struct buf *out)
{
	struct stat st = {0};

	(void)!stat(kernel, &st);
	buf_addf(out, "kernel %s %lld %lld.%09ld\n", kernel, (long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (os == PROTO_FREEBSD)
		boot_fingerprint_freebsd(out);
	else
		boot_fingerprint_linux(append, out);
}

void boot_free(struct boot *b)
{
	free(b->kernel);
	free(b->append);
	close_fd(&b->kernel_fd);
	close_fd(&b->initrd_fd);
	*b = (struct boot){.kernel_fd = -1, .initrd_fd = -1};
}
