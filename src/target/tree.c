/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree:DIR: a kernel that its user built, in its build directory. Nothing is copied, so what is
 * built there later is what later trials meet. All that a trial needs is looked for here, so that
 * what is missing is told with the make command that makes it, and not by a guest that stays dark.
 */
#include "target/provider.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A .config with everything in it has some 300 KiB. */
#define CONFIG_MAX (8 << 20)

char *image_release(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char setup[0x212];
	char text[128] = {0};
	size_t at;

	/* The x86 boot protocol: a magic at 0x202; at 0x20e where the version's text is. */
	if (fd < 0 || pread(fd, setup, sizeof setup, 0) != (ssize_t)sizeof setup ||
		memcmp(setup + 0x202, "HdrS", 4))
		return NULL;
	at = 0x200u + setup[0x20e] + 0x100u * setup[0x20f];
	if (at == 0x200 || pread(fd, text, sizeof text - 1, (off_t)at) <= 0)
		return NULL;
	return xstrndup(text, strcspn(text, " "));
}

/* What has to be in a build directory, in the order in which it comes to be. */
static const struct part {
	const char *path, *what, *command;
} parts[] = {
	{".config", "is not configured yet", "defconfig"},
	{"include/config/kernel.release", "is not built yet", "bzImage modules"},
	{"arch/x86/boot/bzImage", "has no kernel image yet", "bzImage"},
	{"include/generated/autoconf.h", "is not prepared for modules", "modules_prepare"},
	{"scripts/basic/fixdep", "is not prepared for modules", "modules_prepare"},
	{"scripts/mod/modpost", "is not prepared for modules", "modules_prepare"},
	{"Module.symvers", "does not say yet what it exports", "modules"},
};

/* Without these no module can be tried on it. */
static const struct option {
	const char *name, *why;
} options[] = {
	{"CONFIG_X86_64", "kmodlab tests x86_64 kernels only so far"},
	{"CONFIG_MODULES", "it cannot load modules"},
	{"CONFIG_MODULE_UNLOAD", "it cannot unload modules"},
	{"CONFIG_BLK_DEV_INITRD", "it cannot start kmodlab's agent"},
	{"CONFIG_BINFMT_ELF", "it cannot start kmodlab's agent"},
	{"CONFIG_PRINTK", "it has no log"},
	{"CONFIG_PCI", "it cannot see kmodlab's channel"},
	{"CONFIG_SYSFS", "it cannot see kmodlab's channel"},
	{"CONFIG_SERIAL_8250_CONSOLE", "it cannot say what it dies of"},
};

/* Whether it looks like one at all: a source tree has scripts/, a separate build directory (O=)
 * has a link to its source. */
static bool is_build_dir(const char *dir)
{
	static const char *const signs[] = {".config", "scripts", "source"};
	AUTO_FREE char *makefile = xasprintf("%s/Makefile", dir);
	bool found = false;

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, signs[i]);

		found |= !access(path, F_OK);
	}
	return found && path_is_file(makefile);
}

static int check_parts(const char *dir, struct error *err)
{
	if (!is_build_dir(dir))
		return error_set(err, ENOENT,
			"%s is not a kernel's build directory: it has no Makefile, or none of .config, scripts and source beside it; give the directory in which make built the kernel",
			dir);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, parts[i].path);

		if (!path_is_file(path))
			return error_set(err, ENOENT,
				"%s %s: it has no %s; `make -C %s %s` makes it", dir, parts[i].what,
				parts[i].path, dir, parts[i].command);
	}
	return 0;
}

static bool is_set(const char *config, const char *option)
{
	AUTO_FREE char *line = xasprintf("%s=y\n", option);
	const char *at = strstr(config, line);

	while (at && at != config && at[-1] != '\n')
		at = strstr(at + 1, line);
	return at != NULL;
}

static int check_options(const char *dir, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/.config", dir);
	AUTO_BUF struct buf config = {0};
	int r = path_read(path, CONFIG_MAX, &config);

	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!is_set(config.data, options[i].name))
			return error_set(err, ENOTSUP,
				"%s is configured without %s, and so %s; set it and build again",
				dir, options[i].name, options[i].why);
	return 0;
}

/* The release that the tree says it is, which its image has to confirm. */
static char *tree_release(const char *dir, const char *image, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/include/config/kernel.release", dir);
	AUTO_FREE char *built = NULL;
	AUTO_BUF struct buf text = {0};
	int r = path_read(path, 256, &text);

	if (r) {
		error_sys(err, -r, "cannot read %s", path);
		return NULL;
	}
	text.data[strcspn(text.data, "\n")] = 0;
	built = image_release(image);
	if (!built)
		error_set(err, EINVAL,
			"%s is no x86 kernel image, or cannot be read; `make bzImage` makes it anew",
			image);
	else if (strcmp(built, text.data))
		error_set(err, EINVAL,
			"%s is of %s, but %s is now at %s; `make -C %s bzImage modules` brings them "
			"together",
			image, built, dir, text.data, dir);
	else
		return xstrdup(text.data);
	return NULL;
}

static char *normalise(const char *spec, struct error *err)
{
	const char *home = getenv("HOME");
	AUTO_FREE char *path = NULL;
	char real[PATH_MAX];

	if (!*spec) {
		error_set(err, EINVAL,
			"tree: needs a kernel's build directory, as in tree:/home/me/linux");
		return NULL;
	}
	/* The shell leaves a ~ behind a colon alone. */
	path = home && !strncmp(spec, "~/", 2) ? xasprintf("%s%s", home, spec + 1) : xstrdup(spec);
	if (!realpath(path, real)) {
		error_sys(err, errno,
			"tree:%s: there is no such directory; give the one in which make built the kernel",
			spec);
		return NULL;
	}
	if (!path_is_dir(real)) {
		error_set(err, ENOTDIR,
			"tree:%s: %s is not a directory; give the one in which make built the kernel",
			spec, real);
		return NULL;
	}
	for (const char *p = real; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			error_set(err, EINVAL,
				"the path of that build directory has control characters in it: move it, or make a symbolic link to it");
			return NULL;
		}
	return xstrdup(real);
}

static unsigned long long needs(const char *spec)
{
	(void)spec;
	return 0;
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	AUTO_FREE char *image = xasprintf("%s/arch/x86/boot/bzImage", spec);
	int r = check_parts(spec, err);

	(void)source, (void)staging, (void) final, (void)progress, (void)arg;
	if (!r)
		r = check_options(spec, err);
	if (r)
		return r;
	t->release = tree_release(spec, image, err);
	if (!t->release)
		return -EINVAL;
	t->kernel = xstrdup(image);
	t->root = xstrdup("/");
	t->build = xstrdup(spec);
	return 0;
}

const struct target_provider target_tree = {
	.prefix = "tree",
	.syntax = "tree:DIR",
	.sentence = "a kernel you built, in its build directory",
	.normalise = normalise,
	.needs = needs,
	.make = make,
};
