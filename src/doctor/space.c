/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and disk: what a trial, and what another target, would find. */
#include "doctor/doctor.h"

#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One machine of 256 MiB with QEMU around it; two for those that are started ahead. */
#define MEMORY_LEAST (UINT64_C(400) << 20)
/* A build and a snapshot; a target with what is fetched for it. */
#define CACHE_LEAST  UINT64_C(200000000)
#define TARGET_WANTS UINT64_C(1000000000)

/* The number of bytes that /proc/meminfo has for `key`; 0 when it has none. */
static uint64_t meminfo(const char *key)
{
	AUTO_BUF struct buf text = {0};
	const char *at;

	if (path_read("/proc/meminfo", 65536, &text) || !text.len)
		return 0;
	at = strstr(text.data, key);
	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static void look_at_memory(struct checkups *all)
{
	uint64_t total = meminfo("MemTotal:"), free = meminfo("MemAvailable:");
	struct checkup *c;

	c = doctor_add(all, "memory", !free || free >= MEMORY_LEAST ? HEALTH_OK : HEALTH_BROKEN,
		xasprintf("%.1f of %.1f GB free for use", (double)free / 1e9, (double)total / 1e9),
		"machines, of some 300 MB each");
	c->needed = true;
	if (c->health)
		c->remedy = xstrdup(
			"end what takes the memory, or try kmodlab run -j 1 --memory 128 DIR");
}

/* Whether a directory, or the first of its parents that is there, can be written to. */
static bool is_writable(const char *path)
{
	AUTO_FREE char *at = xstrdup(path);

	while (*at && access(at, F_OK)) {
		char *slash = strrchr(at, '/');

		if (!slash || slash == at)
			break;
		*slash = 0;
	}
	return !access(at, W_OK);
}

static void look_at_directory(struct checkups *all, const char *name, char *path, uint64_t least,
	bool needed, const char *variable, const char *purpose)
{
	AUTO_FREE char *dir = path;
	uint64_t free = path_free_bytes(dir);
	struct checkup *c;

	if (!is_writable(dir)) {
		c = doctor_add(all, name, HEALTH_BROKEN, xasprintf("%s cannot be written to", dir),
			purpose);
		c->remedy = xasprintf("make it yours, or set %s to a directory that is", variable);
		c->needed = needed;
		return;
	}
	c = doctor_add(all, name, free >= least ? HEALTH_OK : HEALTH_BROKEN,
		xasprintf("%s, %.1f GB free", dir, (double)free / 1e9), purpose);
	c->needed = needed;
	if (c->health)
		c->remedy =
			xasprintf("kmodlab target prune; or set %s to a directory on a larger disk",
				variable);
}

void doctor_space(struct checkups *all)
{
	look_at_memory(all);
	look_at_directory(all, "cache", path_cache_dir(), CACHE_LEAST, true, "XDG_CACHE_HOME",
		"builds, and snapshots of booted machines");
	look_at_directory(all, "data", path_data_dir(), TARGET_WANTS, false, "XDG_DATA_HOME",
		"targets: from 380 MB each, and what is downloaded for them");
}
