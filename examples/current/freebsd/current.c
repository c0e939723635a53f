/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel code runs on behalf of a thread: a module's event handler, of the one that loads it. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/systm.h>

static int current_event(module_t mod __unused, int what, void *arg __unused)
{
	/* Ours for as long as we run in it: neither can go away, and no lock is needed to read these. */
	struct proc *p = curthread->td_proc;

	switch (what) {
	case MOD_LOAD:
		printf("The process is \"%s\" (pid %d)\n", p->p_comm, p->p_pid);
		return (0);
	case MOD_UNLOAD:
		printf("The process is \"%s\" (pid %d) when it goes\n", p->p_comm, p->p_pid);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t current_module = {"current", current_event, NULL};

DECLARE_MODULE(current, current_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(current, 1);
