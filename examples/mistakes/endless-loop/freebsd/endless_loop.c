/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for a device to say that it is ready, and there is no device. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

#include <machine/cpu.h>

#define READY 0x80

static volatile unsigned int status;

static __noinline void wait_until_ready(void)
{
	/* The mistake: no limit. A device that is broken or gone never becomes ready. */
	while ((status & READY) == 0) /* expect: endless-loop */
		cpu_spinwait();	      /* expect: endless-loop */
}

static int endless_loop_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		wait_until_ready();
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t endless_loop_module = {"endless_loop", endless_loop_event, NULL};

DECLARE_MODULE(endless_loop, endless_loop_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(endless_loop, 1);
