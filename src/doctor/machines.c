/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The targets and what runs them. A target is whole when its kernel and its build tree are there. One of them is
 * booted: that is what shows whether QEMU can do it, and whether KVM works, of which a /dev/kvm that
 * opens is no proof (machine/accel.h).
 */
#include "doctor/doctor.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "machine/accel.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOOT_MS 120000

/* Adds a line for each; the first that is whole, or NULL. */
static const struct target *look_at_targets(struct checkups *all, const struct targets *targets)
{
	static const char purpose[] = "a kernel to test against";
	const struct target *whole = NULL;
	struct checkup *c;

	for (size_t i = 0; i < targets->n; i++) {
		const struct target *t = &targets->items[i];
		struct error err = {{0}};

		if (target_find(targets, t->name, &err)) {
			whole = whole ? whole : t;
			doctor_add(all, "target", HEALTH_OK,
				xasprintf("%s (%s %s)", t->name, target_os_name(t->os), t->release),
				purpose);
			continue;
		}
		c = doctor_add(all, "target", HEALTH_BROKEN, xasprintf("%s: %s", t->name, err.text),
			purpose);
		c->remedy = xasprintf(
			"kmodlab target remove %s && kmodlab target add %s", t->name, t->name);
	}
	if (!whole) {
		c = doctor_add(all, "target", HEALTH_MISSING,
			xstrdup(targets->n ? "no target has all of its files"
					   : "there is no target yet"),
			purpose);
		c->needed = true;
		c->remedy = xstrdup("kmodlab target add debian:bookworm");
	}
	return whole;
}

/* Boots it, unless that would only repeat that there is no QEMU. */
static void try_to_boot(struct checkups *all, const struct target *t)
{
	static const char purpose[] = "trials: a target's kernel that comes up";
	int64_t begun = clock_us();
	struct error err = {{0}};
	struct machine *m;
	struct checkup *c;
	AUTO_FREE char *qemu = path_program("qemu-system-x86_64");

	if (!qemu)
		return;
	if (!machine_boot(&(struct machine_options){.os = t->os == TARGET_FREEBSD ? PROTO_FREEBSD
										  : PROTO_LINUX,
				  .kernel = t->kernel,
				  .append = t->append,
				  .memory_mib = t->memory_mib > 256 ? t->memory_mib : 256,
				  .cpus = 2,
				  .boot_timeout_ms = BOOT_MS},
		    &m, &err)) {
		c = doctor_add(all, "machine", HEALTH_OK,
			xasprintf("%s booted in %.1f s under %s", t->name,
				(double)(clock_us() - begun) / 1e6, accel_name(machine_accel(m))),
			purpose);
		machine_close(m);
	} else {
		c = doctor_add(all, "machine", HEALTH_BROKEN,
			xasprintf("%s: %s", t->name, err.text), purpose);
		c->remedy = xasprintf(
			"look at what its console says: kmodlab run --cold --console -t %s DIR",
			t->name);
	}
	c->needed = true;
}

/* What to do for a /dev/kvm. Caller frees. */
static char *get_kvm(void)
{
	AUTO_BUF struct buf cpu = {0};

	if (!access("/dev/kvm", F_OK) && access("/dev/kvm", R_OK | W_OK))
		return xstrdup("sudo usermod -aG kvm \"$USER\", then log in again");
	if (!access("/dev/kvm", F_OK))
		return xstrdup(
			"if this is a virtual machine itself, have its host allow nested virtualisation; until then TCG is used");
	if (!path_read("/proc/cpuinfo", 1 << 20, &cpu) && cpu.len) {
		if (strstr(cpu.data, " vmx"))
			return xstrdup("sudo modprobe kvm_intel");
		if (strstr(cpu.data, " svm"))
			return xstrdup("sudo modprobe kvm_amd");
	}
	return xstrdup(
		"switch virtualisation (VT-x, AMD-V) on in the firmware's set-up or, if this is a virtual machine itself, in its host's settings; until then TCG is used");
}

static void look_at_kvm(struct checkups *all)
{
	static const char purpose[] =
		"running machines at full speed; without it QEMU translates each instruction (TCG), which works everywhere";
	const char *why = accel_why_tcg();
	struct checkup *c;

	if (why) {
		c = doctor_add(all, "kvm",
			access("/dev/kvm", F_OK) ? HEALTH_MISSING : HEALTH_BROKEN, xstrdup(why),
			purpose);
		c->remedy = get_kvm();
		return;
	}
	if (accel_known() == ACCEL_KVM) {
		doctor_add(all, "kvm", HEALTH_OK, xstrdup("a guest came up under it"), purpose);
		return;
	}
	doctor_add(all, "kvm", HEALTH_OK,
		xstrdup("/dev/kvm opens; the first kmodlab run shows whether a guest comes up under it"),
		purpose);
}

void doctor_machines(struct checkups *all)
{
	const struct target *whole = NULL;
	struct targets targets = {0};
	struct error err = {{0}};
	struct checkup *c;

	if (targets_load(&targets, &err)) {
		c = doctor_add(
			all, "target", HEALTH_BROKEN, xstrdup(err.text), "kernels to test against");
		c->remedy = xstrdup("do what that says: until then no target can be used");
		c->needed = true;
	} else {
		whole = look_at_targets(all, &targets);
	}
	if (whole && !all->quick && !interrupt_pending())
		try_to_boot(all, whole);
	look_at_kvm(all);
	targets_free(&targets);
}
