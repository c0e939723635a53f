/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/kernel-facts.h"

#include "base/buf.h"
#include "base/path.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CONFIG_MAX ((size_t)16 << 20)

/* Never freed: targets are few. */
struct known {
	struct known *next;
	char *target;
	struct kernel_facts facts;
};

static bool is_set(const struct buf *config, const char *option)
{
	AUTO_FREE char *line = xasprintf("\n%s=y\n", option);

	return config->len && memmem(config->data, config->len, line, strlen(line));
}

static void read_config(const struct target *t, struct kernel_facts *k)
{
	AUTO_FREE char *path = NULL;
	AUTO_BUF struct buf config = {0};

	if (t->os != TARGET_LINUX || !t->build)
		return;
	path = xasprintf("%s%s/include/config/auto.conf",
		t->root && strcmp(t->root, "/") ? t->root : "", t->build);
	if (path_read(path, CONFIG_MAX, &config))
		return;
	/* Linux 6.9 renamed some. */
	k->retpoline = is_set(&config, "CONFIG_RETPOLINE") ||
		is_set(&config, "CONFIG_MITIGATION_RETPOLINE");
	k->ibt = is_set(&config, "CONFIG_X86_KERNEL_IBT");
	k->kasan = is_set(&config, "CONFIG_KASAN");
}

/* Mapped, since of megabytes only a few lines are looked at. */
static void read_names(const struct target *t, struct kernel_facts *k)
{
	AUTO_CLOSE int fd = t->symbols ? open(t->symbols, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	void *names;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0)
		return;
	names = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (names == MAP_FAILED)
		return;
	k->names = (struct text){names, (size_t)st.st_size};
}

const struct kernel_facts *kernel_facts(const struct target *t)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct known *all;
	const char *name = t->name ? t->name : "";
	struct known *k;

	pthread_mutex_lock(&lock);
	for (k = all; k; k = k->next)
		if (!strcmp(k->target, name))
			break;
	if (!k) {
		k = xcalloc(1, sizeof *k);
		k->target = xstrdup(name);
		read_config(t, &k->facts);
		read_names(t, &k->facts);
		k->next = all;
		all = k;
	}
	pthread_mutex_unlock(&lock);
	return &k->facts;
}

bool kernel_has_name(const struct kernel_facts *k, const char *name)
{
	return k->names.len && names_have(k->names, name);
}
