/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that is told what to do: kenv hw.params.count=3 && kldload ./params.ko
 * What was said is there to be read: sysctl hw.params
 */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

#define COUNT_MAX 100

static SYSCTL_NODE(_hw, OID_AUTO, params, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL,
	"A module that is told what to do");

/* RDTUN: set from the kernel environment when the module is loaded, and only read from then on. */
static int count = 1;
SYSCTL_INT(
	_hw_params, OID_AUTO, count, CTLFLAG_RDTUN, &count, 0, "How many times to greet, 0 to 100");
static char whom[32] = "world";
SYSCTL_STRING(_hw_params, OID_AUTO, whom, CTLFLAG_RDTUN, whom, sizeof(whom), "Whom to greet");

static int params_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		/* The kernel has seen to it that it is a number; whether it is a sane one is ours to see. */
		if (count < 0 || count > COUNT_MAX) {
			printf("params: hw.params.count=%d is not between 0 and %d\n", count,
				COUNT_MAX);
			return (EINVAL);
		}
		for (int i = 0; i < count; i++)
			printf("Hello, %s\n", whom);
		return (0);
	case MOD_UNLOAD:
		printf("Goodbye, %s\n", whom);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t params_module = {"params", params_event, NULL};

DECLARE_MODULE(params, params_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(params, 1);
