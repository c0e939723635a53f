/* SPDX-License-Identifier: BSD-2-Clause */
/* Works out how warm it is, with a kind of number that the kernel does not use. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

static volatile int raw = 617;

/*
 * The mistake: the registers for floating point are the running program's, and the kernel does not save them for
 * itself. Count in thousandths instead: raw * 48828 / 1000.
 */
static __noinline double celsius(int from)
{
	return (from * 0.048828); /* expect: float-outside */
}

static int floating_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		printf("float: %d degrees\n", (int)celsius(raw)); /* expect: float-outside */
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t floating_module = {"floating", floating_event, NULL};

DECLARE_MODULE(floating, floating_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(floating, 1);
