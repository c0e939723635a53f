/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds how deep a pond is by going down a step at a time. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

static SYSCTL_NODE(_hw, OID_AUTO, recursion, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, "A pond");
static volatile unsigned int depth_of_pond = 1000000;
SYSCTL_UINT(_hw_recursion, OID_AUTO, depth_of_pond, CTLFLAG_RD,
	__DEVOLATILE(unsigned int *, &depth_of_pond), 0, "In steps");

static __noinline unsigned int depth(unsigned int at)
{
	unsigned int below = 0;

	/* The mistake: each step takes a piece of a stack of 16 KB. A loop takes none. */
	if (depth_of_pond > at)
		below = 1 + depth(at + 1); /* expect: stack-overflow */
	__compiler_membar();
	return (below);
}

static int recursion_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		printf("recursion: %u steps deep\n", depth(0));
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t recursion_module = {"recursion", recursion_event, NULL};

DECLARE_MODULE(recursion, recursion_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(recursion, 1);
