/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/qemu.h"

#include "base/packages.h"
#include "base/path.h"
#include "guest/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define QEMU "qemu-system-x86_64"

static void add_machine(struct strv *a, const struct qemu_start *s)
{
	strv_adds(a, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", NULL);
	strv_adds(a, "-machine", NULL);
	strv_addf(a, "pc,usb=off,vmport=off,hpet=off%s", s->ram >= 0 ? ",memory-backend=ram" : "");
	strv_adds(a, "-accel", s->accel == ACCEL_KVM ? "kvm" : "tcg,thread=multi", "-cpu",
		s->accel == ACCEL_KVM ? "host" : "max,la57=off,erms=off,fsrm=off", NULL);
	strv_add(a, "-m");
	strv_addf(a, "%u", s->memory_mib);
	strv_add(a, "-smp");
	strv_addf(a, "%u", s->cpus);
}

static void add_memory(struct strv *a, const struct qemu_start *s)
{
	if (s->ram >= 0) {
		strv_add(a, "-object");
		strv_addf(a,
			"memory-backend-file,id=ram,size=%uM,mem-path=/proc/self/fd/%d,share=%s",
			s->memory_mib, s->ram, s->ram_is_private ? "off" : "on");
	}
	if (s->channel >= 0) {
		strv_add(a, "-object");
		strv_addf(a,
			"memory-backend-file,id=channel,size=%u,mem-path=/proc/self/fd/%d,share=on",
			PROTO_SHARED_BYTES, s->channel);
		strv_adds(a, "-device", "ivshmem-plain,memdev=channel,master=on", NULL);
	}
}

static void add_lines(struct strv *a, const struct qemu_start *s)
{
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=console,fd=%d", s->console);
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=line,fd=%d", s->line);
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=qmp,fd=%d", s->qmp);
	strv_adds(a, "-serial", "chardev:console", "-serial", "chardev:line", "-mon",
		"chardev=qmp,mode=control", NULL);
}

static void add_start(struct strv *a, const struct qemu_start *s)
{
	if (!s->boot) {
		/* The firmware's memory has the ROM's place in it; the kernel itself is in the guest's. */
		strv_adds(a, "-option-rom", s->option_rom, "-S", "-incoming", "defer", NULL);
		return;
	}
	strv_adds(a, "-kernel", s->boot->kernel, "-initrd", NULL);
	strv_addf(a, "/proc/self/fd/%d", s->boot->initrd_fd);
	if (s->boot->append)
		strv_adds(a, "-append", s->boot->append, NULL);
}

int qemu_start(struct proc *p, const struct qemu_start *s, struct error *err)
{
	const int inherited[] = {s->console, s->line, s->qmp, s->ram, s->channel,
		s->boot ? s->boot->initrd_fd : s->state, s->boot ? s->boot->kernel_fd : -1};
	int keep[sizeof inherited / sizeof *inherited];
	AUTO_STRV struct strv argv = {0};
	size_t nkeep = 0;
	int r;

	for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++)
		if (inherited[i] >= 0)
			keep[nkeep++] = inherited[i];
	strv_adds(&argv, QEMU, "-name", "kmodlab", "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", NULL);
	add_machine(&argv, s);
	add_memory(&argv, s);
	add_lines(&argv, s);
	add_start(&argv, s);
	r = proc_start(p,
		&(struct proc_options){.argv = argv.v,
			.in = -1,
			.out = s->complaints,
			.err = s->complaints,
			.keep = keep,
			.nkeep = nkeep,
			.no_huge_pages = true},
		err);
	if (r == -ENOENT) {
		AUTO_FREE char *how = packages_for(QEMU);

		return error_set(err, ENOENT, "%s is not installed: %s", QEMU, how);
	}
	return r;
}

/* What -cpu host is. */
static void add_host_cpu(struct buf *out)
{
	AUTO_BUF struct buf text = {0};
	const char *end;

	if (path_read("/proc/cpuinfo", 1 << 20, &text) || !text.data)
		return;
	end = strstr(text.data, "\n\n"); /* of the first processor */
	for (char *line = text.data; line && (!end || line < end);) {
		size_t len = strcspn(line, "\n");

		if (!strncmp(line, "model name", 10) || !strncmp(line, "flags", 5) ||
			!strncmp(line, "microcode", 9))
			buf_addf(out, "%.*s\n", (int)len, line);
		line = line[len] ? line + len + 1 : NULL;
	}
}

void qemu_program_fingerprint(struct buf *out)
{
	AUTO_FREE char *program = path_program(QEMU);
	struct stat st = {0};

	if (program)
		(void)!stat(program, &st);
	buf_addf(out, "qemu %s %lld %lld.%09ld\n", program ? program : "", (long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

void qemu_fingerprint(const struct qemu_start *s, struct buf *out)
{
	AUTO_STRV struct strv a = {0};

	qemu_program_fingerprint(out);
	add_machine(&a, s);
	for (size_t i = 0; i < a.n; i++)
		buf_addf(out, "%s ", a.v[i]);
	buf_addf(out, "\n%s channel %u protocol %d\n", s->option_rom, PROTO_SHARED_BYTES,
		PROTO_VERSION);
	if (s->accel == ACCEL_KVM)
		add_host_cpu(out);
}
