/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge/place.h"

#define KERNBASE                                                                                   \
	UINT64_C(0xffffffff80000000) /* both kernels' code, and that of modules, is above */

void report_learn(const struct run *r, const struct report *p)
{
	for (size_t i = 0; r->code && i < p->nframes; i++) {
		const struct report_frame *f = &p->frames[i];

		if (f->function && f->known && f->address >= KERNBASE)
			code_learn(r->code, f->function, f->offset, f->address);
	}
}

bool report_place(const struct run *r, const struct report_frame *f, struct code_place *out)
{
	bool is_return = !f->exact;

	*out = (struct code_place){0};
	if (!r->code)
		return false;
	/* Linux says "function [module]"; without a module it is the kernel's. */
	if (f->function && f->module)
		return code_function(
			r->code, f->module, f->function, f->offset, f->known && is_return, out);
	if (f->address)
		return code_address(r->code, f->address, is_return, out) ||
			(!f->function && f->address >= KERNBASE &&
				code_guess(r->code, f->module, f->address, is_return, out));
	/* FreeBSD's debugger names neither the file nor the address. */
	return r->os == TARGET_FREEBSD && f->function &&
		code_function(r->code, NULL, f->function, f->offset, is_return, out);
}

char *report_file(const struct run *r, const char *file)
{
	return r->code ? code_source(r->code, file) : NULL;
}
