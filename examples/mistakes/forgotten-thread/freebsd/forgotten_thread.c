/* SPDX-License-Identifier: BSD-2-Clause */
/* Has a process that looks after something, and does not stop it. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/systm.h>

static struct proc *watchman;

static void watch(void *arg __unused)
{
	for (;;) {
		kproc_suspend_check(curproc);
		pause("watch", 10 * hz);
	}
}

static int forgotten_thread_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (kproc_create(watch, /* expect: leftover-thread */
			NULL, &watchman, 0, 0, "watchman"));
	case MOD_UNLOAD:
		/* The mistake: nobody tells it to end, and nobody waits until it has. */
		printf("forgotten-thread: going\n");
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t forgotten_thread_module = {"forgotten_thread", forgotten_thread_event, NULL};

DECLARE_MODULE(forgotten_thread, forgotten_thread_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(forgotten_thread, 1);
