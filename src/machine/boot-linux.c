/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/boot.h"

#include "guest/images.h"

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

void boot_fingerprint_linux(struct buf *out)
{
	size_t agent = (size_t)(guest_agent_linux_end - guest_agent_linux);

	buf_addf(out, "%s\nagent %016llx\n", append,
		(unsigned long long)hash_bytes(HASH_START, guest_agent_linux, agent));
}
