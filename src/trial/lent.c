/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/lent.h"

#include <errno.h>
#include <string.h>

int lent_begin(struct trial *t, const struct machine *m, struct error *err)
{
	const char *name = t->target->name;

	if (!machine_is_lent(m))
		return 0;
	t->run.lent = name;
	if (!strcmp(machine_hello(m)->release, t->target->release))
		return 0;
	return error_set(err, ESTALE,
		"%s runs %s now, and not %s any more; `kmodlab target remove %s`, then add it again",
		name, machine_hello(m)->release, t->target->release, name);
}

int lent_error(const struct machine *m, const struct call *c, int error)
{
	/* EEXIST, which is the same number on both systems. */
	return machine_is_lent(m) && c->supporting && error == 17 ? 0 : error;
}

static void note(struct trial *t, char *text)
{
	free(t->note);
	t->note = text;
}

void lent_end(struct trial *t, struct machine *m)
{
	AUTO_STRV struct strv still = {0};
	AUTO_BUF struct buf names = {0};
	struct error err;
	int r;

	if (!machine_is_lent(m))
		return;
	if (t->run.end == RUN_ENDED) {
		t->run.restarted = machine_restarted(m);
		if (!t->run.restarted)
			note(t,
				xasprintf(
					"%s does not answer any more: switch it off and on before its next trial",
					t->target->name));
		return;
	}
	r = machine_leave(m, &still, &err);
	for (size_t i = 0; i < still.n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", still.v[i]);
	for (char *c = names.data; c && *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (r > 0)
		note(t,
			xasprintf(
				"%s still has %s loaded, and cannot unload it: restart it before its next trial",
				t->target->name, names.data));
	else if (r == -EIO)
		note(t,
			xasprintf(
				"%s did not say whether everything is unloaded again: restart it before its next trial",
				t->target->name));
}
