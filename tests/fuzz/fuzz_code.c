/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a module in which places are looked up: as one of Linux's and one of FreeBSD's, with its debug
 * information in itself. The last byte says which places. */
#include "source/code.h"

#include <stdlib.h>

#define BASE UINT64_C(0xffffffffc0000000)

static void drop(bool found, struct code_place *p)
{
	if (!found)
		return;
	if (!p->module || !p->function || (p->line && !p->file))
		abort();
	code_place_free(p);
}

static void look_up(struct code *c, unsigned step)
{
	static const char *const functions[] = {"handler", "first_init", "second", "init_module"};
	struct code_place p;

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		drop(code_function(c, "driver", functions[i], step, i & 1, &p), &p);
		code_learn(c, functions[i], step, BASE + step);
	}
	free(code_source(c, "first.c"));
	for (uint64_t at = 0; at < 64 * step; at += step) {
		drop(code_guess(c, NULL, BASE + at, at & 1, &p), &p);
		drop(code_address(c, BASE + at, at & 2, &p), &p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct code *c = code_new();
	unsigned how = len ? bytes[len - 1] : 0;

	code_add(c, "driver", bytes, len, NULL);
	look_up(c, 1 + how % 32);
	code_put(c, "driver", how & 128 ? "" : ".text", BASE);
	look_up(c, 1 + how % 32);
	code_free(c);
	return 0;
}
