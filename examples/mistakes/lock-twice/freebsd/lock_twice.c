/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves apples from one basket to the other, and locks itself out. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/systm.h>

static struct mtx lock;
MTX_SYSINIT(lock_twice, &lock, "baskets", MTX_DEF);
static int baskets[2] = {10, 0};

static __noinline int apples(int basket)
{
	int n;

	/* The mistake: move() calls this with the lock held. A kernel without INVARIANTS lets it pass, and the
	 * unlock below then unlocks nothing. */
	mtx_lock(&lock); /* expect: lock-twice */
	n = baskets[basket];
	mtx_unlock(&lock);
	return (n);
}

static __noinline void move(int n)
{
	mtx_lock(&lock);
	if (apples(0) >= n) {
		baskets[0] -= n;
		baskets[1] += n;
	}
	mtx_unlock(&lock);
}

static int lock_twice_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		move(3);
		printf("lock-twice: %d apples left\n", apples(0));
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t lock_twice_module = {"lock_twice", lock_twice_event, NULL};

DECLARE_MODULE(lock_twice, lock_twice_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(lock_twice, 1);
