/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks on while modules come and go, and is told even of its own end: when it is no more. */
#include <sys/param.h>
#include <sys/eventhandler.h>
#include <sys/kernel.h>
#include <sys/linker.h>
#include <sys/module.h>
#include <sys/systm.h>

static eventhandler_tag tag;
static unsigned int gone;

static void see_it_go(
	void *arg __unused, const char *name, caddr_t at __unused, size_t size __unused)
{
	gone++;
	printf("used-while-unloading: %s has gone\n", name);
}

static int used_while_unloading_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		tag = EVENTHANDLER_REGISTER(kld_unload, see_it_go, NULL, EVENTHANDLER_PRI_ANY);
		return (tag == NULL ? ENOMEM : 0);
	case MOD_UNLOAD:
		/* The mistake: EVENTHANDLER_DEREGISTER(kld_unload, tag) is missing. The next to go is this module
		 * itself, and the kernel says so to a function that went with it. */
		printf("used-while-unloading: %u have gone\n", gone);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t used_while_unloading_module = {
	"used_while_unloading", used_while_unloading_event, NULL};

DECLARE_MODULE(used_while_unloading, used_while_unloading_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(used_while_unloading, 1);
