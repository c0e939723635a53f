/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest module that is seen to come and go. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/syslog.h>
#include <sys/systm.h>

/* The kernel tells a module what is to happen to it. */
static int hello_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		log(LOG_NOTICE, "Hello from FreeBSD module.\n");
		return (0);
	case MOD_UNLOAD:
		log(LOG_NOTICE, "Goodbye, Moonman!\n");
		return (0);
	default:
		/* What we know nothing about, MOD_QUIESCE and MOD_SHUTDOWN among it. */
		return (EOPNOTSUPP);
	}
}

static moduledata_t hello_module = {"hello", hello_event, NULL};

DECLARE_MODULE(hello, hello_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(hello, 1);
