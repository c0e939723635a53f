/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/boot.h"

#include "guest/images.h"

/* The kernel's command line (Documentation/admin-guide/kernel-parameters.txt). `quiet`: the agent makes the
 * console talk when the boot is over. A panic restarts at once, which with -no-reboot ends QEMU. */
static const char always[] =
	"console=ttyS0 quiet panic=-1 rdinit=/init log_buf_len=1M printk.devkmsg=on "
	"no_timer_check rcupdate.rcu_expedited=1 nokaslr tsc=reliable audit=0";

static char *command_line(const char *append)
{
	return xasprintf("%s%s%s", always, append ? " " : "", append ? append : "");
}

int boot_prepare_linux(const char *kernel, const char *append, const struct machine_file *files,
	size_t nfiles, struct boot *out, struct error *err)
{
	out->initrd_fd = initramfs_make(files, nfiles, err);
	if (out->initrd_fd < 0)
		return out->initrd_fd;
	out->kernel = xstrdup(kernel);
	out->append = command_line(append);
	return 0;
}

void boot_fingerprint_linux(const char *append, struct buf *out)
{
	AUTO_FREE char *line = command_line(append);
	size_t agent = (size_t)(guest_agent_linux_end - guest_agent_linux);

	buf_addf(out, "%s\nagent %016llx\n", line,
		(unsigned long long)hash_bytes(HASH_START, guest_agent_linux, agent));
}
