/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_HOME_H
#define KMODLAB_TESTS_HOME_H
/* A directory of its own for each test, with files to order, and the registry below it. */
#include "unit.h"

#include "base/path.h"
#include "target/target.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The registry is in <home>/data. */
static char home[64];

static inline int set_up(void **state)
{
	char data[80];

	(void)state;
	strcpy(home, "/tmp/kmodlab-unit-XXXXXX");
	if (!mkdtemp(home))
		return -1;
	snprintf(data, sizeof data, "%s/data", home);
	return setenv("XDG_DATA_HOME", data, 1);
}

static inline int tear_down(void **state)
{
	(void)state;
	return path_remove_tree(home);
}

static inline char *in_home(const char *path)
{
	return xasprintf("%s/%s", home, path);
}

static inline void put(const char *path, const char *text)
{
	AUTO_FREE char *file = in_home(path), *dir = xstrdup(file);
	struct error err;

	*strrchr(dir, '/') = 0;
	assert_int_equal(path_make_dirs(dir, &err), 0);
	assert_int_equal(path_write(file, text, strlen(text), &err), 0);
}

static inline void put_link(const char *path, const char *to)
{
	AUTO_FREE char *file = in_home(path), *dir = xstrdup(file);
	struct error err;

	*strrchr(dir, '/') = 0;
	assert_int_equal(path_make_dirs(dir, &err), 0);
	assert_int_equal(symlink(to, file), 0);
}

/* A file that says it is the kernel image of `release`. */
static inline void put_image(const char *path, const char *release)
{
	AUTO_FREE char *file = in_home(path);
	struct error err;
	char image[1024] = {0};

	put(path, "");
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20f] = 1; /* the text is at 0x200 + 0x100 */
	snprintf(image + 0x300, sizeof image - 0x300, "%s (builder@host) #1 SMP", release);
	assert_int_equal(path_write(file, image, sizeof image, &err), 0);
}

static inline bool exists(const char *path)
{
	AUTO_FREE char *file = in_home(path);

	return !access(file, F_OK);
}

#define assert_says(err, words)                                                                    \
	do {                                                                                       \
		if (!strstr((err).text, words))                                                    \
			fail_msg("\"%s\" does not say \"%s\"", (err).text, words);                 \
	} while (0)

static const char *const tree_files[] = {"Makefile", ".config", "include/config/kernel.release",
	"arch/x86/boot/bzImage", "include/generated/autoconf.h", "scripts/basic/fixdep",
	"scripts/mod/modpost", "Module.symvers"};

static inline char *put_tree(void)
{
	AUTO_FREE char *path = in_home("linux");

	for (size_t i = 0; i < sizeof tree_files / sizeof *tree_files; i++) {
		AUTO_FREE char *file = xasprintf("linux/%s", tree_files[i]);

		put(file, "");
	}
	put("linux/.config",
		"CONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_BLK_DEV_INITRD=y\n"
		"CONFIG_BINFMT_ELF=y\nCONFIG_PRINTK=y\nCONFIG_PCI=y\nCONFIG_SYSFS=y\n"
		"CONFIG_SERIAL_8250_CONSOLE=y\n");
	put("linux/include/config/kernel.release", "6.9.0-mine\n");
	put_image("linux/arch/x86/boot/bzImage", "6.9.0-mine");
	return xasprintf("tree:%s", path);
}

#endif
