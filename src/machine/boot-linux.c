/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/boot.h"

#include "base/buf.h"

/* The kernel's command line (Documentation/admin-guide/kernel-parameters.txt). `quiet`: the agent makes the
 * console talk when the boot is over. A panic restarts at once, which with -no-reboot ends QEMU. */
static const char append[] =
	"console=ttyS0 quiet panic=-1 rdinit=/init log_buf_len=1M printk.devkmsg=on "
	"no_timer_check rcupdate.rcu_expedited=1 nokaslr tsc=reliable audit=0";

int boot_prepare_linux(const char *kernel, const struct machine_file *files, size_t nfiles,
	struct boot *out, struct error *err)
{
	out->initrd_fd = initramfs_make(files, nfiles, err);
	if (out->initrd_fd < 0)
		return out->initrd_fd;
	out->kernel = xstrdup(kernel);
	out->append = append;
	return 0;
}
