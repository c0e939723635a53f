/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a module of which is asked whether a kernel would load it, on either system. */
#include "base/path.h"
#include "check/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char home[] = "/tmp/kmodlab-fuzz-XXXXXX";
static struct target linux_target, freebsd_target;

static void forget(void)
{
	path_remove_tree(home);
}

static char *put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", home, name);
	struct error err;

	if (path_write(path, text, strlen(text), &err))
		abort();
	return path;
}

static void make_targets(void)
{
	char *symbols;

	if (!mkdtemp(home))
		abort();
	atexit(forget);
	free(put("Module.symvers",
		"0x11111111\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n"
		"0x12345678\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n"
		"0x12345679\tmcount\tdrivers/usb/core/usbcore\tEXPORT_SYMBOL_GPL\tNS\n"
		"0x1234567a\t__fentry__\tvmlinux\tEXPORT_SYMBOL\tmodule:a,fu*\n"));
	free(put(".config", "CONFIG_SMP=y\nCONFIG_MODVERSIONS=y\n"));
	symbols = put("symbols", "_printk\nprintf\n");
	linux_target = (struct target){.name = (char *)"linux",
		.os = TARGET_LINUX,
		.arch = (char *)"x86_64",
		.release = (char *)"6.1.0",
		.root = home,
		.build = (char *)"",
		.symbols = symbols};
	freebsd_target = linux_target;
	freebsd_target.os = TARGET_FREEBSD;
	freebsd_target.kernel = symbols;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct findings found = {0};
	struct object object;
	struct ko ko;

	if (!linux_target.name)
		make_targets();
	ko_read(bytes, len, "fuzz.ko", &ko);
	if ((ko.kind == KO_LINUX || ko.kind == KO_FREEBSD) && object_read(bytes, len, &object)) {
		const struct check_request q = {.path = "fuzz.ko",
			.bytes = bytes,
			.len = len,
			.ko = &ko,
			.target = ko.kind == KO_LINUX ? &linux_target : &freebsd_target,
			.beside = &ko,
			.nbeside = 1,
			.thorough = true};
		struct check c = {.q = &q, .object = &object};

		check_loads(&c, &found);
		object_free(&object);
	}
	for (size_t i = 0; i < found.n; i++)
		if (!found.items[i].message || !found.items[i].advice)
			abort();
	findings_free(&found);
	ko_free(&ko);
	return 0;
}
