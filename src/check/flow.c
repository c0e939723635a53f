/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/flow.h"

#include "base/buf.h"

void flow_read(const struct object *o, struct flow *out)
{
	*out = (struct flow){.known = false};
	(void)o;
}

void flow_free(struct flow *f)
{
	for (size_t i = 0; i < f->nfunctions; i++) {
		free(f->functions[i].calls);
		free(f->functions[i].uses);
	}
	free(f->functions);
	*f = (struct flow){0};
}
