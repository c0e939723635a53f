/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/real.h"

#include <stdio.h>
#include <string.h>

static void warn_options(const char *name, const struct strv *typed)
{
	static const char *const idle[] = {"cold", "cpus", "memory", "accel"};
	AUTO_BUF struct buf options = {0};
	size_t n = 0;

	for (size_t k = 0; k < sizeof idle / sizeof *idle; k++)
		for (size_t i = 0; i < typed->n; i++) {
			if (strcmp(typed->v[i], idle[k]))
				continue;
			buf_addf(&options, "%s--%s", n++ ? ", " : "", idle[k]);
			break;
		}
	if (n)
		fprintf(stderr, "kmodlab: %s means nothing for %s, which is as it is\n",
			options.data, name);
}

void real_warn(const struct plan *p, const struct strv *typed)
{
	for (size_t i = 0; i < p->ncolumns; i++) {
		const struct target *t = p->columns[i].target;

		if (!t || !t->ssh)
			continue;
		fprintf(stderr,
			"kmodlab: CAREFUL: %s is a real machine; a module runs in its kernel, and may crash it, hang it, "
			"or destroy what is on its disks\n",
			t->name);
		warn_options(t->name, typed);
	}
	fflush(stderr);
}
