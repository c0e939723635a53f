/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl hw.greeting, which is still there when who answers for it is gone. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

static char greeting[] = "hello";

static int forgotten_file_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		/* SYSCTL_STRING() would be unregistered by the kernel; what is added by hand is not. */
		SYSCTL_ADD_STRING(NULL, /* expect: leftover-sysctl */
			SYSCTL_STATIC_CHILDREN(_hw), OID_AUTO, "greeting", CTLFLAG_RD, greeting, 0,
			"A greeting");
		return (0);
	case MOD_UNLOAD:
		/* The mistake: with a context (sysctl_ctx_init) in the place of NULL above, this would be the
		 * place for sysctl_ctx_free(). */
		printf("forgotten-file: going\n");
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t forgotten_file_module = {"forgotten_file", forgotten_file_event, NULL};

DECLARE_MODULE(forgotten_file, forgotten_file_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(forgotten_file, 1);
