/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/kernel-facts.h"

#include "base/buf.h"
#include "check/names.h"

#include <string.h>

static struct text config_of(const struct target *t)
{
	static const char *const files[] = {"include/config/auto.conf", ".config"};
	struct text config = {0};

	if (t->os != TARGET_LINUX || !t->root || !t->build)
		return config;
	for (size_t i = 0; i < 2 && !config.len; i++) {
		AUTO_FREE char *path = xasprintf(
			"%s%s/%s", strcmp(t->root, "/") ? t->root : "", t->build, files[i]);

		config = names_file(path);
	}
	return config;
}

bool kernel_config_known(const struct target *t)
{
	return config_of(t).len > 0;
}

bool kernel_configured(const struct target *t, const char *option)
{
	AUTO_FREE char *line = xasprintf("\nCONFIG_%s=y\n", option);
	struct text config = config_of(t);

	/* A first line has no newline before it. */
	return config.len &&
		(memmem(config.p, config.len, line, strlen(line)) ||
			(config.len >= strlen(line) - 1 &&
				!memcmp(config.p, line + 1, strlen(line) - 1)));
}

bool kernel_has_retpolines(const struct target *t)
{
	return kernel_configured(t, "RETPOLINE") || kernel_configured(t, "MITIGATION_RETPOLINE");
}

bool kernel_has_name(const struct target *t, const char *name)
{
	struct text names = names_file(t->symbols);

	return names.len && names_have(names, name);
}
