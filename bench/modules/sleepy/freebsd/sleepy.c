/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes two seconds to come, so that its machine can be looked at from outside while it runs. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

static int sleepy_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		pause("sleepy", 2 * hz);
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t sleepy_module = {"sleepy", sleepy_event, NULL};

DECLARE_MODULE(sleepy, sleepy_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(sleepy, 1);
