/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/columns.h"

#include <string.h>

/* Without the flavour: "debian:bookworm/cloud" to "debian:bookworm"; of a directory its last part. */
static char *without_flavour(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash || !slash[1])
		return xstrdup(name);
	if (!strncmp(name, "tree:", 5))
		return xasprintf("tree:%s", slash + 1);
	return xstrndup(name, (size_t)(slash - name));
}

static bool all_differ(char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (!strcmp(names[i], names[k]))
				return false;
	return true;
}

/* How much of them is the same up to a colon; 0 for nothing. */
static size_t common_prefix(char *const *names, size_t n)
{
	const char *colon = n > 1 ? strchr(names[0], ':') : NULL;
	size_t len = colon ? (size_t)(colon + 1 - names[0]) : 0;

	for (size_t i = 1; i < n && len; i++)
		if (strncmp(names[0], names[i], len))
			return 0;
	return len;
}

void column_names(const char *const *targets, size_t n, struct strv *out)
{
	AUTO_STRV struct strv names = {0};
	size_t cut;

	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *name = without_flavour(targets[i]);

		strv_add(&names, name);
	}
	if (!all_differ(names.v, n)) {
		strv_free(&names);
		names = (struct strv){0};
		for (size_t i = 0; i < n; i++)
			strv_add(&names, targets[i]);
	}
	cut = n ? common_prefix(names.v, n) : 0;
	for (size_t i = 0; i < n; i++)
		strv_add(out, names.v[i] + cut);
}

char *short_time(int64_t us)
{
	if (us < 999500)
		return xasprintf("%lld ms", (long long)(us + 500) / 1000);
	if (us < 99995000)
		return xasprintf("%.2f s", (double)us / 1e6);
	return xasprintf("%.0f s", (double)us / 1e6);
}
