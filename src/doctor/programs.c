/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs that kmodlab calls: each is run once, for its version. That bubblewrap is there says little:
 * whether it may make a namespace is the kernel's and the distribution's to say, so it is let make the
 * sandbox that a build would run in.
 */
#include "doctor/doctor.h"

#include "base/path.h"
#include "base/proc.h"
#include "build/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#define PROGRAM_MS 10000

static const struct tool {
	const char *name, *program, *option; /* NULL: not to be run for it */
	bool needed;
	const char *purpose;
} tools[] = {
	{"qemu", "qemu-system-x86_64", "--version", true, "the machine that a module is loaded in"},
	{"mmdebstrap", "mmdebstrap", "--version", false, "`kmodlab target add debian:SUITE`"},
	{"clang", "clang", "--version", false, "building modules for FreeBSD"},
	{"lld", "ld.lld", "--version", false, "building modules for FreeBSD"},
	{"llvm", "llvm-objcopy", "--version", false, "building modules for FreeBSD"},
	{"bmake", "bmake", NULL, false, "building modules for FreeBSD"},
	{"awk", "original-awk", "--version", false,
		"building modules for FreeBSD, whose scripts other awks do not run"},
	{"gdb", "gdb", "--version", false, "`kmodlab debug`: stepping through a module"},
	{"ssh", "ssh", "-V", false, "targets that are real machines: ssh:USER@HOST"},
	{"make", "make", "--version", false, "building for the targets host and tree:DIR"},
	{"gcc", "gcc", "--version", false, "building for the targets host and tree:DIR"},
};

static void keep_first(void *arg, const char *line, size_t len)
{
	struct buf *first = arg;

	if (!first->len && len)
		buf_add(first, line, len < 200 ? len : 200);
}

static void mend(struct checkups *all, struct checkup *c, const char *program)
{
	strv_add(&all->missing, program);
	c->remedy = packages_command(all->packaging, (const char *const[]){program, NULL});
}

static void look_at(struct checkups *all, const struct tool *t)
{
	AUTO_FREE char *path = path_program(t->program);
	char *argv[] = {path, (char *)t->option, NULL};
	AUTO_BUF struct buf first = {0};
	struct error err = {{0}};
	struct checkup *c;
	int r = 0;

	if (!path) {
		c = doctor_add(all, t->name, HEALTH_MISSING,
			xasprintf("there is no %s", t->program), t->purpose);
		c->needed = t->needed;
		mend(all, c, t->program);
		return;
	}
	if (t->option)
		r = proc_run(argv, PROGRAM_MS, keep_first, NULL, &first, NULL, &err);
	if (!r) {
		c = doctor_add(all, t->name, HEALTH_OK,
			first.len ? buf_take(&first) : xstrdup(path), t->purpose);
		c->needed = t->needed;
		return;
	}
	if (r > 0) {
		AUTO_FREE char *ended = proc_status_text(r);

		c = doctor_add(all, t->name, HEALTH_BROKEN,
			xasprintf("%s %s %s%s%s", path, t->option, ended, first.len ? ": " : "",
				first.len ? first.data : ""),
			t->purpose);
	} else {
		c = doctor_add(all, t->name, HEALTH_BROKEN, xstrdup(err.text), t->purpose);
	}
	c->needed = t->needed;
	c->remedy = xasprintf("install it again: %s",
		packages_find(all->packaging, t->program)
			? packages_find(all->packaging, t->program)
			: t->program);
}

/* What to type so that ordinary users may make user namespaces. Caller frees. */
static char *allow_namespaces(void)
{
	static const struct {
		const char *file;
		char bad;
		const char *command;
	} switches[] = {
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
			"sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"/proc/sys/kernel/unprivileged_userns_clone", '0',
			"sudo sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/user/max_user_namespaces", '0',
			"sudo sysctl user.max_user_namespaces=10000"},
	};

	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
		AUTO_BUF struct buf text = {0};

		if (!path_read(switches[i].file, 32, &text) && text.len &&
			text.data[0] == switches[i].bad)
			return xstrdup(switches[i].command);
	}
	return xstrdup(
		"in a container, start it so that it may make user namespaces (podman and docker: "
		"--security-opt seccomp=unconfined); elsewhere ask who runs this machine");
}

static void look_at_sandbox(struct checkups *all)
{
	static const char purpose[] = "the sandbox that a module's Makefile runs in, without root";
	AUTO_BUF struct buf first = {0};
	struct sandbox s = {0};
	struct error err = {{0}};
	struct checkup *c;
	int r = sandbox_begin(&s, &err);

	if (r) {
		c = doctor_add(all, "sandbox", HEALTH_MISSING,
			xstrdup("bubblewrap (bwrap) is not installed"), purpose);
		c->needed = true;
		mend(all, c, "bwrap");
		return;
	}
	sandbox_add_machine(&s);
	strv_adds(&s.argv, "sh", "-c", ":", NULL);
	r = proc_run(s.argv.v, PROGRAM_MS, keep_first, NULL, &first, NULL, &err);
	sandbox_free(&s);
	if (!r) {
		c = doctor_add(all, "sandbox", HEALTH_OK,
			xstrdup("bubblewrap makes user namespaces"), purpose);
	} else {
		c = doctor_add(all, "sandbox", HEALTH_BROKEN,
			xasprintf("bubblewrap cannot make a user namespace: %s",
				first.len	? first.data
					: r < 0 ? err.text
						: "it does not say why"),
			purpose);
		c->remedy = allow_namespaces();
	}
	c->needed = true;
}

static void look_at_keyring(struct checkups *all)
{
	static const char *const places[] = {"/usr/share/keyrings/debian-archive-keyring.gpg",
		"/usr/share/keyrings/debian-archive-keyring.pgp",
		"/etc/apt/trusted.gpg.d/debian-archive-bookworm-stable.gpg"};
	static const char purpose[] = "checking what `kmodlab target add debian:SUITE` fetches";
	struct checkup *c;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (path_is_file(places[i])) {
			doctor_add(all, "keyring", HEALTH_OK, xstrdup(places[i]), purpose);
			return;
		}
	c = doctor_add(all, "keyring", HEALTH_MISSING,
		xstrdup("the keys of Debian's archive are not here"), purpose);
	mend(all, c, "debian-archive-keyring");
}

static void look_at_curl(struct checkups *all)
{
	static const char purpose[] = "`kmodlab target add freebsd:VERSION`, which downloads";
	void *library = dlopen("libcurl.so.4", RTLD_NOW);
	struct checkup *c;

	if (library) {
		dlclose(library);
		doctor_add(all, "libcurl", HEALTH_OK, xstrdup("libcurl.so.4"), purpose);
		return;
	}
	c = doctor_add(
		all, "libcurl", HEALTH_MISSING, xstrdup("there is no libcurl.so.4"), purpose);
	mend(all, c, "libcurl");
}

/* It goes into machines, in which there are no libraries. */
static void look_at_busybox(struct checkups *all)
{
	static const char purpose[] =
		"running a module's test.sh, and `kmodlab shell`, in the machine";
	AUTO_FREE char *path = path_program("busybox");
	AUTO_BUF struct buf bytes = {0};
	struct checkup *c;
	bool dynamic;

	if (!path || path_read(path, (size_t)64 << 20, &bytes) || !bytes.len) {
		c = doctor_add(
			all, "busybox", HEALTH_MISSING, xstrdup("there is no busybox"), purpose);
		mend(all, c, "busybox");
		return;
	}
	/* A program that needs libraries names their loader near its beginning. */
	dynamic = memmem(bytes.data, bytes.len < 4096 ? bytes.len : 4096, "/ld-linux", 9) != NULL;
	c = doctor_add(all, "busybox", dynamic ? HEALTH_BROKEN : HEALTH_OK,
		xasprintf("%s, %s linked", path, dynamic ? "not statically" : "statically"),
		purpose);
	if (dynamic)
		mend(all, c, "busybox");
}

void doctor_programs(struct checkups *all)
{
	look_at(all, &tools[0]);
	look_at_sandbox(all);
	look_at(all, &tools[1]);
	look_at_keyring(all);
	look_at_curl(all);
	for (size_t i = 2; i < sizeof tools / sizeof *tools; i++)
		look_at(all, &tools[i]);
	look_at_busybox(all);
}
