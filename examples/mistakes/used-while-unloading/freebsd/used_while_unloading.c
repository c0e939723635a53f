/* SPDX-License-Identifier: BSD-2-Clause */
/* Has a process that works now and then, and goes before that has ended. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/systm.h>

static struct proc *worker;
static volatile bool going;

static void work(void *arg __unused)
{
	while (!going)
		pause("work", 1);
	/* What it is at, it brings to its end. */
	pause("last work", hz / 10);
	kproc_exit(0);
}

static int used_while_unloading_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (kproc_create(work, NULL, &worker, 0, 0, "worker"));
	case MOD_UNLOAD:
		/* The mistake: to tell it is not enough. tsleep(worker, 0, "going", 0) waits until it has
		 * ended; without that it returns from its pause into code that is gone. */
		going = true;
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t used_while_unloading_module = {"used_while_unloading", used_while_unloading_event, NULL};

DECLARE_MODULE(used_while_unloading, used_while_unloading_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(used_while_unloading, 1);
