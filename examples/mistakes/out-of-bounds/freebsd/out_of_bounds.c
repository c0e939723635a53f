/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a table of squares, and some more than there is room for. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/systm.h>

#define SQUARES 16

static MALLOC_DEFINE(M_SQUARES, "squares", "a table of squares");

static unsigned int *squares;

static __noinline void fill(unsigned int n)
{
	/* The mistake: "<=" goes one too far. */
	for (unsigned int i = 0; i <= n; i++)
		squares[i] = i * i; /* expect: out-of-bounds */
}

static int out_of_bounds_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		squares = malloc(SQUARES * sizeof(*squares), M_SQUARES, M_WAITOK);
		fill(SQUARES);
		return (0);
	case MOD_UNLOAD:
		free(squares, M_SQUARES);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t out_of_bounds_module = {"out_of_bounds", out_of_bounds_event, NULL};

DECLARE_MODULE(out_of_bounds, out_of_bounds_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(out_of_bounds, 1);
