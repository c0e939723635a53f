/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/accel.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

const char *accel_name(enum accel a)
{
	return a == ACCEL_KVM ? "KVM" : a == ACCEL_TCG ? "TCG" : a == ACCEL_NONE ? "none" : "auto";
}

const char *accel_words(enum accel a)
{
	return a == ACCEL_KVM ? "under KVM" : a == ACCEL_NONE ? "on a real machine" : "under TCG";
}

static char *answer_file(void)
{
	AUTO_FREE char *cache = path_cache_dir();

	return xasprintf("%s/accelerator", cache);
}

/* What the answer depends on: this boot of the host, and the very QEMU. */
static char *key(void)
{
	AUTO_FREE char *qemu = path_program("qemu-system-x86_64");
	AUTO_BUF struct buf boot = {0};
	struct stat st = {0};
	char *rest;

	if (qemu)
		(void)!stat(qemu, &st);
	path_read("/proc/sys/kernel/random/boot_id", 64, &boot);
	return xasprintf("boot %s qemu %s %lld %lld",
		boot.data ? strtok_r(boot.data, "\n", &rest) : "?", qemu ? qemu : "?",
		(long long)st.st_size, (long long)st.st_mtime);
}

static int open_kvm(void)
{
	AUTO_CLOSE int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

/* The remembered answer: "works", "fails", or NULL. */
static const char *remembered(void)
{
	AUTO_FREE char *file = answer_file(), *now = key();
	AUTO_BUF struct buf text = {0};
	char *line;

	if (path_read(file, 4096, &text) || !text.len)
		return NULL;
	line = strchr(text.data, '\n');
	if (!line)
		return NULL;
	*line++ = 0;
	if (strcmp(text.data, now))
		return NULL;
	return !strncmp(line, "kvm works", 9)	 ? "works"
		: !strncmp(line, "kvm fails", 9) ? "fails"
						 : NULL;
}

enum accel accel_known(void)
{
	const char *answer;

	if (open_kvm())
		return ACCEL_TCG;
	answer = remembered();
	if (!answer)
		return ACCEL_AUTO;
	return answer[0] == 'w' ? ACCEL_KVM : ACCEL_TCG;
}

void accel_remember(bool kvm_works)
{
	AUTO_FREE char *file = answer_file(), *now = key(), *cache = path_cache_dir();
	AUTO_FREE char *text = xasprintf("%s\nkvm %s\n", now, kvm_works ? "works" : "fails");
	struct error ignored;

	if (!path_make_dirs(cache, &ignored))
		path_write(file, text, strlen(text), &ignored);
}

const char *accel_kvm_closed(void)
{
	switch (-open_kvm()) {
	case 0:
		return NULL;
	case EACCES:
	case EPERM:
		return "/dev/kvm may not be opened by you (join the group kvm)";
	default:
		return "this machine has no usable /dev/kvm";
	}
}

const char *accel_why_tcg(void)
{
	const char *closed = accel_kvm_closed(), *answer = closed ? NULL : remembered();

	if (closed)
		return closed;
	return answer && answer[0] == 'f' ? "/dev/kvm is there, but no guest comes up under it"
					  : NULL;
}
