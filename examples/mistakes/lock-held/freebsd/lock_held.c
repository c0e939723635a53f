/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes a lock, and forgets it on the way out that is rarely taken. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/sx.h>
#include <sys/systm.h>

static struct sx lock;
SX_SYSINIT(lock_held, &lock, "level");
static int level;

static __noinline int set_level(int new)
{
	sx_xlock(&lock); /* expect: lock-held */
	if (new < 0)
		return (EINVAL); /* The mistake: with the lock held. */
	level = new;
	sx_xunlock(&lock);
	return (0);
}

static int lock_held_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		if (set_level(-1) != 0)
			printf("lock-held: there is no level -1, it is %d\n", level);
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t lock_held_module = {"lock_held", lock_held_event, NULL};

DECLARE_MODULE(lock_held, lock_held_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(lock_held, 1);
