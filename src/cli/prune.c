/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab target prune: away with the snapshots that nobody uses any more. They can be made again. */
#include "cli/cli.h"

#include "base/buf.h"
#include "machine/machine.h"
#include "machine/snapshot.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The registered target that a snapshot was made of, or NULL. */
static const struct target *target_of(const struct targets *all, const struct snapshot_entry *e)
{
	for (size_t i = 0; i < all->n; i++) {
		AUTO_FREE char *flat = target_flat_name(all->items[i].name);

		if (!strcmp(flat, e->target))
			return &all->items[i];
	}
	return NULL;
}

/* Why a snapshot may go, or NULL. */
static const char *reason(
	const struct targets *all, const struct snapshot_entry *e, long days, time_t now)
{
	const struct target *t;

	if (!*e->key)
		return "damaged";
	t = target_of(all, e);
	if (!t)
		return "its target was removed";
	if (!machine_key_is_current(t->os == TARGET_FREEBSD ? PROTO_FREEBSD : PROTO_LINUX,
		    t->kernel, t->append, e->key))
		return "its kernel, QEMU or kmodlab has changed";
	return now - e->used >= days * 86400 ? "unused" : NULL;
}

int prune_snapshots(long days)
{
	struct snapshot_list list;
	struct targets all = {0};
	unsigned long long bytes = 0;
	size_t gone = 0;
	struct error err;

	if (targets_load(&all, &err))
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	snapshot_list(&list);
	for (size_t i = 0; i < list.n; i++) {
		const struct snapshot_entry *e = &list.items[i];
		const char *why = reason(&all, e, days, time(NULL));

		if (!why)
			continue;
		printf("removed the snapshot %s: %s\n", strrchr(e->dir, '/') + 1, why);
		snapshot_drop(e->dir);
		bytes += e->bytes;
		gone++;
	}
	printf("%zu of %zu snapshots removed, %.0f MB\n", gone, list.n, (double)bytes / 1e6);
	snapshot_list_free(&list);
	targets_free(&all);
	return EXIT_PASSED;
}

void prune_target(const char *name)
{
	AUTO_FREE char *flat = target_flat_name(name);
	struct snapshot_list list;

	snapshot_list(&list);
	for (size_t i = 0; i < list.n; i++)
		if (!strcmp(list.items[i].target, flat))
			snapshot_drop(list.items[i].dir);
	snapshot_list_free(&list);
}
