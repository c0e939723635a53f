/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/kernel-facts.h"

#include "base/buf.h"

#include <pthread.h>
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

static bool is_set(struct text config, const char *option)
{
	AUTO_FREE char *line = xasprintf("\nCONFIG_%s=y\n", option);
	size_t len = strlen(line);

	/* A first line has no newline before it. */
	return memmem(config.p, config.len, line, len) ||
		(config.len >= len - 1 && !memcmp(config.p, line + 1, len - 1));
}

bool kernel_configured(const struct target *t, const char *option)
{
	/* Thousands of modules ask the same of a file of 200 KB. Never freed: options are few. */
	static struct answer {
		struct answer *next;
		const char *config;
		char *option;
		bool yes;
	} * all;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct text config = config_of(t);
	struct answer *a;

	if (!config.len)
		return false;
	pthread_mutex_lock(&lock);
	for (a = all; a; a = a->next)
		if (a->config == config.p && !strcmp(a->option, option))
			break;
	if (!a) {
		a = xcalloc(1, sizeof *a);
		*a = (struct answer){all, config.p, xstrdup(option), is_set(config, option)};
		all = a;
	}
	pthread_mutex_unlock(&lock);
	return a->yes;
}

bool kernel_has_retpolines(const struct target *t)
{
	return kernel_configured(t, "RETPOLINE") || kernel_configured(t, "MITIGATION_RETPOLINE");
}

struct text kernel_names(const struct target *t)
{
	return names_file(t->symbols);
}
