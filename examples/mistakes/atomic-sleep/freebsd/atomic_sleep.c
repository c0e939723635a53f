/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for hardware that is slow, and keeps everybody else waiting meanwhile. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/systm.h>

static struct mtx lock;
MTX_SYSINIT(atomic_sleep, &lock, "hardware", MTX_DEF);
static int state;

static __noinline void reset(void)
{
	mtx_lock(&lock);
	state = 1;
	/* The mistake: who holds a mutex must not sleep, but for mtx_sleep(), which gives it up. An sx(9) lock
	 * would do; or DELAY(), for microseconds. */
	pause("reset", hz / 50); /* expect: atomic-sleep */
	state = 0;
	mtx_unlock(&lock);
}

static int atomic_sleep_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		reset();
		printf("atomic-sleep: state %d\n", state);
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t atomic_sleep_module = {"atomic_sleep", atomic_sleep_event, NULL};

DECLARE_MODULE(atomic_sleep, atomic_sleep_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(atomic_sleep, 1);
