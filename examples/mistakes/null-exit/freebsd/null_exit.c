/* SPDX-License-Identifier: BSD-2-Clause */
/* Has a helper only if it is asked to, and sends it away in any case. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

static MALLOC_DEFINE(M_HELPER, "helper", "somebody who helps");

static SYSCTL_NODE(_hw, OID_AUTO, null_exit, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, "Has a helper");
static int help;
SYSCTL_INT(_hw_null_exit, OID_AUTO, help, CTLFLAG_RDTUN, &help, 0, "Whether to have a helper");

struct helper {
	unsigned long deeds;
	const char *name;
};

static struct helper *helper;

static void hire(void)
{
	helper = malloc(sizeof(*helper), M_HELPER, M_WAITOK | M_ZERO);
	helper->name = "Friday";
}

static __noinline void dismiss(void)
{
	/* The mistake: without hw.null_exit.help=1 there is no helper. */
	printf("null-exit: good-bye %s\n", helper->name); /* expect: null-dereference */
	free(helper, M_HELPER);
}

static int null_exit_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		if (help)
			hire();
		return (0);
	case MOD_UNLOAD:
		dismiss();
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t null_exit_module = {"null_exit", null_exit_event, NULL};

DECLARE_MODULE(null_exit, null_exit_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(null_exit, 1);
