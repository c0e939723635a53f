/* SPDX-License-Identifier: BSD-2-Clause */
/* Comes, and can never go. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

static int no_exit_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		printf("no-exit: here to stay\n");
		return (0);
	default:
		/* The mistake: MOD_UNLOAD ends here too, and the kernel takes that for a no. */
		return (EOPNOTSUPP);
	}
}

static moduledata_t no_exit_module = {"no_exit", no_exit_event, NULL};

DECLARE_MODULE(no_exit, no_exit_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(no_exit, 1);
