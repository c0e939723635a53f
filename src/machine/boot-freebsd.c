/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD: our multiboot stub as -kernel, the picture of memory as -initrd. The root is an ISO 9660 image,
 * the one format that GENERIC mounts and libarchive writes; it is read-only, so the agent puts a tmpfs on
 * /tmp, on /rescue and on /module. doc/freebsd-boot.md tells the whole way.
 */
#include "machine/boot.h"

#include "base/buf.h"
#include "base/path.h"
#include "guest/images.h"
#include "machine/entry.h"
#include "machine/freebsd-image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_MAX ((size_t)256 << 20)

/* loader.conf(5), device.hints(5), and the tunables that spare us waiting. */
static const char *const environment[] = {
	"vfs.root.mountfrom=cd9660:/dev/md0",
	"console=comconsole",
	"boot_serial=YES",
	"hw.uart.console=io:0x3f8,br:115200",
	"hint.uart.0.at=isa",
	"hint.uart.0.port=0x3F8",
	"hint.uart.0.flags=0x10",
	"hint.uart.0.irq=4",
	"hint.uart.1.at=isa",
	"hint.uart.1.port=0x2F8",
	"hint.uart.1.irq=3",
	"kern.cam.scsi_delay=0",
	"kern.cam.boot_delay=0",
	"hw.usb.no_boot_wait=1",
	"kern.panic_reboot_wait_time=0",
	"kern.msgbufsize=4194304",
	"kern.geom.label.disk_ident.enable=0",
	"debug.debugger_on_panic=0",
	"debug.trace_on_panic=1",
	NULL,
};

static la_ssize_t take(struct archive *a, void *to, const void *bytes, size_t len)
{
	(void)a;
	buf_add(to, bytes, len);
	return (la_ssize_t)len;
}

static int fill(
	struct archive *a, struct archive_entry *e, const struct machine_file *files, size_t nfiles)
{
	size_t agent = (size_t)(guest_agent_freebsd_end - guest_agent_freebsd);
	int r = 0;

	r = r ?: entry_add(a, e, "dev", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "tmp", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "rescue", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "module", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "sbin", S_IFDIR | 0755, NULL, 0);
	r = r ?: entry_add(a, e, "sbin/init", S_IFREG | 0755, guest_agent_freebsd, agent);
	return r ?: entry_add_files(a, e, files, nfiles);
}

/* cd9660(5) reads Rock Ridge names; the rest of what libarchive would add is of no use here. */
static int make_root(
	const struct machine_file *files, size_t nfiles, struct buf *out, struct error *err)
{
	struct archive_entry *e = archive_entry_new();
	struct archive *a = archive_write_new();
	int r = -ENOMEM;

	if (a && e && archive_write_set_format_iso9660(a) == ARCHIVE_OK &&
		archive_write_set_options(a, "!joliet,!pad,rockridge=useful,volume-id=kmodlab") ==
			ARCHIVE_OK &&
		archive_write_open(a, out, NULL, take, NULL) == ARCHIVE_OK) {
		r = fill(a, e, files, nfiles);
		if (archive_write_close(a) != ARCHIVE_OK)
			r = r ?: -EIO;
	}
	archive_entry_free(e);
	archive_write_free(a);
	return r ? error_set(err, -r, "cannot make the machine's root file system in memory") : 0;
}

static int memory_file(const char *name, const void *bytes, size_t len, struct error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	const char *p = bytes;

	while (fd >= 0 && len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close_fd(&fd);
			break;
		}
		p += n;
		len -= (size_t)n;
	}
	return fd < 0 ? error_sys(err, errno, "cannot make a file in memory") : fd;
}

int boot_prepare_freebsd(const char *kernel, const struct machine_file *files, size_t nfiles,
	struct boot *out, struct error *err)
{
	AUTO_BUF struct buf bytes = {0}, root = {0}, picture = {0};
	AUTO_STRV struct strv env = {0};
	int r = path_read(kernel, KERNEL_MAX, &bytes);

	if (r)
		return error_sys(err, -r, "cannot read the kernel %s", kernel);
	for (size_t i = 0; environment[i]; i++)
		strv_add(&env, environment[i]);
	r = make_root(files, nfiles, &root, err);
	if (!r)
		r = freebsd_image(
			kernel, bytes.data, bytes.len, root.data, root.len, &env, &picture, err);
	if (r)
		return r;
	out->initrd_fd = memory_file("kmodlab-picture", picture.data, picture.len, err);
	if (out->initrd_fd < 0)
		return out->initrd_fd;
	out->kernel_fd = memory_file("kmodlab-stub", guest_freebsd_stub,
		(size_t)(guest_freebsd_stub_end - guest_freebsd_stub), err);
	if (out->kernel_fd < 0)
		return out->kernel_fd;
	out->kernel = xasprintf("/proc/self/fd/%d", out->kernel_fd);
	return 0;
}

void boot_fingerprint_freebsd(struct buf *out)
{
	size_t agent = (size_t)(guest_agent_freebsd_end - guest_agent_freebsd);
	size_t stub = (size_t)(guest_freebsd_stub_end - guest_freebsd_stub);
	uint64_t hash = hash_bytes(HASH_START, guest_agent_freebsd, agent);

	for (size_t i = 0; environment[i]; i++)
		buf_addf(out, "%s ", environment[i]);
	buf_addf(out, "\nagent %016llx\n",
		(unsigned long long)hash_bytes(hash, guest_freebsd_stub, stub));
}
